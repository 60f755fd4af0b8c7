"""Connections on both event loops: which are reused, who waits, and what happens to failed calls."""

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from backburner.adapters.http import Http, NoAnswerError
from backburner.adapters.wire.answers import Incoming
from backburner.adapters.wire.connections import Connection
from backburner.adapters.wire.pool import Pool
from backburner.adapters.wire.requests import PIECE_BYTES, Body
from support.raw_server import Line, Server, serving

HEAD_OF_YES = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
YES = HEAD_OF_YES + b"yes"
MOST = 64


def _http(**more: Any) -> Http:
    return Http(**{"connect_s": 2, "read_s": 2, **more})


@pytest.mark.parametrize(
    ("answer", "lines"),
    [
        (YES, 1),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + YES, 1),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\nX: y\r\n\r\n", 1),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nyes", 1),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nyes", 2),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nyes", 2),
        (YES + b"more", 2),
        (YES + YES, 2),
    ],
    ids=["length", "interim", "chunks", "1.0 kept", "1.0", "close", "more", "another"],
)
def test_a_connection_is_used_again_if_the_answer_allows_it(tell: Any, answer: bytes, lines: int) -> None:
    """It is not if the server closes it, or sent bytes that were not requested."""

    async def handler(_: Server, line: Line) -> None:
        while True:
            await line.asked()
            await line.say(answer)

    async def story() -> None:
        http = _http()
        async with serving(handler) as server:
            for _ in range(2):
                reply = await http.call("GET", f"{server.url}/", {})
                assert (reply.status, reply.body) == (200, b"yes")
            await http.close()
            await server.wait_until_left()
            assert server.lines == lines

    tell(story())


def test_a_body_without_a_length_ends_with_the_connection(tell: Any) -> None:
    """The next call takes another connection."""

    async def handler(_: Server, line: Line) -> None:
        await line.asked()
        await line.say(b"HTTP/1.1 200 OK\r\n\r\nall of it")

    async def story() -> list[bytes]:
        http = _http()
        async with serving(handler) as server:
            replies = [await http.call("POST", f"{server.url}/", {}) for _ in range(2)]
            await http.close()
            assert server.lines == 2
        return [reply.body for reply in replies]

    assert tell(story()) == [b"all of it"] * 2


def test_an_answer_to_a_head_has_no_body(tell: Any) -> None:
    """Its headers may announce one; the connection is used again."""

    async def handler(_: Server, line: Line) -> None:
        for framing in ("Content-Length: 9", "Transfer-Encoding: chunked", "Content-Length: 0"):
            await line.asked()
            await line.say(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode())
        await line.asked()
        await line.say(YES)

    async def story() -> None:
        http = _http()
        async with serving(handler) as server:
            heads = [await http.call("HEAD", f"{server.url}/", {}) for _ in range(3)]
            assert [head.body for head in heads] == [b""] * 3
            assert heads[0].headers["content-length"] == "9"
            assert (await http.call("GET", f"{server.url}/", {})).body == b"yes"
            await http.close()
            assert server.lines == 1

    tell(story())


def test_a_connection_closed_by_the_server_is_not_used_for_a_post(tell: Any) -> None:
    """This machine knows that it is closed; after a create into it, it would be unknown whether it arrived."""

    async def story() -> None:
        http, gone = _http(), asyncio.Event()

        async def handler(_: Server, line: Line) -> None:
            await line.asked()
            await line.answer()
            if line.number == 1:
                await gone.wait()
                line.writer.write_eof()
            else:
                await line.asked()

        async with serving(handler) as server:
            assert (await http.call("POST", f"{server.url}/", {})).status == 200
            gone.set()
            await asyncio.sleep(0.01)
            assert (await http.call("POST", f"{server.url}/", {})).status == 200
            assert server.lines == 2
            await http.close()

    tell(story())


@pytest.mark.parametrize("said", [b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", b"x"])
def test_an_unrequested_answer_is_ignored(tell: Any, said: bytes) -> None:
    """It is even if it has just arrived and the event loop has not read it yet."""

    async def story() -> None:
        http, writers = _http(), list[asyncio.StreamWriter]()

        async def handler(_: Server, line: Line) -> None:
            while True:
                await line.asked()
                await line.answer()
                writers.append(line.writer)

        async with serving(handler) as server:
            assert (await http.call("POST", f"{server.url}/", {})).status == 200
            await asyncio.sleep(0)
            with socket.socket(fileno=writers[0].get_extra_info("socket").fileno()) as raw:
                raw.send(said)
                raw.detach()
            reply = await http.call("POST", f"{server.url}/", {})
            assert (reply.status, server.lines) == (200, 2)
            await http.close()

    tell(story())


@pytest.mark.parametrize(
    ("method", "kind", "asked"),
    [
        *[("GET", "bytes", 4), ("HEAD", "bytes", 4), ("PUT", "bytes", 4), ("PUT", "file", 4), ("DELETE", "bytes", 4)],
        *[("POST", "bytes", 3), ("POST", "file", 3)],
    ],
)
def test_a_request_into_a_dying_connection_is_sent_once_more_if_it_may(
    tell: Any, tmp_path: Path, method: str, kind: str, asked: int
) -> None:
    """It goes over a new connection, even if another is idle, with the whole body; a post never does."""
    path = tmp_path / "body"
    path.write_bytes(b"body")
    body = path if kind == "file" else b"body"

    async def story() -> None:
        http, both = _http(), asyncio.Barrier(2)

        async def handler(server: Server, line: Line) -> None:
            server.asked.append(await line.asked())
            if line.number <= 2:
                await both.wait()
                await line.answer(b"")
                server.asked.append(await line.asked())
                return
            await line.answer(b"")

        async with serving(handler) as server:
            await asyncio.gather(*(http.call(method, f"{server.url}/", {}, body) for _ in range(2)))
            if method == "POST":
                with pytest.raises(NoAnswerError) as lost:
                    await http.call(method, f"{server.url}/", {}, body)
                assert lost.value.is_sent
                assert not lost.value.is_broken_off
            else:
                await http.call(method, f"{server.url}/", {}, body)
            await http.close()
            assert [one.body for one in server.asked] == [b"body"] * asked

    tell(story())


@pytest.mark.parametrize("half", [YES[:20], HEAD_OF_YES, YES[:-1]])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_answer_that_breaks_off_is_not_asked_for_again(tell: Any, method: str, half: bytes) -> None:
    """The caller is told that it had begun."""

    async def handler(server: Server, line: Line) -> None:
        server.asked.append(await line.asked())
        await line.say(half)

    async def story() -> None:
        http = _http()
        async with serving(handler) as server:
            with pytest.raises(NoAnswerError) as broken:
                await http.call(method, f"{server.url}/", {})
            assert broken.value.is_sent
            assert broken.value.is_broken_off
            assert len(server.asked) == 1
            await http.close()

    tell(story())


def test_a_reset_does_not_end_a_body_without_a_length(tell: Any) -> None:
    """Only an orderly close ends the body."""

    async def handler(_: Server, line: Line) -> None:
        await line.asked()
        await line.say(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await asyncio.sleep(0.01)
        line.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        line.writer.transport.abort()

    async def story() -> None:
        http = _http()
        async with serving(handler) as server:
            with pytest.raises(NoAnswerError) as broken:
                await http.call("GET", f"{server.url}/", {})
            assert broken.value.is_broken_off
            await http.close()

    tell(story())


def test_connections_are_bounded_and_calls_wait_in_turn(tell: Any) -> None:
    """A task cancelled while waiting or at work leaves its turn to the next."""

    async def story() -> None:
        http, go, order = _http(), asyncio.Event(), list[str]()

        async def handler(_: Server, line: Line) -> None:
            while True:
                order.append((await line.asked()).line.split()[1])
                await go.wait()
                await line.answer()

        async with serving(handler) as server:
            calls = []
            for number in range(MOST + 6):
                calls.append(asyncio.create_task(http.call("GET", f"{server.url}/{number}", {})))
                await asyncio.sleep(0)
            while len(order) < MOST:
                await asyncio.sleep(0.001)
            assert server.lines == MOST
            calls[MOST + 2].cancel()
            calls[3].cancel()
            await asyncio.wait([calls[3]])
            while len(order) < MOST + 1:
                await asyncio.sleep(0.001)
            assert order[-1] == f"/{MOST}"
            assert server.lines == MOST + 1
            go.set()
            done = await asyncio.gather(*calls, return_exceptions=True)
            assert [isinstance(one, BaseException) for one in done].count(True) == 2
            assert order[MOST:] == [f"/{MOST + number}" for number in (0, 1, 3, 4, 5)]
            assert server.open_lines == MOST
            await http.close()
            await server.wait_until_left()

    tell(story())


def test_idle_connections_make_room_for_other_hosts(tell: Any) -> None:
    """They count towards the 64."""

    async def story() -> None:
        http, meeting = _http(), asyncio.Barrier(MOST)

        async def handler(_: Server, line: Line) -> None:
            while True:
                await line.asked()
                await asyncio.wait_for(meeting.wait(), 5)
                await line.answer()

        async with serving(handler) as one, serving(handler) as other:
            for server in (one, other):
                await asyncio.gather(*(http.call("GET", f"{server.url}/", {}) for _ in range(MOST)))
            await one.wait_until_left()
            assert other.open_lines == MOST
            await http.close()

    tell(story())


def test_closing_ends_calls_in_progress(tell: Any) -> None:
    """Waiting ones too; a later call opens new connections."""

    async def story() -> None:
        http, hold = _http(), asyncio.Event()

        async def handler(server: Server, line: Line) -> None:
            server.asked.append(await line.asked())
            await line.say(b"HTTP/1.1 200 OK\r\n\r\nhalf")
            await hold.wait()
            await line.say(b"of it")

        async with serving(handler) as server:
            calls = [asyncio.create_task(http.call("GET", f"{server.url}/", {})) for _ in range(MOST + 1)]
            while len(server.asked) < MOST:
                await asyncio.sleep(0.001)
            await http.close()
            ends = await asyncio.gather(*calls, return_exceptions=True)
            assert {type(end) for end in ends} == {NoAnswerError}
            assert [end.is_sent for end in ends if isinstance(end, NoAnswerError)].count(False) == 1
            hold.set()
            assert (await http.call("GET", f"{server.url}/", {})).body == b"halfof it"
            await http.close()

    tell(story())


class _Slow:
    """A transport that has sent only part of a request when its answer arrives."""

    def __init__(self, connection: Connection, left_bytes: int) -> None:
        self._connection, self._left_bytes = connection, left_bytes
        self.ends = socket.socketpair()

    def get_extra_info(self, _: str) -> socket.socket:
        return self.ends[0]

    def write(self, _: bytes) -> None:
        self._connection.data_received(YES)

    def get_write_buffer_size(self) -> int:
        return self._left_bytes


@pytest.mark.parametrize(("left_bytes", "is_kept"), [(0, True), (1, False)])
def test_a_connection_with_half_a_request_in_it_is_not_used_again(tell: Any, left_bytes: int, *, is_kept: bool) -> None:
    """The next request would wait behind the rest of it."""

    async def story() -> None:
        connection = Connection(asyncio.get_running_loop())
        slow = _Slow(connection, left_bytes)
        connection.connection_made(slow)  # type: ignore[arg-type]
        assert await connection.exchange(b"request", None, Incoming(), 1) is is_kept
        for end in slow.ends:
            end.close()

    tell(story())


def test_a_slow_server_is_not_overrun(tell: Any) -> None:
    """A piece is sent only after the server has taken the last one."""

    class Full(_Slow):
        """A transport that is full after each write."""

        sent = 0

        def write(self, piece: bytes) -> None:
            self.sent += len(piece)
            self._connection.pause_writing()

    async def story() -> None:
        connection = Connection(asyncio.get_running_loop())
        full = Full(connection, 0)
        connection.connection_made(full)  # type: ignore[arg-type]
        rest = Body(b"x" * 2 * PIECE_BYTES, 2 * PIECE_BYTES)
        call = asyncio.create_task(connection.exchange(b"x", rest, Incoming(), 1))
        for sent in (1, 1 + PIECE_BYTES, 1 + 2 * PIECE_BYTES):
            for _ in range(5):
                await asyncio.sleep(0)
            assert full.sent == sent
            connection.resume_writing()
        await asyncio.sleep(0)
        connection.data_received(YES)
        assert await call
        for end in full.ends:
            end.close()

    tell(story())


def test_a_turn_is_never_lost(tell: Any) -> None:
    """Neither a failed connection nor a task cancelled just when it gets its turn loses one."""

    async def story() -> None:
        http = _http()
        for _ in range(MOST + 1):
            with pytest.raises(NoAnswerError, match="connection refused"):
                await http.call("GET", "http://127.0.0.1:1/", {}, limit_s=2)
        await http.close()
        pool = Pool(connect_s=1, idle_s=1, trusted=ssl.create_default_context)
        for _ in range(MOST):
            await pool._enter()
        waiting = asyncio.create_task(pool._enter())
        await asyncio.sleep(0)
        pool._leave()
        waiting.cancel()
        await asyncio.wait([waiting])
        await asyncio.wait_for(pool._enter(), 1)

    tell(story())
