"""The world that the protocol acts on: store, queue, provider, inbox and time, with the faults they have."""

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

ABSENT, ANY = 0, -1
"""Conditions of a put: nothing stands there; no condition."""
LOST_ANSWER, ABSENT_BY_MISTAKE = 0.02, 0.1


class BrokenPromiseError(Exception):
    """What may never happen has happened."""


@dataclass(frozen=True)
class Message:
    """Drives the next step of one run. `follows`: the ticket of the record that it was sent from."""

    job: str
    run: int
    key: str
    ticket: int
    follows: int = 0
    generation: int | None = None
    attempt: int = 0
    looks: bool = False
    """Whether its record had its ticket and nothing noted when it was sent: a look needs no record then."""


@dataclass(frozen=True)
class Record:
    """The record of a run: open, or as its end put it at the document's output location."""

    job: str
    run: int
    key: str
    uploaded_at: int
    state: Literal["submitting", "waiting", "running", "done", "failed", "superseded"] = "submitting"
    attempt: int = 1
    ticket: int = 0
    generations: tuple[int, ...] = ()
    orphans: int = 0
    nonce: int = 0
    replaced_error: int = ABSENT
    found: bool = False
    """Whether anything stood at its output location when it was claimed."""
    looked_at: int = 0
    """When the process that ended it began to look whether it may."""
    absent_at: float | None = None
    """When the provider first said that there is no such generation, as long as it says nothing else."""

    @property
    def name(self) -> str:
        return f"{self.job}.{self.run}"


@dataclass
class Envelope:
    """A message on the queue."""

    message: Message
    visible_at: float
    receives: int = 0


@dataclass
class Started:
    """A generation at the provider."""

    name: str
    ends_at: float
    fails: bool
    cancelled: bool = False


@dataclass
class World:
    """The store with conditional puts, the queue, the provider, the inbox, and the time."""

    rng: random.Random
    now: float = 0.0
    faults: bool = True
    store: dict[str, tuple[int, Any]] = field(default_factory=dict)
    queue: dict[int, Envelope] = field(default_factory=dict)
    provider: list[Started] = field(default_factory=list)
    inbox: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By key: the version that stands there, and when it was uploaded."""
    created: dict[str, set[tuple[str, int]]] = field(default_factory=dict)
    """By key, since its last upload: the attempts that a generation was created for."""
    ended: dict[tuple[str, int, str], Record] = field(default_factory=dict)
    """Every record of an end, also those that another document's record has replaced since."""
    told: dict[tuple[int, int], float] = field(default_factory=dict)
    """By generation and ticket: when a look without the record last heard that it runs."""
    relied_on: set[int] = field(default_factory=set)
    """Tickets which messages follow that were looked at without their record."""
    kills: int = 0
    clock: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    """Of the store: what comes later has the greater number. Serves as ETags, tickets and nonces too."""

    def tick(self) -> int:
        return next(self.clock)

    def fault(self, chance: float) -> bool:
        return self.faults and self.rng.random() < chance

    def get(self, key: str) -> tuple[int, Any]:
        return self.store.get(key, (ABSENT, None))

    def put(self, key: str, value: Any, match: int) -> int | None:
        """The new ETag; None for "412". The network may repeat a put whose answer was lost, and meet its own object."""
        if match not in (ANY, self.get(key)[0]):
            return None
        etag = self.tick()
        self.store[key] = (etag, value)
        if key.startswith(("done/", "error/", "superseded/")):
            self.ended[value.name, value.uploaded_at, value.state] = value
        return None if match != ANY and self.fault(LOST_ANSWER) else etag

    def upload(self, key: str, version: int) -> None:
        self.inbox[key] = (version, self.tick())
        self.created[key] = set()

    def send(self, message: Message, delay: float) -> None:
        self.queue[self.tick()] = Envelope(message, self.now + delay)

    def create(self, record: Record) -> int:
        attempt = (record.name, record.attempt)
        if attempt in self.created[record.key]:
            raise BrokenPromiseError(f"paid twice: attempt {record.attempt} of {record.name}")
        self.created[record.key].add(attempt)
        self.provider.append(Started(record.name, self.now + self.rng.choice((1, 3, 10, 60)), self.fault(0.15)))
        return len(self.provider) - 1

    def retrieve(self, generation: int) -> Literal["runs", "ended", "failed", "absent"]:
        """How a generation stands; the provider may deny one that it has."""
        if self.fault(ABSENT_BY_MISTAKE):
            return "absent"
        started = self.provider[generation]
        if started.cancelled:
            return "failed"
        if self.now < started.ends_at:
            return "runs"
        return "failed" if started.fails else "ended"

    def has_ended(self, record: Record) -> bool:
        """Whether the run of an open record is over."""
        return any(name == record.name for name, *_ in self.ended)

    def paid_in_silence(self) -> str | None:
        """Generations that no record knows: each is cancelled, or counted as a suspected orphan."""
        ended = self.ended.values()
        known = {generation for record in ended for generation in record.generations}
        silent = Counter(
            started.name
            for number, started in enumerate(self.provider)
            if number not in known and not started.cancelled
        )
        for name, count in silent.items():
            orphans = sum(record.orphans for record in ended if record.name == name)
            if count > orphans:
                return f"paid in silence: {count} generations of {name}, {orphans} suspected orphans"
        return None
