"""Creates through the SDK and our pool: an accepted create is never taken for a failure."""

from typing import Any

import pytest

from backburner.adapters.responses import ResponsesApi
from backburner.provider.answers import Generation
from support.raw_server import Line, Server, serving

BODY = b'{"id": "resp_1", "object": "response", "status": "queued", "output": []}'


@pytest.mark.parametrize(
    "told", [b"OpenAI-Organization: M\xc3\xbcller", b"X-Office: M\xfcnchen"], ids=["utf-8", "latin-1"]
)
def test_an_accepted_create_is_accepted_whatever_its_headers_say(tell: Any, told: bytes) -> None:
    """Gateways repeat user-chosen names in any script; httpx2 makes headers only from ASCII text."""

    async def handler(_: Server, line: Line) -> None:
        await line.asked()
        await line.say(b"HTTP/1.1 200 OK\r\n%s\r\nContent-Length: %d\r\n\r\n" % (told, len(BODY)) + BODY)

    async def story() -> None:
        async with serving(handler) as server:
            api = ResponsesApi(base_url=f"{server.url}/v1", api_key=lambda: "key", project=None, organization=None)
            answer = await api.create({"model": "m", "input": "x", "background": True}, 10)
            assert isinstance(answer, Generation), answer
            assert (answer.id, answer.status) == ("resp_1", "queued")
            await api.drop_connections()

    tell(story())
