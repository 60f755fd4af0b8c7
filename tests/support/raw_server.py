"""A server written byte by byte, in the event loop of the test itself.

    async with serving(handler) as server:
        ...                          # clients speak to server.url

A handler gets a `Line`: it reads requests and writes whatever it likes.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Asked:
    """A request as it was received."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Line:
    """One connection of a client; `number` counts them."""

    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def asked(self) -> Asked:
        """Read the next request."""
        asked = await self.head()
        return Asked(
            asked.line, asked.headers, await self.reader.readexactly(int(asked.headers.get("Content-Length", 0)))
        )

    async def head(self) -> Asked:
        """Read the head of the next request, without its body."""
        line, *headers = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()[:-1]
        return Asked(line, dict(header.split(": ", 1) for header in headers), b"")

    async def say(self, raw: bytes) -> None:
        """Write, and wait until it has been sent."""
        self.writer.write(raw)
        await self.writer.drain()

    async def answer(self, body: bytes = b"yes", status: int = 200, headers: str = "") -> None:
        """Send a well-formed answer."""
        await self.say(b"HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n" % (status, headers.encode(), len(body)) + body)


@dataclass
class Server:
    """A running server."""

    port: int = 0
    lines: int = 0
    """How many connections there have been."""
    open_lines: int = 0
    asked: list[Asked] = field(default_factory=list)
    """Requests that handlers have added."""

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    async def wait_until_left(self) -> None:
        """Wait until no client is connected any more."""
        async with asyncio.timeout(5):
            while self.open_lines:
                await asyncio.sleep(0.001)


Handler = Callable[[Server, Line], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(
    handler: Handler, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """Run a server while the block runs; a handler's connection is closed when it returns or the client hangs up."""
    server, tasks = Server(), set[asyncio.Task[None]]()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        server.lines += 1
        server.open_lines += 1
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                await handler(server, Line(server.lines, reader, writer))
        finally:
            server.open_lines -= 1
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
            tasks.discard(task)

    running = await asyncio.start_server(accept, host, 0, ssl=tls)
    server.port = running.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        running.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
