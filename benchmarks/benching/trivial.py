"""A client that does next to nothing, to show what the servers can do: the same request again, its answer not read.

`python -m benching.trivial <port> <seconds> <method> <target> [body]` prints requests per second.
"""

import asyncio
import sys
import time
from typing import cast

import uvloop

from benching.measure import clocked, silenced
from benching.told import Told

_CONNECTIONS = 16


class _Asker(asyncio.Protocol):
    def __init__(self, request: bytes, end: float) -> None:
        self.request, self.end, self.answers = request, end, 0
        self.done = asyncio.get_running_loop().create_future()
        self._missing = 0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # uvloop has a class of its own
        self._transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Answers shorter than a segment arrive whole, so their length alone tells them apart."""
        if not self._missing:
            head, _, body = data.partition(b"\r\n\r\n")
            at = head.lower().find(b"content-length:")
            self._missing = int(head[at + 15 :].partition(b"\r\n")[0]) - len(body)
        else:
            self._missing -= len(data)
        if self._missing > 0:
            return
        self.answers += 1
        if time.monotonic() < self.end:
            self._transport.write(self.request)
        else:
            self._transport.close()
            self.done.set_result(None)


async def _asked(port: int, seconds: float, request: bytes) -> Told:
    loop, end, askers = asyncio.get_running_loop(), time.monotonic() + seconds, list[_Asker]()

    async def work() -> None:
        for _ in range(_CONNECTIONS):
            _, asker = await loop.create_connection(lambda: _Asker(request, end), "127.0.0.1", port)
            askers.append(asker)
        await asyncio.gather(*(asker.done for asker in askers))

    return await clocked(work, lambda: sum(asker.answers for asker in askers))


if __name__ == "__main__":
    tell = silenced()
    port, seconds, method, target, *more = sys.argv[1:]
    body = "".join(more).encode()
    lines = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
    lines += "X-Amz-Target: AmazonSQS.ReceiveMessage\r\n" if target == "/" else ""
    tell(uvloop.run(_asked(int(port), float(seconds), lines.encode() + b"\r\n" + body)).as_json())
