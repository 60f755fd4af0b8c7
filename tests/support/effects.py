"""The effects of requests by name, and the death of a process at one of them."""

import json
import os
import signal
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from typing import Literal
from urllib.parse import unquote, urlsplit

from support.proxy import CUT, Request, Wrong, deliver

Moment = Literal["before", "after"]
Point = tuple[str, int]
"""An effect's name, and which one of that name, counted from 1."""
_BATCHES = {
    "sendmessagebatch": "send",
    "changemessagevisibilitybatch": "postpone",
    "deletemessagebatch": "delete message",
}
_PLACES = {
    "ledger/responses/": "note",
    "ledger/open/": "open record",
    "ledger/superseded/": "superseded record",
    "ledger/journal/": "journal",
    "ledger/governor.json": "governor",
}


def effect_of(request: Request) -> str | None:
    """The name of what a request does, or None if it only reads the store or a queue."""
    path = unquote(urlsplit(request.path).path)
    if path.startswith("/v1/responses"):
        posted = "cancel" if path.endswith("/cancel") else "create"
        return {"GET": "retrieve", "POST": posted, "DELETE": "delete response"}.get(request.method)
    if request.method == "POST":
        return _of_queue(request)
    return _of_store(request, path.split("/", 2)[-1]) if request.method in ("PUT", "DELETE") else None


def operation_of(request: Request) -> str:
    """The queue operation of a request in lower case, or "" for any other request."""
    return request.headers.get("x-amz-target", "").rpartition(".")[2].lower()


def _of_queue(request: Request) -> str | None:
    name = _BATCHES.get(operation_of(request))
    if name != "send":
        return name
    batch = json.loads(request.body)
    queue = batch["QueueUrl"].rpartition("-")[2]
    with_id = any("response_id" in json.loads(entry["MessageBody"]) for entry in batch["Entries"])
    return f"send id to {queue}" if with_id else f"send to {queue}"


def _of_store(request: Request, key: str) -> str:
    what = next((name for prefix, name in _PLACES.items() if key.startswith(prefix)), "result")
    if key.endswith((".run.json", ".error.json")):
        what = "run record" if key.endswith(".run.json") else "error record"
    state = json.loads(request.body)["state"] if what == "open record" and request.body else ""
    return f"{request.method.lower()} {what} {state}".rstrip()


def points_of(effects: list[str]) -> list[Point]:
    """Each effect with its number among those of the same name."""
    met = Counter[str]()
    points = []
    for name in effects:
        met[name] += 1
        points.append((name, met[name]))
    return points


@dataclass
class Fate:
    """What happens to one process: `seen` are its effects so far, `point` is the one at which it dies."""

    point: Point | None = None
    moment: Moment = "before"
    seen: list[str] = field(default_factory=list)
    process: BaseProcess | None = None
    is_dead: bool = False

    def meets(self, request: Request, upstream: str) -> Wrong | None:
        """Kill the process if this is its point, just before or just after the server gets the request."""
        effect = effect_of(request)
        if effect is None:
            return None
        self.seen.append(effect)
        if self.point != (effect, self.seen.count(effect)) or self.process is None or self.process.pid is None:
            return None
        if self.moment == "after":
            deliver(request, upstream)
        self.is_dead = True
        os.kill(self.process.pid, signal.SIGKILL)
        return CUT
