"""Simultaneous ticks, messages that show too early, and refusals by queues and governor lead to the same end state."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from urllib.parse import unquote

import pytest

from crashes.conftest import NewStage
from support.depth import depth, thinned
from support.effects import effect_of, operation_of
from support.forked_deployment import ForkedDeployment, ended
from support.proxy import Request, Say, deliver, s3_error

KEYS = [f"inbox/report {number}.txt" for number in range(depth(3, 5))]
COMMITS = ["retrieve", "put result", "put run record", "delete open record"]
STARTS = ["put open record submitting", "create", "send id to pending"]
_LIMIT_S = 30


def _submitted(stage: ForkedDeployment, *keys: str) -> None:
    """Upload and submit, then make every message due."""
    for key in keys:
        stage.upload(key)
    assert stage.run("submit", stage.event(*keys)) == 0
    stage.age("ledger/open/", 5)
    stage.due()


def _check_the_end(stage: ForkedDeployment, *keys: str, max_orphans: int = 0) -> None:
    """Run to rest and check one result per document, with any extra generation counted and within the limit."""
    stage.settle()
    assert stage.problems() == []
    for key in keys:
        assert stage.superfluous(key) <= stage.run_record(key)["suspected_orphans"] <= max_orphans, key
    assert set(_journal(stage).values()) == {1}


def _journal(stage: ForkedDeployment) -> Counter[str]:
    """How many lines the journal has for each run."""
    lines = [line for key in stage.keys("ledger/journal/") for line in str(stage.text(key)).splitlines()]
    return Counter(f"{line['job_id']}.{line['run']}" for line in map(json.loads, lines))


class Gate:
    """Holds the first matching request until it is opened."""

    def __init__(self, wanted: Callable[[Request], bool]) -> None:
        self._wanted, self._met, self._open = wanted, threading.Event(), threading.Event()

    def __call__(self, request: Request) -> None:
        """Act as a proxy rule that delays a request and changes nothing."""
        if self._wanted(request) and not self._met.is_set():
            self._met.set()
            assert self._open.wait(_LIMIT_S)

    def wait(self) -> None:
        """Wait until a request is at the gate."""
        assert self._met.wait(_LIMIT_S)

    def open(self) -> None:
        """Let the request continue."""
        self._open.set()


def test_two_ticks_at_once(stage: ForkedDeployment) -> None:
    """Two ticks share a queue that has every message twice: there is no extra generation, and every run ends once."""
    _submitted(stage, *KEYS)
    for name in ("pending", "backlog"):
        for message in stage.messages(name):
            stage.sqs.send_message(QueueUrl=stage.queues[name], MessageBody=json.dumps(message))
    ticks = [stage.start("checker"), stage.start("checker")]
    assert [ended(tick) for tick in ticks] == [0, 0]
    _check_the_end(stage, *KEYS)


def test_submits_and_ticks_at_once(stage: ForkedDeployment) -> None:
    """Three processes get the same events while ticks run: there is one generation for each document."""
    for key in KEYS:
        stage.upload(key)
    processes = [stage.start("submit", stage.event(*KEYS)) for _ in range(3)]
    processes += [stage.start("checker") for _ in range(2)]
    assert [ended(process) for process in processes] == [0] * 5
    _check_the_end(stage, *KEYS)


@pytest.mark.parametrize("effect", thinned(COMMITS, one_in=4))
def test_visibility_runs_out_while_a_tick_commits(stage: ForkedDeployment, effect: str) -> None:
    """A tick stalls before one of its steps, another gets its message and ends the run, and the first continues."""
    key = KEYS[0]
    _submitted(stage, key)
    gate = Gate(lambda request: effect_of(request) == effect)
    stage.rule = gate
    slow = stage.start("checker")
    gate.wait()
    stage.due(key)
    assert stage.run("checker") == 0
    gate.open()
    assert ended(slow) == 0
    _check_the_end(stage, key)


@pytest.mark.parametrize("effect", thinned(STARTS, one_in=4))
def test_visibility_runs_out_while_a_tick_starts(stage: ForkedDeployment, effect: str) -> None:
    """A tick stalls while it starts a waiting job, and another takes over after its lease: one orphan at most."""
    key = KEYS[0]
    stage.upload(key)
    stage.rule = lambda request: Say(503) if effect_of(request) == "create" else None
    assert stage.run("submit", stage.event(key)) == 0
    gate = Gate(lambda request: effect_of(request) == effect)
    stage.rule = gate
    stage.due(key)
    slow = stage.start("checker")
    gate.wait()
    stage.due(key)
    assert stage.run("checker") == 0
    gate.open()
    assert ended(slow) == 0
    _check_the_end(stage, key, max_orphans=1)


@pytest.mark.parametrize(
    ("operation", "max_orphans"),
    [("sendmessagebatch", 0), ("deletemessagebatch", 0), ("changemessagevisibilitybatch", 0)],
)
def test_a_queue_that_refuses_half_of_a_batch(new_stage: NewStage, operation: str, max_orphans: int) -> None:
    """Every other entry of the first batches is refused inside a 200 answer, and nothing is started twice."""
    stage = new_stage(BACKBURNER_MODEL="stand-in/retrieve-500:1")  # so that each message is postponed once
    for key in KEYS:
        stage.upload(key)
    left, refused = threading.Semaphore(6), list[Say]()

    def refuse_half(request: Request) -> Say | None:
        if operation_of(request) != operation or not left.acquire(blocking=False):
            return None
        refused.append(_half_refused(request, stage.endpoint))
        return refused[-1]

    stage.rule = refuse_half
    assert stage.run("submit", stage.event(*KEYS)) in (0, 1)  # some records fail: the trigger delivers the event again
    for _ in range(2):
        stage.age("ledger/open/", 5)
        stage.due()
        assert stage.run("checker") == 0
    assert stage.run("submit", stage.event(*KEYS)) in (0, 1)
    stage.rule = lambda _: None
    assert refused
    assert stage.run("submit", stage.event(*KEYS)) == 0
    _check_the_end(stage, *KEYS, max_orphans=max_orphans)


def _half_refused(request: Request, upstream: str) -> Say:
    body = json.loads(request.body)
    refused = body["Entries"][::2]
    body["Entries"] = body["Entries"][1::2]
    answer: dict[str, list[object]] = {"Successful": []}
    if body["Entries"]:
        taken = Request(request.method, request.path, request.headers, json.dumps(body).encode())
        answer = json.loads(deliver(taken, upstream).body)
    failed = [{"Id": entry["Id"], "Code": "InternalError", "SenderFault": False} for entry in refused]
    merged = {"Successful": answer.get("Successful", []), "Failed": [*answer.get("Failed", []), *failed]}
    return Say(200, json.dumps(merged).encode(), {"Content-Type": "application/x-amz-json-1.0"})


@pytest.mark.parametrize(("status", "code"), [(409, "ConditionalRequestConflict"), (412, "PreconditionFailed")])
def test_contention_on_the_governor(stage: ForkedDeployment, status: int, code: str) -> None:
    """Two of three swaps are lost, in submit and in every tick: jobs wait, and nothing stays reserved for ever."""
    for key in KEYS:
        stage.upload(key)
    numbers = iter(range(10_000))

    def storm(request: Request) -> Say | None:
        is_swap = request.method == "PUT" and unquote(request.path).endswith("ledger/governor.json")
        return s3_error(status, code) if is_swap and next(numbers) % 3 else None

    stage.rule = storm
    assert stage.run("submit", stage.event(*KEYS)) == 0
    for _ in range(2):
        stage.age("ledger/open/", 5)
        stage.due()
        assert stage.run("checker") == 0
    _check_the_end(stage, *KEYS)
