"""One upload becomes one generation and one result, with every provider's profile."""

import json
from datetime import datetime

import pytest

from backburner_cli.standin import NOTICE, count_tokens
from support.deployment import DOCUMENT
from support.warm_deployment import WarmDeployment

from .conftest import NewWorld

KEY = "inbox/notes/harbour.txt"
INSTRUCTIONS = "Keep every number."
FRONT = """\
temperature: 0.2
max_output_tokens: 500
reasoning_effort: low
service_tier: flex
price: {input: 0.40, output: 1.60}"""
ALWAYS = {"model", "instructions", "input", "background", "temperature", "max_output_tokens"}
PROFILES = {
    # provider: the stand-in's profile, what else is sent, the model's name, whether the response is deleted
    "openai": ("openai", {"store", "metadata", "reasoning", "service_tier"}, "stand-in", True),
    "azure": ("openai", {"store", "metadata", "reasoning"}, "stand-in", True),
    "yandex": ("yandex", set(), "gpt://folder/stand-in", True),
    "vllm": ("vllm", {"store", "metadata", "reasoning"}, "stand-in", False),
    "generic": ("openai", {"reasoning"}, "stand-in", True),
}
FACTS = """\
reuse: true
schema:
  {type: object, additionalProperties: false, required: [fact], properties: {fact: {type: string, x-quote: true}}}"""
RECORD = {
    "version", "job_id", "run", "state", "source", "recipe", "provider", "responses", "usage", "cost",
    "suspected_orphans", "polls", "waited", "uploaded_at", "submitted_at", "finished_at", "result_key",
    "result_etag", "parts",
}  # fmt: skip
RESPONSE = {
    "id", "attempt", "status", "model", "usage", "error", "incomplete_details", "created_at", "completed_at", "looks",
}  # fmt: skip


def _submit(world: WarmDeployment) -> None:
    world.recipe("notes", FRONT, INSTRUCTIONS)
    world.upload(KEY)
    world.submit(KEY)


@pytest.mark.parametrize("provider", PROFILES)
def test_one_upload_is_one_create_and_one_result(new_world: NewWorld, provider: str) -> None:
    """The recipe is sent as instructions and the document as input, with nothing that the profile forbids."""
    profile, also, model, deletes = PROFILES[provider]
    world = new_world(provider, profile)
    _submit(world)
    world.later(2)
    world.tick()
    (create,) = world.creates()
    body = create.body
    assert (body["instructions"], body["input"], body["background"]) == (INSTRUCTIONS, DOCUMENT, True)
    assert set(body) == ALWAYS | also
    assert (body["model"], body.get("store")) == (model, True if "store" in also else None)
    record = world.run_record(KEY)
    assert body.get("metadata") == ({"job_id": record["job_id"]} if "metadata" in also else None)
    assert create.headers["openai-project"] == "folder"
    (made,) = world.stand_in.generations
    assert world.result(KEY) == made.outcome.output[0]["content"][0]["text"]
    assert str(world.result(KEY)).endswith(NOTICE)
    assert made.deleted is deletes
    assert (record["provider"], record["responses"][0]["id"]) == (
        {"profile": provider, "base_url": world.running.base_url, "model": model},
        made.id,
    )
    assert world.keys("ledger/open/") == []
    world.settle()
    assert world.problems() == []
    assert len(world.creates()) == 1


def test_every_field_of_the_run_record_is_true(world: WarmDeployment) -> None:
    """It says truly, in real time, where the result came from, what made it and, by the provider's count, its cost."""
    _submit(world)
    for _ in range(60):
        if not world.open_records():
            break
        world.tick()
    record, result = world.run_record(KEY), str(world.result(KEY))
    assert record.keys() >= RECORD
    tokens = count_tokens(INSTRUCTIONS) + count_tokens(DOCUMENT), count_tokens(result)
    usage = {"input_tokens": tokens[0], "output_tokens": tokens[1], "total_tokens": sum(tokens)}
    head = world.s3.head_object(Bucket=world.bucket, Key=KEY)
    uploaded = world.modified(KEY)
    assert record["source"] == {
        "bucket": world.bucket,
        "key": KEY,
        "etag": world.etag(KEY),
        "size": head["ContentLength"],
        "last_modified": uploaded,
        "notes": [],
    }
    assert (record["version"], record["run"], record["state"], record["parts"]) == (1, 1, "done", None)
    assert (record["recipe"]["name"], len(record["recipe"]["sha256"])) == ("notes", 64)
    assert record["usage"] == usage
    assert record["cost"] == pytest.approx((tokens[0] * 0.40 + tokens[1] * 1.60) / 1_000_000)
    assert (record["suspected_orphans"], record["result_key"]) == (0, "results/notes/harbour.txt.md")
    assert record["polls"] >= 1
    assert record["result_etag"] == world.etag(record["result_key"])
    assert record["uploaded_at"] == uploaded
    times = [datetime.fromisoformat(record[name]) for name in ("uploaded_at", "submitted_at", "finished_at")]
    assert times == sorted(times)
    (response,) = record["responses"]
    assert response.keys() == RESPONSE
    assert (response["attempt"], response["status"], response["usage"]) == (1, "completed", usage)
    assert (response["model"], response["error"], response["incomplete_details"]) == ("stand-in", None, None)
    assert response["created_at"] <= response["completed_at"]
    assert (response["looks"]["count"], record["waited"]) == (record["polls"], {})


def test_both_clouds_timers_start_a_tick(world: WarmDeployment) -> None:
    """An EventBridge schedule and a Yandex timer do the same."""
    for number, timer in enumerate(("aws", "yandex")):
        key = f"inbox/{number}.txt"
        world.upload(key)
        world.submit(key)
        world.later(10)
        world.tick(timer=timer)
        assert world.run_record(key)


@pytest.mark.parametrize("provider", ["openai", "yandex"])
def test_a_copy_takes_over_the_answer_and_its_quotes(new_world: NewWorld, provider: str) -> None:
    """Both share one generation with a quote from the text, and nothing is left below `ledger/work/`."""
    world = new_world(provider, PROFILES[provider][0])
    world.recipe("notes", FACTS, INSTRUCTIONS)
    for key in (KEY, "inbox/notes/copy.txt"):
        world.upload(key)
        world.submit(key)
        world.later(2)
        world.tick()
    first, copy = world.run_record(KEY), world.run_record("inbox/notes/copy.txt")
    assert len(world.creates()) == 1
    (quote,) = first["quotes"]["places"]
    assert (
        json.loads(world.result(KEY, "json") or "")["fact"].split() == DOCUMENT[quote["first"] : quote["last"]].split()
    )
    assert (copy["reused"]["key"], copy["reused"]["usage"]) == (KEY, first["usage"])
    assert (copy["result_etag"], copy["quotes"], copy["responses"]) == (first["result_etag"], first["quotes"], [])
    assert world.keys("ledger/work/") == world.keys("ledger/open/") == []
    world.settle()
    assert world.problems() == []
