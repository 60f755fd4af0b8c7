"""A folder in virtual time: the driver of `backburner run` over the real files and tables, with a provider in memory.

    folder = FolderWorld(tmp_path, monkeypatch)
    folder.write("contract.txt", "the contract")
    folder.live(("pending.send", 1), "after")      # one process, which dies after its first message
    folder.live()                                  # another, to the end

Every life is a separate process, with its own connection, lock and name. A death is always between two effects: steps
within an effect (a staged file, a commit) are left to tests that kill real processes.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from backburner.adapters.folder import files, presence, queues
from backburner.adapters.folder.bucket import FolderBucket
from backburner.adapters.folder.database import Database, Turn
from backburner.adapters.folder.documents import Documents
from backburner.adapters.folder.layout import Layout
from backburner.adapters.folder.objects import Objects
from backburner.adapters.folder.presence import Presence
from backburner.adapters.folder.queues import DEAD, FolderQueue, Room
from backburner.capacity import timing
from backburner.memory.budget import MemoryBudget
from backburner.ports import Received
from backburner.settings import from_env
from backburner.wiring.core import assemble
from backburner.wiring.foundation import Ports
from backburner_cli.folder import driver, intake, scan, tracker
from backburner_cli.folder.again import RunsAgain
from backburner_cli.folder.driver import Driver
from backburner_cli.folder.intake import Intake
from backburner_cli.folder.scan import Walk
from backburner_cli.folder.tally import Failure, Tally
from backburner_cli.folder.tracker import Tracker
from backburner_cli.operator.backend import FOLDER_QUEUES
from support.effects import Point
from support.fakes import (
    START,
    Effect,
    FakeClock,
    FakeExtractor,
    FakeGenerator,
    Killed,
    Moment,
    Plan,
    VirtualLoop,
    World,
)
from support.system import ENVIRONMENT

T = TypeVar("T")
RECIPE = "default"
_TIMED = (files, presence, queues, driver, intake, scan, tracker)
"""The modules that ask this machine for the time."""


@dataclass(frozen=True, kw_only=True)
class _Bucket(FolderBucket):
    """A bucket whose writes are effects."""

    world: World

    async def put(self, key: str, body: bytes | Path, **named: Any) -> str:
        async with self.world.effect("put", key):
            return await super().put(key, body, **named)

    async def delete(self, key: str) -> None:
        async with self.world.effect("delete", key):
            await super().delete(key)


@dataclass(frozen=True, kw_only=True)
class _Queue(FolderQueue):
    """A queue whose calls are effects, except for receives that find nothing."""

    world: World

    async def send(self, body: str, delay_s: int) -> None:
        async with self.world.effect(f"{self.name}.send", ""):
            await super().send(body, delay_s)

    async def receive(self, most: int, wait_s: int) -> Sequence[Received]:
        received = await super().receive(most, wait_s)
        if received:
            async with self.world.effect(f"{self.name}.receive", ""):
                pass
        return received

    async def postpone(self, message: Received, delay_s: int) -> None:
        async with self.world.effect(f"{self.name}.postpone", ""):
            await super().postpone(message, delay_s)

    async def delete(self, message: Received) -> None:
        async with self.world.effect(f"{self.name}.delete", ""):
            await super().delete(message)


class _Database(Database):
    """A database whose calls take no time, and which does nothing for dead processes."""

    def __init__(self, path: Path, life: "Life") -> None:
        super().__init__(path)
        self._life = life

    async def run(self, work: Callable[[Turn], T]) -> T:
        if self._life.is_dead:
            raise Killed
        self._life.world.in_threads += 1
        try:
            return await super().run(work)
        finally:
            self._life.world.in_threads -= 1


class _NoProgress:
    """Ignores the progress of the run."""

    def note(self, text: str) -> None: ...

    def done(self, path: str, result: str) -> None: ...

    def failed(self, path: str, failure: Failure) -> None: ...

    def now(self, tally: Tally) -> None: ...

    def close(self) -> None: ...


@dataclass
class FolderWorld:
    """A folder below `root`, and one provider for all the processes that work on it."""

    root: Path
    monkeypatch: pytest.MonkeyPatch
    world: World = field(default_factory=World)
    lives: int = 0

    def __post_init__(self) -> None:
        """Make the folders, and let all clocks show the world's time."""
        self.generator = FakeGenerator(self.world, default=Plan(runs_s=3.0))
        self.documents, self.out, self.state = (self.root / name for name in ("documents", "out", "state"))
        for made in (self.documents, self.out, self.state / "staged", self.state / "processes"):
            made.mkdir(parents=True)
        began_s = START.timestamp()
        clock = SimpleNamespace(
            time=lambda: began_s + self._now_s,
            time_ns=lambda: int(began_s + self._now_s) * 10**9 + round(self._now_s % 1 * 1000) * 10**6,
            monotonic=lambda: self._now_s,
        )
        for module in _TIMED:
            self.monkeypatch.setattr(module, "time", clock)

    @property
    def _now_s(self) -> float:
        """The time in whole milliseconds: floating-point remains would never pass for whoever waits."""
        return round(self.world.seconds, 3)

    def write(self, name: str, text: str) -> None:
        """Write a document, as a user does."""
        (self.documents / name).write_text(text, encoding="utf-8")

    def live(self, point: Point | None = None, moment: Moment = "before") -> "Life":
        """Run one process, to its end or its death at an effect, and return what it did."""
        self.lives += 1
        timing.RANDOM.seed(0)
        life = Life(f"life{self.lives}", self.world, point, moment)
        with asyncio.Runner(loop_factory=lambda: VirtualLoop(self.world)) as runner:
            runner.run(self._process(life))
        return life

    async def _process(self, life: "Life") -> None:
        database = _Database(self.state / "state.db", life)
        here = Presence(folder=self.state / "processes", name=life.name)
        here.enter()
        made = self._driver(database, here)
        self.world.hook = life.meets
        working = asyncio.create_task(self.world.process(made.run(), life.name))
        dying = asyncio.create_task(life.death.wait())
        await asyncio.wait({working, dying}, return_when=asyncio.FIRST_COMPLETED)
        if not life.is_dead:
            await here.leave(made.bucket.objects)
            life.is_complete = made.is_complete
            dying.cancel()
        elif here._lock is not None:
            os.close(here._lock)  # as the system does for dead processes
        database.close()

    def _driver(self, database: Database, here: Presence) -> Driver:
        clock, memory, tally = FakeClock(self.world), MemoryBudget(), Tally()
        objects = Objects(
            database=database,
            layout=Layout(state=self.state, out=self.out, recipe=RECIPE),
            staging=self.state / "staged",
            process=here.name,
        )
        bucket = _Bucket(
            database=database,
            objects=objects,
            documents=Documents(folder=self.documents, recipe=RECIPE),
            world=self.world,
        )
        room = Room(database=database, process=here.name)
        pending, backlog, dead = (
            _Queue(room=room, name=name, world=self.world) for name in ("pending", "backlog", DEAD)
        )
        ports = Ports(
            bucket=bucket,
            pending=pending,
            backlog=backlog,
            dead=dead,
            generator=self.generator,
            extractor=FakeExtractor(clock, memory.large),
            clock=clock,
            memory=memory,
        )
        core = assemble(from_env(ENVIRONMENT | FOLDER_QUEUES), ports, create_limit_s=30.0, swap_tries=12)
        again = RunsAgain(room=room, recipe=RECIPE)
        walk = Walk(folder=self.documents, prefix=f"inbox/{RECIPE}/", is_output=lambda _: False)
        return Driver(
            core=core,
            bucket=bucket,
            backlog=backlog,
            room=room,
            presence=here,
            intake=Intake(
                walk=walk, tally=tally, progress=_NoProgress(), watch=False, is_stopping=lambda: room.is_closed
            ),
            again=again,
            tracker=Tracker(
                core=core,
                bucket=bucket,
                recipe=RECIPE,
                recipe_source=None,
                again=again,
                tally=tally,
                progress=_NoProgress(),
            ),
            tally=tally,
            progress=_NoProgress(),
            window=100,
        )


@dataclass
class Life:
    """One process: `seen` are its effects by name, in order, and it dies at `point` if there is one."""

    name: str
    world: World
    point: Point | None = None
    moment: Moment = "before"
    seen: list[str] = field(default_factory=list)
    death: asyncio.Event = field(default_factory=asyncio.Event)
    is_complete: bool = False
    _fatal: int | None = None
    """The number of the effect that is its point, once that has started."""

    @property
    def is_dead(self) -> bool:
        """Whether it has come to its point."""
        return self.death.is_set()

    async def meets(self, effect: Effect, at: Moment) -> None:
        """Let others go first around each effect, or die."""
        await asyncio.sleep(0)
        if at == "before":
            name = named(effect)
            self.seen.append(name)
            if self.point == (name, self.seen.count(name)):
                self._fatal = effect.number
        if (effect.number, at) == (self._fatal, self.moment):
            self.death.set()
            raise Killed


def named(effect: Effect) -> str:
    """An effect's name: what is done, and for an object the kind of its key."""
    if effect.name not in ("put", "delete"):
        return effect.name
    folder, _, rest = effect.key.partition("/")
    if folder == "ledger":
        return f"{effect.name} {rest.partition('/')[0]}"
    is_record = effect.key.endswith((".run.json", ".error.json"))
    return f"{effect.name} {'record' if is_record else 'result'}"
