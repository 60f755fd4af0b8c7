"""A stage for processes that outlive a step: they can be held at an effect, continue later, or die there.

    stage = Stage(system)
    stage.play("tick", work, Fault(at=7, moment="after", kind="hold"))   # until it ends or is held
    stage.let_go(0)                                                      # the one that is held continues

Everything that is not held goes on whenever anything on the stage runs, in one event loop. No process outlives what a
function may run.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal

from backburner.errors import BackburnerError, RetryLaterError
from backburner.ports import ConflictError
from support.fakes import Effect, Killed, Moment, VirtualLoop, World

LIFE_S = 100.0
"""How long the platform lets a function run: less than the lease."""
GOVERNOR = "ledger/governor.json"
Kind = Literal["die", "hold", "refuse", "conflict"]


@dataclass(frozen=True)
class Fault:
    """What happens to a process at its `at`-th effect of the kind that can be affected.

    `die`, `hold`: at effects that change something, since others make no difference outside.
    `refuse`: the bucket or the queue answers with an error; "after" means that it succeeded and the answer is lost.
    `conflict`: a put meets a passing 409; "after" means that a repeated request met its own write.
    """

    at: int
    moment: Moment
    kind: Kind

    def can_befall(self, effect: Effect) -> bool:
        """Whether an effect is of the kind that this fault affects."""
        port, _, verb = effect.name.partition(".")
        match self.kind:
            case "conflict":
                return effect.name == "bucket.put"
            case "refuse":
                return port != "generator"
            case _:
                return verb in ("put", "send", "create", "cancel", "delete", "postpone")


@dataclass
class Actor:
    """One process on the stage."""

    name: str
    fault: Fault | None
    began_s: float
    effects: int = 0
    struck: int = -1
    """Number of the effect at which its fault strikes."""
    task: "asyncio.Task[Any] | None" = None
    held: "asyncio.Future[None] | None" = None

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or not."""
        return self.task is not None and self.task.done()


@dataclass
class Stage:
    """Processes in one loop; `harm` counts what may have cost a generation: deaths and failed calls."""

    world: World
    seed: int = 0
    harm: int = 0
    storm: int = 0
    """How many more swaps of the governor will meet a conflict."""
    watch: Callable[[Effect], None] = lambda _: None
    """Called with every effect, right after it happened."""
    actors: dict[str, Actor] = field(default_factory=dict)
    weight: Callable[[], int] = lambda: 1
    """How many generations a death may cost at this moment."""

    def __post_init__(self) -> None:
        """Take over the world's hook and open the loop."""
        self._random = random.Random(self.seed)
        self._runner = asyncio.Runner(loop_factory=lambda: VirtualLoop(self.world))
        self._count = 0
        self.world.hook = self._hook
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # the dead leave their exceptions behind

    def run(self, story: Coroutine[Any, Any, Any]) -> Any:
        """Run something to its end, while everything that is not held continues."""
        return self._runner.run(story)

    def play(self, *cast: tuple[str, Coroutine[Any, Any, Any], Fault | None]) -> list[Actor]:
        """Start processes together; return when each of them has ended or is held."""
        return self.run(self._play(cast))

    def held(self) -> list[Actor]:
        """The processes that are held at an effect."""
        return [actor for actor in self.actors.values() if actor.held is not None]

    def let_go(self, actor: Actor, *, die: bool = False) -> None:
        """Let a held process continue to its end, or die where it is."""
        assert actor.held is not None
        if die:
            actor.held.set_exception(Killed())
        else:
            actor.held.set_result(None)
        self.run(self._until_quiet([actor]))

    def pass_time(self, seconds: float) -> None:
        """Let time pass; processes that are held too long die."""
        self.run(asyncio.sleep(seconds))
        self._forget()

    def close(self) -> None:
        """End the loop; processes that are still held are cancelled."""
        for actor in self.held():
            assert actor.held is not None
            actor.held.set_exception(Killed())
        self.run(asyncio.sleep(0))
        self._runner.close()

    async def _play(self, cast: tuple[tuple[str, Coroutine[Any, Any, Any], Fault | None], ...]) -> list[Actor]:
        actors = []
        for name, work, fault in cast:
            self._count += 1
            actor = Actor(f"{name} {self._count}", fault, self.world.seconds)
            self.actors[actor.name] = actor
            actor.task = asyncio.create_task(self.world.process(_tolerant(work), actor.name))
            actors.append(actor)
        await self._until_quiet(actors)
        return actors

    async def _until_quiet(self, actors: list[Actor]) -> None:
        while any(not actor.is_over and actor.held is None for actor in actors):
            await asyncio.sleep(0.05)
        self._forget()
        for actor in actors:
            if actor.is_over and actor.task is not None:
                actor.task.result()  # an unexpected error fails the test

    def _forget(self) -> None:
        self.actors = {name: actor for name, actor in self.actors.items() if not actor.is_over}

    async def _hook(self, effect: Effect, moment: Moment) -> None:
        if moment == "after":
            self.watch(effect)
        await asyncio.sleep(self._random.random() / 50)
        if self.storm and moment == "before" and (effect.name, effect.key) == ("bucket.put", GOVERNOR):
            self.storm -= 1
            raise ConflictError(effect.key)
        actor = self.actors.get(effect.process)
        if actor is None:
            return
        if moment == "before" and actor.fault is not None and actor.fault.can_befall(effect):
            actor.effects += 1
            if actor.effects == actor.fault.at:
                actor.struck = effect.number
        if self.world.seconds > actor.began_s + LIFE_S:
            self._dies()
        if actor.fault is not None and (effect.number, moment) == (actor.struck, actor.fault.moment):
            await self._befall(actor, actor.fault.kind, effect)

    async def _befall(self, actor: Actor, kind: Kind, effect: Effect) -> None:
        match kind:
            case "die":
                self._dies()
            case "hold":
                await self._hold(actor)
            case "refuse":
                self.harm += 1
                raise RetryLaterError(f"{effect.name} refused")
            case "conflict":
                raise ConflictError(effect.key)

    async def _hold(self, actor: Actor) -> None:
        actor.held = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout_at(actor.began_s + LIFE_S):
                await actor.held
        except (TimeoutError, Killed):
            self._dies()
        finally:
            actor.held = None

    def _dies(self) -> None:
        self.harm += max(1, self.weight())
        raise Killed


async def _tolerant(work: Coroutine[Any, Any, Any]) -> Any:
    """Like both handlers, end only this invocation if a store refuses; the cloud tries again."""
    try:
        return await work
    except (BackburnerError, ConflictError) as error:
        return error
