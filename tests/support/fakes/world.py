"""Virtual time, processes that can be killed, and the log of every effect that a fake has."""

import asyncio
import contextlib
import selectors
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeVar

_THREAD_LIMIT_S: Final = 60.0
T = TypeVar("T")
Moment = Literal["before", "after"]
START: Final = datetime(2031, 5, 17, 12, 0, 0, tzinfo=UTC)


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


@dataclass
class Process:
    """Something that can be killed; tasks belong to the one that they were started in."""

    name: str
    is_dead: bool = False


DEAD: Final = Process("dead", is_dead=True)
"""What `World.process` returns for a process that was killed."""
_MAIN: Final = Process("main")
_process: ContextVar[Process] = ContextVar("process", default=_MAIN)


@dataclass(frozen=True)
class Effect:
    """One thing that a fake did, or is about to do."""

    number: int
    name: str
    key: str
    process: str


Hook = Callable[[Effect, Moment], Awaitable[None]]


async def let_others_go(effect: Effect, moment: Moment) -> None:  # noqa: ARG001 - the shape of a hook
    """The hook while a test names no other."""
    await asyncio.sleep(0)


@dataclass
class World:
    """Virtual time, and a place at which every effect can be watched, delayed, refused or be the last one."""

    seconds: float = 0.0
    hook: Hook = let_others_go
    effects: list[Effect] = field(default_factory=list)
    in_threads: int = 0
    """Calls that threads work on: time stands still until they are done."""

    def now(self) -> datetime:
        """The store's time."""
        return START + timedelta(seconds=self.seconds)

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds

    def run(self, story: Coroutine[Any, Any, T]) -> T:
        """Run to the end in virtual time. Raises `AssertionError` where nothing can happen any more."""
        with asyncio.Runner(loop_factory=lambda: VirtualLoop(self)) as runner:
            return runner.run(story)

    async def process(self, work: Coroutine[Any, Any, T], name: str = "process") -> "T | Process":
        """Run as a process of its own; its result, or `DEAD`."""
        me = Process(name)

        async def begin() -> T:
            _process.set(me)
            return await work

        try:
            return await asyncio.create_task(begin())
        except Killed:
            return DEAD

    def kill_at(self, number: int, moment: Moment) -> None:
        """From now on kill whichever process comes to the effect of this number."""

        async def hook(effect: Effect, at: Moment) -> None:
            await asyncio.sleep(0)
            if (effect.number, at) == (number, moment):
                raise Killed

        self.hook = hook

    @contextlib.asynccontextmanager
    async def effect(self, name: str, key: str) -> AsyncIterator[None]:
        """Around what a fake does: the hook before and after, nothing for the dead."""
        process = _process.get()
        _stop_if_dead(process)
        effect = Effect(len(self.effects), name, key, process.name)
        self.effects.append(effect)
        try:
            await self.hook(effect, "before")
            _stop_if_dead(process)  # another of its tasks was killed meanwhile
            yield
            await self.hook(effect, "after")
        except Killed:
            process.is_dead = process is not _MAIN
            raise


def _stop_if_dead(process: Process) -> None:
    if process.is_dead:
        raise Killed


class _VirtualSelector(selectors.DefaultSelector):
    """Instead of waiting, moves the time on."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def select(self, timeout: float | None = None) -> list[Any]:
        if self._world.in_threads and timeout != 0:
            return super().select(_THREAD_LIMIT_S)
        if timeout is None:
            raise AssertionError("everybody waits, and nothing will ever happen")
        if timeout <= 0:
            return []  # somebody is ready; there is nothing outside to ask for
        self._world.seconds += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop that lives in a world's time."""

    def __init__(self, world: World) -> None:
        self._world = world
        super().__init__(_VirtualSelector(world))

    def time(self) -> float:
        """Seconds of the world."""
        return self._world.seconds

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """Let a thread do it, in no time."""
        self._world.in_threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._is_back)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - its
        """End the threads, which takes a thread."""
        self._world.in_threads += 1
        await super().shutdown_default_executor()
        self._world.in_threads -= 1

    def _is_back(self, _: Any) -> None:
        self._world.in_threads -= 1
