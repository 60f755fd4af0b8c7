"""A bucket, queues, a provider and clocks in virtual time, behind the Protocols of `backburner.ports`.

Use them so:

    world = World()                              # owns time, the log of effects and the hook
    bucket = FakeBucket(world)
    pending, dead = FakeQueue(world, "pending"), FakeQueue(world, "dead")
    generator, clock = FakeGenerator(world), FakeClock(world)

    async def story(): ...                       # builds what it tests from these, and runs it
    world.run(story())                           # one event loop per run; time jumps whenever no task can continue

Time. `world.run` uses a loop whose time is `world.seconds`: `asyncio.sleep`, `asyncio.timeout`, `FakeClock.sleep` and
waiting for a queue all take virtual seconds and no real ones. If nothing can happen any more, the run fails instead of
hanging. `world.later(s)` moves time by hand. `FakeClock(world, skew_s=…)` is a machine whose clock is wrong; the
store's clock (`last_modified`, `read_at`) is `world.now()` in whole seconds, as S3 reports it.

Effects. Whatever a fake does for the code under test is an `Effect(number, name, key, process)`. Around each one the
world calls `await world.hook(effect, "before")`, applies it, and calls `await world.hook(effect, "after")`. A hook may

    * await anything, so that other tasks interleave;
    * raise `Killed`: the process dies, before or after the effect (`world.kill_at(number, moment)` makes such a hook);
    * raise an error of the port ("before": refused; "after": it happened, and its answer was lost).

`world.effects` lists them all in order. Names: `bucket.get/head/put/delete`, `<queue>.send/receive/postpone/delete`
(with the queue's own name), `generator.create/retrieve/cancel/delete`. Their keys: the object's key, the message's
body ("" for a receive), the document (`input`) for a create, otherwise the response id; `<channel>.deliver` has the
notification's id. Without a hook an effect only lets other tasks go first.

Processes. `await world.process(work)` runs `work` as a separate process: once `Killed` was raised in one of its tasks,
every later effect of all its tasks raises `Killed` too, so a dead process does nothing more. It returns the work's
result, or the `DEAD` mark. Everything else belongs to the process `main`.

For tests only (no effects, not async):

    bucket.upload(key, body) / remove(key)       what users do
    bucket.keys(prefix), bucket.body(key), bucket.json(key)
    queue.messages                               its messages, visible or not; each has body, receives, shows_s
    generator.plan(Plan(…), document=…, times=…) what becomes of coming creates; see `Plan`
    generator.requests / made / cancelled / deleted / retrieved
"""

from support.fakes.bucket import FakeBucket
from support.fakes.channel import FakeChannel
from support.fakes.clock import FakeClock
from support.fakes.extractor import FakeExtractor, paged
from support.fakes.kinds import kind_of
from support.fakes.provider import FakeGenerator, Made, Plan
from support.fakes.queue import FakeMessage, FakeQueue
from support.fakes.world import DEAD, START, Effect, Hook, Killed, Moment, Process, VirtualLoop, World

__all__ = [
    "DEAD",
    "START",
    "Effect",
    "FakeBucket",
    "FakeChannel",
    "FakeClock",
    "FakeExtractor",
    "FakeGenerator",
    "FakeMessage",
    "FakeQueue",
    "Hook",
    "Killed",
    "Made",
    "Moment",
    "Plan",
    "Process",
    "VirtualLoop",
    "World",
    "kind_of",
    "paged",
]
