"""A connection to a server, with at most one request at a time."""

import asyncio
import os
import select
import ssl
import time
from typing import cast

from backburner.adapters.wire.answers import Incoming, LostConnectionError, NoAnswerError, TooManyBytesError
from backburner.adapters.wire.requests import Body


class Connection(asyncio.Protocol):
    """Sends a request and reads its answer. It never reads ahead: what nobody asked for closes it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for the loop to connect it."""
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._readable = select.poll()
        self._incoming: Incoming | None = None
        self._done: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._failure: NoAnswerError | TooManyBytesError | None = None
        self._is_paused = False
        self._moved_at = self._read_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.is_over = False
        self.idle_since_s = 0.0
        self.closed: asyncio.Future[None] = loop.create_future()

    @property
    def transport(self) -> asyncio.Transport:
        """What it is connected by."""
        assert self._transport is not None, "not connected"
        return self._transport

    @property
    def is_usable(self) -> bool:
        """Whether the server has neither closed it nor said anything, as far as this machine knows by now."""
        return not self.is_over and not self.transport.is_closing() and not self._readable.poll(0)

    async def exchange(self, first: bytes, rest: Body | None, incoming: Incoming, read_s: float) -> bool:
        """Send a request and read its answer. Returns whether the connection can serve another request.

        An answer that comes before the request is sent to its end is an answer. Raises `NoAnswerError`, also if no
        byte moves for `read_s`, and `TooManyBytesError`; the connection is closed then.
        """
        done = self._done = self._loop.create_future()
        self._incoming, self._failure, self._read_s = incoming, None, read_s
        self._moved_at = time.monotonic()
        self._timer = self._loop.call_later(read_s, self._check_time)
        has_ended, failure = False, None
        try:
            self.transport.write(first)
            is_sent = rest is None or await self._is_sent(rest, done)
            if not done.done():
                await done
            has_ended, failure = True, self._failure
        finally:
            self._timer.cancel()
            self._timer = self._incoming = self._done = self._failure = None
            if failure is not None or not has_ended:
                self.abort()
        if failure is not None:
            raise failure
        is_kept = is_sent and incoming.is_kept and not incoming.has_leftover
        if rest is not None and not 200 <= incoming.status < 300:  # noqa: PLR2004 - it may not have read all of the body
            return False
        return is_kept and not self.is_over and not self.transport.get_write_buffer_size()

    async def _is_sent(self, rest: Body, done: asyncio.Future[None]) -> bool:
        """Send the rest of a body as fast as the server takes it. Returns False if the answer comes first."""
        while rest.left_bytes:
            await self._drain(done)
            piece = b"" if done.done() else await rest.read()
            if done.done():
                return False
            self.transport.write(piece)
            self._moved_at = time.monotonic()
        return True

    async def _drain(self, done: asyncio.Future[None]) -> None:
        if not self._is_paused or done.done():
            await asyncio.sleep(0)
            return
        self._drained = self._loop.create_future()
        try:
            await self._drained
        finally:
            self._drained = None

    def abort(self) -> None:
        """Close it at once."""
        self.is_over = True
        if self._transport is not None:
            self._transport.abort()

    def _fail(self, exc: Exception | None) -> None:
        """End a call whose answer will not come any more."""
        self.is_over = True
        if self._incoming is None:
            return
        if self._incoming.has_begun:
            failure = NoAnswerError("the answer broke off", is_broken_off=True)
        else:
            failure = LostConnectionError(_words(exc))
        failure.__cause__ = exc
        self._finish(failure)

    def _finish(self, failure: NoAnswerError | TooManyBytesError | None) -> None:
        self._incoming, self._failure = None, failure
        for waiting in (self._done, self._drained):
            if waiting is not None and not waiting.done():
                waiting.set_result(None)

    def _check_time(self) -> None:
        """End a call in which nothing has moved for too long; else look again when that could be.

        After a long pause of the whole process, the loop looks at timers before it reads what has come meanwhile.
        """
        left_s = self._moved_at + self._read_s - time.monotonic()
        if left_s > 0 or self._readable.poll(0):
            self._timer = self._loop.call_later(max(0.0, left_s), self._check_time)
            return
        late = NoAnswerError(f"nothing came for {self._read_s:g} s")
        late.__cause__ = TimeoutError()
        self._finish(late)

    # The event loop calls these.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be connected."""
        self._transport = cast("asyncio.Transport", transport)
        self._readable.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Read, or close if nobody asked."""
        if (incoming := self._incoming) is None:
            self.abort()
            return
        self._moved_at = time.monotonic()
        try:
            incoming.feed(data)
        except (NoAnswerError, TooManyBytesError) as failure:
            self._finish(failure)
        else:
            if incoming.is_whole:
                self._finish(None)

    def eof_received(self) -> None:
        """The server will send no more: the end of a body whose length it did not tell."""
        self.is_over = True
        if (incoming := self._incoming) is not None:
            try:
                incoming.end(is_cut_off=_is_cut_off(self.transport))
            except NoAnswerError as failure:
                self._finish(failure)
            else:
                self._finish(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed, by an error or on this side."""
        self._fail(exc)
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        """The server takes no more for now."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """The server has taken most of what was sent."""
        self._is_paused = False
        self._moved_at = time.monotonic()
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)


def _is_cut_off(transport: asyncio.Transport) -> bool:
    """Whether a connection with TLS has ended without the alert that says so; all that came before was read."""
    tls = transport.get_extra_info("ssl_object")
    try:
        return tls is not None and bool(tls.read(1))
    except ssl.SSLZeroReturnError:
        return False
    except ssl.SSLError:
        return True


def _words(error: Exception | None) -> str:
    """What the system says."""
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number).lower() if number else "the connection was closed"
