"""Signed calls to S3, SQS and channels, and the only place that retries them after network and service errors.

A retry may meet the effect of its first try: a put that succeeded is then answered with 412. The ledger recognises its
own writes by their nonce.
"""

import asyncio
import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from backburner.adapters.account import Account
from backburner.adapters.http import Http, NoAnswerError, Reply
from backburner.adapters.signing import Unsigned, signed

_TRIES = 4
_MAX_PAUSE_S = 20.0
_PASSING_STATUS = frozenset({429, 500, 502, 503, 504})
_PASSING_CODES = frozenset(
    {
        "BandwidthLimitExceeded", "LimitExceededException", "PriorRequestNotComplete", "RequestLimitExceeded",
        "RequestThrottled", "RequestThrottledException", "RequestTimeout", "RequestTimeoutException", "SlowDown",
        "Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException",
        "TransactionInProgressException",
    }
)  # fmt: skip
"""Error codes that mean "try again", whatever the status."""
_WHOLE_S, _SLOWEST_BYTES_PER_S = 60.0, 250_000
"""The time limit of a call with a body: this many seconds, and what the body needs on a slow line."""
_RANDOM = random.Random()  # noqa: S311 - spreads load, keeps no secret
_EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, kw_only=True)
class Calls:
    """Calls of one service. `code_of` reads the service's error code from a reply."""

    http: Http
    account: Account
    service: str
    code_of: Callable[[Reply], str]
    tries: int = _TRIES

    async def call(
        self,
        method: str,
        url: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | Path = b"",
        *,
        limit_bytes: int | None = None,
    ) -> Reply:
        """The reply, whatever its status. Raises `NoAnswerError` if there was none after `tries`."""
        host, _, path = url.partition("://")[2].partition("/")
        encoded = _encoded(query) if query else ""
        sha256, size_bytes = await _digest(body) if body else (_EMPTY, 0)
        unsigned = Unsigned(method, host, f"/{path}", encoded, headers or {}, sha256)
        address = f"{url}?{encoded}" if encoded else url
        limit_s = _WHOLE_S + size_bytes / _SLOWEST_BYTES_PER_S if size_bytes else None
        for tried in range(1, self.tries + 1):
            who = await self.account.credentials()
            sent = signed(unsigned, who, service=self.service, region=self.account.region, at=datetime.now(UTC))
            try:
                reply = await self.http.call(method, address, sent, body, limit_bytes=limit_bytes, limit_s=limit_s)
            except NoAnswerError:
                if tried == self.tries:
                    raise
            else:
                if tried == self.tries or not self._is_passing(reply):
                    return reply
            await asyncio.sleep(min(_MAX_PAUSE_S, _RANDOM.random() * 2 ** (tried - 1)))
        raise AssertionError("the last try returns or raises")

    def _is_passing(self, reply: Reply) -> bool:
        if reply.status < 400:  # noqa: PLR2004
            return False
        return reply.status in _PASSING_STATUS or self.code_of(reply) in _PASSING_CODES


def _encoded(query: Mapping[str, str]) -> str:
    return "&".join(sorted(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in query.items()))


async def _digest(body: bytes | Path) -> tuple[str, int]:
    """The SHA-256 and size of a body; a file is read in a thread, since it may be large."""
    if isinstance(body, Path):
        return await asyncio.to_thread(_digest_of_file, body)
    return hashlib.sha256(body).hexdigest(), len(body)


def _digest_of_file(path: Path) -> tuple[str, int]:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest(), content.tell()
