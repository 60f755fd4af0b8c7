"""What is sent and what becomes of it: unchanged bytes, large bodies, early answers, limits of time and size."""

import asyncio
import errno
import os
import time
from pathlib import Path
from typing import Any

import pytest

from backburner.adapters.http import Http, NoAnswerError, TooManyBytesError
from support.raw_server import Line, Server, serving

YES = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"
LARGE = b"0123456789abcdef" * 500_000
MOST = 64


def _http(**more: Any) -> Http:
    return Http(**{"connect_s": 2, "read_s": 2, **more})


async def _always(server: Server, line: Line) -> None:
    """Answer every request."""
    while True:
        server.asked.append(await line.asked())
        await line.answer()


def test_a_request_is_sent_as_it_is_given(tell: Any) -> None:
    """Path, query and headers are sent byte for byte; only what HTTP needs is added."""

    async def story() -> None:
        http, lenient = _http(), _http(is_lenient=True)
        async with serving(_always) as server:
            host = f"127.0.0.1:{server.port}"
            target = "/b/..//a%2Fb%20c/./?x=%7E&y=a+b"
            await http.call("GET", f"{server.url}{target}", {"X-Key": "é", "Host": "signed:80"})
            await http.call("PUT", f"{server.url}?only=query#fragment", {"Authorization": "mine"}, b"ab")
            await http.call("POST", f"http://us%40r:p%3Aw@{host}/", {})
            await lenient.call("DELETE", server.url, {"accept-encoding": "br"})
            await lenient.call("GET", server.url, {})
            await lenient.close()
            await http.close()
        identity = {"Accept-Encoding": "identity"}
        key = "é".encode().decode("latin-1")
        assert [(one.line, one.headers) for one in server.asked] == [
            (f"GET {target} HTTP/1.1", {"Host": "signed:80", "X-Key": key, **identity}),
            ("PUT /?only=query HTTP/1.1", {"Host": host, "Authorization": "mine", "Content-Length": "2", **identity}),
            (
                "POST / HTTP/1.1",
                {"Host": host, "Authorization": "Basic dXNAcjpwOnc=", "Content-Length": "0", **identity},
            ),
            ("DELETE / HTTP/1.1", {"Host": host, "accept-encoding": "br", "Content-Length": "0"}),
            ("GET / HTTP/1.1", {"Host": host, "Accept-Encoding": "gzip, deflate"}),
        ]

    tell(story())


@pytest.mark.parametrize("wrong", ["a\r\nX: y", "a\nX", "a\rX", "a\0"])
def test_nothing_can_be_smuggled_into_a_request(tell: Any, wrong: str) -> None:
    """A header's value or name cannot, nor can an address."""

    async def story() -> None:
        http = _http()
        async with serving(_always) as server:
            for headers, path in (({"X": wrong}, "/"), ({wrong: "x"}, "/"), ({}, f"/{wrong}"), ({}, "/a b")):
                with pytest.raises(ValueError, match="cannot be sent"):
                    await http.call("GET", f"{server.url}{path}", headers)
            for ours in ("Content-length", "Transfer-Encoding", "connection"):
                with pytest.raises(ValueError, match="cannot have"):
                    await http.call("GET", f"{server.url}/", {ours: "1"})
            assert server.lines == 0
            await http.close()

    tell(story())


@pytest.mark.parametrize(
    "url", ["ftp://host/", "http:///x", "host", "", "http://host:x/", "http://a..b/", "http://h h/", "http://[::1/"]
)
def test_an_invalid_address_is_not_called(tell: Any, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Nothing is sent, not even to a proxy."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    async def story() -> None:
        with pytest.raises(NoAnswerError, match="address cannot be used") as refused:
            await _http().call("GET", url, {})
        assert not refused.value.is_sent

    tell(story())


@pytest.mark.parametrize("kind", ["bytes", "file"])
def test_a_large_body_does_not_hold_up_other_calls(tell: Any, tmp_path: Path, kind: str) -> None:
    """It waits for a slow server, in pieces, and arrives whole."""
    path = tmp_path / "large"
    path.write_bytes(LARGE)

    async def story() -> None:
        http, go = _http(), asyncio.Event()

        async def handler(_: Server, line: Line) -> None:
            asked = await line.head()
            if asked.line.startswith("PUT"):
                await go.wait()
            body = await line.reader.readexactly(int(asked.headers.get("Content-Length", 0)))
            assert body == (LARGE if asked.line.startswith("PUT") else b"")
            await line.answer()

        async with serving(handler) as server:
            body = LARGE if kind == "bytes" else path
            large = asyncio.create_task(http.call("PUT", f"{server.url}/", {}, body))
            assert (await http.call("GET", f"{server.url}/", {})).status == 200
            assert not large.done()
            go.set()
            assert (await large).status == 200
            await http.close()

    tell(story())


@pytest.mark.parametrize("kind", ["bytes", "file"])
def test_an_answer_before_the_body_is_sent_is_accepted(tell: Any, tmp_path: Path, kind: str) -> None:
    """If it is a refusal, the rest of the body is not sent, and the connection not reused."""
    path = tmp_path / "large"
    path.write_bytes(LARGE)

    async def handler(_: Server, line: Line) -> None:
        await line.head()
        await line.answer(b"no", 403)
        await asyncio.sleep(10)

    async def story() -> None:
        http = _http()
        async with serving(handler) as server:
            for _ in range(2):
                reply = await http.call("PUT", f"{server.url}/", {}, LARGE if kind == "bytes" else path)
                assert (reply.status, reply.body) == (403, b"no")
            assert server.lines == 2
            await http.close()

    tell(story())


def test_a_file_that_becomes_shorter_is_not_sent_as_if_it_were_whole(tell: Any, tmp_path: Path) -> None:
    """The server never sees the end of that request."""
    path = tmp_path / "large"
    path.write_bytes(LARGE)

    async def story() -> None:
        http = _http()

        async def handler(_: Server, line: Line) -> None:
            await line.head()
            path.write_bytes(b"short")
            await line.reader.read()

        async with serving(handler) as server:
            with pytest.raises(NoAnswerError, match="was changed") as changed:
                await http.call("PUT", f"{server.url}/", {}, path)
            assert changed.value.is_sent
            with pytest.raises(NoAnswerError) as missing:
                await http.call("PUT", f"{server.url}/", {}, tmp_path / "missing")
            assert not missing.value.is_sent
            await server.wait_until_left()
            await http.close()

    tell(story())


def test_a_call_ends_if_nothing_moves(tell: Any) -> None:
    """It may stall while a body is sent, before the answer, or within it."""

    async def handler(_: Server, line: Line) -> None:
        asked = await line.head()
        if asked.line.startswith("PUT"):
            await asyncio.sleep(10)
        if asked.line.startswith("GET /half"):
            await line.say(YES[:-1])
        await line.reader.read()

    async def story() -> None:
        http = _http(read_s=0.05)
        async with serving(handler) as server:
            for method, path, body in (("GET", "/", b""), ("GET", "/half", b""), ("PUT", "/", LARGE)):
                with pytest.raises(NoAnswerError, match="nothing came for") as late:
                    await http.call(method, f"{server.url}{path}", {}, body)
                assert late.value.is_sent
                assert isinstance(late.value.__cause__, TimeoutError)
            await http.close()

    tell(story())


def test_what_moves_slowly_may_take_longer(tell: Any) -> None:
    """The limit applies to each read."""

    async def handler(_: Server, line: Line) -> None:
        await line.asked()
        for piece in (YES[:5], YES[5:30], YES[30:]):
            await asyncio.sleep(0.1)
            await line.say(piece)

    async def story() -> None:
        http = _http(read_s=0.25)
        async with serving(handler) as server:
            assert (await http.call("GET", f"{server.url}/", {})).body == b"yes"
            await http.close()

    tell(story())


def test_an_answer_that_came_while_the_process_was_suspended_is_read(tell: Any) -> None:
    """Its time was over, but it had arrived."""

    async def handler(_: Server, line: Line) -> None:
        await line.asked()
        os.write(line.writer.get_extra_info("socket").fileno(), YES)
        time.sleep(0.1)  # noqa: ASYNC251 - the whole process stands still

    async def story() -> None:
        http = _http(read_s=0.05)
        async with serving(handler) as server:
            assert (await http.call("GET", f"{server.url}/", {})).body == b"yes"
            await http.close()

    tell(story())


def test_a_whole_call_has_a_limit_too(tell: Any) -> None:
    """A call that never got a connection was not sent."""

    async def story() -> None:
        http = _http()

        async def handler(_: Server, line: Line) -> None:
            await line.reader.read()

        async with serving(handler) as server:
            calls = [asyncio.create_task(http.call("GET", f"{server.url}/", {})) for _ in range(MOST)]
            while server.lines < MOST:
                await asyncio.sleep(0.001)
            with pytest.raises(NoAnswerError, match="no whole answer") as queued:
                await http.call("POST", f"{server.url}/", {}, limit_s=0.02)
            assert not queued.value.is_sent
            for call in calls:
                call.cancel()
            await asyncio.wait(calls)
            await server.wait_until_left()
            with pytest.raises(NoAnswerError, match="no whole answer") as held:
                await http.call("POST", f"{server.url}/", {}, limit_s=0.25)
            assert held.value.is_sent
            await server.wait_until_left()
            await http.close()

    tell(story())


def test_a_disk_that_times_out_is_reported_as_such(tell: Any, tmp_path: Path) -> None:
    """It is even in a call without a limit of its own."""

    class Slow(type(tmp_path)):  # type: ignore[misc]
        def open(self, *_: Any, **__: Any) -> Any:
            raise TimeoutError(errno.ETIMEDOUT, "timed out")

    async def story() -> None:
        http = _http()
        with pytest.raises(NoAnswerError, match="timed out") as raised:
            await http.call("PUT", "http://127.0.0.1:9/", {}, Slow(tmp_path / "body"))
        assert not raised.value.is_sent
        await http.close()

    tell(story())


def test_a_refused_large_body_ends_its_connection(tell: Any) -> None:
    """Some of it may be unread, and the next request would wait behind the rest."""
    lines: list[Line] = []
    answers = [b"HTTP/1.1 412 No\r\nContent-Length: 0\r\n\r\n", YES, YES]

    async def handler(_: Server, line: Line) -> None:
        while True:
            await line.asked()
            lines.append(line)
            await line.say(answers.pop(0))

    async def story() -> None:
        http = _http()
        async with serving(handler) as server:
            for _ in range(3):
                await http.call("PUT", f"{server.url}/", {}, LARGE)
            assert lines[0] is not lines[1]
            assert lines[1] is lines[2]
            await http.close()

    tell(story())


def test_a_body_that_is_too_long_is_not_read(tell: Any) -> None:
    """Its connection is closed; one of the allowed length is read."""

    async def handler(_: Server, line: Line) -> None:
        while True:
            await line.asked()
            await line.answer(b"0123456789")

    async def story() -> None:
        http = _http()
        async with serving(handler) as server:
            assert (await http.call("GET", f"{server.url}/", {}, limit_bytes=10)).body == b"0123456789"
            with pytest.raises(TooManyBytesError):
                await http.call("GET", f"{server.url}/", {}, limit_bytes=9)
            await server.wait_until_left()
            await http.close()

    tell(story())


def test_an_ipv6_address_is_reached(tell: Any) -> None:
    """The header has it in brackets."""

    async def story() -> None:
        http = _http()
        try:
            async with serving(_always, host="::1") as server:
                await http.call("GET", f"http://[::1]:{server.port}/", {})
                assert server.asked[0].headers["Host"] == f"[::1]:{server.port}"
                await http.close()
        except OSError:
            pytest.skip("this machine has no IPv6")

    tell(story())


def test_a_host_without_an_address_is_reported_as_such(tell: Any) -> None:
    """Nothing was sent."""

    async def story() -> None:
        with pytest.raises(NoAnswerError, match="unknown host name") as unknown:
            await _http().call("POST", "http://nobody.invalid/", {})
        assert not unknown.value.is_sent

    tell(story())
