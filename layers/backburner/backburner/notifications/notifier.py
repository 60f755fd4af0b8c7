"""Sends the notifications at the end of a tick, from the notices that any process may have written.

Order for a document: deliver → count it in its folders' notes → remove the notice. After a crash in between it is
delivered once more, under the same id; the notes know which notices they have counted.
"""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from backburner.errors import RetryLaterError
from backburner.ledger.keys import FOLDER_NOTES, NEW_NOTICES, NOTICES, OWED_NOTICES, open_key, output_location
from backburner.ledger.records import ErrorRecord, RunRecord, decode
from backburner.notifications.announce import Notice
from backburner.notifications.delivery import KEPT_S, RETRY_S, Deliverer, Deliveries
from backburner.notifications.folders import Folders
from backburner.notifications.notification import DocumentEnded, of_document
from backburner.ports import Bucket, Channel, Clock, Stored
from backburner.settings import Notify

logger = logging.getLogger(__name__)

NOTIFY_S = 10.0
"""How long a tick spends on notifications at most."""
VOID_S = 900.0
"""An older notice is removed if its run is neither open nor committed."""
_MAX_NOTICES = 5000
"""How many objects one tick lists; the others are left to the next one."""
_CHUNK, _AT_ONCE = 64, 16
T = TypeVar("T")


@dataclass(frozen=True)
class _Ended:
    """A notice, and the data of the notification about its run."""

    notice_key: str
    document: DocumentEnded


@dataclass
class _Found:
    """The objects below `ledger/notices/`."""

    new: dict[str, Stored] = field(default_factory=dict)
    owed: dict[str, Stored] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Notifier:
    """Sends notifications; makes no call if there is no channel or notifications are off."""

    bucket: Bucket
    clock: Clock
    channels: Sequence[Channel]
    notify: Notify
    folders: Folders

    async def send(self, seconds: float) -> Deliveries:
        """Send notifications for at most `seconds`. Never raises: what fails or is cut off is left to the next tick."""
        deliverer = Deliverer(bucket=self.bucket, clock=self.clock, channels=self.channels)
        if not self.channels or not self.notify.is_on or seconds <= 0:
            return deliverer.deliveries
        try:
            async with asyncio.timeout(min(seconds, NOTIFY_S)):
                await self._send_all(deliverer)
        except TimeoutError:
            logger.warning("notifications left to the next tick", extra={"seconds": seconds})
        except RetryLaterError as error:
            logger.warning("notifications stopped early", extra={"error": str(error)})
        except Exception:
            logger.exception("notifications stopped early")
        return deliverer.deliveries

    async def _send_all(self, deliverer: Deliverer) -> None:
        found = await self._found()
        await self._new(found.new, deliverer)
        await self._owed(found.owed, deliverer)
        if self.notify.folders and not deliverer.is_stuck:
            await self.folders.advance(found.folders, deliverer)

    async def _found(self) -> _Found:
        found, number = _Found(), 0
        async for key, stored in self.bucket.listed(NOTICES):
            if key.startswith(NEW_NOTICES):
                found.new[key] = stored
            elif key.startswith(OWED_NOTICES):
                found.owed[key] = stored
            elif key.startswith(FOLDER_NOTES):
                found.folders.append(key)
            number += 1
            if number >= _MAX_NOTICES:
                break
        return found

    async def _new(self, notices: dict[str, Stored], deliverer: Deliverer) -> None:
        """Notify of runs that ended since the last tick, several at a time."""
        remaining, items, at_once = set(notices), _oldest_first(notices), asyncio.Semaphore(_AT_ONCE)

        async def told(key: str, stored: Stored) -> _Ended | None:
            async with at_once:
                return await self._guarded(key, stored, deliverer, self._notify_of(key, stored, deliverer))

        for first in range(0, len(items), _CHUNK):
            if deliverer.is_stuck:
                await self._expire(items[first:], deliverer)
                return
            found = await asyncio.gather(*(told(*item) for item in items[first : first + _CHUNK]))
            ended = [each for each in found if each is not None]
            if self.notify.folders:
                documents = {each.notice_key: each.document for each in ended}
                counted = await self.folders.count(documents, remaining)
                ended = [each for each in ended if each.notice_key in counted]
            await asyncio.gather(*(self.bucket.delete(each.notice_key) for each in ended))
            remaining -= {each.notice_key for each in ended}

    async def _owed(self, notices: dict[str, Stored], deliverer: Deliverer) -> None:
        """Try owed notifications again, the least recently tried first, until every channel is skipped."""
        items = [(key, stored) for key, stored in _oldest_first(notices) if stored.age_s >= RETRY_S]
        for first in range(0, len(items), _AT_ONCE):
            chunk = items[first : first + _AT_ONCE]
            tried = await asyncio.gather(
                *(self._guarded(key, stored, deliverer, deliverer.retry(key)) for key, stored in chunk)
            )
            if not any(tried):
                return

    async def _guarded(self, key: str, stored: Stored, deliverer: Deliverer, work: Awaitable[T]) -> T | None:
        """Do the work on one notice and return its result, or None if it failed; after a day of errors, give it up."""
        try:
            return await work
        except RetryLaterError as error:
            logger.warning("notification left to the next tick", extra={"notice": key, "error": str(error)})
        except Exception:
            logger.exception("notification left to the next tick", extra={"notice": key})
            if stored.age_s > KEPT_S:
                await self.bucket.delete(key)
                deliverer.given_up(key, [])
        return None

    async def _expire(self, notices: Sequence[tuple[str, Stored]], deliverer: Deliverer) -> None:
        """Give up notices that are a day old; called when no channel accepts anything."""
        for key, stored in notices:
            if stored.age_s < KEPT_S:
                return
            await self.bucket.delete(key)
            name = key.removeprefix(NEW_NOTICES).removesuffix(".json")
            deliverer.given_up(name, [channel.name for channel in self.channels])

    async def _notify_of(self, key: str, stored: Stored, deliverer: Deliverer) -> _Ended | None:
        """Notify of one run. Returns None if it has not ended, or there is nothing to notify of."""
        read = await self.bucket.get(key)
        if read is None:
            return None  # another tick has delivered it
        notice = msgspec.json.decode(read.body, type=Notice)
        ended = await self._ended(notice)
        if ended is None:
            if stored.age_s > VOID_S and await self.bucket.head(open_key(notice.job_id, notice.run)) is None:
                await self.bucket.delete(key)
            return None
        record_key, record = ended
        notification = of_document(record, record_key)
        if self.notify.documents:
            await deliverer.deliver(notification)
        assert isinstance(notification.data, DocumentEnded)
        return _Ended(key, notification.data)

    async def _ended(self, notice: Notice) -> tuple[str, RunRecord | ErrorRecord] | None:
        """The record that ended the run, with its key; None if there is none, or only another run's."""
        location = output_location(notice.key)
        kinds: tuple[tuple[str, type[RunRecord | ErrorRecord]], ...] = (
            (location.run_record_key, RunRecord),
            (location.error_record_key, ErrorRecord),
        )
        for key, kind in kinds:
            stored = await self.bucket.get(key)
            if stored is not None:
                record = decode(stored.body, kind)
                if (record.job_id, record.run) == (notice.job_id, notice.run):
                    return key, record
        return None


def _oldest_first(notices: dict[str, Stored]) -> list[tuple[str, Stored]]:
    return sorted(notices.items(), key=lambda item: item[1].last_modified)
