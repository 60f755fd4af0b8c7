"""The bucket, in any S3-compatible store with conditional puts. Each call is one signed request.

Keys are sent unchanged, including `..` and `//`. A repeated call may meet its own put; the ledger recognises its own
writes by their nonce.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, unquote_plus
from xml.etree import ElementTree as ET

from backburner.adapters.account import Account
from backburner.adapters.calls import Calls
from backburner.adapters.http import Http, NoAnswerError, Reply, TooManyBytesError
from backburner.errors import RetryLaterError, UnreadableError
from backburner.ports import ABSENT, ConflictError, Stored, TooLargeError

_ABSENT_CODES = frozenset({"NoSuchKey", "404", "NotFound"})
_CONFLICT_STATUS = frozenset({409, 412})
_NOT_FOUND, _PARTIAL = 404, 206
_PASSING = frozenset({401, 404, 408, 409, 412, 416, 425, 429})
"""Refusals of a read that say nothing about the object; neither does any 5xx."""
_METADATA = "x-amz-meta-"


@dataclass(frozen=True, kw_only=True)
class S3Bucket:
    """One bucket."""

    calls: Calls
    name: str

    async def get(self, key: str, limit_bytes: int | None = None) -> Stored | None:
        """Read a whole object. Raises `TooLargeError`, and `RetryLaterError` if the store gives no usable answer."""
        try:
            reply = await self._call("GET", key, limit_bytes=limit_bytes)
        except TooManyBytesError as error:
            raise TooLargeError(error.size_bytes) from error
        if _is_nothing(reply, key):
            return None
        return _stored(reply, reply.body)

    async def get_range(self, key: str, first: int, last: int, match: str) -> bytes | None:
        """Bytes [first, last) of an object with this ETag. Raises `ConflictError` if the object has changed."""
        headers = {"Range": f"bytes={first}-{last - 1}", "If-Match": f'"{match}"'}
        reply = await self._call("GET", key, headers)
        if reply.status in _CONFLICT_STATUS:
            raise ConflictError(key)
        if _is_nothing(reply, key):
            return None
        return reply.body if reply.status == _PARTIAL else reply.body[first:last]

    async def head(self, key: str) -> Stored | None:
        """Read everything except the body."""
        reply = await self._call("HEAD", key)
        return None if _is_nothing(reply, key) else _stored(reply, b"")

    async def put(
        self, key: str, body: bytes | Path, *, match: str, content_type: str, metadata: dict[str, str] | None = None
    ) -> str:
        """Write an object if `match` holds. Raises `ConflictError` if it does not."""
        headers = {"If-None-Match": "*"} if match == ABSENT else {"If-Match": f'"{match}"'}
        headers["Content-Type"] = content_type
        headers |= {f"{_METADATA}{name}": value for name, value in (metadata or {}).items()}
        reply = await self._call("PUT", key, headers, body)
        if _is_well(reply):
            return _header(reply, "ETag").strip('"')
        if reply.status in _CONFLICT_STATUS or (match != ABSENT and _is_absent(reply)):
            raise ConflictError(key)
        raise _refused("write", key, reply)

    async def delete(self, key: str) -> None:
        """Remove an object."""
        reply = await self._call("DELETE", key)
        if not _is_well(reply) and not _is_absent(reply):
            raise _refused("delete", key, reply)

    async def listed(self, prefix: str, after: str = "") -> AsyncIterator[tuple[str, Stored]]:
        """All objects below a prefix, a page of up to 1,000 at a time."""
        asked = {"list-type": "2", "prefix": prefix, "encoding-type": "url"}
        more = {"start-after": after} if after else {}
        while True:
            reply = await self._call("GET", "", query=asked | more)
            if not _is_well(reply):
                raise _refused("list", prefix, reply)
            page = _page(reply, prefix)
            is_encoded = _text(page, "EncodingType") == "url"  # stores without this option ignore it
            for item in page.iter("Contents"):
                key = _text(item, "Key")
                yield unquote_plus(key) if is_encoded else key, _listed(item, reply)
            if _text(page, "IsTruncated") != "true":
                return
            more = {"continuation-token": _text(page, "NextContinuationToken")}

    async def _call(
        self,
        method: str,
        key: str,
        headers: dict[str, str] | None = None,
        body: bytes | Path = b"",
        *,
        query: dict[str, str] | None = None,
        limit_bytes: int | None = None,
    ) -> Reply:
        url = f"{self.calls.account.bucket_url(self.name)}/{quote(key, safe='/~')}"
        try:
            return await self.calls.call(method, url, query, headers, body, limit_bytes=limit_bytes)
        except NoAnswerError as error:
            raise RetryLaterError(f"the bucket {self.name} does not answer: {error.name}") from error


def store_calls(http: Http, account: Account, tries: int | None = None) -> Calls:
    """Calls to S3, each tried at most `tries` times."""
    calls = Calls(http=http, account=account, service="s3", code_of=code_of)
    return calls if tries is None else replace(calls, tries=tries)


def code_of(reply: Reply) -> str:
    """The store's error code; the status if it gives none, as in answers to HEAD."""
    try:
        code = _text(ET.fromstring(reply.body), "Code") if reply.body else ""  # noqa: S314 - of our own store
    except ET.ParseError:
        code = ""
    return code or str(reply.status)


def _page(reply: Reply, prefix: str) -> ET.Element:
    """A page of a list, without the namespace that most stores put around it."""
    try:
        page = ET.fromstring(reply.body)  # noqa: S314 - of our own store
    except ET.ParseError as error:
        raise RetryLaterError(f"cannot list {prefix}: the answer is not a list") from error
    for element in page.iter():
        element.tag = element.tag.rpartition("}")[2]
    return page


def _text(element: ET.Element, name: str) -> str:
    """The text of a child element in any namespace; "" if there is none."""
    return element.findtext(name) or element.findtext(f"{{*}}{name}") or ""


def _listed(item: ET.Element, reply: Reply) -> Stored:
    at = datetime.fromisoformat(_text(item, "LastModified")).astimezone(UTC)
    return Stored(
        etag=_text(item, "ETag").strip('"'),
        size_bytes=int(_text(item, "Size")),
        last_modified=at.replace(microsecond=0),
        read_at=_told_at(reply),
    )


def _told_at(reply: Reply) -> datetime:
    """The time of an answer by the store's clock."""
    date = reply.headers.get("Date")
    return _time(date) if date else datetime.now(UTC)


@lru_cache(maxsize=256)
def _time(text: str) -> datetime:
    return parsedate_to_datetime(text).astimezone(UTC)


def _stored(reply: Reply, body: bytes) -> Stored:
    length = reply.headers.get("Content-Length")
    return Stored(
        etag=_header(reply, "ETag").strip('"'),
        size_bytes=int(length) if length else len(body),
        last_modified=_time(_header(reply, "Last-Modified")),
        read_at=_told_at(reply),
        body=body,
        metadata={
            name[len(_METADATA) :].lower(): value
            for name, value in reply.headers.items()
            if name[: len(_METADATA)].lower() == _METADATA
        },
    )


def _header(reply: Reply, name: str) -> str:
    value = reply.headers.get(name)
    if value is None:
        raise RetryLaterError(f"the store's answer has no {name}")
    return value


def _is_well(reply: Reply) -> bool:
    return 200 <= reply.status < 300  # noqa: PLR2004


def _is_absent(reply: Reply) -> bool:
    """Whether the store says "no such key": a missing bucket is not a missing key, and 403 says nothing."""
    return reply.status == _NOT_FOUND and code_of(reply) in _ABSENT_CODES


def _is_nothing(reply: Reply, key: str) -> bool:
    """Whether a read says that there is no object. Raises the matching error for any other refusal."""
    if _is_well(reply):
        return False
    if not _is_absent(reply):
        raise _refused("read", key, reply)
    return True


def _refused(verb: str, key: str, reply: Reply) -> RetryLaterError:
    code, status = code_of(reply), reply.status
    told = f"cannot {verb} {key}: {status} {code}{_remedy(status, code)}"
    is_its_own = verb == "read" and 400 <= status < 500 and status not in _PASSING  # noqa: PLR2004
    return UnreadableError(key, told) if is_its_own else RetryLaterError(told)


def _remedy(status: int, code: str) -> str:
    match status, code:
        case 403, "InvalidObjectState":
            return "; it is archived: restore it"
        case 403, _:
            return "; may this function list the bucket and use this prefix?"
        case 400, _:
            return "; is it encrypted with a key of its own (SSE-C)? Upload it without"
        case 301 | 307, _:
            return "; is the bucket in another region? Set AWS_REGION to it"
        case _:
            return ""
