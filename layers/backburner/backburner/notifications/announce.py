"""Writes a notice before a run ends, so that its notification is sent even if the process dies.

Order: write the notice → commit the record → at the end of a tick: deliver → remove the notice. A crash before the
commit leaves the notice of a run that continues; later ticks check it again. After a crash after the commit, the next
tick delivers.
"""

import logging
from dataclasses import dataclass

import msgspec

from backburner.errors import RetryLaterError
from backburner.ledger.keys import notice_key
from backburner.ledger.records import ErrorRecord, RunRecord, log_keys
from backburner.ports import ABSENT, JSON, Bucket, ConflictError

logger = logging.getLogger(__name__)


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A run that is about to end, and its document."""

    job_id: str
    run: int
    key: str


@dataclass(frozen=True, kw_only=True)
class Announcer:
    """Writes notices; makes no call if notifications are off."""

    bucket: Bucket
    is_on: bool

    async def announce(self, ending: RunRecord | ErrorRecord) -> None:
        """Write the notice of a document's run. If the store refuses it, the notification is lost, never the job."""
        if not self.is_on or ending.location.is_part:
            return
        notice = Notice(job_id=ending.job_id, run=ending.run, key=ending.source.key)
        try:
            await self.bucket.put(
                notice_key(notice.job_id, notice.run), msgspec.json.encode(notice), match=ABSENT, content_type=JSON
            )
        except ConflictError:
            return  # an earlier try wrote the same notice
        except RetryLaterError as error:
            logger.error(  # noqa: TRY400 - the store's error says enough
                "notification lost: its notice was not written", extra=log_keys(ending) | {"error": str(error)}
            )
