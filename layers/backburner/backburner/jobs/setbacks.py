"""Counts a job's unexpected exceptions: after a few, it fails as `internal_error` instead of being retried for ever.

A refusal by the store, a queue or the provider is not counted: then nothing is wrong with the job. The count is in the
open record; for a message without a record, the number of its receives is used.
"""

import asyncio
import logging
from dataclasses import dataclass

from backburner.errors import BackburnerError, Reason
from backburner.jobs.submit import Submitter
from backburner.ledger.ledger import Ledger, Open
from backburner.ledger.messages import decode
from backburner.ledger.records import State, log_keys
from backburner.outcome.finish import Finisher
from backburner.ports import Generator, Received

logger = logging.getLogger(__name__)

MAX_SETBACKS = 5
"""A message's visibility timeout passes between two, so five take about ten minutes."""


@dataclass(frozen=True, kw_only=True)
class Setbacks:
    """Counts exceptions, and fails the job after `MAX_SETBACKS`."""

    ledger: Ledger
    finisher: Finisher
    submitter: Submitter
    generator: Generator

    async def note(self, received: Received, error: Exception) -> None:
        """Count an exception. Raises `RetryLaterError` if the store refuses: then it is not counted."""
        if isinstance(error, BackburnerError):
            return
        message = decode(received.body)
        held = await self.ledger.open_record(message.job, message.run)
        if held is None:
            if received.receives >= MAX_SETBACKS:
                await self.submitter.give_up(message.key, message, described(error, received.receives))
        elif held.record.ticket == message.ticket:
            await self._count(held, error)

    async def _count(self, held: Open, error: Exception) -> None:
        record, count = held.record, held.record.setbacks + 1
        has_age = record.state is State.RUNNING or record.segment is not None
        elapsed_before_write_s = held.generation_age_s if has_age else record.elapsed_before_write_s
        mine = await self.ledger.rewrite(
            held.with_changes(setbacks=count, elapsed_before_write_s=elapsed_before_write_s)
        )
        if mine is None or count < MAX_SETBACKS:
            return
        logger.error("job given up", extra=log_keys(record) | {"error": type(error).__name__})
        if await self.finisher.fail_if_ours(mine, Reason.INTERNAL_ERROR, described(error, count)):
            under_way = [line.id for line in record.segment.started] if record.segment else [record.response_id]
            await asyncio.gather(*(self.generator.cancel(each) for each in under_way if each))


def described(error: Exception, count: int) -> str:
    """The message of the error record: the exception's class, without any text that may come from the document."""
    return (
        f"{type(error).__name__}: Backburner itself failed on this document, {count} times. The checker's log has the "
        "traceback: report it"
    )
