"""The real policy: the whole core on the tests' fakes, in virtual time, with the ticks of each minute."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from looking.policies import Looked
from support.fakes import Effect, Hook, Moment, Plan
from support.system import System

_MINUTE_S = 60.0
_MAX_S = 86_400.0
_RUN_RECORD = ".run.json"
_UNLIMITED = {"BACKBURNER_SUBMITS_PER_MINUTE": "1000000", "BACKBURNER_MAX_IN_FLIGHT": "100000"}
_TICKS_QUEUE = {"BACKBURNER_TICKS_QUEUE_URL": "http://queues/ticks"}


@dataclass
class Simulation:
    """Documents uploaded at the given times, and checked by a number of ticks a minute, evenly spaced."""

    documents: Sequence[tuple[float, float]]
    ticks_per_minute: int = 1
    ticks: int = 0
    tick_s: float = 0.0
    """How long all ticks took together, not counting their calls."""
    _ended_s: dict[str, float] = field(default_factory=dict)

    def run(self) -> list[Looked]:
        """Run it until every document has its result."""
        system = System({**_UNLIMITED, **_TICKS_QUEUE, "BACKBURNER_TICKS_PER_MINUTE": str(self.ticks_per_minute)})
        system.world.hook = self._noted(system)
        system.run(self._lived(system))
        assert not system.problems(), system.problems()[:3]
        looked = []
        for made in system.generator.made.values():
            ended_s = self._ended_s[_key(int(str(made.request["input"]).rpartition(" ")[2]))]
            looked.append(Looked(made.plan.runs_s, made.polls, ended_s - made.created_s - made.plan.runs_s))
        return looked

    async def _lived(self, system: System) -> None:
        async with asyncio.TaskGroup() as functions:
            functions.create_task(self._uploads(system, functions))
            while len(self._ended_s) < len(self.documents):
                assert system.world.seconds < _MAX_S, "a document has no result"
                functions.create_task(self._tick(system))
                await asyncio.sleep(_MINUTE_S / self.ticks_per_minute)

    async def _uploads(self, system: System, functions: asyncio.TaskGroup) -> None:
        for number, (at_s, took_s) in enumerate(self.documents):
            await asyncio.sleep(max(0.0, at_s - system.world.seconds))
            text = f"document {number}"
            system.generator.plan(Plan(runs_s=took_s), document=text)
            system.upload(_key(number), text)
            functions.create_task(system.submit(_key(number)))

    async def _tick(self, system: System) -> None:
        began_s = system.world.seconds
        await system.tick()
        self.ticks += 1
        self.tick_s += system.world.seconds - began_s

    def _noted(self, system: System) -> Hook:
        async def hook(effect: Effect, moment: Moment) -> None:
            await asyncio.sleep(0)
            if moment == "after" and effect.name == "bucket.put" and effect.key.endswith(_RUN_RECORD):
                key = effect.key.removeprefix("results/").removesuffix(_RUN_RECORD)
                self._ended_s.setdefault(f"inbox/{key}", system.world.seconds)

        return hook


def _key(number: int) -> str:
    return f"inbox/{number:06d}.txt"
