"""Delivers notifications to the channels, and skips a channel for the rest of a tick after a few failures in a row.

A notification that some channel did not accept is kept in `ledger/notices/owed/` with the names of those channels. It
is tried again every few minutes for a day, then counted as lost.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from backburner.errors import RetryLaterError
from backburner.ledger.keys import owed_key
from backburner.notifications.notification import Notification
from backburner.ports import ABSENT, JSON, Bucket, Channel, Clock, ConflictError

logger = logging.getLogger(__name__)

SEND_S = 5.0
"""The time limit for delivering one notification to one channel."""
RETRY_S = 300.0
"""The minimum time before an owed notification is tried again."""
KEPT_S = 86_400.0
"""How long an owed notification is tried before it is given up."""
_MAX_FAILURES = 3
"""After this many failures in a row a channel is skipped until the next tick."""


@dataclass
class Deliveries:
    """Counts of one tick's notifications: accepted by every channel, kept for another try, or given up."""

    sent: int = 0
    owed: int = 0
    lost: int = 0


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """A notification that these channels have not accepted yet; `body` is the text to send."""

    id: str
    type: str
    body: msgspec.Raw
    channels: list[str]
    since: datetime
    """When it was first tried."""


@dataclass(kw_only=True)
class Deliverer:
    """Delivers the notifications of one tick."""

    bucket: Bucket
    clock: Clock
    channels: Sequence[Channel]
    deliveries: Deliveries = field(default_factory=Deliveries)
    _failures: Counter[str] = field(default_factory=Counter)

    @property
    def is_stuck(self) -> bool:
        """Whether every channel is skipped for the rest of this tick."""
        return all(self._is_off(channel) for channel in self.channels)

    async def deliver(self, notification: Notification) -> None:
        """Send it to every channel, and keep it for those that fail. Raises `RetryLaterError` if it cannot be kept."""
        owed = Owed(
            id=notification.id,
            type=notification.type,
            body=msgspec.Raw(notification.body),
            channels=[channel.name for channel in self.channels],
            since=self.clock.now(),
        )
        owing = await self._send(owed, self.channels)
        if not owing:
            self.deliveries.sent += 1
            return
        with suppress(ConflictError):  # another tick has kept it
            await self._keep(msgspec.structs.replace(owed, channels=owing), ABSENT)

    async def retry(self, key: str) -> bool:
        """Try an owed notification again. Returns False if all its channels are skipped, so that nothing was tried."""
        if (read := await self.bucket.get(key)) is None:
            return True
        owed = msgspec.json.decode(read.body, type=Owed)
        wanted = [channel for channel in self.channels if channel.name in owed.channels]
        is_old = self.clock.now() - owed.since > timedelta(seconds=KEPT_S)
        if not is_old and wanted and all(self._is_off(channel) for channel in wanted):
            return False
        owing = await self._send(owed, wanted)
        if owing and not is_old:
            with suppress(ConflictError):  # another tick has tried it
                await self._keep(msgspec.structs.replace(owed, channels=owing), read.etag)
            return True
        await self.bucket.delete(key)
        if owing:
            self.given_up(owed.id, owing)
        else:
            self.deliveries.sent += 1
        return True

    def given_up(self, name: str, channels: Sequence[str]) -> None:
        """Count a notification that these channels did not accept in time as lost."""
        self.deliveries.lost += 1
        logger.error("notification given up", extra={"notification": name, "channels": list(channels)})

    async def _keep(self, owed: Owed, match: str) -> None:
        key = owed_key(owed.id)
        await self.bucket.put(key, msgspec.json.encode(owed), match=match, content_type=JSON)
        self.deliveries.owed += 1

    async def _send(self, owed: Owed, channels: Sequence[Channel]) -> list[str]:
        """Send to the channels concurrently. Returns the names of those that did not accept it."""
        accepted = await asyncio.gather(*(self._sent(owed, channel) for channel in channels))
        return [channel.name for channel, is_sent in zip(channels, accepted, strict=True) if not is_sent]

    async def _sent(self, owed: Owed, channel: Channel) -> bool:
        if self._is_off(channel):
            return False
        try:
            async with asyncio.timeout(SEND_S):
                await channel.deliver(owed.id, owed.type, bytes(owed.body))
        except (RetryLaterError, TimeoutError) as error:
            self._failures[channel.name] += 1
            why = str(error) or f"no answer within {SEND_S:.0f} s"
            logger.warning(
                "notification not accepted",
                extra={"notification": owed.id, "channel": channel.name, "error": why},
            )
            return False
        self._failures[channel.name] = 0
        return True

    def _is_off(self, channel: Channel) -> bool:
        return self._failures[channel.name] >= _MAX_FAILURES
