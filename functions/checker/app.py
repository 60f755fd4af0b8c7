"""The checker function: a tick polls pending generations, writes finished results and starts waiting jobs."""

import asyncio
from functools import cache
from typing import Any

from backburner.adapters.connect import Connected, connect
from backburner.adapters.logs import function_logger, share_with_package
from backburner.adapters.metrics import report
from backburner.events import TickSource, tick_source
from backburner.tick import TICK_S

CREATE_LIMIT_S = 30.0
SPARE_S = 3.0
"""Kept free at the end of the function's time, so that a tick stops itself and logs it."""
DEFAULT_TIME_S = 60.0
"""The function's time if the context does not say."""
logger = function_logger("checker")


@cache
def connected() -> Connected:
    """Settings and clients, made once per environment."""
    share_with_package(logger)
    return connect(create_limit_s=CREATE_LIMIT_S, swap_tries=12, notifies=True)


def handler(event: Any, context: Any) -> dict[str, int]:
    """Run one tick. Raises `UnknownEventError`, `ConfigError`, or `RetryLaterError` if a queue cannot be read."""
    source = tick_source(event)
    remaining_ms = getattr(context, "get_remaining_time_in_millis", None)
    remaining_s = remaining_ms() / 1000 if remaining_ms else DEFAULT_TIME_S
    ready = connected()
    counts = ready.run(lambda: _tick(ready, remaining_s, source), context)
    logger.info("tick", extra={**counts, "started_by": source.value})
    return counts


async def _tick(ready: Connected, remaining_s: float, source: TickSource) -> dict[str, int]:
    """One tick and its metrics, both within the function's time; the timer's tick first sends for the further ones."""
    loop = asyncio.get_running_loop()
    stop_at = loop.time() + max(1.0, remaining_s - SPARE_S)
    if source is TickSource.TIMER:
        await ready.core.further_ticks.send()
    tick = await ready.core.tick.run(max(1.0, min(TICK_S, stop_at - CREATE_LIMIT_S - loop.time())), stop_at)
    try:
        async with asyncio.timeout_at(stop_at):
            if not tick.is_cut_short:
                await report(ready.core, tick, ready.settings, logger)  # alarms are raised even if the tick failed
    except TimeoutError:
        tick.is_cut_short = True
    if tick.is_cut_short:
        logger.warning("tick cut short: its messages come back after their visibility timeout")
    if tick.stopped_by is not None:
        raise tick.stopped_by
    return tick.counts
