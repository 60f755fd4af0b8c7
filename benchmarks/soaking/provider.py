"""The stand-in provider in a process of its own, which counts every fault that it commits, by its kind."""

import contextlib
import signal
from collections import Counter
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from backburner_cli.standin import Received, StandIn, Timing, serve
from backburner_cli.standin.replies import Reply
from support import forks

TIMING = Timing(queued_s=0.3, running_s=1.0, per_1000_tokens_s=0, slow_s=2.0, drip_every_s=0.001)
_CONTEXT_TOKENS = 4_000_000
"""More than enough for a text of 20 MB, which the product cuts all the same."""
_CREATE = "POST /v1/responses"
_BAD_REQUEST, _SERVER_ERROR = 400, 500
_STARTED_NOTHING = (501, 503)


@contextlib.contextmanager
def running_provider() -> Iterator[tuple[str, str]]:
    """Run it in a process of its own while the block runs; yields its address for the SDK, and the one for `/state`."""
    ours, theirs = Pipe()
    process = forks.fork(main, theirs)
    theirs.close()
    try:
        yield ours.recv()
    finally:
        ours.close()
        process.kill()
        process.join()


def main(to_parent: Connection) -> None:
    """Serve until the parent closes its end, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with serve(CountingStandIn("openai", timing=TIMING, context_tokens=_CONTEXT_TOKENS, remembers=False)) as running:
        to_parent.send((running.base_url, running.control_url))
        to_parent.poll(None)


class CountingStandIn(StandIn):
    """`faults` by kind; `ambiguous` counts creates after which nobody can tell whether anything was started."""

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self.faults = Counter[str]()
        self.ambiguous = 0

    def admit(self, request: Received, operation: str, key: str | None) -> Reply | None:
        """Count what an outage turns away."""
        denied = super().admit(request, operation, key)
        if denied is not None:
            self._count(f"outage: {_manner(denied)}", ambiguous=operation == _CREATE and _is_ambiguous(denied))
        return denied

    def create(self, body: dict[str, Any]) -> Reply:
        """Count creates that are answered wrongly."""
        reply = super().create(body)
        if _is_anothers(reply, body):
            self._count("create: another's generation", ambiguous=True)
        elif _is_wrong(reply):
            self._count(f"create: {_manner(reply)}", ambiguous=_is_ambiguous(reply))
        return reply

    def retrieve(self, response_id: str) -> Reply:
        """Count retrieves that are answered wrongly."""
        reply = super().retrieve(response_id)
        if _is_wrong(reply):
            self._count(f"retrieve: {_manner(reply)}")
        return reply

    def state(self) -> dict[str, Any]:
        """The usual state, and the faults; the generations that ended badly are faults of their own."""
        with self._lock:
            ended = Counter(
                f"generation: {one.chosen.name.partition(':')[0]}"
                for one in self._generations.values()
                if one.chosen.behaviour.ending is not None
            )
            return super().state() | {"faults": dict(self.faults + ended), "ambiguous": self.ambiguous}

    def _count(self, kind: str, *, ambiguous: bool = False) -> None:
        with self._lock:
            self.faults[kind] += 1
            self.ambiguous += ambiguous


def _is_wrong(reply: Reply) -> bool:
    return bool(reply.status >= _BAD_REQUEST or reply.manner != "whole" or isinstance(reply.body, str) or reply.altered)


def _is_anothers(reply: Reply, asked: dict[str, Any]) -> bool:
    told = reply.body.get("metadata") if isinstance(reply.body, dict) else None
    return told is not None and told != (asked.get("metadata") or {})


def _is_ambiguous(reply: Reply) -> bool:
    broken = reply.manner in ("drop", "drip") or (isinstance(reply.body, str) and reply.status < _BAD_REQUEST)
    return broken or (reply.status >= _SERVER_ERROR and reply.status not in _STARTED_NOTHING)


def _manner(reply: Reply) -> str:
    names = {"drop": "connection closed", "drip": "a byte at a time", "slow": "slow"}
    if reply.altered:
        return "odd fields"
    if reply.manner in names:
        return names[reply.manner]
    return "a page of HTML" if isinstance(reply.body, str) else str(reply.status)
