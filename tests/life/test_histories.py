"""Random histories against the three rules, on the real core in virtual time.

Tasks may interleave at every effect. A history uploads documents, overwrites some, restores some, removes some,
changes a recipe, delivers events several times and in any order, lets ticks overlap and visibility run out, kills
processes, and makes the provider misbehave. Then the faults stop, and everything must end.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from backburner.errors import RetryLaterError
from backburner.provider.answers import FailedCall, Generation
from support.depth import depth
from support.fakes import Effect, Killed, Moment, Plan
from support.system import System

HISTORIES_PER_TEST = depth(16, 40)
FAULTS_S = 900
KILL_CHANCE = 0.004
SLOW_CHANCE = 0.01
_MAX_DELIVERIES = 10
RECIPE = "recipes/r.md"
MISBEHAVIOURS = (
    Plan(),
    Plan(runs_s=400.0),
    Plan(text=""),
    Plan(ending=Generation(id="", status="failed", error_code="server_error")),
    Plan(ending=Generation(id="", status="cancelled")),
    Plan(create=FailedCall(status=500, message="?")),
    Plan(create=FailedCall(status=500, message="?"), starts=True),
    Plan(create=FailedCall(status=None, message="reset"), starts=True),
    Plan(create=FailedCall(status=429, retry_after_s=20.0)),
    Plan(create=FailedCall(status=None, sent=False)),
    Plan(create=FailedCall(status=401)),
    Plan(forgets=True),
    Plan(runs_s=0.0),
    Plan(runs_s=0.0, forgets=True),
    Plan(
        runs_s=100.0,
        retrieves=(
            FailedCall(status=400),
            Generation(id="", status="expired"),
            FailedCall(status=425),
            FailedCall(status=None, is_garbled=True),
            FailedCall(status=410),
        ),
    ),
    Plan(create=FailedCall(status=501, param="store")),
    Plan(create=FailedCall(status=404, is_api_error=False)),
    Plan(retrieves=(FailedCall(status=500), FailedCall(status=429, retry_after_s=30.0), FailedCall(status=404))),
)


@dataclass
class History:
    """One random history, reproducible from its `seed`."""

    seed: int
    texts: Callable[[str, str], str] = lambda key, version: f"{key} {version}"
    """The document at a key in one of its versions."""
    keys: tuple[str, ...] = tuple(f"inbox/r/d{number}.txt" for number in range(4))
    recipe: str = "Do it."
    system: System = field(default_factory=lambda: System({"BACKBURNER_MAX_ATTEMPTS": "8"}))
    kills: int = 0
    faults: bool = True

    def __post_init__(self) -> None:
        """Draw this history's random numbers from its seed."""
        self.rng = random.Random(self.seed)
        self.system.pending.visibility = self.rng.choice((20, 120))
        self.system.backlog.visibility = self.system.pending.visibility
        self.system.generator.default = Plan(runs_s=self.rng.choice((1.0, 30.0, 100.0)))
        self.system.world.hook = self._hook

    async def _hook(self, effect: Effect, moment: Moment) -> None:
        """Make any effect slow, or the last one of its process."""
        del moment
        await asyncio.sleep(self.rng.uniform(15, 40) if self.rng.random() < SLOW_CHANCE else self.rng.random() / 50)
        if self.faults and effect.process != "main" and self.rng.random() < KILL_CHANCE:
            self.kills += 1
            raise Killed

    async def live(self) -> None:
        """Run with faults for a quarter of an hour, then with as many quiet ticks as it takes."""
        system, rng = self.system, self.rng
        system.upload(RECIPE, self.recipe)
        async with asyncio.TaskGroup() as group:
            for key in self.keys[: rng.randint(1, len(self.keys))]:
                group.create_task(self._document(key))
            group.create_task(self._recipe())
            for start in range(0, FAULTS_S, 60):
                for _ in range(rng.choice((1, 1, 2))):
                    group.create_task(self._at(start + rng.random() * 20, self._tick()))
        self.faults = False
        system.generator._plans.clear()

    async def _document(self, key: str) -> None:
        """One document's uploads, each with its events: repeated, late, in any order."""
        rng, versions = self.rng, ["one", "two", "one", "three"]
        async with asyncio.TaskGroup() as events:
            for version in versions[: rng.choice((1, 1, 2, 3, 4))]:
                await asyncio.sleep(rng.uniform(0, 200))
                self._misbehave(self.texts(key, version))
                self.system.upload(key, self.texts(key, version))
                for _ in range(rng.randint(1, 3)):
                    events.create_task(self._at(rng.uniform(0, 90), self._event(key)))
        if rng.random() < 0.1:
            self.system.bucket.remove(key)

    def _misbehave(self, text: str) -> None:
        """Plan something unusual for one text's generation."""
        self.system.generator.plan(self.rng.choice(MISBEHAVIOURS), document=text)

    async def _recipe(self) -> None:
        if self.rng.random() < 0.3:
            await asyncio.sleep(self.rng.uniform(0, 400))
            self.system.upload(RECIPE, self.recipe.replace("Do it.", "Do it better."))

    async def _at(self, seconds: float, work: object) -> None:
        await asyncio.sleep(seconds)
        await work  # type: ignore[misc]

    async def _event(self, key: str) -> None:
        """Deliver an event until its submit has completed, as both clouds' triggers do."""
        for _ in range(_MAX_DELIVERIES):
            with contextlib.suppress(RetryLaterError):
                if not getattr(await self.system.submit(key, skew_s=self.rng.uniform(-300, 300)), "is_dead", False):
                    return
            await asyncio.sleep(self.rng.uniform(10, 60))

    async def _tick(self) -> None:
        await self.system.tick(skew_s=self.rng.uniform(-300, 300))


@pytest.mark.parametrize("block", range(depth(1, 5)))
def test_random_histories_end_well(block: int) -> None:
    """Nothing is lost or stuck, each output location fits its current document, and every extra create is counted."""
    for seed in range(block * HISTORIES_PER_TEST, (block + 1) * HISTORIES_PER_TEST):
        run_and_check(History(seed))


def run_and_check(history: History) -> None:
    """Run a history, then ticks and sweeps until nothing is left to do, and check the end."""
    system, seed = history.system, history.seed
    system.run(history.live())
    system.settle(max_ticks=200)
    system.sweep(3)
    assert system.problems() == [], f"seed {seed}"
    assert not system.dead.messages, f"seed {seed}"
    assert not system.generator.open, f"seed {seed}: a generation keeps running that nobody polls"
    tokens = system.bucket.json("ledger/governor.json")
    assert (tokens["reserved"], tokens["owed"]) == ({}, {}), f"seed {seed}"
