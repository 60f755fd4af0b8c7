"""The store, the queues and the provider in one process: `python -m benching.server` prints its port.

`POST /_bench/<verb>` is for the benchmark itself: `counts` returns the calls so far and forgets them, `show?<text>`
makes the messages visible that contain a text, `show_queue?<name>` those of a queue, `finish` and `run` decide whether
generations have ended, `far` returns how many were created and how many runs have ended, `loop` and `line` decide
whether postponed messages are visible at once, `reset` forgets everything, `slow?<ms>` makes each call take that long,
`meet?<n>` is answered once that many ask, and makes the messages of generations visible, `most` returns the most
generations that there were at once, and `work` what the store has done since the meeting, and the seconds from the
meeting until the last object was deleted.
"""

import gc
import json
import time
from typing import Any
from urllib.parse import unquote

from benching.provider import Provider
from benching.queues import Queues
from benching.store import Store
from benching.wire import Answer, Request, serve

ENDED = '"response_id"'
"""What every message with a generation's id contains; the others are guards, which become visible two minutes later."""


class Servers:
    """All three, told apart by the request."""

    def __init__(self) -> None:
        self.store, self.queues, self.provider = Store(), Queues(), Provider()
        self._met, self._met_at = 0, 0.0
        self.wait_s = 0.0
        """How long each call takes."""

    def answer(self, request: Request) -> Answer | None:
        """Answer a call to any of them; None if it waits for a queue that is still empty."""
        target = request.target
        if request.method == "POST" and target == "/":
            return self.queues.answer(request)
        if target.startswith("/v1/"):
            return self.provider.answer(request)
        if target.startswith("/_bench/"):
            verb, _, text = target.removeprefix("/_bench/").partition("?")
            text = unquote(text)
            if verb == "meet" and not self._have_met(request, int(text)):
                return None
            return 200, {}, json.dumps(self._told(verb, text)).encode()
        return self.store.answer(request)

    def _have_met(self, request: Request, number: int) -> bool:
        """Whether the given number have asked."""
        self._met += not request.came_at
        request.came_at = request.came_at or time.time()
        if self._met == number and not self._met_at:
            self._met_at = time.time()
            self.queues.show(ENDED)
            self.store.named.clear()
        return self._met >= number

    def _told(self, verb: str, text: str) -> object:
        match verb:
            case "counts":
                return self._counts()
            case "far":
                return {"created": self.provider.created, "ended": self.store.named["DELETE ledger/open 204"]}
            case "most":
                return self.provider.most
            case "work":
                return {"seconds": self.store.deleted_at - self._met_at, "store": dict(self.store.named)}
            case "reset":
                self._met, self._met_at = 0, 0.0
                self.store, self.queues, self.provider = Store(), Queues(), Provider()
                return None
            case _:
                return self._done(verb, text)

    def _counts(self) -> object:
        """The calls so far, which are then forgotten."""
        parts: dict[str, Any] = {"store": self.store, "queue": self.queues, "provider": self.provider}
        told = {name: dict(part.calls) for name, part in parts.items()}
        for part in parts.values():
            part.calls.clear()
        return told

    def _done(self, verb: str, text: str) -> object:
        """Change how the servers behave."""
        match verb:
            case "show":
                return self.queues.show(text)
            case "show_queue":
                return self.queues.show("", text)
            case "finish" | "run":
                self.provider.is_finished = verb == "finish"
            case "loop" | "line":
                self.queues.returns_at_once = verb == "loop"
            case "slow":
                self.wait_s = int(text) / 1000
        return None


if __name__ == "__main__":
    gc.disable()  # nothing here is cyclic, and searching a million objects again and again takes long
    servers = Servers()
    serve(servers.answer, lambda port: print(port, flush=True), lambda: servers.wait_s)
