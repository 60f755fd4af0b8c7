"""Virtual time, processes that can be killed, and the log of every fake's effects."""

import asyncio
import atexit
import contextlib
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple, TypeVar

_THREAD_LIMIT_S: Final = 60.0
T = TypeVar("T")
Moment = Literal["before", "after"]
START: Final = datetime(2031, 5, 17, 12, 0, 0, tzinfo=UTC)


class Killed(BaseException):
    """The process is gone, and nothing of it runs any more."""


@dataclass
class Process:
    """Something that can be killed; a task belongs to the process that it was started in."""

    name: str
    is_dead: bool = False


DEAD: Final = Process("dead", is_dead=True)
"""What `World.process` returns for a process that was killed."""
_MAIN: Final = Process("main")
_process: ContextVar[Process] = ContextVar("process", default=_MAIN)


class Effect(NamedTuple):
    """Something that a fake did, or is about to do."""

    number: int
    name: str
    key: str
    process: str


Hook = Callable[[Effect, Moment], Awaitable[None]]


async def let_others_go(effect: Effect, moment: Moment) -> None:  # noqa: ARG001 - the shape of a hook
    """The default hook: let other tasks run."""
    await pause()


async def pause() -> None:
    """Let any other task that is ready take a step; skip this if there is none, to save time."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop) or loop.has_others_ready():
        await asyncio.sleep(0)


@dataclass
class World:
    """Virtual time, with a hook that can watch, delay or refuse every effect, or let a process die at it."""

    seconds: float = 0.0
    hook: Hook = let_others_go
    effects: list[Effect] = field(default_factory=list)
    in_threads: int = 0
    """Calls that threads are working on; time stands still until they are done."""

    def now(self) -> datetime:
        """The store's time."""
        return START + timedelta(seconds=self.seconds)

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds

    def run(self, story: Coroutine[Any, Any, T]) -> T:
        """Run to the end in virtual time. Raises `AssertionError` if nothing can happen any more."""
        with _loop(self) as loop:
            return loop.run_until_complete(loop.create_task(story))

    async def process(self, work: Coroutine[Any, Any, T], name: str = "process") -> "T | Process":
        """Run as a separate process and return its result, or `DEAD`."""
        me = Process(name)

        async def begin() -> T:
            _process.set(me)
            return await work

        try:
            return await asyncio.create_task(begin())
        except Killed:
            return DEAD

    def kill_at(self, number: int, moment: Moment) -> None:
        """Kill whichever process comes to the effect of this number."""

        async def hook(effect: Effect, at: Moment) -> None:
            await pause()
            if (effect.number, at) == (number, moment):
                raise Killed

        self.hook = hook

    def effect(self, name: str, key: str) -> "_Around":
        """Wrap what a fake does: the hook before and after, and nothing for dead processes."""
        return _Around(self, name, key)


class _Around:
    """Calls the hook around an effect. A class, since a generator for each would take half of the tests' time."""

    __slots__ = ("_effect", "_name", "_process", "_world")

    def __init__(self, world: World, name: str, key: str) -> None:
        self._world, self._name, self._process = world, (name, key), _process.get()

    async def __aenter__(self) -> None:
        world, process = self._world, self._process
        _stop_if_dead(process)
        self._effect = Effect(len(world.effects), *self._name, process.name)
        world.effects.append(self._effect)
        try:
            await world.hook(self._effect, "before")
            _stop_if_dead(process)  # another of its tasks was killed meanwhile
        except Killed:
            self._die()
            raise

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, Killed):
            self._die()
        if error is not None:
            return
        try:
            await self._world.hook(self._effect, "after")
        except Killed:
            self._die()
            raise

    def _die(self) -> None:
        self._process.is_dead = self._process is not _MAIN


def _stop_if_dead(process: Process) -> None:
    if process.is_dead:
        raise Killed


class _VirtualSelector(selectors.DefaultSelector):
    """Moves the time on instead of waiting."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    def select(self, timeout: float | None = None) -> list[Any]:
        if self.world.in_threads and timeout != 0:
            return super().select(_THREAD_LIMIT_S)
        if timeout is None:
            raise AssertionError("every task waits, and nothing will ever happen")
        if timeout <= 0:
            return []  # a task is ready; there is nothing outside to ask for
        self.world.seconds += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in a world's time."""

    def __init__(self, world: World) -> None:
        self._selector_of_world = _VirtualSelector(world)
        self._world = world
        super().__init__(self._selector_of_world)

    def move_to(self, world: World) -> None:
        """Move to another world's time."""
        self._world = self._selector_of_world.world = world

    def time(self) -> float:
        """The world's seconds."""
        return self._world.seconds

    def has_others_ready(self) -> bool:
        """Whether a task other than the running one is ready now."""
        is_due = bool(self._scheduled) and self._scheduled[0].when() <= self._world.seconds
        return bool(self._ready) or is_due or bool(self._world.in_threads)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """Run it in a thread, taking no virtual time."""
        self._world.in_threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._is_back)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - its
        """End the threads, which itself takes a thread."""
        self._world.in_threads += 1
        await super().shutdown_default_executor()
        self._world.in_threads -= 1

    def _is_back(self, _: Any) -> None:
        self._world.in_threads -= 1


_idle: list[VirtualLoop] = []
"""Idle loops for reuse: opening one for each process of a test would take a twelfth of the time."""


@contextlib.contextmanager
def _loop(world: World) -> Iterator[VirtualLoop]:
    """A loop in this world's time; what is left of a story is cancelled afterwards, as by `asyncio.Runner`."""
    if _idle:
        loop = _idle.pop()
        loop.move_to(world)
    else:
        loop = VirtualLoop(world)
        atexit.register(loop.close)
    try:
        yield loop
    finally:
        while left := asyncio.all_tasks(loop):
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        _idle.append(loop)
