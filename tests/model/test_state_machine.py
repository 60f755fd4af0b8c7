"""The whole system as a state machine, checked against DESIGN section 1 after every step and at rest.

The gate runs a fixed selection of histories and the deep run a larger one; `BACKBURNER_MODEL_EXAMPLES=5000` searches
for new ones at random.
"""

import dataclasses
import os
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from backburner.capacity.shared_counters import MAX_NOTED
from backburner.wiring.core import Core, assemble
from backburner.wiring.foundation import Ports
from model.books import Truth, WatchedBucket
from model.misbehaviours import AMBIGUOUS, FORGETFUL, MISBEHAVIOURS, RECIPES
from support.actors import Fault, Stage
from support.depth import depth
from support.fakes import Effect, FakeClock, FakeExtractor, FakeGenerator, FakeMessage, Plan
from support.system import TICK_S, System

MORE_EXAMPLES = os.environ.get("BACKBURNER_MODEL_EXAMPLES")
MAX_ATTEMPTS = 4
KEYS = ("inbox/a.txt", "inbox/r/b.txt", "inbox/r/c.txt")
RECIPE = "recipes/r.md"
DAY_S = 86_400.0
PASSING_S = (1.0, 10.0, 45.0, 130.0, 700.0, 4000.0)
TICKS_TO_REST = 600

FAULTS = st.none() | st.builds(
    Fault,
    at=st.integers(1, 16),
    moment=st.sampled_from(("before", "after")),
    kind=st.sampled_from(("hold", "die", "refuse", "conflict")),
)
ANY = st.integers(0, 1_000_000)


@dataclasses.dataclass
class WatchedGenerator(FakeGenerator):
    """A provider that can give every generation its own text, and notes who pays again for an existing answer."""

    distinct: bool = False
    truth: Truth | None = None
    paid_twice: list[str] = dataclasses.field(default_factory=list)

    def _next_plan(self, document: str) -> Plan:
        plan, job = super()._next_plan(document), str(self.requests[-1]["metadata"]["job_id"])
        if self.truth and any(self.truth.is_done(key, job) for key in KEYS):
            self.paid_twice.append(job)
        if self.distinct and plan.text is None and "text" not in self.requests[-1]:
            return dataclasses.replace(plan, text=f"text number {len(self.made) + 1}")
        return plan


@dataclasses.dataclass(frozen=True)
class WrongClock(FakeClock):
    """A machine's clock, which may be wrong at any time."""

    skew: list[float] = dataclasses.field(default_factory=lambda: [0.0])

    def now(self) -> datetime:
        """The time that this machine believes it is."""
        return self.world.now() + timedelta(seconds=self.skew[0])


@dataclasses.dataclass
class StagedSystem(System):
    """The system with all its processes on one stage, which remembers what happened."""

    max_in_flight: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        """Make a new outside world that is watched."""
        self.environment = {
            "BACKBURNER_MAX_ATTEMPTS": str(MAX_ATTEMPTS),
            "BACKBURNER_MAX_IN_FLIGHT": str(self.max_in_flight),
            "BACKBURNER_DEADLINE_S": "1800",
            "BACKBURNER_SUBMITS_PER_MINUTE": "5",
            **self.environment,
        }
        super().__post_init__()
        self.bucket = WatchedBucket(self.world)
        self.generator = WatchedGenerator(self.world)
        self.skew = [0.0]
        self.stage = Stage(self.world, self.seed, weight=self._creates_under_way)

    def run(self, story: Coroutine[Any, Any, Any]) -> Any:
        """Run on the stage."""
        return self.stage.run(story)

    def machine(self, swap_tries: int) -> Core:
        """The parts of one function's process."""
        ports = Ports(
            bucket=self.bucket,
            pending=self.pending,
            backlog=self.backlog,
            dead=self.dead,
            generator=self.generator,
            extractor=FakeExtractor(),
            clock=WrongClock(self.world, skew=self.skew),
        )
        return self.folding(assemble(self.settings, ports, create_limit_s=30.0, swap_tries=swap_tries))

    def _creates_under_way(self) -> int:
        return sum(self.bucket.json(key)["state"] == "submitting" for key in self.bucket.keys("ledger/open/"))


class Life(RuleBasedStateMachine):
    """Users, clouds, a provider and bad luck around the two functions."""

    @initialize(
        seed=st.integers(0, 7),
        max_in_flight=st.integers(1, 3),
        visibility=st.sampled_from((120, 20)),
        runs_s=st.sampled_from((30.0, 1.0, 100.0)),
        distinct=st.booleans(),
        max_noted=st.sampled_from((MAX_NOTED, 0, 1)),
    )
    def begin(
        self, seed: int, max_in_flight: int, visibility: int, runs_s: float, *, distinct: bool, max_noted: int
    ) -> None:
        """Set up a stack."""
        self.system = StagedSystem(max_in_flight=max_in_flight, seed=seed, max_noted=max_noted)
        self.stage = self.system.stage
        self.system.pending.visibility = self.system.backlog.visibility = visibility
        generator = self.system.generator
        self.truth = Truth(self.system, MAX_ATTEMPTS, max_in_flight)
        generator.default, generator.distinct, generator.truth = Plan(runs_s=runs_s), distinct, self.truth
        self.events: list[str] = []
        self.received: list[tuple[str, str]] = []
        self.ambiguous, self.is_message_lost = 0, False
        self.undriven: list[str] = []
        self.stage.watch = self._watch
        self.system.upload(RECIPE, RECIPES[0])

    @rule(
        key=st.sampled_from(KEYS),
        text=st.sampled_from(("one", "two", "three", " ")),
        count=st.integers(0, 2),
        fate=st.none() | st.sampled_from(sorted(MISBEHAVIOURS)),
        fault=FAULTS,
    )
    def upload(self, key: str, text: str, count: int, fate: str | None, fault: Fault | None) -> None:
        """Upload a new, changed or restored document, whose event comes once, again later, or never."""
        document = f"{key} {text}" if text.strip() else text
        if fate is not None:
            self.system.generator.plan(MISBEHAVIOURS[fate], document=document)
            self.ambiguous += fate in AMBIGUOUS | FORGETFUL
        self.system.upload(key, document)
        self.events += [key] * count
        if count:
            self._deliver(len(self.events) - 1, fault)

    @rule(key=st.sampled_from(KEYS))
    def remove(self, key: str) -> None:
        """A user deletes a document."""
        self.system.bucket.remove(key)

    @rule(text=st.sampled_from(RECIPES))
    def change_recipe(self, text: str | None) -> None:
        """Change the recipe or remove it."""
        if text is None:
            self.system.bucket.remove(RECIPE)
        else:
            self.system.upload(RECIPE, text)

    @precondition(lambda self: self.events)
    @rule(which=ANY, fault=FAULTS)
    def deliver(self, which: int, fault: Fault | None) -> None:
        """Deliver an event, and again later if its function failed."""
        self._deliver(which % len(self.events), fault)

    @precondition(lambda self: self.events)
    @rule(which=ANY, fault=FAULTS)
    def deliver_twice_at_once(self, which: int, fault: Fault | None) -> None:
        """Deliver the same event to two functions at once."""
        key = self.events.pop(which % len(self.events))
        self.stage.play(self._submit(key, fault), self._submit(key, None))

    @rule(fault=FAULTS, count=st.integers(1, 3))
    def tick(self, fault: Fault | None, count: int) -> None:
        """Let the timer fire, once a minute."""
        for _ in range(count):
            self.stage.play(self._tick(fault))
            self.stage.pass_time(45.0)
            fault = None

    @rule(one=FAULTS, two=FAULTS)
    def two_ticks(self, one: Fault | None, two: Fault | None) -> None:
        """Let the timer fire twice at once."""
        self.stage.play(self._tick(one), self._tick(two))

    @precondition(lambda self: self.stage.held())
    @rule(which=ANY, die=st.booleans())
    def go_on(self, which: int, *, die: bool) -> None:
        """Let a held process continue, or die where it is."""
        held = self.stage.held()
        self.stage.let_go(held[which % len(held)], die=die)

    @rule(seconds=st.sampled_from(PASSING_S))
    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.stage.pass_time(seconds)

    @rule(seconds=st.sampled_from((0.0, -7200.0, 300.0, 100_000.0)), swaps=st.integers(0, 30), is_late=st.booleans())
    def bad_luck(self, seconds: float, swaps: int, *, is_late: bool) -> None:
        """Let the machines' clocks jump, swaps of the governor be lost to others, and received messages show again."""
        self.system.skew[0], self.stage.storm = seconds, swaps
        for message in self._messages():
            if message.receives and is_late:
                message.shows_s = min(message.shows_s, self.system.world.seconds)

    @precondition(lambda self: self.received)
    @rule(which=ANY)
    def redeliver(self, which: int) -> None:
        """Deliver a message again that was delivered before and perhaps deleted since."""
        queue, body = self.received[which % len(self.received)]
        now = self.system.world.seconds
        getattr(self.system, queue).messages.append(FakeMessage(body, now, now))

    @precondition(lambda self: self._messages())
    @rule(which=ANY)
    def lose_message(self, which: int) -> None:
        """Lose a message, as by a purge or to a dead-letter queue."""
        message = self._messages()[which % len(self._messages())]
        for queue in (self.system.pending, self.system.backlog):
            queue.messages = [other for other in queue.messages if other is not message]
        self.stage.harm += 1
        self.is_message_lost = True

    @invariant()
    def keep_the_promises(self) -> None:
        """Check DESIGN section 1."""
        for queue in ("pending", "backlog"):
            seen = ((queue, message.body) for message in getattr(self.system, queue).messages if message.receives)
            self.received += [sent for sent in seen if sent not in self.received]
        wrong = self.truth.always() + self.undriven
        if not self.stage.actors:
            wrong += self.truth.between_steps() if not self.stage.harm else []
        assert not wrong, wrong
        assert not self.system.generator.paid_twice, self.system.generator.paid_twice

    def teardown(self) -> None:
        """Stop the faults: everything ends, nothing is lost, the books balance."""
        if not hasattr(self, "system"):
            return
        try:
            self._come_to_rest()
            wrong = self.truth.at_rest()
            assert wrong == [], wrong
            assert self.truth.orphans_counted() <= self.stage.harm + self.ambiguous
        finally:
            self.stage.close()

    def _come_to_rest(self) -> None:
        system = self.system
        system.generator._plans.clear()
        self.stage.storm = 0
        while held := self.stage.held():
            self.stage.let_go(held[0])
        self.stage.pass_time(DAY_S if self.is_message_lost else 200.0)  # a silent record is woken after a day
        system.settle(TICKS_TO_REST)
        self.stage.pass_time(DAY_S)
        system.sweep(3)

    def _deliver(self, place: int, fault: Fault | None) -> None:
        key = self.events.pop(place)
        (actor,) = self.stage.play(self._submit(key, fault))
        if fault is not None and actor.is_over:
            self.events.append(key)

    def _watch(self, effect: Effect) -> None:
        """Check that every record has its message at every single moment."""
        if effect.name in ("bucket.put", "pending.delete", "backlog.delete") and not self.is_message_lost:
            self.undriven += self.truth.tickets()

    def _messages(self) -> list[FakeMessage]:
        return self.system.pending.messages + self.system.backlog.messages

    def _submit(self, key: str, fault: Fault | None) -> tuple[str, Coroutine[Any, Any, Any], Fault | None]:
        return "submit", self.system.machine(swap_tries=1).submitter.submit(key, is_first=True), fault

    def _tick(self, fault: Fault | None) -> tuple[str, Coroutine[Any, Any, Any], Fault | None]:
        return "tick", self.system.machine(swap_tries=12).tick.run(TICK_S), fault


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=int(MORE_EXAMPLES or depth(20, 600)),
    stateful_step_count=30,
    derandomize=MORE_EXAMPLES is None,
    # To shrink a failing history takes minutes: the gate reports it as it is, and only a search shrinks it.
    phases=(Phase.generate,) if MORE_EXAMPLES is None else (Phase.generate, Phase.shrink),
    database=None,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
if MORE_EXAMPLES is not None:
    TestLife.pytestmark = pytest.mark.timeout(0)
