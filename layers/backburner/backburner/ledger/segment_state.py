"""The state of one segment of a batch: some hundred lines, each begun, under way, finished or to be begun again.

It stands in the segment's open record, so it is kept small: a line under way is its number and the id of its
generation, finished lines are a count and the keys of the pieces that hold them. Lines are named by their number in
the batch. Ages are seconds since the segment was claimed, by the store's clock.
"""

from collections.abc import Collection, Iterable
from typing import TypeVar

import msgspec
from msgspec.structs import replace


class Todo(msgspec.Struct, frozen=True, array_like=True):
    """A line to be begun; `attempt` counts those before."""

    number: int
    attempt: int = 0
    cap: int | None = None
    """Doubled bound on output tokens, after an answer that was cut off."""
    not_before_s: float = 0.0
    """Age before which it is not tried again."""
    refusals: int = 0
    """How often in a row the provider refused the model that it names itself."""


class Started(msgspec.Struct, frozen=True, array_like=True):
    """A line under way."""

    number: int
    custom_id: str
    id: str
    attempt: int
    at_s: float
    """Age when it was started."""
    cap: int | None = None
    is_given: bool = False
    """Whether the line brought its whole request."""
    is_cancelled: bool = False
    """Recorded before the provider is asked."""
    inputs: int = 0
    outputs: int = 0
    """Tokens reserved for it; 0 in records of an older version."""
    sent_cap: int | None = None
    """Bound on output tokens that its request held, if any: what the provider echoes may be its own."""
    absent_s: float | None = None
    """Its age when the provider first said that there is no such generation, if it still does."""
    model: str = ""
    """The model that it names itself, if that is not the batch's."""
    is_chat: bool = False
    """Whether it asked for a chat completion, and is answered with one."""


L = TypeVar("L", Todo, Started)


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """Lines `first_line` up to `first_line + count`, which stand in bytes [first_byte, end_byte) of a batch."""

    key: str
    etag: str
    first_line: int
    count: int
    first_byte: int
    end_byte: int
    is_oversized: bool = False
    """One line that is too long to be read at all."""
    repeated: list[int] = []
    """Lines whose custom_id an earlier one has."""
    todo: list[Todo] = []
    creating: list[Todo] = []
    """Lines whose creates are under way: found there after the lease, each is counted as a suspected orphan."""
    started: list[Started] = []
    polled_s: float = 0.0
    """Age when the lines under way were last looked at."""
    pieces: list[str] = []
    """Objects with finished lines; where a line stands twice, the later piece is right."""
    failed: list[int] = []
    completed: int = 0

    @property
    def is_over(self) -> bool:
        """Whether every line has ended."""
        return not (self.todo or self.creating or self.started)

    def begun(self, block: Collection[Todo]) -> "Segment":
        """Some of what is to do is being created."""
        return replace(self, todo=[line for line in self.todo if line not in block], creating=list(block))

    def without(self, number: int) -> "Segment":
        """A line is under way no more."""
        started = [line for line in self.started if line.number != number]
        return replace(self, started=started, creating=[line for line in self.creating if line.number != number])

    def with_started(self, line: Started) -> "Segment":
        """More is known of a line under way."""
        return replace(self, started=[line if each.number == line.number else each for each in self.started])

    def with_piece(self, key: str, completed: Iterable[int], failed: Iterable[int]) -> "Segment":
        """Lines have ended: the object with what became of them is written."""
        done, bad = set(completed), set(failed)
        over = done | bad

        def left(lines: list[L]) -> list[L]:
            return [line for line in lines if line.number not in over]

        return replace(
            self,
            pieces=[*self.pieces, key],
            completed=self.completed + len(done),
            failed=sorted({*self.failed, *bad} - done),
            todo=left(self.todo),
            started=left(self.started),
        )

    def again(self) -> "Segment":
        """As a replay takes it up: what failed or was cut off is to do, what is done stays done."""
        under_way = {line.number for line in (*self.todo, *self.creating)} | {line.number for line in self.started}
        left = sorted({*self.failed, *under_way})
        return replace(self, todo=[Todo(number) for number in left], creating=[], started=[], failed=[], polled_s=0.0)
