"""A batch over real HTTP: one job with many lines, in order, errors apart, counts matching, failures replayed."""

import json
from collections import Counter
from typing import Any

import pytest

from backburner.jobs.replay import Outcome
from support.depth import depth
from support.warm_deployment import WarmDeployment

from .conftest import NewWorld

KEY = "inbox/orders/batch.jsonl"
RESULT, ERRORS = "results/orders/batch.jsonl.jsonl", "failed/orders/batch.jsonl.errors.jsonl"
LINES, SEGMENT_LINES = depth(120, 300), depth(40, 100)
INSTRUCTIONS = "Name the goods."
WRONG = {
    "invalid_json_line": lambda _: '{"custom_id": "cut off',
    "duplicate_custom_id": lambda number: _full(number) | {"custom_id": f"id-{number - 1}"},
    "invalid_url": lambda number: _full(number) | {"url": "/v1/moderations"},
    "invalid_method": lambda number: _full(number) | {"method": "GET"},
    "missing_required_parameter": lambda number: {"custom_id": f"id-{number}", "input": ""},
}
"""What may be wrong with a line, each with such a line; none of them is ever sent."""
PASSING, LASTING = "stand-in/failed-invalid-prompt:1", "stand-in/incomplete-content-filter"
"""Models: the first fails each input once, the second always."""


def _text(number: int) -> str:
    return f"Order {number}: {number * 3} barrels of herring for the town of Veldt."


def _full(number: int, model: str = "stand-in") -> dict[str, Any]:
    body = {"model": model, "input": _text(number)}
    return {"custom_id": f"id-{number}", "method": "POST", "url": "/v1/responses", "body": body}


def _line(number: int) -> Any:
    """Line `number`, counted from 1: every twentieth is wrong, some fail, the rest alternate between both forms."""
    if number % 20 == 0:
        return list(WRONG.values())[number // 20 % len(WRONG)](number)
    if number % 50 in (7, 8):
        return _full(number, PASSING if number % 50 == 7 else LASTING)
    return _full(number) if number % 2 else {"custom_id": f"id-{number}", "input": _text(number)}


def _expected(number: int, *, replayed: bool = False) -> str:
    """The code of a line's error, or nothing if it succeeds."""
    if number % 20 == 0:
        return list(WRONG)[number // 20 % len(WRONG)]
    failing = {8: "content_filter"} | ({} if replayed else {7: "rejected_by_provider"})
    return failing.get(number % 50, "")


def _check(world: WarmDeployment, *, replayed: bool) -> None:
    """Each line is in one of the two files, in order, with its own answer or error, and the counts match."""
    codes = {number: _expected(number, replayed=replayed) for number in range(1, LINES + 1)}
    answers = [json.loads(line) for line in str(world.text(RESULT)).splitlines()]
    errors = [json.loads(line)["error"] for line in str(world.text(ERRORS)).splitlines()]
    good = [number for number, code in codes.items() if not code]
    assert [answer["custom_id"] for answer in answers] == [f"id-{number}" for number in good]
    for number, answer in zip(good, answers, strict=True):
        assert _text(number) in answer["response"]["body"]["output"][0]["content"][0]["text"]
        assert answer["error"] is None
    assert {error["line"]: error["code"] for error in errors} == {line: code for line, code in codes.items() if code}
    assert [error["line"] for error in errors] == sorted(error["line"] for error in errors)
    lines = world.run_record(KEY)["lines"]
    assert lines == {"total": LINES, "completed": len(answers), "failed": len(errors)}


def _check_usage(world: WarmDeployment) -> None:
    """The record adds up what the provider reports for this run."""
    record = world.run_record(KEY)
    assert [part["lines"]["total"] for part in record["parts"]] == [SEGMENT_LINES] * 3
    for name, total in record["usage"].items():
        used = [(one.outcome.usage or {}).get(name, 0) for one in world.stand_in.generations]
        assert total == sum(part["usage"][name] for part in record["parts"]) == sum(used) > 0


def _replay(world: WarmDeployment) -> Outcome:
    ready = world.app("checker").connected()
    outcome: Outcome = ready.runner.run(ready.core.replayer.replay(KEY))
    world.settle()
    return outcome


def test_a_batch_of_good_and_bad_lines_and_its_replay(new_world: NewWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both forms of a line run, a wrong line fails alone, and a replay sends only what failed."""
    monkeypatch.setattr("backburner.batch.segmenter.SEGMENT_LINES", SEGMENT_LINES)
    world = new_world(BACKBURNER_POLLS_PER_SECOND="500")
    world.recipe("orders", "max_output_tokens: 300", INSTRUCTIONS)
    lines = [_line(number) for number in range(1, LINES + 1)]
    world.process(KEY, "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    _check(world, replayed=False)
    _check_usage(world)
    sent = Counter(create.body["input"] for create in world.creates())
    assert sent == Counter(_text(number) for number in range(1, LINES + 1) if number % 20)
    run_by_recipe = {
        create.body["input"] for create in world.creates() if create.body.get("instructions") == INSTRUCTIONS
    }
    assert run_by_recipe == {line["input"] for line in lines if isinstance(line, dict) and line.get("input")}
    assert world.problems() == []

    assert _replay(world) is Outcome.REPLAYED
    again = Counter(create.body["input"] for create in world.creates()) - sent
    assert again == Counter(_text(number) for number in range(1, LINES + 1) if number % 20 and number % 50 in (7, 8))
    _check(world, replayed=True)
    assert world.run_record(KEY)["run"] == 2
    assert world.problems() == []
