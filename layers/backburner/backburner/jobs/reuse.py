"""Ends a run with another run's answer or, if that answer is gone, plans it like any other run (ADR 24).

While the answer is being generated, the run waits. It only waits for runs that generate, and each of those ends, so no
wait is endless.

Order of effects: the usual commit (`outcome/finish.py`); or [its note → the parts' texts → a message] → the record,
which then takes nothing over. After a crash before either, the message comes back and the decision is made again.
"""

import logging
from dataclasses import dataclass
from typing import assert_never

from msgspec.structs import replace

from backburner.capacity.timing import MAX_VISIT_S, next_poll_s
from backburner.documents.plain_text import Extracted
from backburner.errors import JobError
from backburner.jobs.plan import CannotRun, InParts, OfLines, OneGeneration, Planner
from backburner.jobs.text import DocumentReader
from backburner.ledger.ledger import Ledger, Open
from backburner.ledger.messenger import DONE, NOT_OURS, SOON_S, Messenger, Next
from backburner.ledger.records import OpenRecord, State, log_keys
from backburner.memory.budget import MemoryBudget
from backburner.outcome.answers import Answer, Answers, reused
from backburner.outcome.finish import Finisher

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Reuser:
    """Takes over answers of other runs."""

    ledger: Ledger
    answers: Answers
    finisher: Finisher
    messenger: Messenger
    planner: Planner
    reader: DocumentReader
    memory: MemoryBudget

    async def reuse(self, held: Open) -> Next | Open:
        """End a run with the answer that its record names, or return the run to be started like any other.

        If the run that was to generate the answer failed, this run does not wait for another one: otherwise a thousand
        copies would fail one after the other.
        """
        record = held.record
        if await self.finisher.settled(record):
            return DONE
        async with self.memory.for_document() as hold:
            answer = await self.answers.read(record, hold)
            if answer is not None:
                await self.finisher.done(_with_answer(record, answer), answer.text)
                return DONE
        if await self.answers.is_coming(record):
            return Next(min(MAX_VISIT_S, next_poll_s(held.age_s)), held)
        has_failed = record.reuses is not None and await self.answers.has_failed(record.reuses)
        another = None if has_failed else await self.answers.claim(record)
        if another is not None:
            mine = await self.ledger.rewrite(held.with_changes(reuses=another))
            return NOT_OURS if mine is None else Next(0.0, mine)
        logger.info("answer gone: it is generated", extra=log_keys(record))
        return await self._generate(held)

    async def _generate(self, held: Open) -> Next | Open:
        record = held.record
        async with self.memory.for_document(record.source.size) as hold:
            try:
                document = await self.reader.read(record, hold)
            except JobError as error:
                is_ours = await self.finisher.fail_if_ours(held, error.reason, str(error))
                return DONE if is_ours else NOT_OURS
            if document is None:
                await self.finisher.supersede(record, None)
                return DONE
            return await self._plan(held, document)

    async def _plan(self, held: Open, document: Extracted) -> Next | Open:
        plan = await self.planner.sized(replace(held.record, reuses=None, waiting_for="turn"), document)
        match plan:
            case OneGeneration(record, _, reservation):
                mine = await self.ledger.rewrite(_as(held, replace(record, reservation=reservation)))
                return NOT_OURS if mine is None else mine
            case InParts(record):
                ticket = await self.messenger.to_check(held.record, SOON_S)
                parts = replace(record, state=State.RUNNING, ticket=ticket, waiting_for=None)
                return DONE if await self.ledger.rewrite(_as(held, parts)) else NOT_OURS
            case CannotRun(record, reason, message):
                return DONE if await self.finisher.fail_if_ours(_as(held, record), reason, message) else NOT_OURS
            case OfLines():
                raise AssertionError("a batch takes nothing over")
            case _:
                assert_never(plan)


def _as(held: Open, record: OpenRecord) -> Open:
    return Open(record, held.etag, held.age_s)


def _with_answer(record: OpenRecord, answer: Answer) -> OpenRecord:
    """The record of a run that ends with another run's answer: it used nothing, and its quotes are the same."""
    return replace(
        record,
        reuses=reused(answer.record),
        cost=0.0 if record.price is not None else None,
        quotes=answer.record.quotes,
        source=replace(record.source, notes=answer.record.source.notes, pages=answer.record.source.pages),
    )
