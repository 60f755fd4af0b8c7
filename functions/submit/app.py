"""Upload events in, jobs out. A record that fails never stops its neighbours; the trigger delivers it again."""

import asyncio
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers

from backburner.adapters.connect import Connected, connect
from backburner.errors import BackburnerError
from backburner.events import Broken, Ignored, Record, uploads_in

CREATE_LIMIT_S = 60.0
logger = Logger(service="submit", name="submit")


class SubmitError(Exception):
    """Some records of the event failed: raised at the end, so that the trigger delivers the event again."""


@cache
def connected() -> Connected:
    """Settings and clients, made once per environment."""
    copy_config_to_registered_loggers(source_logger=logger, include={"backburner"})
    return connect(create_limit_s=CREATE_LIMIT_S, swap_tries=1)


def handler(event: Any, context: Any) -> dict[str, int]:  # noqa: ARG001 - both clouds pass it
    """Submit every upload of an event. Raises `UnknownEventError`, `ConfigError`, or `SubmitError` at the end."""
    records, ready = uploads_in(event), connected()
    outcomes = ready.runner.run(_all(ready, records))
    failed = [error for error in outcomes if error]
    if failed:
        raise SubmitError(f"{len(failed)} of {len(records)} records failed: " + "; ".join(failed))
    return {"records": len(records)}


async def _all(ready: Connected, records: list[Record]) -> list[str | None]:
    outcomes = await asyncio.gather(*(_one(ready, record) for record in records))
    await ready.parts.journal.flush()
    return outcomes


async def _one(ready: Connected, record: Record) -> str | None:
    match record:
        case Ignored(why):
            logger.info("record ignored", extra={"why": why})
            return None
        case Broken(why):
            logger.error("record broken", extra={"why": why})
            return why
    if record.bucket != ready.settings.bucket:
        return f"an upload to {record.bucket!r}, but BACKBURNER_BUCKET is {ready.settings.bucket!r}"
    try:
        outcome = await ready.parts.submitter.submit(record.key)
    except Exception as error:
        logger.exception("upload failed", extra={"key": record.key})
        return f"{type(error).__name__}: {error}" if isinstance(error, BackburnerError) else type(error).__name__
    logger.info("upload handled", extra={"key": record.key, "outcome": outcome})
    return None
