"""A segment whose run is over, or whose batch is ending, starts no generation: no line is paid twice."""

import json

import msgspec
import pytest

from backburner.batch import create_lines
from backburner.ledger.keys import GOVERNOR
from backburner.ledger.records import OpenRecord
from support.fakes import Effect, Moment, Plan
from support.system import System

KEY = "inbox/batch.jsonl"
RESULT = "results/batch.jsonl.jsonl"
OPEN = "ledger/open/"


def lines(count: int) -> str:
    """A batch of `count` lines."""
    bodies = ({"model": "model-1", "input": f"line {number}"} for number in range(count))
    return "".join(
        json.dumps({"custom_id": f"id-{number}", "method": "POST", "url": "/v1/responses", "body": body}) + "\n"
        for number, body in enumerate(bodies)
    )


def begun(system: System) -> None:
    """Start a batch of two segments: the first one's lines end at once, the second one's take an hour."""
    system.generator.plan(Plan(runs_s=1.0), times=10)
    system.generator.default = Plan(runs_s=3600.0)
    system.upload(KEY, lines(15))
    system.run(system.submit(KEY))


def opened(system: System, key: str) -> OpenRecord:
    """Read an open record."""
    return msgspec.json.decode(system.bucket.objects[key].body, type=OpenRecord)


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    """A system whose segments have ten lines and create four at a time."""
    monkeypatch.setattr("backburner.batch.segmenter.SEGMENT_LINES", 10)
    monkeypatch.setattr(create_lines, "BLOCK", 4)
    return System()


def test_a_segment_that_is_over_starts_nothing_when_it_is_claimed_again(system: System) -> None:
    """A process that looked before the segment ended claims it after its record is gone, and creates nothing."""
    claims: dict[str, bytes] = {}

    async def hook(effect: Effect, moment: Moment) -> None:
        if (effect.name, moment) == ("bucket.put", "after") and effect.key.startswith(OPEN):
            claims.setdefault(effect.key, system.bucket.objects[effect.key].body)

    system.world.hook = hook
    begun(system)
    system.run(system.tick())
    (over,) = claims.keys() - set(system.bucket.keys(OPEN))
    system.upload(over, claims[over])
    claim = opened(system, over)
    assert claim.segment is not None
    assert len(claim.segment.todo) == 10
    message = msgspec.structs.replace(claim.message(), ticket=claim.ticket, follows=None)
    system.run(system.pending.send(message.encode(), 0))
    system.run(system.tick())
    assert len(system.generator.requests) == 15
    assert over not in system.bucket.keys(OPEN)
    system.settle(max_ticks=120)
    assert [json.loads(line)["custom_id"] for line in system.bucket.body(RESULT).splitlines()] == [
        f"id-{number}" for number in range(15)
    ]
    assert system.bucket.json(GOVERNOR)["tokens"] == system.run_record(KEY)["usage"]["total_tokens"] > 0
    assert system.problems() == []


def test_no_line_is_started_once_its_batch_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """That holds even before the segment's own message about the cancellation has arrived."""
    monkeypatch.setattr("backburner.batch.segmenter.SEGMENT_LINES", 10)
    system = System({"BACKBURNER_MAX_IN_FLIGHT": "4"})
    system.generator.default = Plan(runs_s=20.0)
    system.upload(KEY, lines(15))
    system.run(system.submit(KEY))
    system.run(system.parts().tick.run(10.0))
    assert len(system.generator.requests) == 4
    system.run(system.parts().canceller.cancel(system.job(KEY), 1))
    ticket = opened(system, f"{OPEN}{system.job(KEY)}.1.json").ticket
    (own_message,) = [one for one in system.pending.messages if json.loads(one.body)["ticket"] == ticket]
    system.pending.messages.remove(own_message)
    system.world.later(60)
    system.run(system.tick())
    assert len(system.generator.requests) == 4
    assert opened(system, f"{OPEN}{system.job(KEY)}.1.json").cancelled_for is not None
