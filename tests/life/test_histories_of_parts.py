"""Random histories of documents in parts and of batches: under the same faults, every piece comes back in order."""

import json
from dataclasses import dataclass

import pytest

from backburner.documents.chunking import cut
from backburner.ledger.keys import output_location
from life.test_histories import MISBEHAVIOURS, History, run_and_check
from support.depth import depth
from support.fakes import FakeGenerator, Plan

HISTORIES_PER_TEST = depth(5, 15)
MAX_TOKENS = 20
LINES = 5
SPLIT = f"---\nsplit: {{max_input_tokens: {MAX_TOKENS}}}\n---\nDo it."
_MISBEHAVING = 3
"""The parts or lines of a document that go wrong once."""


def body_of(key: str, version: str) -> str:
    """A document of some parts or a batch of some lines, unlike any other."""
    if key.endswith(".jsonl"):
        lines = ({"custom_id": f"{version}-{number}", "input": f"{key} {version} {number}"} for number in range(LINES))
        return "".join(json.dumps(line) + "\n" for line in lines)
    return " ".join(f"{key}-{version}-{number}." for number in range(12))


def pieces_of(key: str, text: str) -> list[str]:
    """The pieces of a document that reach the provider, in order."""
    if key.endswith(".jsonl"):
        return [json.loads(line)["input"] for line in text.splitlines()]
    return [text[span.first : span.last] for span in cut(text, MAX_TOKENS * 3, 0)]


@dataclass
class LongHistory(History):
    """A history with long documents, some of whose pieces the provider mishandles."""

    def _misbehave(self, text: str) -> None:
        key = "a.jsonl" if text.startswith("{") else "a.txt"
        for piece in self.rng.sample(pieces_of(key, text), _MISBEHAVING):
            self.system.generator.plan(self.rng.choice((Plan(), *MISBEHAVIOURS)), document=piece)


def wrong(history: History) -> list[str]:
    """The results that do not answer every piece of their document once and in order."""
    system, found = history.system, list[str]()
    for key in system.bucket.keys("inbox/"):
        location = output_location(key)
        if location.run_record_key not in system.bucket.objects:
            continue
        record = system.run_record(key)
        result = system.bucket.body(record["result_key"])
        answers = [FakeGenerator.text_of(piece) for piece in pieces_of(key, system.bucket.body(key))]
        if key.endswith(".jsonl"):
            texts = [
                json.loads(line)["response"]["body"]["output"][0]["content"][0]["text"] for line in result.splitlines()
            ]
            failed = record["lines"]["failed"]
            if record["lines"]["total"] != LINES or texts != [answer for answer in answers if answer in texts]:
                found.append(f"{key}: {texts}")
            if len(texts) + failed != LINES:
                found.append(f"{key}: {len(texts)} answers, {failed} errors")
        elif result.split() != " ".join(answers).split():
            found.append(f"{key}: {result}")
    return found


@pytest.mark.parametrize("block", range(depth(1, 4)))
def test_random_histories_of_long_documents_end_well(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """They end as histories of short documents do, and no part or line is missing, repeated or out of order."""
    monkeypatch.setattr("backburner.batch.segmenter.SEGMENT_LINES", 3)
    monkeypatch.setattr("backburner.batch.create_lines.BLOCK", 2)
    for seed in range(block * HISTORIES_PER_TEST, (block + 1) * HISTORIES_PER_TEST):
        keys = ("inbox/r/d0.txt", "inbox/r/b1.jsonl", "inbox/r/d2.txt")
        history = LongHistory(seed, texts=body_of, keys=keys, recipe=SPLIT)
        run_and_check(history)
        assert wrong(history) == [], f"seed {seed}"
