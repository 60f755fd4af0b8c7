"""The connections of one event loop: how many there are, and which are used again."""

import asyncio
import time
from collections import defaultdict, deque

from backburner.adapters.wire.answers import NoAnswerError
from backburner.adapters.wire.connections import Connection
from backburner.adapters.wire.opening import Trusted, opened
from backburner.adapters.wire.requests import Place, Route

_CONNECTIONS = 64
_CLOSING_S = 1.0
_Key = tuple[Place, Place | None, str | None]


class Pool:
    """At most 64 connections, those that are idle included. Who has to wait gets one in turn."""

    def __init__(self, *, connect_s: float, idle_s: float, trusted: Trusted) -> None:
        """Belong to the running loop."""
        self.loop = asyncio.get_running_loop()
        self._connect_s, self._idle_s, self._trusted = connect_s, idle_s, trusted
        self._idle: defaultdict[_Key, list[Connection]] = defaultdict(list)
        self._open: set[Connection] = set()
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_closed = False

    async def take(self, route: Route, *, is_new: bool) -> Connection:
        """A connection that nobody else uses; `give_back` must follow. Raises `NoAnswerError` if there is none."""
        await self._enter()
        try:
            self._require_open()
            if not is_new and (kept := self._kept(route)) is not None:
                return kept
            self._make_room()
            connection = await opened(route, self._connect_s, self._trusted)
            self._open.add(connection)
            connection.closed.add_done_callback(lambda _: self._open.discard(connection))
            self._require_open()
        except BaseException:
            self._leave()
            raise
        return connection

    def _require_open(self) -> None:
        if self._is_closed:
            self._abort_all()
            raise NoAnswerError("the connections were closed")

    def _abort_all(self) -> None:
        for connection in self._open:
            connection.abort()

    def give_back(self, route: Route, connection: Connection, *, is_kept: bool) -> None:
        """Keep a connection for the next call, or forget it."""
        if is_kept and not self._is_closed:
            connection.idle_since_s = time.monotonic()
            self._idle[_key(route)].append(connection)
        else:
            connection.abort()
        self._leave()

    def _kept(self, route: Route) -> Connection | None:
        """The connection that was used last, if it was used not long ago."""
        idle = self._idle[_key(route)]
        since_s = time.monotonic() - self._idle_s
        while idle:
            connection = idle.pop()
            if connection.idle_since_s > since_s and connection.is_usable:
                return connection
            connection.abort()
        return None

    def _make_room(self) -> None:
        """Close what is over, and then what was idle for longest, until one more connection may be opened."""
        for key, idle in list(self._idle.items()):
            idle[:] = [connection for connection in idle if not connection.is_over]
            if not idle:
                del self._idle[key]
        while self._idle and self._taken + sum(map(len, self._idle.values())) > _CONNECTIONS:
            key, idle = min(self._idle.items(), key=lambda item: item[1][0].idle_since_s)
            idle.pop(0).abort()
            if not idle:
                del self._idle[key]

    async def _enter(self) -> None:
        if self._taken < _CONNECTIONS:
            self._taken += 1
            return
        turn: asyncio.Future[None] = self.loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
        except BaseException:
            if not turn.cancelled():
                self._leave()  # it was given to us just then
            raise

    def _leave(self) -> None:
        """Give the turn to the call that has waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._taken -= 1

    async def close(self) -> None:
        """Close all connections; calls in progress end with `NoAnswerError`."""
        self._is_closed = True
        closing = [connection.closed for connection in self._open]
        self._abort_all()
        self._idle.clear()
        if closing:
            await asyncio.wait(closing, timeout=_CLOSING_S)


def _key(route: Route) -> _Key:
    return route.place, route.proxy, route.proxy_authorization
