"""An object store in memory: the calls that Backburner makes, with conditions, ETags, ages and pages as S3 has them."""

import hashlib
import re
import time
from collections import Counter
from email.utils import formatdate
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape, unescape

from sortedcontainers import SortedList  # type: ignore[import-untyped]

from benching.wire import Answer, Request

_PAGE = 1000
_KEY = re.compile("<Key>(.*?)</Key>", re.DOTALL)
_XML = {"Content-Type": "application/xml"}


class Store:
    """One bucket, whatever it is called."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, dict[str, str]]] = {}
        self.keys = SortedList()
        self.calls: Counter[str] = Counter()
        self.named: Counter[str] = Counter()
        """Calls by method, folder and status."""
        self.deleted_at = 0.0
        """When the last object was deleted: the open record of the last run to end."""
        self._date = (0, "")

    def answer(self, request: Request) -> Answer:
        """Answer a call."""
        path, _, query = request.target.partition("?")
        _, _, key = path[1:].partition("/")
        if not key and request.method == "POST":
            self.calls["DELETE"] += 1
            return self._deleted(request.body.decode())
        if not key:
            self.calls["LIST"] += 1
            return self._listed(parse_qs(query, keep_blank_values=True))
        key = unquote(key)
        self.calls[request.method] += 1
        answer = self._object(request, key)
        self.named[f"{request.method} {folder(key)} {answer[0]}"] += 1
        return answer

    def _object(self, request: Request, key: str) -> Answer:
        match request.method:
            case "GET" | "HEAD":
                return self._read(request, key)
            case "PUT":
                return self._put(request, key)
            case "DELETE":
                self._delete(key)
                self.deleted_at = time.time()
                return 204, {"Date": self._now()}, b""
            case _:
                return 400, {}, b""

    def _read(self, request: Request, key: str) -> Answer:
        if key not in self.objects:
            return self._error(404, "NoSuchKey", is_silent=request.method == "HEAD")
        body, headers = self.objects[key]
        if (match := request.header(b"if-match")) and match != headers["ETag"]:
            return self._error(412, "PreconditionFailed")
        told = headers | {"Date": self._now()}
        if request.method == "HEAD":
            return 200, told | {"Content-Length": str(len(body))}, b""
        if asked := request.header(b"range"):
            first, _, last = asked.removeprefix("bytes=").partition("-")
            return 206, told, body[int(first) : int(last) + 1]
        return 200, told, body

    def _put(self, request: Request, key: str) -> Answer:
        committed = self.objects.get(key)
        if request.header(b"if-none-match") == "*" and committed:
            return self._error(412, "PreconditionFailed")
        if match := request.header(b"if-match"):
            if not committed:
                return self._error(404, "NoSuchKey")
            if match.strip('"') != committed[1]["ETag"].strip('"'):
                return self._error(412, "PreconditionFailed")
        etag = f'"{hashlib.md5(request.body, usedforsecurity=False).hexdigest()}"'
        now = self._now()
        headers = {"ETag": etag, "Last-Modified": now, "Content-Type": request.header(b"content-type") or "text/plain"}
        for line in request.raw_head.split(b"\r\n")[1:]:
            if line[:11].lower() == b"x-amz-meta-":
                name, _, value = line.decode("latin-1").partition(":")
                headers[name] = value.strip()
        if not committed:
            self.keys.add(key)
        self.objects[key] = (request.body, headers)
        return 200, {"ETag": etag, "Date": now}, b""

    def _delete(self, key: str) -> None:
        if self.objects.pop(key, None):
            self.keys.remove(key)

    def _deleted(self, asked: str) -> Answer:
        keys = _KEY.findall(asked)
        for key in keys:
            self._delete(unescape(key))
        told = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        return 200, _XML | {"Date": self._now()}, f"<DeleteResult>{told}</DeleteResult>".encode()

    def _listed(self, query: dict[str, list[str]]) -> Answer:
        prefix = query.get("prefix", [""])[0]
        after = query.get("continuation-token", query.get("start-after", [""]))[0]
        begins_after = after >= prefix and after != ""
        page: list[str] = []
        for key in self.keys.irange(after if begins_after else prefix, inclusive=(not begins_after, True)):
            if not key.startswith(prefix) or len(page) > _PAGE:
                break
            page.append(key)
        is_cut = len(page) > _PAGE
        page = page[:_PAGE]
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        items = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{stamp}</LastModified>"
            f"<ETag>{escape(self.objects[key][1]['ETag'])}</ETag><Size>{len(self.objects[key][0])}</Size></Contents>"
            for key in page
        )
        more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if is_cut else ""
        told = f"<IsTruncated>{str(is_cut).lower()}</IsTruncated>"
        return 200, _XML | {"Date": self._now()}, f"<ListBucketResult>{told}{more}{items}</ListBucketResult>".encode()

    def _error(self, status: int, code: str, *, is_silent: bool = False) -> Answer:
        body = b"" if is_silent else f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
        return status, _XML | {"Date": self._now()}, body

    def _now(self) -> str:
        second = int(time.time())
        if self._date[0] != second:
            self._date = (second, formatdate(second, usegmt=True))
        return self._date[1]


def folder(key: str) -> str:
    """The name under which calls are counted: the first folder; in the ledger, the second folder or the object."""
    first, _, rest = key.partition("/")
    return f"{first}/{rest.partition('/')[0]}" if first == "ledger" else first
