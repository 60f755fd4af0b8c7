"""Batches: one job with many lines; results in order, errors apart, small records, and counts that match."""

import json

import pytest

from backburner.batch import create_lines as starting
from backburner.provider.answers import FailedCall, Generation
from support.depth import thinned
from support.fakes import Plan
from support.system import System

KEY = "inbox/batch.jsonl"
RESULT, ERRORS = "results/batch.jsonl.jsonl", "failed/batch.jsonl.errors.jsonl"


def line(number, **body):
    asked = {"model": "model-1", "input": f"line {number}"} | body
    return {"custom_id": f"id-{number}", "method": "POST", "url": "/v1/responses", "body": asked}


def jsonl(*lines):
    return "".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in lines)


def read(system, key):
    return [json.loads(each) for each in system.bucket.body(key).splitlines()]


@pytest.fixture
def system(monkeypatch):
    monkeypatch.setattr("backburner.batch.segmenter.SEGMENT_LINES", 10)
    monkeypatch.setattr(starting, "BLOCK", 4)
    return System()


def test_lines_come_back_in_order_in_the_batch_output_format(system):
    system.process(KEY, jsonl(*map(line, range(35))))
    answers = read(system, RESULT)
    assert [answer["custom_id"] for answer in answers] == [f"id-{number}" for number in range(35)]
    first = answers[0]
    assert set(first) == {"id", "custom_id", "response", "error"}
    assert (first["response"]["status_code"], first["error"]) == (200, None)
    assert first["response"]["body"]["output"][0]["content"][0]["text"] == "In short: line 0"
    assert system.problems() == []
    assert len(system.generator.requests) == 35
    assert system.bucket.keys("ledger/work/") == []


def test_the_run_record_counts_lines_tokens_and_segments(system):
    system.bucket.upload("recipes/priced.md", "---\nprice: {input: 1, output: 2}\n---\nDo it.")
    system.process("inbox/priced/batch.jsonl", jsonl(*map(line, range(25)), "rubbish"))
    record = system.run_record("inbox/priced/batch.jsonl")
    assert record["lines"] == {"total": 26, "completed": 25, "failed": 1}
    assert [part["lines"]["total"] for part in record["parts"]] == [10, 10, 6]
    assert record["submitted_at"] == min(part["submitted_at"] for part in record["parts"]) is not None
    assert record["usage"]["total_tokens"] == sum(part["usage"]["total_tokens"] for part in record["parts"]) > 25 * 20
    assert record["cost"] == pytest.approx(sum(part["cost"] for part in record["parts"]))
    assert system.bucket.json("ledger/governor.json")["tokens"] == record["usage"]["total_tokens"]


def test_a_wrong_line_fails_alone(system):
    lines = [
        line(1),
        "{not json",
        line(1),
        line(3) | {"url": "/v1/moderations"},
        line(4) | {"method": "GET"},
        {"custom_id": "no-input", "method": "POST", "url": "/v1/responses", "body": {"model": "m"}},
        {"body": {"input": "nameless"}},
        line(8, max_output_tokens=0),
        "",
        line(10),
    ]
    system.process(KEY, jsonl(*lines))
    assert [answer["custom_id"] for answer in read(system, RESULT)] == ["id-1", "id-10"]
    errors = {error["error"]["line"]: error["error"]["code"] for error in read(system, ERRORS)}
    assert errors == {
        2: "invalid_json_line",
        3: "duplicate_custom_id",
        4: "invalid_url",
        5: "invalid_method",
        6: "missing_required_parameter",
        7: "invalid_json_line",
        8: "invalid_request",
    }
    assert system.run_record(KEY)["lines"] == {"total": 9, "completed": 2, "failed": 7}
    assert len(system.generator.requests) == 2


def test_lines_with_only_an_input_run_under_the_recipe(system):
    system.bucket.upload("recipes/mine.md", "---\nmax_output_tokens: 77\n---\nTranslate it.")
    system.process("inbox/mine/a.jsonl", jsonl({"custom_id": "a", "input": "text"}, line(1)))
    by_recipe, given = sorted(system.generator.requests, key=lambda request: "instructions" not in request)
    assert (by_recipe["instructions"], by_recipe["max_output_tokens"]) == ("Translate it.", 77)
    assert "instructions" not in given
    assert given["background"] is True


def test_a_jsonl_that_is_not_a_batch_is_a_document(system):
    system.process(KEY, '{"a": 1}\n{"a": 2}\n')
    assert system.result(KEY).startswith("In short")


LINES = jsonl(*map(line, range(3)))


@pytest.mark.parametrize(
    ("body", "remedy"),
    [
        (LINES.encode("utf-16"), "save it as UTF-8"),
        (LINES.encode("utf-16-be"), "save it as UTF-8"),
        (LINES.encode("utf-32"), "save it as UTF-8"),
        (LINES.replace("\n", "\r").encode(), "line feed"),
        (json.dumps([json.loads(line) for line in LINES.splitlines()]).encode(), "without the brackets"),
        (json.dumps(json.loads(LINES.splitlines()[0]), indent=2).encode(), "on a line of its own"),
    ],
)
def test_a_batch_not_written_as_lines_is_rejected_with_the_remedy(system, body, remedy):
    """It would otherwise become one document that is billed, answered and taken for done."""
    system.process(KEY, body)
    record = system.error_record(KEY)
    assert record["reason"] == "unreadable_document"
    assert remedy in record["message"]
    assert not system.generator.requests


@pytest.mark.parametrize(("url", "why"), [("/v1/embeddings", "not generated text"), ("/v1/completions", "prompt")])
def test_a_batch_for_an_unsupported_api_has_its_own_reason(system, url, why):
    """Every line is among the errors, with the reason why that API is not run."""
    lines = [line(number) | {"url": url} for number in range(5)]
    system.process(KEY, jsonl(*lines))
    record = system.error_record(KEY)
    assert record["reason"] == "unsupported_endpoint"
    assert why in record["message"]
    assert record["replay"].startswith("correct the document")
    errors = [(error["custom_id"], error["error"]["code"]) for error in read(system, ERRORS)]
    assert errors == [(f"id-{n}", "unsupported_endpoint") for n in range(5)]
    assert not system.generator.requests


def test_lines_share_the_limit_of_generations_in_flight(monkeypatch):
    monkeypatch.setattr("backburner.batch.segmenter.SEGMENT_LINES", 10)
    system, seen = System({"BACKBURNER_MAX_IN_FLIGHT": "3"}), []

    async def hook(effect, moment):
        if (effect.name, moment) == ("generator.create", "after"):
            seen.append(len(system.generator.open))

    system.world.hook = hook
    system.process(KEY, jsonl(*map(line, range(20))))
    assert max(seen) == 3
    assert len(read(system, RESULT)) == 20
    assert system.problems() == []


def test_failed_lines_are_listed_separately_and_a_replay_runs_only_those(system):
    system.generator.plan(
        Plan(ending=Generation(id="", status="failed", error_code="invalid_prompt")), document="line 13"
    )
    system.process(KEY, jsonl(*map(line, range(25))))
    (error,) = read(system, ERRORS)
    assert (error["custom_id"], error["error"]["code"], error["error"]["line"]) == ("id-13", "rejected_by_provider", 14)
    assert len(read(system, RESULT)) == 24
    replay(system)
    assert len(system.generator.requests) == 26
    assert [answer["custom_id"] for answer in read(system, RESULT)] == [f"id-{number}" for number in range(25)]
    assert ERRORS not in system.bucket.objects
    record = system.run_record(KEY)
    assert (record["run"], record["lines"]) == (2, {"total": 25, "completed": 25, "failed": 0})
    assert system.problems() == []
    assert system.bucket.keys("ledger/work/") == []


def replay(system):
    system.run(system.parts().replayer.replay(KEY))
    system.settle()


def cancel(system):
    """Cancel the batch as the command does, and let everything end."""
    system.run(system.parts().canceller.cancel(system.job(KEY), 1))
    system.settle()


def results_and_errors(system):
    """The names of the lines in the result, and the error codes by name of those in the error file."""
    good = [each["custom_id"] for each in read(system, RESULT)] if RESULT in system.bucket.keys("") else []
    bad = read(system, ERRORS) if ERRORS in system.bucket.keys("") else []
    return good, {each["custom_id"]: each["error"]["code"] for each in bad}


def tokens_booked(system):
    return system.bucket.json("ledger/governor.json")["tokens"]


def tokens_in_the_journal(system):
    """The tokens of all lines of the journal."""
    lines = [
        json.loads(each)
        for key in system.bucket.keys("ledger/journal/")
        for each in system.bucket.body(key).splitlines()
    ]
    return sum(each["usage"]["total_tokens"] for each in lines)


def test_a_cancelled_batch_keeps_what_is_done_and_a_replay_does_the_rest(system):
    """Each line is in one of the two files; the run is done and reports how many were cancelled."""
    system.generator.plan(Plan(runs_s=1.0), times=6)
    system.generator.default = Plan(runs_s=100_000.0)
    system.upload(KEY, jsonl(*map(line, range(15))))
    system.run(system.submit(KEY))
    system.run(system.tick())
    assert len(system.generator.open) == 9
    cancel(system)
    record = system.run_record(KEY)
    assert (record["state"], record["lines"]) == ("done", {"total": 15, "completed": 6, "failed": 9})
    good, bad = results_and_errors(system)
    assert sorted(good + list(bad)) == sorted(f"id-{number}" for number in range(15))
    assert (len(good), set(bad.values())) == (6, {"cancelled"})
    assert record["resume"] is not None
    assert system.generator.open == []
    system.generator.default = Plan()
    replay(system)
    assert results_and_errors(system) == ([f"id-{number}" for number in range(15)], {})
    assert len(system.generator.requests) == 15 + 9
    assert system.problems() == []
    whole = system.run_record(KEY)
    assert whole["run"] == 2
    assert whole["kept_usage"] == record["usage"]
    assert (
        whole["usage"]["total_tokens"]
        == tokens_booked(system)
        == tokens_in_the_journal(system)
        > record["usage"]["total_tokens"]
    )


@pytest.mark.parametrize("ticks", [0, 1])
def test_a_batch_cancelled_before_any_line_is_done_fails_and_names_its_lines(system, ticks):
    """It is cancelled before its segments are opened, or while they run."""
    system.generator.default = Plan(runs_s=100_000.0)
    system.upload(KEY, jsonl(*map(line, range(15)), "rubbish"))
    system.run(system.submit(KEY))
    for _ in range(ticks):
        system.run(system.tick())
    cancel(system)
    record = system.error_record(KEY)
    assert (record["reason"], record["lines"]) == ("cancelled", {"total": 16, "completed": 0, "failed": 16})
    _, bad = results_and_errors(system)
    rubbish = "invalid_json_line" if ticks else "cancelled"
    assert bad == {f"id-{number}": "cancelled" for number in range(15)} | {None: rubbish}
    assert system.generator.open == []
    assert system.problems() == []
    assert [part["lines"] for part in record["parts"]] == (
        [{"total": n, "completed": 0, "failed": n} for n in (10, 6)] if ticks else []
    )
    system.generator.default = Plan()
    replay(system)
    assert system.run_record(KEY)["lines"] == {"total": 16, "completed": 15, "failed": 1}
    assert system.problems() == []


def test_a_text_that_arrives_despite_the_cancel_is_the_lines_result(system):
    """The provider had already finished when it was asked to cancel."""
    system.generator.default = Plan(runs_s=100_000.0, cancel_completes=True)
    system.upload(KEY, jsonl(*map(line, range(15))))
    system.run(system.submit(KEY))
    system.run(system.tick())
    cancel(system)
    assert results_and_errors(system) == ([f"id-{number}" for number in range(15)], {})
    assert system.run_record(KEY)["usage"]["total_tokens"] == tokens_booked(system) > 0


def test_a_replay_that_is_cancelled_keeps_what_earlier_runs_have_done(system):
    """That includes segments the replay never reached, and its usage is never below what its lines used."""
    system.generator.plan(Plan(runs_s=1.0), times=6)
    system.generator.default = Plan(runs_s=100_000.0)
    system.upload(KEY, jsonl(*map(line, range(15))))
    system.run(system.submit(KEY))
    system.run(system.tick())
    cancel(system)
    first = system.run_record(KEY)
    system.run(system.parts().replayer.replay(KEY))
    system.run(system.parts().tick.run(1.0))
    system.run(system.parts().canceller.cancel(system.job(KEY), 2))
    system.settle()
    record = system.run_record(KEY)
    assert (record["run"], record["lines"]) == (2, first["lines"])
    assert record["usage"]["total_tokens"] >= first["usage"]["total_tokens"] == tokens_in_the_journal(system)
    good, bad = results_and_errors(system)
    assert (len(good), set(bad.values())) == (6, {"cancelled"})
    assert system.problems() == []


def test_lines_of_a_batch_that_was_removed_are_cancelled_without_their_names(system):
    """The batch can no longer be read, so its lines are known only by number."""
    system.upload(KEY, jsonl(*map(line, range(15))))
    system.run(system.submit(KEY))
    job = system.job(KEY)
    system.bucket.remove(KEY)
    system.run(system.parts().canceller.cancel(job, 1))
    system.settle()
    assert [(each["custom_id"], each["error"]["line"]) for each in read(system, ERRORS)] == [
        (None, number) for number in range(1, 16)
    ]


def test_failures_of_lines_are_judged_like_those_of_documents(system):
    plans = {
        "line 0": Plan(create=FailedCall(status=500)),
        "line 1": Plan(create=FailedCall(status=429)),
        "line 2": Plan(text=""),
        "line 3": Plan(ending=Generation(id="", status="failed", error_code="server_error")),
        "line 4": Plan(ending=Generation(id="", status="incomplete", incomplete_reason="max_output_tokens")),
        "line 5": Plan(create=FailedCall(status=400, code="context_length_exceeded")),
        "line 6": Plan(ending=Generation(id="", status="incomplete", incomplete_reason="content_filter")),
        "line 7": Plan(forgets=True),
    }
    for document, plan in plans.items():
        system.generator.plan(plan, document=document)
    system.process(KEY, jsonl(*(line(number, max_output_tokens=10) for number in range(9))))
    codes = {error["error"]["line"] - 1: error["error"]["code"] for error in read(system, ERRORS)}
    assert codes == {5: "document_too_large", 6: "content_filter"}
    assert len(read(system, RESULT)) == 7
    enlarged = [request for request in system.generator.requests if request["max_output_tokens"] == 20]
    assert [request["input"] for request in enlarged] == ["line 4"]
    assert system.run_record(KEY)["suspected_orphans"] == 2
    assert system.problems() == []


def test_a_line_past_its_deadline_is_cancelled(system):
    system.bucket.upload("recipes/default.md", "---\ndeadline: 90s\n---\nDo it.")
    system.generator.plan(Plan(runs_s=1e9), document="line 0")
    system.process(KEY, jsonl(line(0), line(1)))
    (error,) = read(system, ERRORS)
    assert error["error"]["code"] == "deadline_exceeded"
    assert system.generator.open == []


def test_a_batch_without_a_successful_line_is_not_done(system):
    system.process(KEY, jsonl(line(1) | {"url": "/v1/embeddings"}, line(2) | {"method": "GET"}))
    assert system.error_record(KEY)["lines"] == {"total": 2, "completed": 0, "failed": 2}
    assert len(read(system, ERRORS)) == 2
    assert RESULT not in system.bucket.objects


def test_a_batch_that_is_replaced_is_superseded_and_leaves_no_generation_open(system):
    system.generator.default = Plan(runs_s=50.0)
    system.upload(KEY, jsonl(*map(line, range(15))))
    system.run(system.submit(KEY))
    system.run(system.parts().tick.run(10.0))
    assert system.generator.open
    system.upload(KEY, jsonl(line(100)))
    system.run(system.submit(KEY))
    system.settle()
    assert [answer["custom_id"] for answer in read(system, RESULT)] == ["id-100"]
    assert system.generator.open == []
    assert system.problems() == []
    assert system.bucket.keys("ledger/work/") == []


def ticks(system, count):
    """Run ticks a minute apart."""
    for _ in range(count):
        system.run(system.parts().tick.run(5.0))
        system.world.later(60)


def refused(system, *models):
    """A create that the provider refuses for these models and answers for all others."""
    create = type(system.generator).create

    async def choosy(body, limit_s):
        if body["model"] in models:
            system.generator.requests.append(body)
            return FailedCall(status=403, code="model_not_allowed")
        return await create(system.generator, body, limit_s)

    return choosy


def creates(system, *models):
    return sum(request["model"] in models for request in system.generator.requests)


def test_a_line_whose_own_model_is_refused_is_tried_ever_less_often_and_delays_no_other(system, monkeypatch):
    """It gets at most one probe a minute; the others are done at once, and it is too once its model is accepted."""
    monkeypatch.setattr(system.generator, "create", refused(system, "locked"))
    system.upload(KEY, jsonl(line(0, model="locked"), *map(line, range(1, 25))))
    system.run(system.submit(KEY))
    ticks(system, 3)
    assert creates(system, "model-1") == 24
    ticks(system, 197)
    assert 10 <= creates(system, "locked") <= 25
    assert len(system.generator.requests) == 24 + creates(system, "locked")
    assert set(system.bucket.json("ledger/governor.json")["pauses"]) <= {"locked"}
    monkeypatch.undo()
    monkeypatch.setattr("backburner.batch.segmenter.SEGMENT_LINES", 10)
    system.settle()
    assert system.run_record(KEY)["lines"] == {"total": 25, "completed": 25, "failed": 0}
    assert system.bucket.json("ledger/governor.json")["pauses"] == {}


def test_many_lines_with_one_refused_model_send_one_probe_a_minute(system, monkeypatch):
    """They share one probe instead of sending one for each line."""
    monkeypatch.setattr(system.generator, "create", refused(system, "locked"))
    system.upload(KEY, jsonl(*(line(number, model="locked") for number in range(40))))
    system.run(system.submit(KEY))
    ticks(system, 60)
    assert creates(system, "locked") <= 4 * 4 + 60


def test_lines_with_made_up_models_neither_swell_the_governor_nor_leave_pauses(system, monkeypatch):
    """All the long names are refused, and the one line with a good model is done."""
    monkeypatch.setattr("backburner.batch.segmenter.SEGMENT_LINES", 100)
    names = [f"{number:03d}".rjust(256, "m") for number in range(100)]
    monkeypatch.setattr(system.generator, "create", refused(system, *names))
    system.upload(KEY, jsonl(*(line(number, model=name) for number, name in enumerate(names)), line(100)))
    system.run(system.submit(KEY))
    ticks(system, 60)
    assert creates(system, "model-1") == 1
    assert creates(system, *names) <= 100 + 20 * 8 + 60
    assert len(system.bucket.json("ledger/governor.json")["pauses"]) <= 20
    assert len(system.bucket.body("ledger/governor.json")) < 32_768
    cancel(system)
    assert system.run_record(KEY)["lines"] == {"total": 101, "completed": 1, "failed": 100}
    system.world.later(3600)
    monkeypatch.undo()
    system.process("inbox/another.txt", "text")
    assert system.bucket.json("ledger/governor.json")["pauses"] == {}


def cancelled_half_way(effect=None, moment="before"):
    """Cancel a batch while half of it runs; the process that reaches `effect`, counted from the cancel, dies."""
    system = System()
    system.generator.plan(Plan(runs_s=1.0), times=4)
    system.generator.default = Plan(runs_s=100_000.0)
    system.upload(KEY, jsonl(*map(line, range(8))))
    system.run(system.submit(KEY))
    system.run(system.parts().tick.run(8.0))
    first = len(system.world.effects)
    if effect is not None:
        system.world.kill_at(first + effect, moment)
    system.run(system.parts().canceller.cancel(system.job(KEY), 1))
    system.settle()
    return system, len(system.world.effects) - first


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_at_any_effect_of_cancelling_keeps_every_line_in_one_file(monkeypatch, moment):
    """A crash after the request is recorded loses no line, and usage is booked once."""
    monkeypatch.setattr("backburner.batch.segmenter.SEGMENT_LINES", 4)
    expected, count = cancelled_half_way()
    good, bad = results_and_errors(expected)
    assert (len(good), len(bad)) == (4, 4)
    assert count > 40
    for number in thinned(range(3, count, 3), one_in=8):
        system, _ = cancelled_half_way(number, moment)
        where = f"{moment} effect {number}"
        assert system.problems() == [], where
        after, errors = results_and_errors(system)
        assert sorted([*after, *errors]) == [f"id-{number}" for number in range(8)], where
        assert after == good, where
        record = system.run_record(KEY)
        assert record["lines"] == {"total": 8, "completed": 4, "failed": 4}, where
        assert record["usage"]["total_tokens"] == tokens_booked(system), where
