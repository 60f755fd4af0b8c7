"""A timer's tick: look at what is pending, write what is finished, start what waits."""

import asyncio
from functools import cache
from typing import Any

from backburner.adapters.connect import Connected, connect
from backburner.adapters.logs import function_logger, share_with_package
from backburner.adapters.metrics import report
from backburner.errors import BackburnerError
from backburner.events import require_timer
from backburner.tick import TICK_S

CREATE_LIMIT_S = 30.0
SPARE_S = 3.0
"""Left at the end of a function's time, so that it ends by itself and says so."""
UNTOLD_S = 60.0
"""A function's time where the context does not tell."""
logger = function_logger("checker")


@cache
def connected() -> Connected:
    """Settings and clients, made once per environment."""
    share_with_package(logger)
    return connect(create_limit_s=CREATE_LIMIT_S, swap_tries=12)


def handler(event: Any, context: Any) -> dict[str, int]:
    """Run one tick. Raises `UnknownEventError`, `ConfigError`, or `RetryLaterError` where a queue cannot be read."""
    require_timer(event)
    tell = getattr(context, "get_remaining_time_in_millis", None)
    remaining_s = tell() / 1000 if tell else UNTOLD_S
    ready = connected()
    counts = ready.run(lambda: _tick(ready, remaining_s), context)
    logger.info("tick", extra=counts)
    return counts


async def _tick(ready: Connected, remaining_s: float) -> dict[str, int]:
    ready.parts.tick.counts.clear()
    ready.parts.journal.ended.clear()
    tick_s = max(1.0, min(TICK_S, remaining_s - CREATE_LIMIT_S - SPARE_S))
    try:
        async with asyncio.timeout(max(1.0, remaining_s - SPARE_S)):
            try:
                await ready.parts.tick.run(tick_s)
            except BackburnerError:  # what stops the tick does not stop the alarms
                await report(ready.parts, ready.settings, logger)
                raise
            await report(ready.parts, ready.settings, logger)
    except TimeoutError:
        logger.warning("tick cut short: its messages come back when their visibility ends")
    return dict(ready.parts.tick.counts)
