"""Hard cases of documents in parts and of batches: late processes, missing objects, hostile answers."""

import asyncio
import json

import pytest

from backburner.provider.answers import FailedCall
from backburner.settings import from_env
from life.test_batches import ERRORS, RESULT, jsonl, line, read
from life.test_batches import KEY as BATCH
from life.test_massive import KEY as LONG
from life.test_massive import TEXT, recipe
from support.depth import depth
from support.fakes import DEAD, Killed, Plan
from support.system import ENVIRONMENT, System

DAY_S = 86_400


def copying(environment=None, **front):
    system = System(environment or {})
    system.generator.text_of = lambda document: document
    system.bucket.upload("recipes/long.md", recipe(**front))
    return system


def begin(system, key, text):
    system.upload(key, text)
    system.run(system.submit(key))


def rerun(system, key):
    system.run(system.parts().replayer.replay(key, rerun=True))


def die_after_the_put_of(system, key):
    """Run ticks until a process has died right after the put of an object."""

    async def hook(effect, moment):
        await asyncio.sleep(0)
        if (effect.name, effect.key, moment) == ("bucket.put", key, "after"):
            raise Killed

    usual, system.world.hook = system.world.hook, hook
    for _ in range(20):
        if system.run(system.tick()) is DEAD:
            system.world.hook = usual
            return
        system.world.later(60)
    raise AssertionError("nobody died")


@pytest.mark.parametrize(("slots", "runs_s"), [("2", 40.0), ("1", 30.0), ("3", 130.0)])
def test_clearing_up_a_run_leaves_the_parts_of_the_next_one_alone(slots, runs_s):
    """The document was put back before the process returned that sets the first run aside."""
    system = copying({"BACKBURNER_MAX_IN_FLIGHT": slots})
    begin(system, LONG, TEXT)
    job = system.job(LONG)
    system.run(system.parts().tick.run(1.0))
    system.upload(LONG, "short and new")
    die_after_the_put_of(system, f"ledger/superseded/{job}.1.json")
    system.generator.default = Plan(runs_s=runs_s)
    begin(system, LONG, TEXT)
    system.settle(300)
    assert system.result(LONG).split() == TEXT.split()


@pytest.mark.parametrize(("key", "text"), [("inbox/a.txt", "a text"), (LONG, TEXT), (BATCH, jsonl(line(0), line(1)))])
def test_a_run_that_is_over_does_not_replace_the_next(key, text):
    """Its process died right after the commit, and the document was run again meanwhile."""
    system = copying()
    begin(system, key, text)
    die_after_the_put_of(system, key.replace("inbox", "results") + ".run.json")
    rerun(system, key)
    system.settle(200)
    assert system.run_record(key)["run"] == 2
    assert system.problems() == []


def test_the_text_of_a_run_in_parts_never_stays_over_a_newer_result():
    """The newer run is committed after the older one's last check and before it writes its text."""
    system, met = copying(), []

    async def hook(effect, moment):
        await asyncio.sleep(0)
        last_look = (effect.name, effect.key, moment) == ("bucket.head", "results/long/contract.txt.md", "before")
        if last_look and effect.process == "tick" and not met:
            met.append(effect)
            system.upload(LONG, "short and new")
            await system.submit(LONG)
            for _ in range(6):
                await system.tick()
                await asyncio.sleep(60)

    system.world.hook = hook
    begin(system, LONG, TEXT)
    system.settle()
    assert met
    assert system.problems() == []


@pytest.mark.parametrize("what", ["", ".md"])
def test_a_missing_part_is_reported_and_never_left_out(what):
    """A text lost before its part starts, or an answer lost before the merge, fails the job; a replay starts over."""
    system, gone = copying({"BACKBURNER_MAX_IN_FLIGHT": "1"}), []

    async def hook(effect, moment):
        await asyncio.sleep(0)
        lie = [key for key in system.bucket.keys("ledger/work/") if key.endswith("0-0002" + what)]
        if lie and not gone and effect.name == "generator.create" and (what or moment == "before"):
            gone.extend(lie)
            system.bucket.remove(lie[0])

    system.world.hook = hook
    begin(system, LONG, TEXT)
    system.settle(200)
    assert gone
    assert system.error_record(LONG)["reason"] == "lost"
    rerun(system, LONG)
    system.settle()
    assert system.result(LONG).split() == TEXT.split()


@pytest.mark.parametrize("answer", ["half \ud83d", '{"a": "\\ud83d"}', "[" * 200_000, '{"a": 1.10, "b": 1e999}'])
def test_no_answer_is_too_odd_to_be_written(answer):
    """A batch has it as it came; a JSON array has it as it came or as a string."""
    system = copying(more="output: json\n")
    system.generator.text_of = lambda _: answer
    system.process(BATCH, jsonl(*map(line, range(3))))
    assert len(read(system, RESULT)) == 3
    system.generator.text_of = lambda _: answer.encode(errors="replace").decode()  # as answers are read
    begin(system, LONG, TEXT)
    system.settle()
    body = system.bucket.body("results/long/contract.txt.json")
    assert len(json.loads(body)) == 5
    assert "1.10" in body or "1.10" not in answer


def test_a_window_set_meanwhile_fails_a_merge_that_does_not_fit():
    """The parts were cut without that limit, so their answers cannot be merged within it."""
    system = copying(split="{max_input_tokens: 200, merge: Join them.}")
    begin(system, LONG, TEXT)
    system.settings = from_env(ENVIRONMENT | {"BACKBURNER_CONTEXT_TOKENS": "600"})
    system.settle()
    assert system.error_record(LONG)["reason"] == "invalid_recipe"


def test_more_parts_than_a_record_can_name_are_refused_before_any_is_written():
    """The error message has the numbers."""
    system = copying(split="{max_input_tokens: 1}")
    begin(system, LONG, "word " * 5000)
    assert system.error_record(LONG)["reason"] == "document_too_large"
    assert "10000 parts" in system.error_record(LONG)["message"]
    assert system.bucket.keys("ledger/work/") == []


def test_an_outage_pauses_a_batch_after_one_block():
    """Every create answered with 500 may have to be paid for."""
    system = System()
    system.generator.default = Plan(create=FailedCall(status=500))
    begin(system, BATCH, jsonl(*map(line, range(300))))
    system.run(system.tick())
    assert len(system.generator.requests) <= 33


def test_a_busy_provider_is_left_alone_for_as_long_as_it_asks():
    """One line of a batch gets a 429 with Retry-After."""
    system = System()
    system.generator.plan(Plan(create=FailedCall(status=429, retry_after_s=300.0)))
    begin(system, BATCH, jsonl(line(0)))
    system.run(system.tick())
    system.world.later(200)
    system.run(system.tick())
    assert len(system.generator.requests) == 1
    system.settle()
    assert len(read(system, RESULT)) == 1


def test_a_batch_above_one_days_budget_continues_on_the_next():
    """What one day has used does not count against the next."""
    system = System({"BACKBURNER_DAILY_TOKENS": "300"})
    system.bucket.upload("recipes/default.md", "---\nmax_output_tokens: 20\n---\nDo it.")
    begin(system, BATCH, jsonl(*({"custom_id": str(number), "input": f"line {number}"} for number in range(40))))
    for _ in range(6):
        system.world.later(DAY_S)
        for _ in range(20):
            system.run(system.tick())
            system.world.later(60)
    assert len(read(system, RESULT)) == 40


def test_a_line_that_alone_exceeds_a_days_budget_fails_alone():
    """The other line runs."""
    system = System({"BACKBURNER_DAILY_TOKENS": "4500"})
    begin(system, BATCH, jsonl(line(0, input="x" * 9000), line(1, max_output_tokens=10)))
    for _ in range(4):
        system.world.later(DAY_S)
        for _ in range(10):
            system.run(system.tick())
            system.world.later(60)
    assert [error["error"]["code"] for error in read(system, ERRORS)] == ["over_budget"]
    assert len(read(system, RESULT)) == 1


def test_no_further_block_of_a_replaced_batch_is_created():
    """Only the block under way is created; the batch was last checked more than ten seconds ago."""
    system, creates = System(), []

    async def hook(effect, moment):
        await asyncio.sleep(0)
        if (effect.name, moment) == ("generator.create", "before"):
            creates.append(effect)
            if len(creates) == 1:
                system.upload(BATCH, jsonl(line(1000)))
                await system.submit(BATCH)
                system.world.later(11)

    system.world.hook = hook
    begin(system, BATCH, jsonl(*map(line, range(300))))
    system.settle()
    assert len(creates) <= 32 + 1


def test_a_cancel_that_the_provider_rejects_is_tried_again(monkeypatch):
    """Otherwise generations would run on that the record calls cancelled."""
    system, refused = System(), []
    system.generator.default = Plan(runs_s=600.0)
    begin(system, BATCH, jsonl(*map(line, range(4))))
    system.run(system.parts().tick.run(20.0))
    cancel = system.generator.cancel

    async def busy(response_id):
        if len(refused) < 4:
            refused.append(response_id)
            return FailedCall(status=429, retry_after_s=5.0)
        return await cancel(response_id)

    monkeypatch.setattr(system.generator, "cancel", busy)
    system.run(system.parts().canceller.cancel(system.job(BATCH), 1))
    system.settle()
    assert len(refused) == 4
    assert system.generator.open == []
    assert system.error_record(BATCH)["reason"] == "cancelled"


def test_a_byte_order_mark_and_an_oversized_line_spoil_no_other_line(monkeypatch):
    """The first line is read without its byte order mark, and a line that is too long never is; the others are."""
    monkeypatch.setattr("backburner.batch.segmenter.MAX_LINE_BYTES", 1000)
    monkeypatch.setattr("backburner.batch.segmenter._RANGE_BYTES", 300)
    system = System()
    system.process(BATCH, "\ufeff" + jsonl(line(0), line(1, input="x" * 5000), line(2)))
    assert [answer["custom_id"] for answer in read(system, RESULT)] == ["id-0", "id-2"]
    (error,) = read(system, ERRORS)
    assert (error["error"]["code"], error["error"]["line"]) == ("line_too_large", 2)


def test_a_tick_ends_in_time_however_many_lines_are_under_way(monkeypatch):
    """At five polls a second, one tick cannot look at hundreds of lines."""
    monkeypatch.setattr("backburner.batch.segmenter.SEGMENT_LINES", 64)
    system = System(
        {
            "BACKBURNER_MAX_IN_FLIGHT": "100000",
            "BACKBURNER_SUBMITS_PER_MINUTE": "100000",
            "BACKBURNER_POLLS_PER_SECOND": str(depth(5, 10)),
        }
    )
    system.generator.default = Plan(runs_s=100_000.0)
    begin(system, BATCH, jsonl(*map(line, range(64 * depth(10, 20)))))
    for _ in range(4):
        began_s = system.world.seconds
        system.run(system.tick())
        assert system.world.seconds - began_s < 85
        system.world.later(5)
