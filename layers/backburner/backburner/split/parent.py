"""A document in parts: cut, each part a job of its own, joined again (DESIGN section 7).

Order of effects, and what a crash before each costs:
  the parts' texts → the run's message → its record, which names the parts → [next look] a message for each part →
  the record, `opened` → ... → [the last part has ended] the level that joins them, or the end of the run.
The texts lie under a name made of what they say, so whoever cuts the same text otherwise writes elsewhere, and what the
record names is never mixed. A part's message without an open record is an upload event for it; sent twice, it is one
job. The run itself has no generation: its message looks after the parts until all of them have ended.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from backburner.batch.segmenter import Segmenter
from backburner.capacity.governor import Governor
from backburner.capacity.limits import Reservation
from backburner.capacity.timing import next_poll_s
from backburner.documents.recipes import Recipe, parse
from backburner.documents.tokens import CHARS_PER_TOKEN, PartSize, most_tokens, part_size, smaller, window_of
from backburner.errors import JobError, Reason, RetryLaterError
from backburner.ledger.keys import output_location, work_folder
from backburner.ledger.ledger import Committed, Ledger, Open
from backburner.ledger.messages import Message, new_ticket
from backburner.ledger.records import Division, OpenRecord, Part, PartEnd, State, booked, log_keys
from backburner.memory.budget import MEBIBYTE, MemoryBudget
from backburner.memory.spool import Spool, as_file, open_spool
from backburner.outcome.cancel import Canceller
from backburner.outcome.current import CurrentJobs
from backburner.outcome.finish import Finisher
from backburner.ports import ABSENT, Bucket, ConflictError, Extractor, Queue, Stored
from backburner.split.merge import BETWEEN, end_of, pieces, together, total

logger = logging.getLogger(__name__)

MAX_PARTS = 2000
"""Of one document: its record names them all."""
MAX_REFUSALS = 2
"""How often a text is cut smaller because the provider says that it is too long."""
_SOON_S = 1
"""The first look at a run in parts: its record is written meanwhile."""
_MAX_LOOK_S = 60.0
_AT_ONCE = 16
"""Parts that are read or written at the same time: all are in memory then."""
_QUOTABLE_BYTES = 4 * MEBIBYTE
"""A joined text up to this size is kept where its run is superseded."""


@dataclass(frozen=True, kw_only=True)
class ParentRuns:
    """Cuts what is too long, and looks after runs in parts. `windows`: context windows by how a model's name begins."""

    bucket: Bucket
    ledger: Ledger
    inbox: CurrentJobs
    finisher: Finisher
    governor: Governor
    canceller: Canceller
    extractor: Extractor
    batches: Segmenter
    pending: Queue
    backlog: Queue
    windows: Mapping[str, int]
    memory: MemoryBudget

    async def size(self, recipe: Recipe, model: str, text: str) -> PartSize | None:
        """How to cut a text, None if it goes out whole. Raises `JobError` where the recipe's limits cannot work."""
        room = most_tokens(recipe, window_of(self.windows, model))
        if len(text) <= room / 2:  # few enough whatever a token has
            return None
        ratio = await self._chars_per_token(model)
        return part_size(recipe, room, ratio) if len(text) > room * ratio else None

    async def claim(self, record: OpenRecord, division: Division) -> bool:
        """Open a run in parts; False if somebody else opened it."""
        message = record.message()
        await self.pending.send(message.encode(), _SOON_S)
        running = replace(record, state=State.RUNNING, ticket=message.ticket, division=division)
        return await self.ledger.claim(running) is not None

    async def cut(self, record: OpenRecord, text: str, size: PartSize) -> Division:
        """Put the parts where they are found. Raises `JobError` where the text cannot be cut."""
        spans = await self.extractor.cut(text, size.most_chars, size.overlap_chars)
        if len(spans) < 2:  # noqa: PLR2004 - one part is no part
            raise JobError(Reason.DOCUMENT_TOO_LARGE, f"{len(text)} characters, and no place to cut them")
        spans = [span for span in spans if not text[span.own : span.last].isspace()]
        if len(spans) > MAX_PARTS:
            raise JobError(
                Reason.DOCUMENT_TOO_LARGE,
                f"{len(text)} characters make {len(spans)} parts of {size.most_chars}: at most {MAX_PARTS} are run",
            )
        logger.info("document cut", extra=log_keys(record) | {"parts": len(spans), "characters": len(text)})

        def part(number: int) -> bytes:
            return text[spans[number].first : spans[number].last].encode()

        return Division(levels=[await self._put(record, 0, len(spans), part)])

    async def into_segments(self, record: OpenRecord, source: Stored) -> Division:
        """The segments of a batch. Raises `JobError` where it is too large or empty."""
        described = await self.batches.segments(record.source.key, source)
        logger.info("batch cut", extra=log_keys(record) | {"segments": len(described)})
        return Division(levels=[await self._put(record, 0, len(described), described.__getitem__)], is_batch=True)

    async def resumable_parts(self, committed: Committed, record: OpenRecord) -> Division | None:
        """The parts that the run before left, those that are done marked so; None if it left none."""
        for held in (committed.run, committed.error):
            left = held.record if held else None
            if left is None or left.resume is None or (left.job_id, left.run) != (record.job_id, record.run - 1):
                continue
            division = left.resume.division or Division(levels=[])
            keys = await self._keys(record)
            levels = [[await self._again(part) for part in level] for level in division.levels]
            if levels and all(part.key in keys for level in levels for part in level):
                return Division(levels=levels, is_batch=division.is_batch)
        return None

    async def divide(self, held: Open, text: str) -> bool:
        """Cut a run whose text the provider called too long. False: another owner's. Raises `JobError`: no further."""
        record = held.record
        context_overflows = record.context_overflows + 1
        if context_overflows > MAX_REFUSALS:
            raise JobError(Reason.DOCUMENT_TOO_LARGE, f"too long for {record.provider.model} even in small parts")
        recipe = parse(record.recipe_text)
        size = smaller(recipe, text, context_overflows, await self._chars_per_token(record.provider.model))
        division = await self.cut(record, text, size)
        message = record.message()
        await self.pending.send(message.encode(), _SOON_S)
        cut = held.with_changes(
            state=State.RUNNING, ticket=message.ticket, division=division, context_overflows=context_overflows
        )
        mine = await self.ledger.rewrite(cut)
        if mine is not None:
            await self._release(mine.record)
        return mine is not None

    async def look(self, held: Open) -> float | None:
        """See how the parts are. In how many seconds to look again; None if the run is over."""
        record = held.record
        division = _division(record)
        committed = await self.ledger.committed(record.place, record.job_id)
        if committed.is_over(record.run):
            await self.finisher.settled(record)
            return None
        superseded = await self.inbox.is_superseded(record, committed)
        keys = await self._keys(record)
        missing = [part for part in division.levels[-1] if not await self._is_over(part, keys)]
        stops = superseded or division.is_stopping  # even if the document was put back meanwhile
        if stops or record.cancelled_for is not None:
            return await self._stop(held, missing, superseded=superseded or record.cancelled_for is None)
        try:
            return await self._proceed(held, missing, keys)
        except JobError as error:
            ended = await self._with_ends(record)
            if error.reason is Reason.LOST:  # what was to be joined is gone: a replay begins from the start
                ended = replace(ended, division=None)
            await self.finisher.fail(ended, error.reason, str(error))
            return None

    async def _proceed(self, held: Open, missing: Sequence[Part], keys: set[str]) -> float | None:
        """The next step of a run that goes on. Raises `JobError` where it cannot."""
        record = held.record
        if gone := [part for part in missing if part.key not in keys and not await self._is_open(record, part)]:
            raise JobError(Reason.LOST, f"{gone[0].key}, a part that was not done, is gone")
        if not _division(record).opened:
            return await self._open(held, missing)
        if missing:
            return min(_MAX_LOOK_S, next_poll_s(held.age_s))
        return await self._go_on(held)

    async def _open(self, held: Open, missing: Sequence[Part]) -> float:
        """Send every part of the last level its message."""
        record = held.record
        if (record.counted and record.counted.slots) or record.name in self.governor.seen.reserved:
            counted = await self._release(record)  # again, if the process that cut it died before
            held = held.with_changes(counted=counted or record.counted)
        jobs = self._jobs(record)
        messages = [
            Message(job=jobs[part.key], run=part.run, key=part.key, ticket=new_ticket(), part_of=record.name)
            for part in missing
        ]
        await asyncio.gather(*(self.backlog.send(message.encode(), 0) for message in messages))
        await self._rewrite(held, replace(_division(record), opened=True))
        return 2.0

    async def _is_open(self, record: OpenRecord, part: Part) -> bool:
        return await self.ledger.open_record(self._jobs(record)[part.key], part.run) is not None

    async def _stop(self, held: Open, missing: Sequence[Part], *, superseded: bool) -> float | None:
        """Open nothing more, cancel what is under way, and end the run once that has ended.

        The record, `is_stopping` → the wish in each part's record → ... → [all have ended] of a batch the lines that
        failed, its result, the record that ends it. A crash in between brings the message back: the wish is recorded
        once, and lines are sorted anew from what the segments left.
        """
        record, division = held.record, _division(held.record)
        if not division.is_stopping:
            return await self._rewrite(held, replace(division, is_stopping=True))
        jobs = self._jobs(record)
        under_way = [part for part in missing if await self.canceller.cancel(jobs[part.key], part.run)]
        if under_way:
            return min(_MAX_LOOK_S, next_poll_s(held.age_s))
        ended = await self._with_ends(record)
        reason = record.cancelled_for or Reason.CANCELLED
        if superseded:
            await self.finisher.supersede(ended, None)
        elif not division.is_batch:
            await self.finisher.fail(ended, reason, "cancelled while in parts")
        else:
            try:
                await self.batches.finish(ended, division.levels[-1], cancelled_for=reason)
            except JobError as error:
                await self.finisher.fail(ended, error.reason, str(error))
        return None

    async def _go_on(self, held: Open) -> float | None:
        """The last level has ended: fail, join, or begin the level that joins it."""
        record = await self._with_ends(held.record)
        division = _division(record)
        level = division.levels[-1]
        failed = next((end for end in record.parts or () if end.state is State.FAILED), None)
        if failed is not None:
            error = await self.ledger.committed(
                output_location(division.levels[failed.level][failed.number - 1].key), ""
            )
            said = error.error.record.message if error.error else ""
            count = len(division.levels[failed.level])
            what = "part" if failed.level == 0 else "joined part"
            reason = failed.reason or Reason.PROVIDER_FAILED
            await self.finisher.fail(record, reason, f"{what} {failed.number} of {count}: {said}")
            return None
        if division.is_batch:
            await self.batches.finish(record, level)
            return None
        if len(level) == 1:
            await self.finisher.done(record, await self._answer(record, level[0]))
            return None
        async with self.memory.holding(self.memory.moderate_bytes):
            with open_spool() as shelf:
                return await self._join(held, record, shelf)

    async def _join(self, held: Open, record: OpenRecord, shelf: Spool) -> float | None:
        """Join the answers of the last level, which are never in memory together; or begin the level that does."""
        division, recipe = _division(record), parse(record.recipe_text)
        level, chars = division.levels[-1], list[int]()
        for first in range(0, len(level), _AT_ONCE):
            block = level[first : first + _AT_ONCE]
            for text in await asyncio.gather(*(self._answer(record, part) for part in block)):
                shelf.put(len(chars), text.encode())
                chars.append(len(text))
        if recipe.concatenates:
            texts = (text.decode() for text in shelf.in_order())
            with as_file(piece.encode() for piece in pieces(texts, record.output)) as path:
                is_short = path.stat().st_size <= _QUOTABLE_BYTES
                await self.finisher.done(record, path.read_text(encoding="utf-8") if is_short else path)
            return None
        room = most_tokens(recipe, window_of(self.windows, record.provider.model))
        groups = together(chars, int(room * await self._chars_per_token(record.provider.model)))

        def joined(number: int) -> bytes:
            return BETWEEN.encode().join(shelf.take(each) for each in groups[number])

        parts = await self._put(record, len(division.levels), len(groups), joined)
        return await self._rewrite(held, Division(levels=[*division.levels, parts]))

    async def _with_ends(self, record: OpenRecord) -> OpenRecord:
        """The record with what became of its parts, and with what all of it used."""
        division, ends, jobs = _division(record), list[PartEnd](), self._jobs(record)
        for level, parts in enumerate(division.levels):
            standings = await asyncio.gather(
                *(self.ledger.committed(output_location(part.key), jobs[part.key]) for part in parts)
            )
            ends += [
                end
                for number, (part, committed) in enumerate(zip(parts, standings, strict=True), 1)
                if (end := _end_of(level, number, part, committed, is_batch=division.is_batch))
            ]
        return total(record, ends)

    async def _rewrite(self, held: Open, division: Division) -> float:
        """Write what comes next, under the message in hand; look at once."""
        await self.ledger.rewrite(held.with_changes(division=division))
        return 0.0

    async def _again(self, part: Part) -> Part:
        """A part as a replay takes it up: done already, or to be run once more."""
        committed = await self.ledger.committed(output_location(part.key), "")
        done, failed = committed.run, committed.error
        if done and not (done.record.lines and done.record.lines.failed):
            return replace(part, is_reused=True)
        last = max((held.record.run for held in (done, failed) if held), default=part.run - 1)
        return replace(part, run=last + 1)

    async def _is_over(self, part: Part, keys: set[str]) -> bool:
        """Whether a part has ended: seen by its records, which are read only where a replay makes them ambiguous."""
        place = output_location(part.key)
        if not {place.run_record_key, place.error_record_key} & keys:
            return False
        if part.run == 1 or part.is_reused:
            return True
        committed = await self.ledger.committed(place, "")
        return any(held.record.run >= part.run for held in (committed.run, committed.error) if held)

    async def _answer(self, record: OpenRecord, part: Part) -> str:
        stored = await self.bucket.get(output_location(part.key).result_key(record.output))
        if stored is None:
            raise JobError(Reason.LOST, f"the answer about {part.key} is gone")
        return stored.body.decode()

    async def _keys(self, record: OpenRecord) -> set[str]:
        return {key async for key, _ in self.bucket.listed(work_folder(record.job_id))}

    async def _put(self, record: OpenRecord, level: int, count: int, body: Callable[[int], bytes]) -> list[Part]:
        """Write parts, each made as it is needed, under a name that no other texts have."""
        digest = hashlib.sha256()
        for number in range(count):
            digest.update((b"\0" if number else b"") + body(number))
        folder = f"{work_folder(record.job_id, record.run)}{digest.hexdigest()[:12]}"
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def put(number: int) -> Part:
            key = f"{folder}/{level}-{number + 1:04d}"
            async with at_once:
                try:
                    text = body(number)
                    etag = await self.bucket.put(key, text, match=ABSENT, content_type="text/plain; charset=utf-8")
                except ConflictError:
                    there = await self.bucket.head(key)
                    if there is None:
                        raise RetryLaterError(f"{key} was neither written nor there") from None
                    etag = there.etag
            return Part(key=key, etag=etag)

        return list(await asyncio.gather(*map(put, range(count))))

    def _jobs(self, record: OpenRecord) -> dict[str, str]:
        """The jobs of all parts, by their keys."""
        return self.inbox.jobs_of_parts(record)

    async def _release(self, record: OpenRecord) -> Reservation | None:
        """Give the place back; what the record is to tell of it then, if that matters."""
        if record.reservation is None:
            return None
        tokens, cost = booked(record, record.own_usage, record.responses)
        return await self.governor.release(
            record.name, record.reservation, told=record.counted, tokens=tokens, cost=cost
        )

    async def _chars_per_token(self, model: str) -> float:
        counters, _ = await self.governor.counters()
        return counters.chars_per_token.get(model, CHARS_PER_TOKEN)


def _end_of(level: int, number: int, part: Part, committed: Committed, *, is_batch: bool) -> PartEnd | None:
    """What became of a part; of a segment that this run has not come to, what an earlier one left."""
    ended = end_of(level, number, part, committed)
    return end_of(level, number, replace(part, is_reused=True), committed) if ended is None and is_batch else ended


def _division(record: OpenRecord) -> Division:
    assert record.division is not None, "a run that was never cut"
    return record.division
