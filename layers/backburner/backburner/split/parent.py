"""Runs a document in parts: each part is a job of its own, and their answers are merged (DESIGN section 7).

Order of effects, and what a crash before each costs:
  the parts' texts → the run's message → its record, which names the parts → [next visit] a message for each part →
  the record, `opened` → ... → [the last part has ended] the level that merges them, or the end of the run.
Texts that no record names yet are written again, or removed with the job. A part's message without an open record works
like an upload event; sent twice, it still makes one job. The run itself has no generation: its message watches the
parts until all of them have ended.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from backburner.batch.finish_batch import BatchFinisher
from backburner.capacity.governor import Governor
from backburner.capacity.timing import MAX_VISIT_S, next_poll_s
from backburner.errors import JobError, Reason
from backburner.ledger.keys import output_location
from backburner.ledger.ledger import Committed, Ledger, Open
from backburner.ledger.messenger import DONE, Messenger, Next
from backburner.ledger.records import Division, OpenRecord, Part, PartEnd
from backburner.outcome.cancel import Canceller
from backburner.outcome.current_job import CurrentJobs
from backburner.outcome.finish import Finisher
from backburner.outcome.governing import give_back
from backburner.split.merge import Merger
from backburner.split.part_ends import end_of, total
from backburner.split.part_store import PartStore

_OPENED_S = 2.0
_SOONER = 6
"""When few parts are left, the run is visited up to so many times as often, since its result waits for that alone."""


@dataclass(frozen=True, kw_only=True)
class ParentRunner:
    """Advances runs in parts."""

    ledger: Ledger
    current_jobs: CurrentJobs
    finisher: Finisher
    batch_finisher: BatchFinisher
    governor: Governor
    canceller: Canceller
    messenger: Messenger
    merger: Merger
    parts: PartStore

    async def advance(self, held: Open) -> Next:
        """Check on the parts, and take the run's next step."""
        record = held.record
        division = _division(record)
        committed = await self.ledger.committed(record.location, record.job_id)
        is_overtaken = committed.is_overtaken(record.run)
        if committed.is_over(record.run) and not is_overtaken:
            await self.finisher.settled(record)
            return DONE
        superseded = is_overtaken or await self.current_jobs.is_superseded(record, committed)
        keys = await self.parts.keys(record)
        missing = [part for part in division.levels[-1] if not await self.parts.is_over(part, keys)]
        stops = superseded or division.is_stopping  # even if the document was put back meanwhile
        if stops or record.cancelled_for is not None:
            return await self._stop(held, missing, superseded=superseded or record.cancelled_for is None)
        try:
            return await self._proceed(held, missing, keys)
        except JobError as error:
            ended = await self._with_ends(record)
            if error.reason is Reason.LOST:  # an answer is gone: a replay starts from the beginning
                ended = replace(ended, division=None)
            await self.finisher.fail(ended, error.reason, str(error))
            return DONE

    async def _proceed(self, held: Open, missing: Sequence[Part], keys: set[str]) -> Next:
        """Take the next step of a run that continues. Raises `JobError` if it cannot."""
        record, division = held.record, _division(held.record)
        if gone := [part for part in missing if part.key not in keys and not await self._is_open(record, part)]:
            raise JobError(Reason.LOST, f"{gone[0].key}, a part that was not done, is gone")
        if not division.opened:
            return await self._open(held, missing)
        if missing:
            return Next(look_s(held.age_s, len(division.levels[-1]), len(missing)), held)
        next_level = await self.merger.merge(await self._with_ends(record), division)
        return DONE if next_level is None else await self._rewrite(held, next_level)

    async def _open(self, held: Open, missing: Sequence[Part]) -> Next:
        """Send a message for every part of the last level."""
        record = held.record
        if (record.counted and record.counted.slots) or record.name in self.governor.last_read.reserved:
            counted = await give_back(self.governor, record)  # repeated in case the process that cut it died
            held = held.with_changes(counted=counted or record.counted)
        jobs = self.current_jobs.jobs_of_parts(record)
        await asyncio.gather(
            *(self.messenger.open_run(jobs[part.key], part.run, part.key, part_of=record.name) for part in missing)
        )
        await self._rewrite(held, replace(_division(record), opened=True))
        return Next(_OPENED_S, held)

    async def _is_open(self, record: OpenRecord, part: Part) -> bool:
        job = self.current_jobs.jobs_of_parts(record)[part.key]
        return await self.ledger.open_record(job, part.run) is not None

    async def _stop(self, held: Open, missing: Sequence[Part], *, superseded: bool) -> Next:
        """Open no more parts, cancel those in progress, and end the run once they have ended.

        Order of effects: the record, `is_stopping` → the request in each part's record → ... → [once all have ended]
        for a batch, its file of failed lines and its result → the record that ends the run. After a crash in between,
        the message comes back: the request is recorded once, and the lines are collected again from the segments.
        """
        record, division = held.record, _division(held.record)
        if not division.is_stopping:
            return await self._rewrite(held, replace(division, is_stopping=True))
        jobs = self.current_jobs.jobs_of_parts(record)
        under_way = [part for part in missing if await self.canceller.cancel(jobs[part.key], part.run)]
        if under_way:
            return Next(min(MAX_VISIT_S, next_poll_s(held.age_s)), held)
        ended = await self._with_ends(record)
        reason = record.cancelled_for or Reason.CANCELLED
        if superseded:
            await self.finisher.settled(ended) or await self.finisher.supersede(ended, None)
        elif not division.is_batch:
            await self.finisher.fail(ended, reason, "cancelled while in parts")
        else:
            try:
                await self.batch_finisher.finish(ended, division.levels[-1], cancelled_for=reason)
            except JobError as error:
                await self.finisher.fail(ended, error.reason, str(error))
        return DONE

    async def _with_ends(self, record: OpenRecord) -> OpenRecord:
        """The record with how its parts ended, and with the usage of all of them."""
        division, ends, jobs = _division(record), list[PartEnd](), self.current_jobs.jobs_of_parts(record)
        for level, parts in enumerate(division.levels):
            outcomes = await asyncio.gather(
                *(self.ledger.committed(output_location(part.key), jobs[part.key]) for part in parts)
            )
            ends += [
                end
                for number, (part, committed) in enumerate(zip(parts, outcomes, strict=True), 1)
                if (end := _end_of(level, number, part, committed, is_batch=division.is_batch))
            ]
        return total(record, ends)

    async def _rewrite(self, held: Open, division: Division) -> Next:
        """Write the new division under the current message's ticket, and visit the run again at once."""
        await self.ledger.rewrite(held.with_changes(division=division))
        return Next(0.0, held)


def look_s(age_s: float, parts: int, left: int) -> float:
    """When to check on the parts again: in half the time that the rest takes, if parts go on ending as before."""
    usual_s = next_poll_s(age_s)
    half_s = age_s * left / (parts - left) / 2 if left < parts else math.inf
    return min(MAX_VISIT_S, usual_s, max(_OPENED_S, usual_s / _SOONER, half_s))


def _end_of(level: int, number: int, part: Part, committed: Committed, *, is_batch: bool) -> PartEnd | None:
    """How a part ended; for a segment that this run has not reached, what an earlier run left."""
    ended = end_of(level, number, part, committed)
    return end_of(level, number, replace(part, is_reused=True), committed) if ended is None and is_batch else ended


def _division(record: OpenRecord) -> Division:
    assert record.division is not None, "a run that was never cut"
    return record.division
