"""How the OpenAI SDK's requests go out: through our own pool, like all other calls, instead of httpx2's.

httpx2 looks at each of its idle connections before every request, which cost most of a create. What is known of a call
that failed is what our pool says: `NoAnswerError` tells whether the request was sent, and `no_answer` finds it behind
the SDK's error. A POST is never sent twice here. Imported with the SDK, never before.
"""

import httpx2

from backburner.adapters.http import Http, NoAnswerError

_OURS = frozenset({"accept-encoding", "connection", "content-length", "host", "transfer-encoding"})
"""Headers that the pool sets itself."""
_OF_THE_WIRE = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers about a body that the pool has decoded already."""


class PooledTransport(httpx2.AsyncBaseTransport):
    """Sends requests whole and reads answers whole; streams there are none."""

    def __init__(self, http: Http) -> None:
        """The pool is its owner's to close."""
        self._http = http

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request once. Raises `httpx2.TransportError`, which the SDK knows, from a `NoAnswerError`."""
        headers = {name: value for name, value in request.headers.items() if name not in _OURS}
        url = str(request.url.copy_with(userinfo=b""))  # the SDK made a header of it
        try:
            reply = await self._http.call(request.method, url, headers, await request.aread())
        except NoAnswerError as error:
            raise httpx2.TransportError(error.name, request=request) from error
        told = [(name, value) for name, value in reply.headers.items() if name.lower() not in _OF_THE_WIRE]
        return httpx2.Response(reply.status, headers=told, content=reply.body, request=request)


def no_answer(error: BaseException) -> NoAnswerError | None:
    """What our pool said of the call behind an error of the SDK's; None where it did not fail there."""
    sent = error.__cause__
    cause = sent.__cause__ if isinstance(sent, httpx2.TransportError) else None
    return cause if isinstance(cause, NoAnswerError) else None
