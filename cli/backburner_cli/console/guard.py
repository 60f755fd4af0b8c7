"""Who may ask: only a page of this console, opened with its key.

Pages of others in the same browser are held off four ways: a name of theirs that points here is refused by its Host, a
request of theirs by Sec-Fetch-Site, a change also by its Origin, and whoever lacks the cookie gets nothing at all.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

READING: Final = frozenset({"GET", "HEAD"})
CHANGING: Final = frozenset({"POST", "PUT"})
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
CONTENT_POLICY: Final = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"
"""Of a document shown in a frame of the page. A sandbox would keep the browsers' PDF viewers from showing anything."""
CONTENT: Final = "/content/"
_HEADERS: Final = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_LOCKED: Final = "Open the address that backburner console printed: it has the key in it."
_FORBIDDEN, _NOT_ALLOWED = 403, 405


@dataclass(frozen=True)
class Guard:
    """Stands before the whole application, and gives every answer its headers."""

    app: ASGIApp
    port: int
    token: str
    ticket: list[str] = field(default_factory=list)
    """Opens the page once in the token's place: for a browser's command line, which other users can read."""

    @property
    def cookie(self) -> str:
        """Its name: another console of this machine has another, since cookies know no ports."""
        return f"backburner_{self.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        is_entry = self._is_entry(request)
        refused = self._refusal(request, is_entry=is_entry)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._put_headers(MutableHeaders(scope=message), request, is_entry=is_entry and refused is None)
            await send(message)

        await (refused or self.app)(scope, receive, guarded)

    def _is_entry(self, request: Request) -> bool:
        """Whether it opens the page with the key that was printed, or for the first time with the ticket."""
        given = request.query_params.get("token", "").encode()
        if request.scope["path"] != "/" or request.method not in READING or not self._is_own(request):
            return False
        if self.ticket and request.method == "GET" and secrets.compare_digest(given, self.ticket[0].encode()):
            self.ticket.clear()
            return True
        return secrets.compare_digest(given, self.token.encode())

    def _is_own(self, request: Request) -> bool:
        return request.headers.get("host", "") in (f"127.0.0.1:{self.port}", f"localhost:{self.port}")

    def _refusal(self, request: Request, *, is_entry: bool) -> PlainTextResponse | None:
        host = request.headers.get("host", "")
        if not self._is_own(request):
            return _no("This address is not the console's.")
        if request.method not in READING | CHANGING:
            return _no("The console knows GET, POST and PUT.", _NOT_ALLOWED)
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not is_entry:
            return _no("Pages of others may not ask the console.")
        if request.method in CHANGING and request.headers.get("origin") != f"http://{host}":
            return _no("Only the console's own page may change something.")
        given = request.cookies.get(self.cookie, "")
        if not is_entry and not secrets.compare_digest(given.encode(), self.token.encode()):
            return _no(_LOCKED)
        return None

    def _put_headers(self, headers: MutableHeaders, request: Request, *, is_entry: bool) -> None:
        is_content = request.scope["path"].startswith(CONTENT)
        headers.update(_HEADERS)
        headers["content-security-policy"] = CONTENT_POLICY if is_content else PAGE_POLICY
        headers["x-frame-options"] = "SAMEORIGIN" if is_content else "DENY"
        if is_entry:
            headers.append("set-cookie", f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict")


def _no(why: str, status: int = _FORBIDDEN) -> PlainTextResponse:
    return PlainTextResponse(f"{why}\n", status)
