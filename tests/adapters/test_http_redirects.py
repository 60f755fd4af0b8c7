"""The provider's pool accepts compressed answers and follows redirects; the others do neither."""

import gzip
from typing import Any

import pytest

from backburner.adapters.http import Http, NoAnswerError
from support.raw_server import Handler, Line, Server, serving

PRIVATE = {"Authorization": "secret", "Cookie": "c", "Proxy-Authorization": "p", "OpenAI-Project": "stays"}


def _http(*, is_lenient: bool = True) -> Http:
    return Http(connect_s=2, read_s=2, is_lenient=is_lenient)


def _redirecting(location: str, status: int = 307, times: int = 1) -> Handler:
    """A server that redirects this many requests, and answers later ones."""

    async def handler(server: Server, line: Line) -> None:
        while True:
            server.asked.append(await line.asked())
            if len(server.asked) <= times:
                await line.answer(b"elsewhere", status, f"Location: {location}\r\n" if location else "")
            else:
                await line.answer(b"here")

    return handler


@pytest.mark.parametrize(
    ("status", "method", "then", "body"),
    [
        (301, "POST", "GET", b""),
        (302, "POST", "GET", b""),
        (303, "POST", "GET", b""),
        (303, "DELETE", "GET", b""),
        (303, "HEAD", "HEAD", b""),
        (301, "DELETE", "DELETE", b"body"),
        (307, "POST", "POST", b"body"),
        (308, "PUT", "PUT", b"body"),
    ],
)
def test_a_redirect_is_followed_as_browsers_do(tell: Any, status: int, method: str, then: str, body: bytes) -> None:
    """The status decides about the body; the same server gets everything that was sent before."""

    async def story() -> None:
        http = _http()
        async with serving(_redirecting("/new/path?x=é", status)) as server:
            reply = await http.call(method, f"{server.url}/old", PRIVATE, b"" if method == "HEAD" else b"body")
            assert reply.body == (b"" if method == "HEAD" else b"here")
            assert server.asked[1].line == f"{then} /new/path?x=%C3%A9 HTTP/1.1"
            assert server.asked[1].body == body
            assert server.asked[1].headers.items() >= PRIVATE.items()
            await http.close()

    tell(story())


def test_another_server_gets_no_credentials(tell: Any) -> None:
    """Another port is another server."""

    async def story() -> None:
        http = _http()
        async with serving(_redirecting("", times=0)) as other, serving(_redirecting(f"{other.url}/x")) as server:
            assert (await http.call("GET", f"{server.url}/", {**PRIVATE, "Host": "signed"})).body == b"here"
            headers = other.asked[0].headers
            assert {name: headers.get(name) for name in PRIVATE} == {
                "Authorization": None,
                "Cookie": None,
                "Proxy-Authorization": None,
                "OpenAI-Project": "stays",
            }
            assert headers["Host"] == f"127.0.0.1:{other.port}"
            await http.close()

    tell(story())


@pytest.mark.parametrize("location", ["ftp://x/", "file:///etc/passwd", "https://", "http://[::1/"])
def test_a_redirect_to_nowhere_is_an_error(tell: Any, location: str) -> None:
    """The request had been sent."""

    async def story() -> None:
        http = _http()
        async with serving(_redirecting(location)) as server:
            with pytest.raises(NoAnswerError, match="address cannot be used") as refused:
                await http.call("POST", f"{server.url}/", {})
            assert refused.value.is_sent
            await http.close()

    tell(story())


def test_redirects_are_bounded(tell: Any) -> None:
    """Ten are followed; one without an address is an answer."""

    async def story() -> None:
        http = _http()
        async with serving(_redirecting("/", times=100)) as server:
            with pytest.raises(NoAnswerError, match="too many redirects"):
                await http.call("GET", f"{server.url}/", {})
            assert len(server.asked) == 10
        async with serving(_redirecting("", 302)) as server:
            assert (await http.call("GET", f"{server.url}/", {})).status == 302
        await http.close()

    tell(story())


def test_other_pools_take_an_answer_as_it_is(tell: Any) -> None:
    """A redirect is an answer, and a compressed object stays so; the provider's pool unpacks."""
    packed = gzip.compress(b"text")

    async def handler(_: Server, line: Line) -> None:
        while True:
            asked = await line.asked()
            if "redirect" in asked.line:
                await line.answer(b"", 302, "Location: /\r\n")
            else:
                await line.answer(packed, headers="Content-Encoding: gzip\r\n")

    async def story() -> None:
        async with serving(handler) as server:
            for is_lenient, body, status in ((False, packed, 302), (True, b"text", 200)):
                http = _http(is_lenient=is_lenient)
                assert (await http.call("GET", f"{server.url}/", {})).body == body
                assert (await http.call("GET", f"{server.url}/redirect", {})).status == status
                await http.close()

    tell(story())
