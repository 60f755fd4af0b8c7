"""A bucket, queues, a provider and clocks in virtual time, behind the Protocols of `backburner.ports`.

Use them so:

    world = World()                              # owns time, the log of effects and the hook
    bucket = FakeBucket(world)
    pending, dead = FakeQueue(world, "pending"), FakeQueue(world, "dead")
    generator, clock = FakeGenerator(world), FakeClock(world)

    async def story(): ...                       # builds what it tests from these, and runs it
    world.run(story())                           # one event loop per run; time jumps whenever nobody can go on

Time. `world.run` uses a loop whose time is `world.seconds`: `asyncio.sleep`, `asyncio.timeout`, `FakeClock.sleep` and a
queue's waiting all take virtual seconds and no real ones. If nothing can ever happen again, the run fails instead of
hanging. `world.later(s)` moves time by hand. `FakeClock(world, skew_s=…)` is a machine whose clock is wrong; the
store's clock (`last_modified`, `read_at`) is `world.now()` in whole seconds, as S3 tells it.

Effects. Whatever a fake does for the code under test is an `Effect(number, name, key, process)`. Around each one the
world calls `await world.hook(effect, "before")`, applies it, and calls `await world.hook(effect, "after")`. A hook may

    * await anything: here other tasks interleave;
    * raise `Killed`: the process dies, before or after the effect (`world.kill_at(number, moment)` makes such a hook);
    * raise an error of the port ("before": refused; "after": it happened, and its answer was lost).

`world.effects` lists them all in order. Names: `bucket.get/head/put/delete`, `<queue>.send/receive/postpone/delete`
(with the queue's own name), `generator.create/retrieve/cancel/delete`. Their keys: the object's key, the message's
body ("" for a receive), the document (`input`) for a create, else the response id. Without a hook an effect only lets
other tasks go first.

Processes. `await world.process(work)` runs `work` as a process of its own: once `Killed` was raised in one of its
tasks, every later effect of all its tasks raises `Killed` too, so a dead process does nothing more. It returns the
work's result, or the `DEAD` mark. Outside of it everything belongs to the process `main`.

For tests only (no effects, not async):

    bucket.upload(key, body) / remove(key)       what users do
    bucket.keys(prefix), bucket.body(key), bucket.json(key)
    queue.messages                               what stands in it, visible or not; each has body, receives, shows_s
    generator.plan(Plan(…), document=…, times=…) what becomes of coming creates; see `Plan`
    generator.requests / made / cancelled / deleted / retrieved
"""

import asyncio
import contextlib
import hashlib
import json
import selectors
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import msgspec

from backburner.documents.chunking import cut
from backburner.documents.plain_text import Extracted, Span, plain_text
from backburner.errors import JobError, Reason, RetryLaterError
from backburner.ports import ABSENT, ConflictError, Received, Stored, TooLargeError
from backburner.provider.answers import Answer, FailedCall, Generation, Usage

T = TypeVar("T")
Moment = Literal["before", "after"]
START: Final = datetime(2031, 5, 17, 12, 0, 0, tzinfo=UTC)
MAX_DELAY_S: Final = 900
MAX_VISIBILITY_S: Final = 43_200
MAX_AT_ONCE: Final = 10
MAX_KEY_BYTES: Final = 1024


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

    def now(self) -> datetime:
        """The store's time."""
        return START + timedelta(seconds=self.seconds)

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds

    def run(self, story: Coroutine[Any, Any, T]) -> T:
        """Run to the end in virtual time. Raises `AssertionError` where nothing can happen any more."""
        with asyncio.Runner(loop_factory=lambda: _VirtualLoop(self)) as runner:
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
        if timeout is None:
            raise AssertionError("everybody waits, and nothing will ever happen")
        self._world.seconds += max(0.0, timeout)
        return super().select(0)


class _VirtualLoop(asyncio.SelectorEventLoop):
    """A loop that lives in a world's time."""

    def __init__(self, world: World) -> None:
        self._world = world
        super().__init__(_VirtualSelector(world))

    def time(self) -> float:
        return self._world.seconds


@dataclass(frozen=True)
class FakeClock:
    """One machine's time; `skew_s` is by how much it is wrong."""

    world: World
    skew_s: float = 0.0

    def now(self) -> datetime:
        """Now, as this machine believes."""
        return self.world.now() + timedelta(seconds=self.skew_s)

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        return self.world.seconds

    async def sleep(self, seconds: float) -> None:
        """Wait in virtual time."""
        assert isinstance(asyncio.get_running_loop(), _VirtualLoop), "run this with World.run"
        await asyncio.sleep(seconds)


@dataclass
class FakeBucket:
    """A bucket like S3: the ETag is the MD5 of the bytes, times are whole seconds, metadata names are lower case."""

    world: World
    objects: dict[str, Stored] = field(default_factory=dict)

    async def get(self, key: str, limit_bytes: int | None = None) -> Stored | None:
        """Read an object whole."""
        async with self.world.effect("bucket.get", key):
            stored = self._read(key)
        if stored and limit_bytes is not None and stored.size_bytes > limit_bytes:
            raise TooLargeError(stored.size_bytes)
        return stored

    async def get_range(self, key: str, first: int, last: int, match: str) -> bytes | None:
        """Some bytes of an object, if it is still the same."""
        async with self.world.effect("bucket.get", key):
            stored = self._read(key)
        if stored is not None and stored.etag != match:
            raise ConflictError(key)
        return stored and stored.body[first:last]

    async def head(self, key: str) -> Stored | None:
        """Read all but the body."""
        async with self.world.effect("bucket.head", key):
            stored = self._read(key)
        return stored and replace(stored, body=b"")

    async def put(
        self, key: str, body: bytes | Path, *, match: str, content_type: str, metadata: dict[str, str] | None = None
    ) -> str:
        """Write on condition."""
        assert content_type
        body = _bytes(body)
        async with self.world.effect("bucket.put", key):
            there = self.objects.get(key)
            if (there.etag if there else ABSENT) != match:
                raise ConflictError(key)
            return self.upload(key, body, metadata)

    async def delete(self, key: str) -> None:
        """Remove an object."""
        async with self.world.effect("bucket.delete", key):
            self.remove(key)

    async def listed(self, prefix: str, after: str = "") -> AsyncIterator[tuple[str, Stored]]:
        """All objects below a prefix, behind a key."""
        async with self.world.effect("bucket.list", prefix):
            page = [(key, replace(stored, body=b"")) for key in self.keys(prefix) if (stored := self._read(key))]
        for key, stored in page:
            if key > after:
                yield key, stored

    def upload(self, key: str, body: bytes | str, metadata: Mapping[str, str] | None = None) -> str:
        """Write whatever stands there, as users do; the ETag."""
        if len(key.encode()) > MAX_KEY_BYTES:
            raise RetryLaterError(f"a key of more than {MAX_KEY_BYTES} bytes")
        body = body.encode() if isinstance(body, str) else body
        now = self.world.now().replace(microsecond=0)
        self.objects[key] = Stored(
            etag=hashlib.md5(body, usedforsecurity=False).hexdigest(),
            size_bytes=len(body),
            last_modified=now,
            read_at=now,
            body=body,
            metadata={name.lower(): value for name, value in (metadata or {}).items()},
        )
        return self.objects[key].etag

    def remove(self, key: str) -> None:
        """Delete, as users do."""
        self.objects.pop(key, None)

    def keys(self, prefix: str = "") -> list[str]:
        """All keys below a prefix."""
        return sorted(key for key in self.objects if key.startswith(prefix))

    def body(self, key: str) -> str:
        """An object's text. Raises `KeyError`."""
        return self.objects[key].body.decode()

    def json(self, key: str) -> Any:
        """An object's JSON. Raises `KeyError`."""
        return json.loads(self.objects[key].body)

    def _read(self, key: str) -> Stored | None:
        there = self.objects.get(key)
        return there and replace(there, read_at=self.world.now().replace(microsecond=0))


def _bytes(body: bytes | Path) -> bytes:
    return body.read_bytes() if isinstance(body, Path) else body


@dataclass
class FakeMessage:
    """A message in a queue. It is in hand while `shows_s` lies ahead and it was received."""

    body: str
    sent_s: float
    shows_s: float
    receives: int = 0
    receipt: str = ""


@dataclass
class FakeQueue:
    """A standard queue like SQS. After `most_receives` a message goes to `dead` instead, if there is one."""

    world: World
    name: str = "queue"
    visibility: int = 120
    dead: "FakeQueue | None" = None
    most_receives: int = 1000
    messages: list[FakeMessage] = field(default_factory=list)
    taken: int = 0
    """Receives so far: each has a receipt of its own."""

    async def visibility_s(self) -> int:
        """How long a received message stays in hand."""
        return self.visibility

    async def send(self, body: str, delay_s: int) -> None:
        """Make a message. A delay that a queue does not take is refused."""
        async with self.world.effect(f"{self.name}.send", body):
            if not (isinstance(delay_s, int) and 0 <= delay_s <= MAX_DELAY_S):
                raise RetryLaterError(f"a delay of {delay_s} s")
            now = self.world.seconds
            self.messages.append(FakeMessage(body, now, now + delay_s))

    async def receive(self, most: int, wait_s: int) -> Sequence[Received]:
        """Take messages that show, waiting for the first."""
        assert 1 <= most <= MAX_AT_ONCE
        await self._first(self.world.seconds + wait_s)
        async with self.world.effect(f"{self.name}.receive", ""):
            return [self._take(message) for message in self._showing()[:most]]

    async def postpone(self, message: Received, delay_s: int) -> None:
        """Hide a message in hand for longer. A delay that a queue does not take is refused."""
        async with self.world.effect(f"{self.name}.postpone", message.body):
            if not (isinstance(delay_s, int) and 0 <= delay_s <= MAX_VISIBILITY_S):
                raise RetryLaterError(f"a delay of {delay_s} s")
            for there in self._in_hand(message):
                there.shows_s = self.world.seconds + delay_s

    async def delete(self, message: Received) -> None:
        """Remove a message, unless somebody else received it meanwhile."""
        async with self.world.effect(f"{self.name}.delete", message.body):
            self.messages = [there for there in self.messages if there.receipt != message.receipt]

    async def _first(self, until_s: float) -> None:
        while not self._showing() and self.world.seconds < until_s:
            next_s = min([until_s, *(message.shows_s for message in self.messages)])
            await asyncio.sleep(next_s - self.world.seconds)

    def _showing(self) -> list[FakeMessage]:
        showing = [message for message in self.messages if message.shows_s <= self.world.seconds]
        if self.dead is not None:
            worn = [message for message in showing if message.receives >= self.most_receives]
            self.messages = [message for message in self.messages if message not in worn]
            self.dead.messages += worn
            showing = [message for message in showing if message not in worn]
        return showing

    def _take(self, message: FakeMessage) -> Received:
        message.receives += 1
        self.taken += 1
        message.receipt = f"{self.name}-{self.taken}"
        message.shows_s = self.world.seconds + self.visibility
        age_s = self.world.seconds - message.sent_s
        return Received(body=message.body, receipt=message.receipt, receives=message.receives, age_s=age_s)

    def _in_hand(self, message: Received) -> list[FakeMessage]:
        now = self.world.seconds
        return [there for there in self.messages if there.receipt == message.receipt and there.shows_s > now]


@dataclass(frozen=True)
class FakeExtractor:
    """Reads marked Unicode and UTF-8 and nothing else; starts no child, takes no time and no thread."""

    async def extract(self, body: bytes, name: str) -> Extracted:
        """The text, with nothing missing."""
        text = plain_text(body, name)
        if text is None:
            raise JobError(Reason.UNSUPPORTED_TYPE, "the fake reads plain text only")
        return Extracted(text)

    async def cut(self, text: str, most_chars: int, overlap_chars: int) -> list[Span]:
        """Where to cut."""
        return cut(text, most_chars, overlap_chars)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What becomes of a create. As it is: a generation that completes after `runs_s` with `text`."""

    create: Answer | None = None
    """The answer told, if it is not the truth. A `Trouble` starts nothing unless `starts`."""
    starts: bool = False
    """Whether a create that is answered with `create` started a generation all the same."""
    runs_s: float = 30.0
    text: str | None = None
    """None: `FakeGenerator.text_of` the document."""
    items: tuple[Mapping[str, Any], ...] = ()
    """What its output holds besides the text: calls of tools, say."""
    ending: Generation | None = None
    """How it stands when its time is over (its id is filled in), where that is not simply `completed`."""
    retrieves: tuple[Answer, ...] = ()
    """Answers told to the first retrieves instead of the truth."""
    forgets: bool = False
    """The provider answers 404 to every retrieve."""
    cancel_completes: bool = False
    """A cancel comes too late: from then on it reads as ended."""


@dataclass
class Made:
    """A generation that was started."""

    id: str
    request: Mapping[str, Any]
    plan: Plan
    created_s: float
    told: int = 0
    cancelled_s: float | None = None
    is_deleted: bool = False


@dataclass
class FakeGenerator:
    """A provider. Without plans every generation completes after `Plan.runs_s`."""

    world: World
    default: Plan = field(default_factory=Plan)
    requests: list[Mapping[str, Any]] = field(default_factory=list)
    """Every create that came in."""
    made: dict[str, Made] = field(default_factory=dict)
    """Every generation that was started, by id, oldest first."""
    retrieved: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    _plans: list[tuple[str | None, Plan]] = field(default_factory=list)

    @staticmethod
    def text_of(document: str) -> str:
        """What a generation answers to a document."""
        return f"In short: {document.strip()[:80]}"

    def plan(self, plan: Plan, *, document: str | None = None, times: int = 1) -> None:
        """Let the next `times` creates, of this document or of any, follow a plan."""
        self._plans += [(document, plan)] * times

    @property
    def open(self) -> list[str]:
        """Ids of the generations that still run: what would be paid for."""
        return [made.id for made in self.made.values() if self._truth(made).status in ("queued", "in_progress")]

    async def create(self, request: dict[str, Any], limit_s: float) -> Answer:
        """Start a generation."""
        assert limit_s > 0
        async with self.world.effect("generator.create", str(request.get("input", ""))):
            self.requests.append(request)
            plan = self._next_plan(str(request.get("input", "")))
            if plan.create is not None and not plan.starts:
                return plan.create
            made = Made(f"resp_{len(self.made) + 1}", request, plan, self.world.seconds)
            self.made[made.id] = made
            truth = self._truth(made)
        return plan.create or truth

    async def retrieve(self, response_id: str) -> Answer:
        """Look at a generation."""
        async with self.world.effect("generator.retrieve", response_id):
            self.retrieved.append(response_id)
            made = self.made.get(response_id)
            if made is None or made.is_deleted or made.plan.forgets:
                return _NOT_FOUND
            made.told += 1
            scripted = made.plan.retrieves[made.told - 1 : made.told]
            return scripted[0] if scripted else self._truth(made)

    async def cancel(self, response_id: str) -> Answer:
        """Stop a generation, if it still runs."""
        async with self.world.effect("generator.cancel", response_id):
            self.cancelled.append(response_id)
            made = self.made.get(response_id)
            if made is None or made.is_deleted:
                return _NOT_FOUND
            if response_id in self.open:
                made.cancelled_s = self.world.seconds
            return self._truth(made)

    async def delete(self, response_id: str) -> Answer:
        """Forget a response."""
        async with self.world.effect("generator.delete", response_id):
            self.deleted.append(response_id)
            made = self.made.get(response_id)
            if made is None or made.is_deleted:
                return _NOT_FOUND
            made.is_deleted = True
            return self._truth(made)

    def _next_plan(self, document: str) -> Plan:
        for place, (wanted, plan) in enumerate(self._plans):
            if wanted in (None, document):
                del self._plans[place]
                return plan
        return self.default

    def _truth(self, made: Made) -> Generation:
        """How it stands, with a body that says so too."""
        truth = self._stands(made)
        content = [{"type": "output_text", "text": truth.text}]
        output = [{"type": "message", "content": content}] if truth.text else []
        output += map(dict, made.plan.items if truth.is_completed else ())
        cap = made.request.get("max_output_tokens")
        body = {"id": made.id, "status": truth.status, "output": output, "max_output_tokens": cap}
        return msgspec.structs.replace(truth, body=body)

    def _stands(self, made: Made) -> Generation:
        plan, now = made.plan, self.world.seconds
        created = int(START.timestamp() + made.created_s)
        if made.cancelled_s is not None and not plan.cancel_completes:
            return Generation(id=made.id, status="cancelled", created_at=created)
        if now < made.created_s + plan.runs_s and made.cancelled_s is None:
            status = "queued" if now == made.created_s else "in_progress"
            return Generation(id=made.id, status=status, created_at=created)
        if plan.ending is not None:
            return msgspec.structs.replace(plan.ending, id=made.id)
        document, cap = str(made.request.get("input", "")), made.request.get("max_output_tokens")
        outputs = 20 if cap is None else min(20, cap - 1)  # one that meets its cap was cut off
        return Generation(
            id=made.id,
            status="completed",
            text=self.text_of(document) if plan.text is None else plan.text,
            model=str(made.request.get("model", "")),
            usage=Usage(
                input_tokens=len(document) // 4 + 1,
                output_tokens=outputs,
                total_tokens=len(document) // 4 + 1 + outputs,
            ),
            created_at=created,
            completed_at=int(created + plan.runs_s),
        )


_NOT_FOUND: Final = FailedCall(status=404, code="not_found", message="Response not found.")
