"""Delivers one notification after another, for a bounded time; gives up on a channel that fails several times in a row.

What a channel did not take is kept in `ledger/notices/owed/` with the channels that still owe it, and tried again every
few minutes for a day; then it is counted as lost.
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
from backburner.ports import ABSENT, Bucket, Channel, Clock, ConflictError

logger = logging.getLogger(__name__)

JSON = "application/json"
SEND_S = 5.0
"""How long one channel may take over one notification."""
RETRY_S = 300.0
"""How long one that was not taken rests."""
KEPT_S = 86_400.0
"""How long it is tried."""
_FAILURES = 3
"""So many in a row, and a channel is left alone till the next tick."""


@dataclass
class Told:
    """What one tick told: notifications that every channel took, and those that were given up."""

    sent: int = 0
    owed: int = 0
    lost: int = 0


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """A notification, as it goes out, that some channels have not taken."""

    id: str
    type: str
    body: msgspec.Raw
    channels: list[str]
    since: datetime
    """When it was first tried."""


@dataclass(kw_only=True)
class Deliverer:
    """Delivers during one tick."""

    bucket: Bucket
    clock: Clock
    channels: Sequence[Channel]
    told: Told = field(default_factory=Told)
    _failures: Counter[str] = field(default_factory=Counter)

    @property
    def is_stuck(self) -> bool:
        """Whether no channel takes anything just now."""
        return all(self._is_off(channel) for channel in self.channels)

    async def deliver(self, notification: Notification) -> None:
        """Tell every channel; what one of them does not take is kept. Raises `RetryLaterError` if it cannot be."""
        owed = Owed(
            id=notification.id,
            type=notification.type,
            body=msgspec.Raw(notification.body),
            channels=[channel.name for channel in self.channels],
            since=self.clock.now(),
        )
        owing = await self._tell(owed, self.channels)
        if not owing:
            self.told.sent += 1
            return
        with suppress(ConflictError):  # another tick keeps it
            await self._keep(msgspec.structs.replace(owed, channels=owing), ABSENT)

    async def retry(self, key: str) -> bool:
        """Try one again that was not taken; False where it is not, since each channel that owes it is left alone."""
        if (read := await self.bucket.get(key)) is None:
            return True
        owed = msgspec.json.decode(read.body, type=Owed)
        wanted = [channel for channel in self.channels if channel.name in owed.channels]
        is_old = self.clock.now() - owed.since > timedelta(seconds=KEPT_S)
        if not is_old and wanted and all(self._is_off(channel) for channel in wanted):
            return False
        owing = await self._tell(owed, wanted)
        if owing and not is_old:
            with suppress(ConflictError):  # another tick had it
                await self._keep(msgspec.structs.replace(owed, channels=owing), read.etag)
            return True
        await self.bucket.delete(key)
        if owing:
            self.given_up(owed.id, owing)
        else:
            self.told.sent += 1
        return True

    def given_up(self, name: str, channels: Sequence[str]) -> None:
        """Count a notification that nobody took in time."""
        self.told.lost += 1
        logger.error("notification given up", extra={"notification": name, "channels": list(channels)})

    async def _keep(self, owed: Owed, match: str) -> None:
        key = owed_key(owed.id)
        await self.bucket.put(key, msgspec.json.encode(owed), match=match, content_type=JSON)
        self.told.owed += 1

    async def _tell(self, owed: Owed, channels: Sequence[Channel]) -> list[str]:
        """Tell channels at once; the names of those that did not take it."""
        took = await asyncio.gather(*(self._told(owed, channel) for channel in channels))
        return [channel.name for channel, is_taken in zip(channels, took, strict=True) if not is_taken]

    async def _told(self, owed: Owed, channel: Channel) -> bool:
        if self._is_off(channel):
            return False
        try:
            async with asyncio.timeout(SEND_S):
                await channel.tell(owed.id, owed.type, bytes(owed.body))
        except (RetryLaterError, TimeoutError) as error:
            self._failures[channel.name] += 1
            words = str(error) or f"no answer within {SEND_S:.0f} s"
            logger.warning(
                "notification not taken",
                extra={"notification": owed.id, "channel": channel.name, "error": words},
            )
            return False
        self._failures[channel.name] = 0
        return True

    def _is_off(self, channel: Channel) -> bool:
        return self._failures[channel.name] >= _FAILURES
