"""`show`: one document's whole story, from what its records say about waits, attempts and looks."""

import json

from backburner.provider.answers import Generation, Usage
from support.command_deployment import OPEN, Cloud
from support.fakes import Plan
from support.system import System

KEY, BEFORE = "inbox/priced/second.txt", "inbox/priced/first.txt"
PRICE = "---\nprice: {input: 1, output: 2}\n---\nSummarise."


def test_a_story_shows_waits_attempts_looks_verdicts_and_cost(empty: Cloud) -> None:
    """It tells in order what it waited for and how long, why an attempt failed, and the number of looks."""
    system = System({"BACKBURNER_MAX_IN_FLIGHT": "1"})
    system.upload("recipes/priced.md", PRICE)
    usage = Usage(input_tokens=1000, output_tokens=500, total_tokens=1500)
    failed = Generation(id="", status="failed", error_code="server_error", usage=usage)
    system.generator.plan(Plan(runs_s=100.0), document="first")
    system.generator.plan(Plan(runs_s=40.0, ending=failed), document="second")
    system.generator.plan(Plan(runs_s=400.0), document="second")
    for key, text in ((BEFORE, "first"), (KEY, "second")):
        system.upload(key, text)
        system.run(system.submit(key))
    system.settle()
    record = system.run_record(KEY)
    assert list(record["waited"]) == ["capacity", "retry"]
    assert record["waited"]["capacity"] > 100
    first, second = (response["looks"] for response in record["responses"])
    assert first["count"] + second["count"] == record["polls"]
    assert second["count"] > 2
    assert second["first_s"] < 300
    assert second["last_s"] >= 400
    empty.settle_in(system, old=("inbox/", "results/"))
    output = json.loads(empty.call("show", KEY).stdout)
    assert [event["at"] for event in output["timeline"]] == sorted(event["at"] for event in output["timeline"])
    whats = iter(event["what"] for event in output["timeline"])
    for words in (
        "uploaded, 6 bytes",
        "attempt 1: generation resp_2 started",
        "attempt 1: looked at once",
        "attempt 1: generation failed, 1,000 tokens in, 500 out, server_error; does not count, another attempt follows",
        "for a free slot, ",
        "attempt 2: generation resp_3 started",
        "attempt 2: generation completed, 2 tokens in, 20 out",
        f"attempt 2: looked at {second['count']} times, first ",
        f"done after {record['polls']} polls: results/priced/second.txt.md, cost 0.002042",
    ):
        assert any(words in what for what in whats), (words, output["timeline"])


def test_looks_are_counted_across_messages(empty: Cloud) -> None:
    """When the deadline has passed, the record gets a new message, and keeps the old one's looks."""
    system = System({"BACKBURNER_DEADLINE_S": "600"})
    system.generator.default = Plan(runs_s=1e6)
    system.upload(OPEN, "text")
    system.run(system.submit(OPEN))
    system.settle()
    record = system.error_record(OPEN)
    looks = record["responses"][0]["looks"]
    assert (record["reason"], looks["count"]) == ("deadline_exceeded", record["polls"])
    assert looks["first_s"] < 300
    assert looks["last_s"] >= 600
    empty.settle_in(system, old=("inbox/", "failed/"))
    assert f"looked at {record['polls']} times" in empty.call("show", OPEN, "--text").stdout
