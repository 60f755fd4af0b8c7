"""The submit function: turns upload events into jobs. A record that fails does not stop the others; it is retried."""

import asyncio
from functools import cache
from typing import Any

from backburner.adapters.connect import Connected, connect
from backburner.adapters.logs import function_logger, share_with_package
from backburner.adapters.metrics import publish
from backburner.errors import BackburnerError
from backburner.events import Broken, Record, Upload, uploads_in
from backburner.jobs.submit import Outcome

CREATE_LIMIT_S = 60.0
SWAP_TRIES = 4
"""About half a second; after that the job is left to the next tick, which starts waiting jobs."""
logger = function_logger("submit")


class SubmitError(Exception):
    """A record of the event failed; raised at the end, so that the trigger delivers the event again."""


@cache
def connected() -> Connected:
    """Settings and clients, made once per environment."""
    share_with_package(logger)
    return connect(create_limit_s=CREATE_LIMIT_S, swap_tries=SWAP_TRIES)


def handler(event: Any, context: Any) -> dict[str, int]:
    """Submit every upload of an event. Raises `UnknownEventError`, `ConfigError`, or `SubmitError` at the end."""
    records, ready = uploads_in(event), connected()
    outcomes = ready.run(lambda: _all(ready, records), context)
    if failed := [error for error in outcomes if isinstance(error, SubmitError)]:
        raise SubmitError(f"{len(failed)} of {len(records)} records failed: " + "; ".join(map(str, failed)))
    return {"records": len(records)}


async def _all(ready: Connected, records: list[Record]) -> list[Outcome | SubmitError | None]:
    outcomes = await asyncio.gather(*(_one(ready, record) for record in records))
    publish(await ready.core.journal.flush(), accepted=outcomes.count(Outcome.CLAIMED))
    return outcomes


async def _one(ready: Connected, record: Record) -> Outcome | SubmitError | None:
    if not isinstance(record, Upload):
        logger.info("record ignored", extra={"why": record.why})
        return SubmitError(record.why) if isinstance(record, Broken) else None
    if record.bucket != ready.settings.bucket:
        return SubmitError(f"an upload to {record.bucket!r}, but BACKBURNER_BUCKET is {ready.settings.bucket!r}")
    try:
        outcome = await ready.core.submitter.submit(record.key, is_first=True)
    except Exception as error:
        logger.exception("upload failed", extra={"key": record.key})
        return SubmitError(str(error) if isinstance(error, BackburnerError) else type(error).__name__)
    logger.info("upload handled", extra={"key": record.key, "outcome": outcome})
    return outcome
