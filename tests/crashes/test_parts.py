"""The same deaths with documents in parts and batches, when cut, opened and merged: nothing is lost or left over.

Such a life has many effects of few kinds. A process dies at the kinds that other lives lack or have once, in turn just
before the first or just after the last of a kind, each time with another document. On fakes it dies at every fifth
effect of such lives (`tests/life/test_crashes.py`), and at random in thousands of them.
"""

import json
from collections.abc import Callable
from signal import SIGKILL
from typing import Any

from backburner.documents.chunking import cut
from backburner.split.merge import groups
from backburner_cli.standin.extract import summarise
from crashes.conftest import NewStage
from support.depth import depth, is_deep, thinned
from support.effects import Fate, Moment, Point
from support.forked_deployment import TIMER, ForkedDeployment

DEEP_KINDS = ("send to pending", "put open record running", "put open record submitting", "delete open record")
KINDS = ("put result", "send to backlog", "create", "put run record", *(DEEP_KINDS if is_deep() else ()))
MAX_TOKENS, CHARS_PER_TOKEN = 40, 3
ALIVE = "nobody dies"
_MAX_TICKS = 10


def text_of(key: str) -> str:
    """A document of three parts, unlike any other."""
    return " ".join(f"Sentence {number} of {key} says what no other says." for number in range(depth(3, 6)))


def lines_of(key: str) -> str:
    """A batch of a few lines, one of them a chat completion and one rubbish."""
    lines: list[dict[str, Any]] = [
        {"custom_id": f"id-{number}", "input": f"Line {number} of {key}."} for number in range(3)
    ]
    messages = [{"role": "user", "content": lines[1].pop("input")}]
    lines[1] |= {"method": "POST", "url": "/v1/chat/completions", "body": {"messages": messages}}
    return "\n".join([*map(json.dumps, lines), "rubbish"]) + "\n"


def parts_of(text: str) -> list[str]:
    """The parts that a document is cut into."""
    return [text[span.first : span.last] for span in cut(text, MAX_TOKENS * CHARS_PER_TOKEN, 0)]


def merged(text: str) -> str:
    """The merged answers: groups of two or more are merged until there is one."""
    texts = [summarise(part) for part in parts_of(text)]
    while len(texts) > 1:
        grouped = groups([len(text) for text in texts], MAX_TOKENS * CHARS_PER_TOKEN)
        texts = [summarise("\n\n".join(texts[number] for number in group)) for group in grouped]
    return texts[0]


def sampled(effects: list[str]) -> dict[str, tuple[Point, Moment]]:
    """Each kind of effect, in turn before its first or after its last."""
    found: dict[str, tuple[Point, Moment]] = {}
    for place, kind in enumerate(kind for kind in dict.fromkeys(effects) if kind in KINDS):
        is_first = place % 2 == 0
        moment: Moment = "before" if is_first else "after"
        found[f"{moment} {kind}"] = ((kind, 1 if is_first else effects.count(kind)), moment)
    return found


def _life(stage: ForkedDeployment, key: str, text: str, fates: dict[str, Fate]) -> None:
    """Take one document as far as its processes get: in one tick, or in more on a slow machine."""
    stage.upload(key, text)
    stage.run("submit", stage.event(key), fates.get("submit"))
    fate = fates.get("checker")
    for _ in range(_MAX_TICKS):
        stage.hide()
        stage.due(key)
        stage.run("checker", TIMER, fate)
        if fate is None or fate.is_dead or stage.run_record(key):
            break
    stage.hide()


def _die_at_sampled_effects(stage: ForkedDeployment, folder: str, suffix: str, text: Callable[[str], str]) -> int:
    """Run lives that each have one death, and return how many processes died."""
    whole = {"submit": Fate(), "checker": Fate()}
    key = f"inbox/{folder}/{ALIVE}{suffix}"
    _life(stage, key, text(key), whole)
    deaths = [
        (f"{function} {name}", function, point, moment)
        for function, fate in whole.items()
        for name, (point, moment) in sampled(fate.seen).items()
    ]
    died = 0
    for name, function, point, moment in thinned(deaths, one_in=3, kind=lambda death: death[2][0]):
        key = f"inbox/{folder}/{name}{suffix}"
        fated = Fate(point, moment)
        _life(stage, key, text(key), {function: fated})
        died += fated.is_dead and fated.process is not None and fated.process.exitcode == -SIGKILL
    return died


def _settle(stage: ForkedDeployment) -> None:
    assert stage.run("submit", stage.event(*stage.keys("inbox/"))) == 0
    stage.settle()


def test_a_document_in_parts(new_stage: NewStage) -> None:
    """Every part reaches the provider, they become one answer, and every create that was cut off is counted."""
    stage = new_stage()
    stage.hurries, stage.expected = True, merged
    front = f"split: {{max_input_tokens: {MAX_TOKENS}, merge: Join them.}}"
    stage.s3.put_object(Bucket=stage.bucket, Key="recipes/parts.md", Body=f"---\n{front}\n---\nNote it.".encode())
    assert _die_at_sampled_effects(stage, "parts", ".txt", text_of) > depth(3, 5)
    _settle(stage)
    assert stage.problems() == []
    assert stage.keys("ledger/work/") == []
    inputs = [one.input for one in stage.running.stand_in.generations]
    for key in stage.keys("inbox/"):
        parts = parts_of(stage.text(key) or "")
        assert set(parts) <= set(inputs), key
        extra = sum(inputs.count(part) for part in parts) - len(parts)
        assert extra <= stage.run_record(key)["suspected_orphans"] <= len(parts), key


def test_a_batch(new_stage: NewStage) -> None:
    """Every line is answered once, in order and in its API's shape; rubbish fails alone, lost creates are counted."""
    stage = new_stage()
    stage.hurries = True
    assert _die_at_sampled_effects(stage, "default", ".jsonl", lines_of) > depth(2, 4)
    _settle(stage)
    inputs = [one.input for one in stage.running.stand_in.generations]
    assert stage.running.stand_in.open == 0
    for key in stage.keys("inbox/"):
        record = stage.run_record(key)
        assert record["lines"] == {"total": 4, "completed": 3, "failed": 1}, key
        answers = [json.loads(line) for line in (stage.text(record["result_key"]) or "").splitlines()]
        assert [answer["custom_id"] for answer in answers] == ["id-0", "id-1", "id-2"], key
        kinds = [answer["response"]["body"]["object"] for answer in answers]
        assert kinds == ["response", "chat.completion", "response"], key
        extra = sum(inputs.count(f"Line {number} of {key}.") for number in range(3)) - 3
        assert extra <= record["suspected_orphans"] <= 3, key
    governor = stage.json("ledger/governor.json")
    records = [stage.run_record(key) for key in stage.keys("inbox/")]
    assert governor["tokens"] == sum(record["usage"]["total_tokens"] for record in records)
    assert governor["reserved"] == {}
    assert stage.keys("ledger/open/") == []
