"""The soak's course: uploads, events, ticks, deaths and an outage on one timeline; then quiet until all is at rest."""

import heapq
import itertools
import json
import os
import random
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from backburner.ledger.keys import output_location
from soaking.cloud import BUCKET, Cloud
from soaking.documents import Document
from soaking.poison import Stray, stray
from soaking.workers import Gauges, Worker, resident_mb

ROOT = Path(__file__).parents[2]
TIMER = json.loads((ROOT / "events/aws/eventbridge-schedule.json").read_text())
_S3_PUT = (ROOT / "events/aws/s3-put.json").read_text()
MAX_OPEN = 300
"""Documents are uploaded while fewer jobs than this are open, including those whose event waits for a worker."""
TICK_S = 5.0
OUTAGE_S = 60.0
_OUTAGE_AT_S = 20.0
_TELL_EVERY_S = 10.0
_SWEEP_EVERY_S = "5"
"""At the end, when it waits for two sweeps."""
_DELIVERIES = 3
_STRAY, _STRAY_EVERY = "object that is not ours", 100
_LOST, _DUPLICATED, _LATE, _OVERWRITTEN = 0.02, 0.12, 0.08, 0.05


class StuckError(Exception):
    """It does not come to rest."""


@dataclass
class Driver:
    """One soak. `injected` counts what it does to the handlers; `noted` are records that were about to be replaced."""

    cloud: Cloud
    control_url: str
    documents: Sequence[Document]
    workers: Sequence[Worker]
    gauges: Gauges
    chance: random.Random
    kill_every_s: float
    say: Callable[[str], None]
    injected: Counter[str] = field(default_factory=Counter)
    crashed_creates: int = 0
    noted: dict[tuple[str, int], Any] = field(default_factory=dict)
    uploaded: int = 0
    strays: dict[str, Stray] = field(default_factory=dict)
    """Objects that were put where they do not belong, by key."""
    handled: Counter[str] = field(default_factory=Counter)
    _timeline: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _events: list[tuple[float, int, str, int]] = field(default_factory=list)
    _order: Any = field(default_factory=itertools.count)
    _open: int = 0
    _peace: bool = False
    _told_at: float = 0.0

    def run(self, minutes: float) -> None:
        """Upload everything, or what `minutes` allow, while everything goes wrong; then come to rest."""
        began = time.monotonic()
        end, least = began + minutes * 60, began + _OUTAGE_AT_S + OUTAGE_S
        self._at(0, self._upload_some)
        self._at(0, self._look)
        self._at(self.kill_every_s, self._kill)
        self._at(_OUTAGE_AT_S, lambda: self._outage("503"))
        self._pump(lambda: time.monotonic() < (end if self.uploaded < len(self.documents) else least))
        self.say("nothing more goes wrong from here")
        self._peace = True
        self._control("outage", mode="off")
        self._come_to_rest()

    def stop(self) -> None:
        """Kill every worker."""
        for worker in self.workers:
            worker.end()

    def state(self) -> Any:
        """What the provider reports."""
        with urllib.request.urlopen(f"{self.control_url}/state") as answer:  # noqa: S310 - our own server
            return json.load(answer)

    # The timeline.

    def _at(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._timeline, (time.monotonic() + seconds, next(self._order), act))

    def _pump(self, goes_on: Callable[[], bool]) -> None:
        while goes_on():
            now = time.monotonic()
            while self._timeline and self._timeline[0][0] <= now:
                heapq.heappop(self._timeline)[2]()
            self._employ()
            pipes = [worker.pipe for worker in self.workers if worker.job]
            for pipe in wait(pipes, 0.05):
                self._hear(next(worker for worker in self.workers if worker.pipe is pipe))

    def _employ(self) -> None:
        """Half of the workers tick all the time, so ticks overlap; the others take the events that are due."""
        for index, worker in enumerate(self.workers):
            if worker.job:
                continue
            if index % 2 == 0:
                worker.invoke("checker", TIMER, 0, TICK_S)
            elif self._events and self._events[0][0] <= time.monotonic():
                _, _, key, tries = heapq.heappop(self._events)
                worker.invoke("submit", event_of(key), tries)

    def _hear(self, worker: Worker) -> None:
        assert worker.job is not None
        function, event, tries = worker.job
        try:
            call_accepted, answer = worker.pipe.recv()
        except (EOFError, ConnectionResetError):
            self.say(f"a {function} died by itself: {worker.process.exitcode}")
            call_accepted, answer = False, "died"
            self.handled[f"{function} died by itself"] += 1
            self.crashed_creates += worker.kill()
        worker.job = None
        self.handled[function if call_accepted else f"{function} raised"] += 1
        if not call_accepted:
            self.say(f"{function} raised: {answer}")
            self._again(function, event, tries)

    # What happens.

    def _upload_some(self) -> None:
        now = time.monotonic()
        unheard = sum(due <= now for due, *_ in self._events)
        room = 0 if self._peace else MAX_OPEN - self._open - unheard
        batch = self.documents[self.uploaded : self.uploaded + min(25, max(0, room))]
        for document in batch:
            self._put(document)
            if document.changes and self.chance.random() < _OVERWRITTEN:
                self._at(self.chance.uniform(0.5, 30), partial(self._overwrite, document))
        self.uploaded += len(batch)
        if self.uploaded > self.injected[_STRAY] * _STRAY_EVERY:
            self._go_astray()
        self._open += len(batch)
        if self.uploaded < len(self.documents):
            self._at(0.5, self._upload_some)

    def _go_astray(self) -> None:
        one = stray(self.injected[_STRAY])
        self.strays[one.key] = one
        self.cloud.put(one.key, one.text)
        self.injected[_STRAY] += 1

    def _put(self, document: Document) -> None:
        document.etag = self.cloud.put(document.key, document.rewrite())
        if self.chance.random() < _LOST:
            self.injected["event lost"] += 1
            return
        late = self.chance.random() < _LATE
        self.injected["event late"] += late
        self._deliver(document.key, self.chance.uniform(20, 60) if late else self.chance.uniform(0, 2))
        if self.chance.random() < _DUPLICATED:
            for _ in range(self.chance.randint(1, 3)):
                self.injected["event duplicated"] += 1
                self._deliver(document.key, self.chance.uniform(0, 45))

    def _deliver(self, key: str, seconds: float, tries: int = _DELIVERIES) -> None:
        heapq.heappush(self._events, (time.monotonic() + seconds, next(self._order), key, tries))

    def _again(self, function: str, event: Any, tries: int) -> None:
        """A cloud delivers an event again if it failed, but not for ever."""
        if function == "submit" and tries > 1:
            self._deliver(event["key"], 2, tries - 1)

    def _overwrite(self, document: Document) -> None:
        """Upload a new version. Its output location is noted, now and once what is under way must have ended."""
        self.injected["document overwritten"] += 1
        self._put(document)
        self._note(document)
        self._at(1.5, lambda: self._note(document))

    def _note(self, document: Document) -> None:
        location = output_location(document.key)
        for key in (location.run_record_key, location.error_record_key):
            if body := self.cloud.get(key):
                record = json.loads(body)
                self.noted[record["job_id"], record["run"]] = record

    def _kill(self) -> None:
        if self._peace:
            return
        self._kill_one(self.chance.choice(self.workers))
        self._at(self.chance.expovariate(1 / self.kill_every_s), self._kill)

    def _kill_one(self, worker: Worker) -> None:
        job, worker.job = worker.job, None
        self.injected[f"SIGKILL: {f'in a {job[0]}' if job else 'idle'}"] += 1
        self.crashed_creates += worker.kill()
        if job:
            self._again(*job)

    def _outage(self, mode: str) -> None:
        """An outage of a minute: refusals in the first half, silence in the second."""
        if self._peace:
            return
        self.say(f"outage: {mode}")
        self._control("outage", mode=mode)
        if mode != "off":
            self._at(OUTAGE_S / 2, lambda: self._outage("drop" if mode == "503" else "off"))

    def _control(self, what: str, **arguments: Any) -> None:
        request = urllib.request.Request(f"{self.control_url}/{what}", json.dumps(arguments).encode())  # noqa: S310
        urllib.request.urlopen(request).close()  # noqa: S310 - our own server

    def _look(self) -> None:
        self._open = self.cloud.count_open(self.strays)
        if (now := time.monotonic()) >= self._told_at + _TELL_EVERY_S:
            self._told_at = now
            worker = max(worker.memory_mb for worker in self.workers)
            memory = f"{resident_mb(os.getpid()):.0f} MB here, {worker:.0f} in the largest worker"
            self.say(
                f"{self.uploaded} uploaded, {self._open} open, {len(self._events)} events to come, "
                f"{self.injected.total()} faults injected, {memory}, {resident_mb(self.cloud.pid):.0f} in the cloud"
            )
        self._at(3, self._look)

    # The end.

    def _come_to_rest(self, limit_s: float = 900) -> None:
        """Ticks and sweeps until nothing is left, every document has a record, and two more sweeps are over.

        Raises `StuckError` if that does not happen.
        """
        end = time.monotonic() + limit_s
        self._wait_until(self._is_at_rest, end)
        for worker in self.workers:
            worker.environment = {**worker.environment, "BACKBURNER_SWEEP_EVERY_S": _SWEEP_EVERY_S}
            self._kill_one(worker)
        for _ in range(2):
            self._wait_until(partial(self._has_swept_since, self._last_sweep()), end)
        self._wait_until(self._is_at_rest, end)
        if time.monotonic() >= end:
            raise StuckError(f"not at rest after {limit_s:g} s")

    def _wait_until(self, holds: Callable[[], bool], end: float) -> None:
        """Go on until a condition holds, checked once a second, or time is up."""
        answers = [False]

        def ask() -> None:
            answers.append(holds())
            if not answers[-1]:
                self._at(1, ask)

        ask()
        self._pump(lambda: not answers[-1] and time.monotonic() < end)

    def _is_at_rest(self) -> bool:
        if self._events or any(worker.job and worker.job[0] == "submit" for worker in self.workers):
            return False
        if (
            self.cloud.count_messages("pending")
            or self.cloud.count_messages("backlog")
            or self.cloud.count_open(self.strays)
        ):
            return False
        records = self.cloud.listed("results/").keys() | self.cloud.listed("failed/").keys()
        places = [output_location(document.key) for document in self.documents[: self.uploaded]]
        return all(location.run_record_key in records or location.error_record_key in records for location in places)

    def _has_swept_since(self, sweep: Any) -> bool:
        return bool(self._last_sweep() != sweep)

    def _last_sweep(self) -> Any:
        state = json.loads(self.cloud.get("ledger/governor.json") or b"{}")
        return state.get("last_sweep")


def event_of(key: str) -> Any:
    """The notification of an upload; beside it `key`, as it is."""
    event = json.loads(_S3_PUT)
    event["Records"][0]["s3"]["bucket"]["name"] = BUCKET
    event["Records"][0]["s3"]["object"]["key"] = quote_plus(key, safe="/")
    return event | {"key": key}
