"""The store, the queues and the provider in one process: `python -m benching.server` prints its port.

`POST /_bench/<verb>` is for the benchmark itself: `counts` tells the calls so far and forgets them, `show?<text>` shows
the messages that hold a text, `finish` and `run` say whether generations have ended, `loop` and `line` whether
postponed messages show at once, `reset` forgets all.
"""

import json
from typing import Any
from urllib.parse import unquote

from benching.provider import Provider
from benching.queues import Queues
from benching.store import Store
from benching.wire import Answer, Request, serve


class Servers:
    """All three, told apart by what is asked."""

    def __init__(self) -> None:
        self.store, self.queues, self.provider = Store(), Queues(), Provider()

    def answer(self, request: Request) -> Answer | None:
        """Answer a call of any of them; None where a queue is waited for that is still empty."""
        target = request.target
        if request.method == "POST" and target == "/":
            return self.queues.answer(request)
        if target.startswith("/v1/"):
            return self.provider.answer(request)
        if target.startswith("/_bench/"):
            verb, _, text = target.removeprefix("/_bench/").partition("?")
            text = unquote(text)
            return 200, {}, json.dumps(self._told(verb, text)).encode()
        return self.store.answer(request)

    def _told(self, verb: str, text: str) -> object:
        match verb:
            case "counts":
                parts: dict[str, Any] = {"store": self.store, "queue": self.queues, "provider": self.provider}
                told = {name: dict(part.calls) for name, part in parts.items()}
                for part in parts.values():
                    part.calls.clear()
                return told
            case "show":
                return self.queues.show(text)
            case "finish" | "run":
                self.provider.is_finished = verb == "finish"
            case "loop" | "line":
                self.queues.returns_at_once = verb == "loop"
            case "reset":
                self.store, self.queues, self.provider = Store(), Queues(), Provider()
        return None


if __name__ == "__main__":
    serve(Servers().answer, lambda port: print(port, flush=True))
