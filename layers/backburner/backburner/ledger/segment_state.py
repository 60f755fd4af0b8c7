"""The state of one segment of a batch: some hundred lines, each to do, being created, running or finished.

It is part of the segment's open record, so it is kept small: a running line is its number and the id of its generation;
finished lines are a count and the keys of the pieces that hold them. Lines are numbered as in the batch. Ages are
seconds since the segment was claimed, by the store's clock.
"""

from collections.abc import Collection, Iterable
from typing import TypeVar

import msgspec
from msgspec.structs import replace


class Todo(msgspec.Struct, frozen=True, array_like=True):
    """A line to be created; `attempt` counts earlier attempts."""

    number: int
    attempt: int = 0
    cap: int | None = None
    """The doubled cap of output tokens, after a truncated answer."""
    not_before_s: float = 0.0
    """The age before which it is not tried again."""
    times_refused: int = 0
    """How often in a row the provider refused the model that the line names."""


class Started(msgspec.Struct, frozen=True, array_like=True):
    """A line whose generation runs."""

    number: int
    custom_id: str
    id: str
    attempt: int
    at_s: float
    """The age when it was started."""
    cap: int | None = None
    is_given: bool = False
    """Whether the line contained its whole request."""
    is_cancelled: bool = False
    """Recorded before the provider is asked to cancel it."""
    inputs: int = 0
    outputs: int = 0
    """Tokens reserved for it; 0 in records of an older version."""
    sent_cap: int | None = None
    """The cap of output tokens in its request, if any: the provider may report another one."""
    absent_s: float | None = None
    """Its age when the provider first reported it as absent, if it still does."""
    model: str = ""
    """The model that the line names, if that is not the batch's."""
    is_chat: bool = False
    """Whether it is a chat completion request, which is answered in that format."""


L = TypeVar("L", Todo, Started)


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """Lines `first_line` up to `first_line + count`, in bytes [first_byte, end_byte) of a batch."""

    key: str
    etag: str
    first_line: int
    count: int
    first_byte: int
    end_byte: int
    is_oversized: bool = False
    """Whether it is a single line that is too long to be read."""
    repeated: list[int] = []
    """Lines whose custom_id an earlier line has."""
    todo: list[Todo] = []
    creating: list[Todo] = []
    """Lines that are being created; each one still listed after the lease counts as a suspected orphan."""
    started: list[Started] = []
    polled_s: float = 0.0
    """The age when the running lines were last polled."""
    pieces: list[str] = []
    """Objects with finished lines; if a line is in two, the later piece counts."""
    failed: list[int] = []
    completed: int = 0

    @property
    def is_over(self) -> bool:
        """Whether every line has ended."""
        return not (self.todo or self.creating or self.started)

    def begun(self, block: Collection[Todo]) -> "Segment":
        """The segment with some of its lines to do marked as being created."""
        return replace(self, todo=[line for line in self.todo if line not in block], creating=list(block))

    def without(self, number: int) -> "Segment":
        """The segment without a line that no longer runs."""
        started = [line for line in self.started if line.number != number]
        return replace(self, started=started, creating=[line for line in self.creating if line.number != number])

    def with_started(self, line: Started) -> "Segment":
        """The segment with new facts about a running line."""
        return replace(self, started=[line if each.number == line.number else each for each in self.started])

    def with_piece(self, key: str, completed: Iterable[int], failed: Iterable[int]) -> "Segment":
        """The segment after lines have ended, whose outputs are written in the object at `key`."""
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
        """The segment for a replay: failed and interrupted lines are to do again, finished ones stay finished."""
        under_way = {line.number for line in (*self.todo, *self.creating)} | {line.number for line in self.started}
        left = sorted({*self.failed, *under_way})
        return replace(self, todo=[Todo(number) for number in left], creating=[], started=[], failed=[], polled_s=0.0)
