"""Handlers in processes of their own, which die at a chosen request: just before the server gets it, or just after.

A process comes from a server of forks that has imported everything already, so that a death costs little. It reaches
store, queues and provider through proxies; these know every request by a name and kill the process at the one they are
told to. What a process did up to there has happened; what it would have done next has not.
"""

import contextlib
import http.client
import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from support.proxy import CUT, Proxy, Request, serve_proxy

from .loading import call
from .world import World

Moment = Literal["before", "after"]
_LIMIT_S = 60
_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["aws_lambda_powertools", "backburner.adapters.connect", "openai", "openai.resources.responses"]
)
_TARGETS = {"sendmessagebatch": "send", "changemessagevisibilitybatch": "postpone", "deletemessagebatch": "forget"}
_PLACES = {
    "ledger/responses/": "note",
    "ledger/open/": "open record",
    "ledger/superseded/": "superseded record",
    "inbox/": "document",
    "ledger/governor.json": "governor",
    "ledger/journal/": "journal",
    "recipes/": "recipe",
}


def effect_of(request: Request) -> str | None:
    """The name of what a request does, None for one that only reads."""
    path = unquote(urlsplit(request.path).path)
    if path.startswith("/v1/responses"):
        return {"GET": "retrieve", "DELETE": "delete response"}.get(
            request.method, "cancel" if path.endswith("/cancel") else "create"
        )
    if request.method == "POST":
        return _queue_effect(request)
    if request.method not in ("PUT", "DELETE"):
        return None
    key = path.split("/", 2)[2]
    what = next((name for prefix, name in _PLACES.items() if key.startswith(prefix)), "result")
    if key.endswith((".run.json", ".error.json")):
        what = "run record" if key.endswith(".run.json") else "error record"
    state = json.loads(request.body).get("state") if what == "open record" and request.body else None
    return f"{request.method.lower()} {what}{f' {state}' if state else ''}"


def _queue_effect(request: Request) -> str | None:
    headers = {name.lower(): value for name, value in request.headers.items()}
    verb = _TARGETS.get(headers["x-amz-target"].rsplit(".", 1)[1].lower())
    if verb != "send":
        return verb
    body = json.loads(json.loads(request.body)["Entries"][0]["MessageBody"])
    return "send id" if "response_id" in body else "send"


@dataclass
class Passage:
    """Proxies in front of everything. `seen` are the effects of the process that goes through, in order."""

    environment: Mapping[str, str]
    point: tuple[str, Moment] | None = None
    seen: list[str] = field(default_factory=list)
    process: BaseProcess | None = None

    def judge(self, request: Request, upstream: str) -> Any:
        """Kill the process if this is its request. Its own death is all that it ever learns."""
        if (effect := effect_of(request)) is None:
            return None
        self.seen.append(effect)
        if self.point is None or self.point[0] != effect or self.process is None or self.process.pid is None:
            return None
        if self.point[1] == "after":
            _deliver(request, upstream)
        os.kill(self.process.pid, signal.SIGKILL)
        return CUT

    def run(self, function: str, event: Any, point: tuple[str, Moment] | None = None) -> int | None:
        """Run a handler in a process of its own, to its end or its death; its exit code."""
        self.point, self.process = point, None
        self.seen.clear()
        process = _FORKS.Process(target=call, args=(function, event, dict(self.environment)), daemon=True)
        self.process = process
        process.start()
        process.join(_LIMIT_S)
        assert process.exitcode is not None, f"{function} did not end"
        return process.exitcode


@contextlib.contextmanager
def passage(world: World) -> Iterator[Passage]:
    """Proxies for a world, and the environment that leads through them."""
    with ExitStack() as stack:
        through = Passage({})

        def proxy_of(upstream: str) -> Proxy:
            proxy = stack.enter_context(serve_proxy(upstream))
            proxy.rule = lambda request: through.judge(request, upstream)
            return proxy

        cloud, provider = proxy_of(world.endpoint), proxy_of(world.running.base_url.removesuffix("/v1"))
        through.environment = world.environment | {
            name: value.replace(world.endpoint, cloud.url)
            for name, value in world.environment.items()
            if value.startswith(world.endpoint)
        }
        through.environment = {**through.environment, "OPENAI_BASE_URL": f"{provider.url}/v1"}
        yield through


def _deliver(request: Request, upstream: str) -> None:
    """Let the server have a request whose sender will not live to see the answer."""
    headers = {name: value for name, value in request.headers.items() if name.lower() != "expect"}
    with contextlib.closing(http.client.HTTPConnection(urlsplit(upstream).netloc, timeout=_LIMIT_S)) as server:
        server.request(request.method, request.path, request.body, headers)
        server.getresponse().read()
