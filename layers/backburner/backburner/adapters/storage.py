"""The bucket, through boto3: any S3-compatible store with conditional puts.

boto3 and not a faster client, because keys with `..` or `//` segments must work (docs/dependencies.md). Its network
retries may repeat a put that went through; the ledger knows its own writes by their nonce.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import closing, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from backburner.errors import RetryLaterError, UnreadableError
from backburner.ports import ABSENT, ConflictError, Stored, TooLargeError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")
_ABSENT_CODES = frozenset({"NoSuchKey", "404", "NotFound"})
_CONFLICT_STATUS = frozenset({409, 412})
_NOT_FOUND = 404
_PASSING = frozenset({401, 404, 408, 409, 412, 416, 425, 429})
"""Refusals of a read that say nothing about its object; 5xx neither."""


@dataclass(frozen=True, kw_only=True)
class S3Bucket:
    """One bucket. Calls run in `threads`, since boto3 blocks."""

    client: "S3Client"
    name: str
    threads: Executor

    async def get(self, key: str, limit_bytes: int | None = None) -> Stored | None:
        """Read an object whole. Raises `TooLargeError`, and `RetryLaterError` for whatever is not an answer."""

        def call() -> Stored:
            answer = self.client.get_object(Bucket=self.name, Key=key)
            with closing(answer["Body"]) as stream:
                if limit_bytes is not None and answer["ContentLength"] > limit_bytes:
                    raise TooLargeError(answer["ContentLength"])
                return _stored(answer, stream.read())

        return await self._read(call, key)

    async def get_range(self, key: str, first: int, last: int, match: str) -> bytes | None:
        """Bytes [first, last) of an object as it was seen. Raises `ConflictError` if it is another by now."""

        def call() -> Stored:
            answer = self.client.get_object(
                Bucket=self.name, Key=key, Range=f"bytes={first}-{last - 1}", IfMatch=f'"{match}"'
            )
            with closing(answer["Body"]) as stream:
                return _stored(answer, stream.read())

        try:
            stored = await self._run(call)
        except ClientError as error:
            if _is_absent(error):
                return None
            if _status(error) in _CONFLICT_STATUS:
                raise ConflictError(key) from error
            raise _refused("read", key, error) from error
        return stored.body

    async def head(self, key: str) -> Stored | None:
        """Read all but the body."""
        return await self._read(lambda: _stored(self.client.head_object(Bucket=self.name, Key=key), b""), key)

    async def put(
        self, key: str, body: bytes | Path, *, match: str, content_type: str, metadata: dict[str, str] | None = None
    ) -> str:
        """Write on condition. Raises `ConflictError` where something else stands there."""
        condition = {"IfNoneMatch": "*"} if match == ABSENT else {"IfMatch": f'"{match}"'}

        def call() -> str:
            with body.open("rb") if isinstance(body, Path) else nullcontext(body) as content:
                answer = self.client.put_object(
                    Bucket=self.name,
                    Key=key,
                    Body=content,
                    ContentType=content_type,
                    Metadata=metadata or {},
                    **condition,  # type: ignore[arg-type]
                )
            return answer["ETag"].strip('"')

        try:
            return await self._run(call)
        except ClientError as error:
            if _status(error) in _CONFLICT_STATUS or (match != ABSENT and _is_absent(error)):
                raise ConflictError(key) from error
            raise _refused("write", key, error) from error

    async def delete(self, key: str) -> None:
        """Remove an object."""
        try:
            await self._run(lambda: self.client.delete_object(Bucket=self.name, Key=key))
        except ClientError as error:
            raise _refused("delete", key, error) from error

    async def listed(self, prefix: str, after: str = "") -> AsyncIterator[tuple[str, Stored]]:
        """All objects below a prefix, a page of up to 1,000 at a time."""
        more: dict[str, Any] = {"StartAfter": after} if after else {}
        while True:
            answer = await self._page(prefix, more)
            for item in answer.get("Contents", []):
                yield item["Key"], _listed(item, answer)
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    async def _page(self, prefix: str, more: dict[str, Any]) -> Any:
        try:
            return await self._run(lambda: self.client.list_objects_v2(Bucket=self.name, Prefix=prefix, **more))
        except ClientError as error:
            raise _refused("list", prefix, error) from error

    async def _read(self, call: Callable[[], Stored], key: str) -> Stored | None:
        try:
            return await self._run(call)
        except ClientError as error:
            if _is_absent(error):
                return None
            raise _refused("read", key, error) from error

    async def _run(self, call: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self.threads, call)
        except BotoCoreError as error:
            raise RetryLaterError(f"the bucket {self.name} does not answer: {type(error).__name__}") from error


def _listed(item: Any, answer: Any) -> Stored:
    return Stored(
        etag=item["ETag"].strip('"'),
        size_bytes=item["Size"],
        last_modified=item["LastModified"].astimezone(UTC).replace(microsecond=0),
        read_at=_told_at(answer),
    )


def _told_at(answer: Any) -> datetime:
    """The store's own time of an answer."""
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return parsedate_to_datetime(date).astimezone(UTC) if date else datetime.now(UTC)


def _stored(answer: Any, body: bytes) -> Stored:
    return Stored(
        etag=answer["ETag"].strip('"'),
        size_bytes=answer["ContentLength"],
        last_modified=answer["LastModified"].astimezone(UTC),
        read_at=_told_at(answer),
        body=body,
        metadata={name.lower(): value for name, value in answer.get("Metadata", {}).items()},
    )


def _is_absent(error: ClientError) -> bool:
    """Only the store's own word for "no such key": a missing bucket is no missing key, and 403 says nothing."""
    return _status(error) == _NOT_FOUND and error.response["Error"].get("Code") in _ABSENT_CODES


def _status(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def _refused(verb: str, key: str, error: ClientError) -> RetryLaterError:
    code, status = error.response["Error"].get("Code"), _status(error)
    told = f"cannot {verb} {key}: {status} {code}{_remedy(status, code)}"
    is_its_own = verb == "read" and 400 <= status < 500 and status not in _PASSING  # noqa: PLR2004
    return UnreadableError(key, told) if is_its_own else RetryLaterError(told)


def _remedy(status: int, code: str | None) -> str:
    match status, code:
        case 403, "InvalidObjectState":
            return "; it is archived: restore it"
        case 403, _:
            return "; may this function list the bucket and use this prefix?"
        case 400, _:
            return "; is it encrypted with a key of its own (SSE-C)? Upload it without"
        case _:
            return ""
