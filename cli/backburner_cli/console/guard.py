"""The guard: lets in only pages of this console, opened with its key.

Other sites in the same browser are kept out in four ways: a host name of theirs that resolves to us by the Host header,
their requests by Sec-Fetch-Site, their changes by Origin as well, and everything without the cookie.
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
"""For documents shown in a frame of the page; no sandbox, in which the browsers' PDF viewers would not work."""
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
    """Checks every request to the application, and adds headers to every answer."""

    app: ASGIApp
    port: int
    token: str
    ticket: list[str] = field(default_factory=list)
    """Opens the page once, instead of the token: for a browser's command line, which other users can read."""

    @property
    def cookie(self) -> str:
        """The cookie's name; it has the port, since this machine's consoles share their cookies."""
        return f"backburner_{self.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
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
        """Whether it opens the page with the printed key, or with the ticket for the first time."""
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
            return _no("Other pages may not call the console.")
        if request.method in CHANGING and request.headers.get("origin") != f"http://{host}":
            return _no("Only the console's own page may change anything.")
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
