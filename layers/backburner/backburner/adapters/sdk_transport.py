"""Sends the OpenAI SDK's requests through our own pool, like all other calls, instead of httpx2's.

httpx2 checks all of its idle connections before every request, which took most of a create's time. When a call fails,
our pool's `NoAnswerError` says whether the request was sent, and `no_answer` finds it behind the SDK's error. A POST is
never sent twice. This module is imported with the SDK, never before.
"""

import httpx2

from backburner.adapters.http import Http, NoAnswerError

_OURS = frozenset({"accept-encoding", "connection", "content-length", "host", "transfer-encoding"})
"""Headers that the pool sets itself."""
_OF_THE_WIRE = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers about a body's encoding, which the pool has decoded already."""


class PooledTransport(httpx2.AsyncBaseTransport):
    """Sends whole requests and reads whole answers, without streams."""

    def __init__(self, http: Http) -> None:
        """Use a pool, which its owner closes."""
        self._http = http

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request once. Raises `httpx2.TransportError`, which the SDK understands, from a `NoAnswerError`."""
        headers = {name: value for name, value in request.headers.items() if name not in _OURS}
        url = str(request.url.copy_with(userinfo=b""))  # the SDK has put it into a header
        try:
            reply = await self._http.call(request.method, url, headers, await request.aread())
        except NoAnswerError as error:
            raise httpx2.TransportError(error.name, request=request) from error
        told = [_raw(name, value) for name, value in reply.headers.items() if name.lower() not in _OF_THE_WIRE]
        try:
            return httpx2.Response(reply.status, headers=told, content=reply.body, request=request)
        except (TypeError, ValueError) as error:  # the request was sent, so it is not to blame
            failure = NoAnswerError(f"the answer cannot be read: {type(error).__name__}")
            raise httpx2.TransportError(failure.name, request=request) from failure


def _raw(name: str, value: str) -> tuple[bytes, bytes]:
    """A header as it came: of text, httpx2 takes only ASCII, and an accepted create would look like a failed one."""
    return name.encode("latin-1"), value.encode(errors="surrogateescape")


def no_answer(error: BaseException) -> NoAnswerError | None:
    """The pool's error behind an error of the SDK; None if the call did not fail in the pool."""
    sent = error.__cause__
    cause = sent.__cause__ if isinstance(sent, httpx2.TransportError) else None
    return cause if isinstance(cause, NoAnswerError) else None
