"""The journal: one line per run that this process ended, written in one object when its tick ends.

An index for reports, never the truth: a tick that dies leaves its lines out, and they are rebuilt from the records.
"""

import logging
import secrets
from dataclasses import dataclass, field

import msgspec

from backburner.errors import RetryLaterError
from backburner.ports import ABSENT, Bucket, Clock, ConflictError
from backburner.records import JobRecord, Line, line_of

logger = logging.getLogger(__name__)

FOLDER = "ledger/journal/"
_MOST_LINES = 1000
"""A long tick writes what it has when so many lines have come together."""


@dataclass(kw_only=True)
class Journal:
    """Collects lines and writes them. `ended` keeps them all until somebody clears it: metrics are made of them."""

    bucket: Bucket
    clock: Clock
    ended: list[Line] = field(default_factory=list)
    _unwritten: list[Line] = field(default_factory=list)

    async def note(self, record: JobRecord) -> None:
        """Take down a run that was just ended, by the one whose commit it was."""
        line = line_of(record)
        self.ended.append(line)
        self._unwritten.append(line)
        if len(self._unwritten) >= _MOST_LINES:
            await self.flush()

    async def flush(self) -> None:
        """Write what was noted. A store that refuses loses lines of the index, and no job."""
        lines, self._unwritten = self._unwritten, []
        if not lines:
            return
        try:
            await self.write(lines)
        except (ConflictError, RetryLaterError) as error:
            logger.warning("journal not written", extra={"lines": len(lines), "error": str(error)})

    async def write(self, lines: list[Line]) -> str:
        """Write lines under a name that nobody used; the key."""
        now = self.clock.now()
        key = f"{FOLDER}{now:%Y-%m-%d}/{now:%H%M%S}-{secrets.token_hex(6)}.jsonl"
        body = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        await self.bucket.put(key, body, match=ABSENT, content_type="application/x-ndjson")
        return key
