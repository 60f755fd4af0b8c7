"""The connection pool: proxies and certificates from the environment, bounds, and which calls are repeated."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from backburner.adapters.http import Http, NoAnswerError, Reply, trusting
from support.proxy import CUT, HALVE, Say, once, s3_error, serve_proxy

from .conftest import Wire, bucket_at, queue_at, run

NOBODY = "http://127.0.0.1:1"


def _called(http: Http, url: str, method: str = "GET", **more: Any) -> Reply:
    async def story() -> Reply:
        try:
            return await http.call(method, url, {}, **more)
        finally:
            await http.close()

    return asyncio.run(story())


def _http(**more: Any) -> Http:
    return Http(connect_s=2, read_s=2, **more)


@pytest.fixture
def secure(certificate: Path) -> Iterator[str]:
    """The address of a server that speaks TLS with that certificate."""

    class Handler(BaseHTTPRequestHandler):
        """Answers every call."""

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "3")
            self.end_headers()
            self.wfile.write(b"yes")

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        """Ignores clients that do not trust it."""

        def handle_error(self, *_: Any) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_store_with_a_private_certificate_is_reached_if_it_is_trusted(secure: str, certificate: Path) -> None:
    """AWS_CA_BUNDLE names the certificate; without it, nothing is sent."""
    for address in (secure, secure.replace("https", "HTTPS")):
        assert _called(_http(ca_file=str(certificate)), address).body == b"yes"
    with pytest.raises(NoAnswerError) as refused:
        _called(_http(), secure)
    assert not refused.value.is_sent


def test_a_connection_that_was_idle_for_long_is_not_used_again() -> None:
    """Its server may be closing it, and then it would be unknown whether a create arrived."""
    opened = set[int]()

    class Handler(BaseHTTPRequestHandler):
        """Records where each call came from."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            opened.add(self.client_address[1])
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    async def story(url: str, idle_s: float) -> None:
        http = _http(idle_s=idle_s)
        await http.call("GET", url, {})
        await asyncio.sleep(0.05)
        await http.call("GET", url, {})
        await http.close()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        for idle_s, connections in ((60.0, 1), (0.01, 2)):
            opened.clear()
            asyncio.run(story(f"http://127.0.0.1:{server.server_port}/", idle_s))
            assert len(opened) == connections
        server.shutdown()


def test_a_plain_call_reads_no_certificates() -> None:
    """Reading them takes longer than a call, so a process that needs none starts without them."""
    trusting.cache_clear()
    with serve_proxy(NOBODY) as server:
        server.rule = lambda _: Say(200, b"yes")
        assert _called(_http(), server.url).body == b"yes"
    assert trusting.cache_info().misses == 0


def test_calls_go_through_the_proxy_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls to exempt hosts do not."""
    with serve_proxy(NOBODY) as proxy:
        proxy.rule = lambda _: Say(200, b"by the proxy")
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1,exempt.invalid")
        assert _called(_http(), "http://store.invalid/inbox/../a%20b").body == b"by the proxy"
        assert proxy.requests[0].path == "http://store.invalid/inbox/../a%20b"
        with pytest.raises(NoAnswerError):
            _called(_http(), "http://exempt.invalid/")
        assert _called(_http(), f"{proxy.url}/direct").status == 200
        assert proxy.requests[-1].path == "/direct"


def test_a_server_that_does_not_answer_is_given_up() -> None:
    """It is at the read limit, or at the caller's own; the request may have had its effect."""
    let_go = threading.Event()

    def hold(_: Any) -> Say:
        let_go.wait(10)
        return Say(200)

    with serve_proxy(NOBODY) as server:
        server.rule = hold
        try:
            for http, limit_s in ((Http(connect_s=1, read_s=0.2), None), (_http(), 0.2)):
                with pytest.raises(NoAnswerError) as left:
                    _called(http, server.url, "POST", limit_s=limit_s)
                assert left.value.is_sent
        finally:
            let_go.set()


def test_a_refused_connection_means_that_nothing_was_sent() -> None:
    """It is reported as such."""
    with pytest.raises(NoAnswerError) as refused:
        _called(_http(), NOBODY)
    assert not refused.value.is_sent
    assert refused.value.name == "connection refused"


def test_a_post_is_never_sent_again() -> None:
    """It is not repeated over a dead connection or if its answer breaks off."""
    with serve_proxy(NOBODY) as server:
        server.rule = lambda _: CUT
        with pytest.raises(NoAnswerError):
            _called(_http(), server.url, "POST", body=b"x")
        assert len(server.requests) == 1


def test_a_pool_serves_one_loop_after_another() -> None:
    """Connections of an ended loop are not used again."""
    http = _http()
    with serve_proxy(NOBODY) as server:
        server.rule = lambda _: Say(200, b"x")
        assert [_called(http, server.url).status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("act", [s3_error(503, "SlowDown"), s3_error(400, "RequestTimeout"), s3_error(429, "x"), HALVE])
def test_a_temporary_error_of_a_store_is_retried(wire: Wire, act: Any) -> None:
    """It is recognised by its status, or by its code for "not now"."""
    run(wire.direct.put("k", b"x" * 1000, match="*", content_type="text/plain"))
    wire.proxy.rule = once(lambda request: request.method == "GET", act)
    stored = run(wire.bucket.get("k"))
    assert stored is not None
    assert len(wire.proxy.requests) == 2


def test_a_refusal_by_a_store_is_not_retried() -> None:
    """The answer would be the same."""
    with serve_proxy(NOBODY) as server:
        server.rule = lambda _: s3_error(403, "AccessDenied")
        with pytest.raises(Exception, match="403 AccessDenied"):
            run(bucket_at(server.url, "b").get("k"))
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body", [b'{"__type":"com.amazonaws.sqs#RequestThrottled"}', b'{"__type":"ThrottlingException"}']
)
def test_throttling_by_a_queue_is_retried(body: bytes) -> None:
    """Its code comes with status 400."""
    with serve_proxy(NOBODY) as server:
        well = Say(200, b'{"Messages": []}')
        server.rule = once(lambda _: True, Say(400, body))
        throttled, server.rule = server.rule, lambda request: throttled(request) or well
        assert list(run(queue_at(server.url, f"{server.url}/1/q").receive(10, 0))) == []
        assert len(server.requests) == 2


def test_a_file_is_sent_whole_again_when_its_put_is_repeated(wire: Wire, tmp_path: Path) -> None:
    """It starts at its beginning, not where the first try stopped reading."""
    path = tmp_path / "large"
    path.write_bytes(b"0123456789" * 100_000)
    wire.proxy.rule = once(lambda request: request.method == "PUT", s3_error(503, "SlowDown"))
    etag = run(wire.bucket.put("k", path, match="*", content_type="text/plain"))
    stored = run(wire.direct.get("k"))
    assert stored is not None
    assert (stored.body, stored.etag) == (path.read_bytes(), etag)


def test_a_large_body_is_sent_whole_too(wire: Wire) -> None:
    """It is sent in pieces: a warning about a blocked event loop would fail this test."""
    body = b"0123456789" * 200_000
    wire.proxy.rule = once(lambda request: request.method == "PUT", s3_error(503, "SlowDown"))
    run(wire.bucket.put("k", body, match="*", content_type="text/plain"))
    stored = run(wire.direct.get("k"))
    assert stored is not None
    assert stored.body == body


def test_a_store_without_range_requests_is_supported() -> None:
    """It sends the whole object with 200, and the requested range is cut out here."""
    with serve_proxy(NOBODY) as server:
        server.rule = lambda _: Say(200, b"0123456789", {"ETag": '"e"'})
        assert run(bucket_at(server.url, "b").get_range("k", 2, 5, "e")) == b"234"
