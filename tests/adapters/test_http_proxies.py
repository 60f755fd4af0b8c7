"""TLS and proxies: what goes through which connection, and what is refused before anything is sent."""

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backburner.adapters.http import Http, NoAnswerError
from support.raw_server import Handler, Line, Server, serving


def _http(certificate: Path | None = None, **more: Any) -> Http:
    return Http(**{"connect_s": 2, "read_s": 2, "ca_file": certificate and str(certificate), **more})


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    """What a server needs to speak TLS with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@dataclass(frozen=True)
class Outside:
    """How to reach a proxy."""

    scheme: str
    tls: ssl.SSLContext | None


@pytest.fixture(params=["http", "https"])
def outside(request: pytest.FixtureRequest, tls: ssl.SSLContext) -> Outside:
    """A plain proxy, and one that itself speaks TLS."""
    return Outside(request.param, tls if request.param == "https" else None)


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


async def _store(server: Server, line: Line) -> None:
    """Answer every request."""
    while True:
        server.asked.append(await line.asked())
        await line.answer(b"the store")


def _passing(port: int, answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> Handler:
    """A proxy that forwards bytes to a port, whatever host is requested."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def handler(server: Server, line: Line) -> None:
        asked = await line.asked()
        server.asked.append(asked)
        await line.say(answer)
        if asked.line.startswith("CONNECT") and b"200" in answer:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                await asyncio.gather(pump(line.reader, writer), pump(reader, line.writer))
            finally:
                writer.close()
        elif answer:
            await line.reader.read()

    return handler


def test_a_connection_with_tls_is_used_again(tell: Any, certificate: Path, tls: ssl.SSLContext) -> None:
    """It may have carried large bodies; at the end nothing is left open."""
    body = b"0123456789" * 200_000

    async def story() -> None:
        http = _http(certificate)
        async with serving(_store, tls=tls) as server:
            url = f"https://127.0.0.1:{server.port}/"
            assert (await http.call("GET", url, {})).body == b"the store"
            assert (await http.call("PUT", url, {}, body)).status == 200
            assert server.asked[1].body == body
            assert server.lines == 1
            await http.close()
            await server.wait_until_left()

    tell(story())


def test_a_certificate_for_another_host_is_not_accepted(tell: Any, certificate: Path, tls: ssl.SSLContext) -> None:
    """An untrusted one is not either; it is reported as such, and nothing was sent."""

    async def story() -> None:
        async with serving(_store, tls=tls) as server:
            for http, host in ((_http(certificate), "localhost"), (_http(), "127.0.0.1")):
                with pytest.raises(NoAnswerError, match="certificate is not accepted") as refused:
                    await http.call("POST", f"https://{host}:{server.port}/", {}, b"secret")
                assert not refused.value.is_sent
                await http.close()
            assert not server.asked

    tell(story())


def test_a_server_without_a_tls_handshake_is_given_up(tell: Any) -> None:
    """It is within the time for a connection, or at once if it does not speak TLS."""

    async def silent(_: Server, line: Line) -> None:
        await line.reader.read()

    async def plain(_: Server, line: Line) -> None:
        await line.reader.read(1)
        await line.answer()

    async def story() -> None:
        for handler, limit_s, message in (
            (silent, 0.05, "no connection within 0.05 s"),
            (plain, 2, "no TLS connection"),
        ):
            http = _http(connect_s=limit_s)
            async with serving(handler) as server:
                with pytest.raises(NoAnswerError, match=message) as left:
                    await http.call("POST", f"https://127.0.0.1:{server.port}/", {})
                assert not left.value.is_sent
                await server.wait_until_left()
                await http.close()

    tell(story())


def test_calls_with_tls_go_through_a_tunnel(
    tell: Any, monkeypatch: pytest.MonkeyPatch, certificate: Path, tls: ssl.SSLContext, outside: Outside
) -> None:
    """The proxy sees only the host and its own credentials; the tunnel is used again."""

    async def story() -> None:
        http = _http(certificate)
        async with (
            serving(_store, tls=tls) as store,
            serving(_passing(store.port), tls=outside.tls) as proxy,
        ):
            monkeypatch.setenv("HTTPS_PROXY", f"{outside.scheme}://me:a%20word@127.0.0.1:{proxy.port}")
            for _ in range(2):
                reply = await http.call("PUT", "https://store.test/a/../b", {"Authorization": "mine"}, b"body")
                assert reply.body == b"the store"
            assert [one.line for one in proxy.asked] == ["CONNECT store.test:443 HTTP/1.1"]
            headers = {"Host": "store.test:443", "Proxy-Authorization": "Basic bWU6YSB3b3Jk"}
            assert proxy.asked[0].headers == headers
            assert [one.line for one in store.asked] == ["PUT /a/../b HTTP/1.1"] * 2
            assert "Proxy-Authorization" not in store.asked[0].headers
            assert store.asked[0].headers["Host"] == "store.test"
            assert (await http.call("GET", "https://store.test./", {})).body == b"the store"
            await http.close()
            await store.wait_until_left()
            await proxy.wait_until_left()

    tell(story())


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno", "the proxy refuses to connect: 407"),
        (b"HTTP/1.1 200 OK\r\n\r\nmore", "the proxy refuses to connect"),
        (b"what?\r\n\r\n", "malformed"),
        (b"", "the connection was closed"),
    ],
)
def test_a_proxy_that_makes_no_tunnel_means_that_nothing_was_sent(
    tell: Any, monkeypatch: pytest.MonkeyPatch, answer: bytes, told: str
) -> None:
    """Its answer does not matter."""

    async def story() -> None:
        http = _http()
        async with serving(_passing(1, answer)) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.port}")
            with pytest.raises(NoAnswerError, match=told) as refused:
                await http.call("POST", "https://store.test/", {}, b"body")
            assert not refused.value.is_sent
            await http.close()
            await proxy.wait_until_left()

    tell(story())


def test_the_time_for_a_connection_includes_the_proxys_answer(tell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy may never answer."""

    async def silent(_: Server, line: Line) -> None:
        await line.reader.read()

    async def story() -> None:
        http = _http(connect_s=0.05)
        async with serving(silent) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            with pytest.raises(NoAnswerError) as left:
                await http.call("POST", "https://store.test/", {}, b"body")
            assert not left.value.is_sent
            await proxy.wait_until_left()
            await http.close()

    tell(story())


def test_a_plain_call_gives_the_proxy_the_whole_address(
    tell: Any, monkeypatch: pytest.MonkeyPatch, certificate: Path, outside: Outside
) -> None:
    """It is unchanged, with the proxy's credentials beside the call's own."""

    async def story() -> None:
        http = _http(certificate)
        async with serving(_store, tls=outside.tls) as proxy:
            monkeypatch.setenv("HTTP_PROXY", f"{outside.scheme}://me:word@127.0.0.1:{proxy.port}")
            await http.call("GET", "http://store.test:81/a/../b//%2F?x", {"Authorization": "mine"})
            asked = proxy.asked[0]
            assert asked.line == "GET http://store.test:81/a/../b//%2F?x HTTP/1.1"
            assert asked.headers["Host"] == "store.test:81"
            assert asked.headers["Proxy-Authorization"] == "Basic bWU6d29yZA=="
            assert asked.headers["Authorization"] == "mine"
            await http.close()

    tell(story())


def test_a_proxy_of_another_kind_is_refused(tell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says which kinds can be used."""
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")

    async def story() -> None:
        with pytest.raises(NoAnswerError, match="must begin with http:// or https://") as refused:
            await _http().call("GET", "https://store.test/", {})
        assert not refused.value.is_sent

    tell(story())
