"""A deployment whose real handlers run in separate processes behind proxies, and die where a test says.

    stage.upload("inbox/a.txt", text_of("inbox/a.txt"))
    stage.run("submit", stage.event("inbox/a.txt"), Fate(point=("create", 1), moment="after"))   # dies there
    stage.settle()                                                                              # ticks, then sweeps
    assert stage.problems() == []

Time passes only for the store and the queues, and only where a test says so: `due` lets the messages of one document,
or of all, show now, and `age` makes objects older. The code under test is not touched, and nothing waits for a lease.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from backburner_cli.standin.extract import summarise
from support import forks
from support.deployment import Deployment
from support.effects import Fate, operation_of
from support.events import TIMERS, s3_notification
from support.proxy import CUT, Proxy, Request, Rule

TIMER = TIMERS["aws"]
_LIMIT_S = 60
_MINUTE_S = 60
_TICK_S, _HURRIED_TICK_S = 1.0, 2.5
_TIMES_FASTER = 40
_POLL_S = 0.1
_MAX_TICKS = 30


def text_of(key: str) -> str:
    """A different document for each key."""
    return f"The harbour of Veldt keeps a book about {key}. It has 4200 lines. The council reads it on 2031-05-17."


@dataclass(kw_only=True)
class ForkedDeployment(Deployment):
    """A deployment behind proxies. `rule` may interfere with whatever goes through them."""

    visibility_s: int = 600
    cloud: Proxy
    outside: Proxy
    """The proxy between the handlers and the provider."""
    log: Path
    expected: Callable[[str], str] = summarise
    """The result that a document's text must get."""
    hurries: bool = False
    """Whether the queues' time runs faster when seconds are waited for, so that a whole life fits in one tick."""
    rule: Rule = lambda _: None
    fate: Fate = field(default_factory=Fate)
    hurried_at_s: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        """Make the bucket and the queues, and put the proxies before them."""
        super().__post_init__()
        self.cloud.rule = lambda request: self._judge(request, self.endpoint)
        self.outside.rule = lambda request: self._judge(request, self.running.base_url)
        through = {name: value.replace(self.endpoint, self.cloud.url) for name, value in self.environment.items()}
        through["OPENAI_BASE_URL"] = f"{self.outside.url}/v1"
        self.environment = {**through, "BACKBURNER_LEASE_S": "900", **self.settings}

    def _judge(self, request: Request, upstream: str) -> Any:
        if (act := self.rule(request)) is not None:
            return act
        fate = self.fate
        if operation_of(request) == "receivemessage":
            time.sleep(_POLL_S)  # instead of the second that it asks for: no test waits for what does not come
            if self.hurries:
                self._hurry()
            at_once = _changed(request, WaitTimeSeconds=0)
            return CUT if fate.is_dead else at_once  # otherwise a dead process would take what is meant for the next
        return fate.meets(request, upstream)

    def _hurry(self) -> None:
        """Let everything that is due within a minute show sooner."""
        now_s = time.time()
        passed_s, self.hurried_at_s = now_s - self.hurried_at_s, now_s
        for name in self.queues:
            for message in self._messages(name):
                left_s = max(message.visible_at, message.delayed_until) / 1000 - now_s
                if 0 < left_s < _MINUTE_S:
                    moved_ms = passed_s * (_TIMES_FASTER - 1) * 1000
                    message.visible_at -= moved_ms
                    message.delayed_until -= moved_ms

    # What users, clouds and time do.

    def upload(self, key: str, body: str | bytes | None = None) -> None:
        """Upload a document."""
        super().upload(key, text_of(key) if body is None else body)

    def event(self, *keys: str) -> Any:
        """An S3 notification about some documents."""
        return s3_notification(self.bucket, keys)

    def start(self, function: str, event: Any = TIMER, **settings: str) -> BaseProcess:
        """Start one call of a handler in a separate process."""
        seconds = _HURRIED_TICK_S if self.hurries else _TICK_S
        return forks.start(function, event, self.environment | settings, seconds=seconds, log=str(self.log))

    def run(self, function: str, event: Any = TIMER, fate: Fate | None = None, **settings: str) -> int:
        """Call a handler once, to its end or its death, and return the process's exit code."""
        self.fate = Fate()  # what comes late from an earlier process meets no fate
        fate = self.fate = fate or self.fate
        fate.process = self.start(function, event, **settings)
        return ended(fate.process)

    def due(self, key: str | None = None) -> None:
        """Let a document's messages show now, even those that a dead process had received; all messages if None.

        A message with a response id shows before the others of its run, whose guard waits for the lease.
        """
        decoded = [
            (json.loads(message.body), message) for name in self.queues for message in list(self._messages(name))
        ]
        with_ids = {(body["job"], body["run"]) for body, _ in decoded if "response_id" in body}
        for body, message in decoded:
            is_first = "response_id" in body or (body["job"], body["run"]) not in with_ids
            if is_first and (key is None or key == self._document_of(body)):
                message.visible_at = message.delayed_until = 0

    def _document_of(self, message: Any) -> Any:
        """The document that a message is about, even if the message is about one of its parts."""
        if "part_of" not in message:
            return message["key"]
        whole = self.json(f"ledger/open/{message['part_of']}.json")
        return whole and whole["source"]["key"]

    def hide(self) -> None:
        """Hide every message until `due`."""
        for name in self.queues:
            for message in list(self._messages(name)):
                message.delayed_until = float("inf")

    def age(self, prefix: str, seconds: float) -> None:
        """Make objects older."""
        for key, stored in self._stored().items():
            if key.startswith(prefix):
                stored.last_modified -= timedelta(seconds=seconds)

    def settle(self) -> None:
        """Tick until both queues are empty, then sweep twice. Raises `AssertionError` if they never are."""
        self._empty()
        for _ in range(2):
            self.forget_the_last_sweep()
            for _ in range(_MAX_TICKS):
                assert self.run("checker") == 0
                if self.json("ledger/governor.json")["sweep_cursor"] == "":
                    break
        self._empty()

    def _empty(self) -> None:
        for _ in range(_MAX_TICKS):
            if not self.messages("pending") and not self.messages("backlog"):
                return
            self.age("ledger/open/", 5)
            self.due()
            assert self.run("checker") == 0
        raise AssertionError(f"after {_MAX_TICKS} ticks: {self.messages('pending')}, {self.messages('backlog')}")

    def forget_the_last_sweep(self) -> None:
        """Let the last sweep be long ago, by changing the time that the bucket has of it."""
        state = self.json("ledger/governor.json") | {"last_sweep": "2026-01-01T00:00:00Z", "sweep_cursor": ""}
        self.s3.put_object(Bucket=self.bucket, Key="ledger/governor.json", Body=json.dumps(state).encode())

    # The state of things.

    def made(self, key: str) -> list[str]:
        """The ids of the generations started for a document, as the provider knows them."""
        return [one.id for one in self.running.stand_in.generations if one.input == self.text(key)]

    def superfluous(self, key: str, needed: int = 1) -> int:
        """How many generations were started for a document beyond those that it needed."""
        return len(self.made(key)) - needed

    def problems(self) -> list[str]:
        """What is wrong at rest: each document needs one result with the right text, no leftovers, and one booking."""
        governor = self.json("ledger/governor.json")
        records = {key: self.run_record(key) for key in self.keys("inbox/")}
        found = [f"left over: {key}" for key in self.keys("ledger/open/")]
        found += [f"reserved: {name}" for name in governor["reserved"]]
        found += [f"a message in {name}: {one}" for name in self.queues for one in self.messages(name)]
        found += [f"failed: {key}" for key in self.keys("failed/")]
        found += [f"open at the provider: {self.running.stand_in.open}"] * bool(self.running.stand_in.open)
        for key, record in records.items():
            if record is None or record["source"]["etag"] != self._stored()[key].etag.strip('"'):
                found.append(f"lost: {key}")
            elif self.text(record["result_key"]) != self.expected(self.text(key) or ""):
                found.append(f"another text: {key}")
        booked = sum(record["usage"]["total_tokens"] for record in records.values() if record)
        if governor["tokens"] != booked:
            found.append(f"{governor['tokens']} tokens are booked, {booked} were used")
        return found


def ended(process: BaseProcess) -> int:
    """Wait for a process to end, and return its exit code."""
    process.join(_LIMIT_S)
    assert process.exitcode is not None, "a handler did not end"
    return process.exitcode


def _changed(request: Request, **fields: Any) -> Request:
    return replace(request, body=json.dumps(json.loads(request.body) | fields).encode())
