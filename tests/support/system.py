"""The whole core on fakes, in virtual time: what the tests of a job's life drive.

    system = System()
    system.upload("inbox/a.txt", "text")          # what a user does: no event yet
    system.run(system.submit("inbox/a.txt"))      # one event, in a separate process
    system.settle()                               # ticks until nothing is left to do

Every submit and every tick is a separate process with its own parts, like functions on different machines.
"""

from collections.abc import Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from backburner.capacity import timing as pacing
from backburner.capacity.limits import Counters, Totals
from backburner.capacity.shared_counters import MAX_NOTED
from backburner.documents.recipes import fingerprint
from backburner.ledger.keys import job_id, output_location
from backburner.memory.budget import MemoryBudget
from backburner.settings import from_env
from backburner.wiring.core import Core, assemble
from backburner.wiring.foundation import Ports
from support.fakes import FakeBucket, FakeChannel, FakeClock, FakeExtractor, FakeGenerator, FakeQueue, World

T = TypeVar("T")
BUCKET = "documents"
ENVIRONMENT = {
    "BACKBURNER_BUCKET": BUCKET,
    "BACKBURNER_PENDING_QUEUE_URL": "http://queues/pending",
    "BACKBURNER_BACKLOG_QUEUE_URL": "http://queues/backlog",
    "BACKBURNER_DEAD_QUEUE_URL": "http://queues/dead",
    "BACKBURNER_PROVIDER": "openai",
    "BACKBURNER_MODEL": "model-1",
    "OPENAI_API_KEY": "key",
}
TEST_MAX_NOTED: ContextVar[int] = ContextVar("max_noted", default=MAX_NOTED)
"""How many reservations are noted by name in a test's systems: the fixture `max_noted` sets it."""
TICK_S = 50.0
MINUTE_S = 60.0


@dataclass
class System:
    """Bucket, queues and provider, and as many functions as a test starts."""

    environment: dict[str, str] = field(default_factory=dict)
    world: World = field(default_factory=World)
    max_noted: int = field(default_factory=TEST_MAX_NOTED.get)
    """With 0 the governor names no run longer than it must, as with thousands in flight."""
    draws_s: float = 0.0
    """How long it takes to draw the pages of one request."""
    channels: list[FakeChannel] = field(default_factory=list)
    """The channels for notifications, if the environment asks for any."""

    def __post_init__(self) -> None:
        """Make the outside world, with the same jitter in every test."""
        pacing.RANDOM.seed(0)
        self.settings = from_env(ENVIRONMENT | self.environment)
        self.bucket = FakeBucket(self.world)
        self.pending, self.backlog = FakeQueue(self.world, "pending"), FakeQueue(self.world, "backlog")
        self.dead, self.ticks = FakeQueue(self.world, "dead"), FakeQueue(self.world, "ticks")
        self.generator = FakeGenerator(self.world)

    def parts(self, skew_s: float = 0.0) -> Core:
        """The parts of one function's process, on a machine whose clock may be wrong."""
        clock, memory = FakeClock(self.world, skew_s), MemoryBudget()
        ports = Ports(
            bucket=self.bucket,
            pending=self.pending,
            backlog=self.backlog,
            dead=self.dead,
            generator=self.generator,
            extractor=FakeExtractor(clock, memory.large, self.draws_s),
            clock=clock,
            memory=memory,
            channels=self.channels,
            ticks=self.ticks if self.settings.ticks_queue_url else None,
        )
        return self.folding(assemble(self.settings, ports, create_limit_s=30.0, swap_tries=12))

    def folding(self, core: Core) -> Core:
        """Set how many names the governor of these parts keeps."""
        core.governor.shared.max_noted = self.max_noted
        return core

    def upload(self, key: str, text: str | bytes) -> str:
        """Upload a document, and return its ETag."""
        return self.bucket.upload(key, text)

    async def submit(self, key: str, *, skew_s: float = 0.0) -> Any:
        """Deliver one upload event, and return what submit returns, or `DEAD`."""
        parts = self.parts(skew_s)

        async def function() -> Any:
            outcome = await parts.submitter.submit(key, is_first=True)
            await parts.journal.flush()
            return outcome

        return await self.world.process(function(), f"submit {key}")

    async def tick(self, *, skew_s: float = 0.0) -> Any:
        """Run one tick, and return its report, or `DEAD` if it was killed."""
        return await self.world.process(self.parts(skew_s).tick.run(TICK_S), "tick")

    def run(self, story: Coroutine[Any, Any, T]) -> T:
        """Run something to its end, in virtual time."""
        return self.world.run(story)

    def settle(self, max_ticks: int = 60) -> None:
        """Tick once a minute until both queues are empty. Raises `AssertionError` if they never are."""
        for _ in range(max_ticks):
            self.run(self.tick())
            if not self.pending.messages and not self.backlog.messages:
                return
            self.world.later(MINUTE_S)
        left = [message.body for message in self.pending.messages + self.backlog.messages]
        raise AssertionError(f"after {max_ticks} ticks there is still {left}")

    def sweep(self, times: int = 2) -> None:
        """Sweep `times` times, with the pause between sweeps that they need."""
        for _ in range(times):
            self.world.later(self.settings.sweep_every_s)
            self.run(self.tick())
            self.settle()

    def process(self, key: str, text: str | bytes) -> None:
        """Process one document: upload, event, and ticks until the end."""
        self.upload(key, text)
        self.run(self.submit(key))
        self.settle()

    def job(self, key: str) -> str:
        """The job id of a document's current version, with the environment's model."""
        location = output_location(key)
        recipe = self.bucket.objects.get(f"recipes/{location.recipe}.md")
        etag = self.bucket.objects[key].etag
        return job_id(BUCKET, key, etag, fingerprint(recipe.body if recipe else None), self.settings.model)

    def result(self, key: str) -> str:
        """The text at a document's output location, for recipes whose output is md."""
        return self.bucket.body(output_location(key).result_key("md"))

    def run_record(self, key: str) -> dict[str, Any]:
        """The run record at a document's output location."""
        record: dict[str, Any] = self.bucket.json(output_location(key).run_record_key)
        return record

    def error_record(self, key: str) -> dict[str, Any]:
        """The error record at a document's output location."""
        record: dict[str, Any] = self.bucket.json(output_location(key).error_record_key)
        return record

    def held(self) -> Totals:
        """All reservations, by name or in the totals."""
        stored = self.bucket.objects.get("ledger/governor.json")
        return msgspec.json.decode(stored.body, type=Counters).held if stored else Totals()

    def problems(self) -> list[str]:
        """What contradicts promises 1 and 3 of DESIGN section 1 once everything is at rest."""
        found = [f"open: {key}" for key in self.bucket.keys("ledger/open/")]
        found += [
            f"reserved: {name}" for name in (self._record("ledger/governor.json") or {"reserved": ()})["reserved"]
        ]
        found += [f"held: {self.held()}"] * (self.held() != Totals())
        for key in self.bucket.keys("inbox/"):
            location, etag = output_location(key), self.bucket.objects[key].etag
            run = self._record(location.run_record_key)
            error = self._record(location.error_record_key)
            if run and run["source"]["etag"] == etag:
                result = self.bucket.objects.get(run["result_key"])
                if result is None or result.etag != run["result_etag"]:
                    found.append(f"{key}: its run record names another text than the one that stands there")
                if error:
                    found.append(f"{key}: done, and an error record beside it")
            elif not (error and error["source"]["etag"] == etag):
                found.append(f"{key}: lost")
        return found

    def _record(self, key: str) -> dict[str, Any] | None:
        return self.bucket.json(key) if key in self.bucket.objects else None
