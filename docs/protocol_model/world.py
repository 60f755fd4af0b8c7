"""The world that the protocol acts on: store, queue, provider, inbox and time, with their faults."""

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

ABSENT, ANY = 0, -1
"""Conditions of a put: nothing is there; no condition."""
UNCLAIMED, NOTHING = 0, -1
"""What a message follows if it is sent before the claim; if no claim or record can come after it is received."""
LOST_ANSWER, ABSENT_BY_MISTAKE = 0.02, 0.1


class BrokenPromiseError(Exception):
    """Something has happened that must never happen."""


@dataclass(frozen=True)
class Message:
    """Drives the next step of one run. `follows` is the ticket that the record had when it was sent."""

    job: str
    run: int
    key: str
    ticket: int
    follows: int = NOTHING
    generation: int | None = None
    attempt: int = 0
    looks: bool = False
    """Whether its record had its ticket and no notes when it was sent; then a poll needs no record."""


@dataclass(frozen=True)
class Record:
    """The record of a run: open, or as written to the output location when the run ended."""

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
    """Whether anything was at its output location when it was claimed."""
    looked_at: int = 0
    """When the process that ended it began to check whether it may."""
    absent_at: float | None = None
    """When the provider first denied the generation, if it still does."""

    @property
    def name(self) -> str:
        return f"{self.job}.{self.run}"

    @property
    def has_begun(self) -> bool:
        """Whether it may have generated something."""
        return bool(self.generations or self.orphans)


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
    """By key: the current version, and when it was uploaded."""
    created: dict[str, set[tuple[str, int]]] = field(default_factory=dict)
    """By key, since its last upload: the attempts for which a generation was created."""
    ended: dict[tuple[str, int, str], Record] = field(default_factory=dict)
    """All records of ended runs, including those that were replaced since."""
    told: dict[tuple[int, int], float] = field(default_factory=dict)
    """By generation and ticket: when a poll without the record last found it running."""
    relied_on: set[int] = field(default_factory=set)
    """Tickets that are followed by messages which were handled without their record."""
    kills: int = 0
    clock: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    """The store's clock: later events have greater numbers. Also used for ETags, tickets and nonces."""

    def tick(self) -> int:
        return next(self.clock)

    def fault(self, chance: float) -> bool:
        return self.faults and self.rng.random() < chance

    def get(self, key: str) -> tuple[int, Any]:
        return self.store.get(key, (ABSENT, None))

    def put(self, key: str, value: Any, match: int) -> int | None:
        """The new ETag; None for "412". The network may repeat a put whose answer was lost, and meet its own write."""
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
        """A generation's status; the provider may deny one that it has."""
        if self.fault(ABSENT_BY_MISTAKE):
            return "absent"
        started = self.provider[generation]
        if started.cancelled:
            return "failed"
        if self.now < started.ends_at:
            return "runs"
        return "failed" if started.fails else "ended"

    def paid_in_silence(self) -> str | None:
        """Names generations that no record knows and that are neither cancelled nor counted; None if there are none."""
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
