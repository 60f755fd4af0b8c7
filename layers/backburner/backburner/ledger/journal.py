"""The journal: one line per run that this process ended; those of a tick are written together.

It is an index for reports, never the truth: a process that dies loses its lines, and they are rebuilt from the records.
A tick that is cut off loses none: the next one in its process writes them.
"""

import logging
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import msgspec

from backburner.errors import Reason, RetryLaterError
from backburner.ledger.keys import JOURNAL
from backburner.ledger.records import ErrorRecord, JobRecord, RunRecord, State
from backburner.ports import ABSENT, Bucket, Clock, ConflictError
from backburner.provider.answers import Usage

logger = logging.getLogger(__name__)

L = TypeVar("L")
_MAX_UNCONFIRMED = 4
"""So many writes that may have failed are kept to be repeated."""
MAX_LINES = 500
"""A long tick writes its lines early once it has this many, and forgets them: a line takes about 1 KB of memory."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the journal: how one run ended, and only what it used itself, so that lines can be added up."""

    job_id: str
    run: int
    key: str
    state: State
    reason: Reason | None
    result_key: str | None
    recipe: str
    model: str
    usage: Usage
    cost: float | None
    suspected_orphans: int
    polls: int
    uploaded_at: datetime
    finished_at: datetime | None
    result_lag_s: float | None
    """From the provider's `completed_at` to the commit; two clocks are compared, so it is only a rough figure."""
    is_reused: bool = False
    """Whether its answer was taken over from another run; that run used `saved_tokens` and `saved_cost`."""
    saved_tokens: int = 0
    saved_cost: float | None = None
    quotes: int = 0
    """The number of quotes in its answer, all found in the document."""


@dataclass
class EndedRuns:
    """Totals of the runs that one process ended, of the same size for any number of runs."""

    done: int = 0
    failed: Counter[Reason] = field(default_factory=Counter)
    """By reason."""
    superseded: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: float = 0.0
    polls: int = 0
    suspected_orphans: int = 0
    longest_lag_s: float = 0.0

    @property
    def runs(self) -> int:
        """How many there are."""
        return self.done + self.failed.total() + self.superseded

    def add(self, line: Line) -> None:
        """Count one more run."""
        self.done += line.state is State.DONE
        self.superseded += line.state is State.SUPERSEDED
        if line.state is State.FAILED and line.reason is not None:
            self.failed[line.reason] += 1
        self.usage += line.usage
        self.cost += line.cost or 0.0
        self.polls += line.polls
        self.suspected_orphans += line.suspected_orphans
        self.longest_lag_s = max(self.longest_lag_s, line.result_lag_s or 0.0)


@dataclass(kw_only=True)
class Journal:
    """Collects lines, and writes them together. It keeps no line that it has written, only totals."""

    bucket: Bucket
    clock: Clock
    max_lines: int = MAX_LINES
    follow: Callable[[Line], None] = lambda _: None
    """Called with each line when it is noted: for whoever shows every document."""
    _ended: EndedRuns = field(default_factory=EndedRuns)
    _unwritten: list[Line] = field(default_factory=list)
    _unconfirmed: dict[str, bytes] = field(default_factory=dict)
    """Objects by key: one is written under the same name again, so no line is ever counted twice."""

    async def note(self, record: JobRecord) -> None:
        """Add the line of a run that this process has just committed."""
        line = line_of(record)
        self._ended.add(line)
        self.follow(line)
        self._unwritten.append(line)
        if len(self._unwritten) >= self.max_lines:
            await self.write_noted()

    async def flush(self) -> EndedRuns:
        """Write the lines not written yet. Returns the totals of all runs noted since the last flush."""
        await self.write_noted()
        ended, self._ended = self._ended, EndedRuns()
        return ended

    async def write_noted(self) -> None:
        """Write the lines not written yet. If the store refuses, they are written next time: no job fails for them."""
        lines, self._unwritten = self._unwritten, []
        new = {self._new_key(): _encoded(lines)} if lines else {}
        due, self._unconfirmed = self._unconfirmed | new, {}
        try:
            for key in list(due):
                await self._put(key, due[key])
                del due[key]
        except RetryLaterError as error:
            logger.warning("journal not written", extra={"objects": len(due), "error": str(error)})
        finally:  # also if it was cut off
            self._unconfirmed |= due
            for key in list(self._unconfirmed)[:-_MAX_UNCONFIRMED]:
                del self._unconfirmed[key]

    async def write(self, lines: list[Line]) -> str:
        """Write lines under a new name. Returns the key."""
        key = self._new_key()
        await self._put(key, _encoded(lines))
        return key

    def _new_key(self) -> str:
        now = self.clock.now()
        return f"{JOURNAL}{now:%Y-%m-%d}/{now:%H%M%S}-{secrets.token_hex(6)}.jsonl"

    async def _put(self, key: str, body: bytes) -> None:
        """Write an object, unless it is there: then an earlier write succeeded whose answer was not seen."""
        with suppress(ConflictError):
            await self.bucket.put(key, body, match=ABSENT, content_type="application/x-ndjson")


def _encoded(lines: list[Line]) -> bytes:
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


def lines_in(body: bytes, kind: type[L]) -> Iterator[L]:
    """The lines of a journal object, with the fields that `kind` has; those that cannot be read are skipped."""
    decoder = msgspec.json.Decoder(kind)
    for raw in body.splitlines():
        try:
            line = decoder.decode(raw)
        except (msgspec.DecodeError, RecursionError):
            continue
        yield line


def line_of(record: JobRecord) -> Line:
    """The journal's line for a run that is over."""
    reused, quotes = (record.reused, record.quotes) if isinstance(record, RunRecord) else (None, None)
    return Line(
        job_id=record.job_id,
        run=record.run,
        key=record.source.key,
        state=record.state,
        reason=record.reason if isinstance(record, ErrorRecord) else None,
        result_key=record.result_key if isinstance(record, RunRecord) else None,
        recipe=record.recipe.name,
        model=record.provider.model,
        usage=record.kept_usage.subtracted_from(record.usage),
        cost=None if record.cost is None else round(record.cost - (record.kept_cost or 0.0), 9),
        suspected_orphans=record.suspected_orphans,
        polls=record.polls,
        uploaded_at=record.uploaded_at,
        finished_at=record.finished_at,
        result_lag_s=_lag_s(record),
        is_reused=reused is not None,
        saved_tokens=reused.usage.total_tokens if reused else 0,
        saved_cost=reused.cost if reused else None,
        quotes=quotes.checked if quotes else 0,
    )


def _lag_s(record: JobRecord) -> float | None:
    completed_at = record.responses[-1].completed_at if record.responses else None
    if completed_at is None or record.finished_at is None or record.state is not State.DONE:
        return None
    return max(0.0, (record.finished_at - completed_at).total_seconds())
