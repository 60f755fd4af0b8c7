"""The further ticks of a minute: no cloud's timer fires more often, so the tick that it starts sends for them."""

import asyncio
import logging
from dataclasses import dataclass

from backburner.errors import RetryLaterError
from backburner.events import TICK
from backburner.ports import Queue
from backburner.tick import MINUTE_S

logger = logging.getLogger(__name__)

SEND_LIMIT_S = 5.0
"""How long a tick may be delayed by a queue that does not answer."""


@dataclass(frozen=True, kw_only=True)
class FurtherTicks:
    """Sends the messages that start a minute's further ticks, `per_minute` with the timer's own.

    Only a tick of the timer sends them. So there are none if the timer stops, and no message leads to another.
    """

    queue: Queue | None
    per_minute: int

    async def send(self) -> None:
        """Send them, evenly spread over the minute. A failure is logged, and the tick goes on without them."""
        if self.queue is None:
            return
        delays_s = [round(MINUTE_S * number / self.per_minute) for number in range(1, self.per_minute)]
        try:
            async with asyncio.timeout(SEND_LIMIT_S):
                await asyncio.gather(*(self.queue.send(TICK, delay_s) for delay_s in delays_s))
        except (RetryLaterError, TimeoutError) as error:
            logger.warning("further ticks not sent", extra={"error": str(error) or type(error).__name__})
