"""Histories that the state machine found, each as its own test."""

import asyncio
import json

import pytest

from backburner.provider.answers import FailedCall
from support.fakes import Killed, Plan
from support.system import System

KEY = "inbox/a.txt"
GOVERNOR = "ledger/governor.json"
DAY_S = 86_400.0
pytestmark = pytest.mark.usefixtures("max_noted")


def dies_after_writing(system, folder, **fields):
    """Let a process die once, right after it writes a record in `folder` with these fields."""
    deaths = []

    async def hook(effect, moment):
        await asyncio.sleep(0)
        if deaths or (effect.name, moment) != ("bucket.put", "after") or not effect.key.startswith(folder):
            return
        if effect.key.endswith(".json") and fields.items() <= system.bucket.json(effect.key).items():
            deaths.append(effect.key)
            raise Killed

    system.world.hook = hook
    return deaths


def dies_after_sending_an_id(system):
    """Let a process die once, between the message with its generation's id and the record."""
    deaths = []

    async def hook(effect, moment):
        await asyncio.sleep(0)
        if not deaths and (effect.name, moment) == ("pending.send", "after") and "response_id" in effect.key:
            deaths.append(effect.key)
            raise Killed

    system.world.hook = hook
    return deaths


def edit_governor(system, **fields):
    """Change the governor's object by hand."""
    state = system.bucket.json(GOVERNOR) | fields
    system.bucket.upload(GOVERNOR, json.dumps(state))


def test_a_wrong_clock_at_the_first_tick_stops_no_sweep():
    """From the first write of the governor's object on, windows and sweeps follow the store's clock."""
    system = System()
    system.run(system.tick(skew_s=3 * DAY_S))
    system.upload(KEY, "its event is lost")
    system.world.later(1000)
    system.sweep(2)
    assert system.problems() == []


def test_a_slot_that_a_waiting_job_kept_blocks_no_job():
    """Its process died between the record and the release: with only one slot, that job itself must get it."""
    system = System({"BACKBURNER_MAX_IN_FLIGHT": "1"})
    system.upload(KEY, "text")
    system.generator.plan(Plan(create=FailedCall(status=429)))
    deaths = dies_after_writing(system, "ledger/open/", state="waiting")
    system.run(system.submit(KEY))
    assert deaths
    for _ in range(200):
        system.run(system.tick())
        system.world.later(60)
    assert system.problems() == []


@pytest.mark.parametrize("overwritten", [False, True])
def test_a_runs_usage_is_booked_by_any_process_that_settles_it(overwritten):
    """The first process died after the commit and the response is gone, so the usage comes from the record."""
    system = System()
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    job = system.job(KEY)
    if overwritten:
        system.upload(KEY, " ")
    ended = f"ledger/superseded/{job}.1.json" if overwritten else "results/a.txt.run.json"
    deaths = dies_after_writing(system, ended)
    for _ in range(5):
        system.run(system.tick())
        system.world.later(60)
        if deaths:
            for made in system.generator.made.values():
                made.is_deleted = True
    assert deaths
    system.settle()
    assert system.held().slots == 0
    assert system.bucket.json(GOVERNOR)["tokens"] == system.bucket.json(ended)["usage"]["total_tokens"] > 0


def test_a_process_that_loses_the_record_leaves_its_message_alone():
    """Two processes have one message: one records only what the job waits for, the other loses its start and stops.

    The record's ticket is still that message's; deleting it would leave the job to the next day's sweep.
    """
    system = System({"BACKBURNER_DAILY_TOKENS": "9000", "BACKBURNER_MAX_IN_FLIGHT": "1"})
    system.upload(KEY, "text")
    system.generator.plan(Plan(create=FailedCall(status=429)))
    system.run(system.submit(KEY))
    system.world.later(10)
    edit_governor(system, tokens=9000)
    denied, granted, written = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def hook(effect, moment):
        await asyncio.sleep(0)
        if effect.name != "bucket.put" or not effect.key.startswith("ledger/open/"):
            return
        if (effect.process, moment) == ("one", "before") and not denied.is_set():
            edit_governor(system, tokens=0)
            denied.set()
            await granted.wait()
        if (effect.process, moment) == ("one", "after"):
            written.set()
        if (effect.process, moment) == ("two", "before") and not granted.is_set():
            granted.set()
            await written.wait()

    async def both():
        one = asyncio.create_task(system.world.process(system.parts().tick.run(1.0), "one"))
        await denied.wait()
        system.backlog.messages[0].shows_s = 0.0  # a standard queue delivers at least once
        await asyncio.gather(one, system.world.process(system.parts().tick.run(1.0), "two"))

    system.world.hook = hook
    system.run(both())
    assert written.is_set()
    assert any(_record(system)["ticket"] in message.body for message in system.backlog.messages)


def test_a_slot_is_released_only_by_its_holder():
    """A slow process requeued its job and another started it; then the first releases a slot that is not its own.

    Otherwise the running generation would not be counted in flight, and its tokens would never be booked.
    """
    system = System()
    system.upload(KEY, "text")
    system.generator.plan(Plan(create=FailedCall(status=500)))
    system.generator.default = Plan(runs_s=100.0)

    async def hook(effect, moment):
        slow = effect.process.startswith("submit") and (effect.name, moment) == ("bucket.put", "before")
        is_release = slow and effect.key == GOVERNOR and system.generator.requests
        waits = system.bucket.keys("ledger/open/") and _record(system)["state"] == "waiting"
        await asyncio.sleep(20.0 if is_release and waits else 0)

    system.world.hook = hook

    async def both():
        slow = asyncio.create_task(system.submit(KEY))
        await asyncio.sleep(5.0)
        await asyncio.gather(slow, system.tick())

    system.run(both())
    assert _record(system)["state"] == "running"
    assert system.held().slots == 1
    system.settle()
    assert system.bucket.json(GOVERNOR)["tokens"] == system.run_record(KEY)["usage"]["total_tokens"]


def test_an_upload_during_a_commit_is_found_if_its_event_is_lost():
    """It comes between the last check and the run record, which is therefore newer than the upload."""
    system = System()
    system.upload(KEY, "the old text")
    system.run(system.submit(KEY))
    uploaded = []

    async def hook(effect, moment):
        await asyncio.sleep(0)
        if (effect.name, effect.key, moment) == ("bucket.put", "results/a.txt.run.json", "before") and not uploaded:
            uploaded.append(system.upload(KEY, "the new text"))
            await asyncio.sleep(2.0)

    system.world.hook = hook
    system.settle()
    assert uploaded
    system.sweep(3)
    assert system.problems() == []


def test_usage_of_earlier_attempts_is_booked_if_the_run_ends_while_it_waits():
    """Its first attempt was paid for and empty, and it is cancelled before the second starts."""
    system = System()
    system.upload(KEY, "text")
    system.generator.default = Plan(runs_s=1.0, text="")
    system.run(system.submit(KEY))
    for _ in range(100):
        system.world.later(1)
        system.run(system.parts().tick.run(0.5))
        if _record(system)["state"] == "waiting":
            break
    (key,) = system.bucket.keys("ledger/open/")
    system.bucket.upload(key, json.dumps(_record(system) | {"cancelled_for": "cancelled"}))
    system.settle()
    assert system.error_record(KEY)["reason"] == "cancelled"
    assert system.bucket.json(GOVERNOR)["tokens"] == system.error_record(KEY)["usage"]["total_tokens"] > 0
    assert system.held().tokens == 0


def test_an_id_is_adopted_however_often_its_message_was_received():
    """Its sender and two receivers have died before recording it, but the generation belongs to this run alone."""
    system = System()
    system.upload(KEY, "text")
    deaths = dies_after_sending_an_id(system)
    system.run(system.submit(KEY))
    assert deaths
    (message,) = [held for held in system.pending.messages if "response_id" in held.body]
    message.receives = 5
    system.settle()
    assert system.result(KEY)
    assert len(system.generator.requests) == 1
    assert system.generator.cancelled == []


def test_a_message_that_is_handled_while_its_sender_claims_stays():
    """It was taken for an upload event, lost the claim to its own sender, and was once deleted (found by the soak)."""
    system = System({"BACKBURNER_MAX_IN_FLIGHT": "1"})
    system.process("inbox/before.txt", "so that the governor is there")
    system.upload(KEY, "text")
    edit_governor(system, others_wait=True)
    received, claimed = asyncio.Event(), asyncio.Event()

    async def hook(effect, moment):
        await asyncio.sleep(0)
        is_claim = effect.name == "bucket.put" and effect.key.startswith("ledger/open/")
        if is_claim and effect.process.startswith("submit") and moment == "before":
            await received.wait()
        if is_claim and effect.process.startswith("submit") and moment == "after":
            claimed.set()
        if effect.process == "tick" and effect.key.startswith("ledger/open/") and moment == "after":
            received.set()
            await claimed.wait()

    system.world.hook = hook

    async def both():
        await asyncio.gather(system.submit(KEY), system.tick())

    system.run(both())
    assert claimed.is_set()
    system.settle()
    assert system.problems() == []


def _record(system):
    (key,) = system.bucket.keys("ledger/open/")
    return system.bucket.json(key)
