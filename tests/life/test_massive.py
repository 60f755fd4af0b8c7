"""Documents too long for one generation are cut, processed in parts and merged; nothing is lost or repeated."""

import json
from itertools import pairwise

import pytest

from backburner.documents.tokens import DEFAULT_WINDOW_TOKENS
from backburner.provider.answers import FailedCall, Generation, Usage
from support.fakes import Plan
from support.system import System

KEY = "inbox/long/contract.txt"
WORDS = 400
TEXT = " ".join(f"w{number:04d}." for number in range(WORDS))
TOO_LONG = FailedCall(status=400, code="context_length_exceeded", message="this model takes 100 tokens")


def recipe(split="{max_input_tokens: 200}", more=""):
    return f"---\nsplit: {split}\n{more}---\nCopy the document."


@pytest.fixture
def system():
    system = System()
    system.generator.text_of = lambda document: document
    return system


def upload(system, text=TEXT, source=None):
    system.bucket.upload("recipes/long.md", source or recipe())
    system.upload(KEY, text)


def sent(system):
    return [request["input"] for request in system.generator.requests]


def test_every_character_reaches_exactly_one_part_and_the_answers_are_merged_in_order(system):
    upload(system)
    system.process(KEY, TEXT)
    assert len(sent(system)) == 5
    assert "".join(sorted(sent(system))) == TEXT
    assert system.result(KEY).split() == TEXT.split()
    assert system.problems() == []
    assert system.bucket.keys("ledger/work/") == []


def test_each_part_is_told_its_number(system):
    upload(system)
    system.process(KEY, TEXT)
    sent_instructions = sorted(request["instructions"] for request in system.generator.requests)
    assert [f"part {number} of 5" in text for number, text in enumerate(sent_instructions, 1)] == [True] * 5
    assert all(text.startswith("Copy the document.") for text in sent_instructions)


def test_the_run_record_names_the_parts_and_adds_up_their_usage(system):
    upload(system, source=recipe(more="price: {input: 1, output: 2}\n"))
    system.process(KEY, TEXT)
    record = system.run_record(KEY)
    assert [part["number"] for part in record["parts"]] == [1, 2, 3, 4, 5]
    assert sorted(each for part in record["parts"] for each in part["responses"]) == sorted(system.generator.made)
    assert record["submitted_at"] == min(part["submitted_at"] for part in record["parts"]) is not None
    assert record["usage"]["total_tokens"] == sum(part["usage"]["total_tokens"] for part in record["parts"]) > 0
    assert record["cost"] == pytest.approx(sum(part["cost"] for part in record["parts"]))
    assert record["polls"] == sum(part["polls"] for part in record["parts"])
    assert system.bucket.json("ledger/governor.json")["tokens"] == record["usage"]["total_tokens"]
    (journal,) = [
        line for key in system.bucket.keys("ledger/journal/") for line in system.bucket.body(key).splitlines()
    ]
    assert json.loads(journal)["usage"] == record["usage"]


def test_the_overlap_repeats_the_end_of_the_previous_part(system):
    upload(system, source=recipe("{max_input_tokens: 200, overlap_tokens: 10}"))
    system.process(KEY, TEXT)
    parts = sorted(sent(system), key=TEXT.index)
    for before, after in pairwise(parts):
        assert after[:20] in before


def test_parts_run_at_the_same_time_within_the_limit():
    system = System({"BACKBURNER_MAX_IN_FLIGHT": "2"})
    seen = []

    async def hook(effect, moment):
        if (effect.name, moment) == ("generator.create", "after"):
            seen.append(len(system.generator.open))

    system.world.hook = hook
    upload(system)
    system.process(KEY, TEXT)
    assert max(seen) == 2
    assert system.problems() == []


def test_answers_are_merged_by_the_model_in_as_many_levels_as_it_takes(system):
    upload(system, source=recipe("{max_input_tokens: 200, merge: Join them.}"))
    system.process(KEY, TEXT)
    merges = [request for request in system.generator.requests if request["instructions"] == "Join them."]
    assert len(merges) == 3  # five answers, joined in twos and threes, and those two joined
    assert {part["level"] for part in system.run_record(KEY)["parts"]} == {0, 1, 2}
    assert system.result(KEY).split() == TEXT.split()


def test_json_answers_are_merged_as_the_items_of_an_array(system):
    system.generator.text_of = lambda _: '{"a": 1}'
    upload(system, source=recipe("{max_input_tokens: 200, merge: concat}", "schema: {type: object}\n"))
    system.run(system.submit(KEY))
    system.settle()
    assert json.loads(system.bucket.body("results/long/contract.txt.json")) == [{"a": 1}] * 5


def test_answers_by_schema_are_merged_into_one_that_matches_the_schema(system):
    system.generator.text_of = lambda _: '{"a": 1}'
    upload(system, source=recipe(more="schema: {type: object}\n"))
    system.run(system.submit(KEY))
    system.settle()
    assert json.loads(system.bucket.body("results/long/contract.txt.json")) == {"a": 1}


def test_a_document_is_cut_by_the_models_window_if_the_recipe_says_nothing():
    system = System({"BACKBURNER_CONTEXT_TOKENS": "1000"})
    upload(system, TEXT * 2, "---\nmax_output_tokens: 100\n---\nCopy it.")
    system.run(system.submit(KEY))
    system.settle()
    assert len(sent(system)) > 1
    assert "".join(sent(system)) == TEXT * 2


def test_a_text_beyond_every_window_is_never_sent_whole():
    """If the model's window is not known, the largest window of any model is the limit."""
    system = System({"BACKBURNER_PROVIDER": "generic", "OPENAI_BASE_URL": "http://provider/v1"})
    text = TEXT * (5 * DEFAULT_WINDOW_TOKENS // len(TEXT))
    upload(system, text, "---\nmax_output_tokens: 100\n---\nCopy it.")
    system.run(system.submit(KEY))
    system.settle()
    inputs = sent(system)
    assert len(inputs) > 1
    assert max(map(len, inputs)) < 4 * DEFAULT_WINDOW_TOKENS
    assert "".join(inputs) == text


def test_limits_that_cannot_work_are_reported_with_the_numbers():
    system = System({"BACKBURNER_CONTEXT_TOKENS": "1000"})
    upload(system, source=recipe("{max_input_tokens: 900}", "max_output_tokens: 300\n"))
    system.run(system.submit(KEY))
    assert system.error_record(KEY)["reason"] == "invalid_recipe"
    assert all(number in system.error_record(KEY)["message"] for number in ("900", "1000", "300"))


@pytest.mark.parametrize("at", ["create", "failed"])
def test_what_the_provider_calls_too_long_is_cut(system, at):
    failed = Generation(id="", status="failed", error_code="context_length_exceeded", error_message="too long")
    plan = Plan(create=TOO_LONG) if at == "create" else Plan(ending=failed)
    system.generator.plan(plan)
    upload(system, source="Copy it.")
    system.run(system.submit(KEY))
    system.settle()
    assert system.result(KEY).split() == TEXT.split()
    assert len(system.run_record(KEY)["parts"]) == 2
    assert system.problems() == []


def test_a_part_that_the_provider_calls_too_long_is_cut_again(system):
    system.generator.plan(Plan(create=TOO_LONG), times=2)
    upload(system, source="Copy it.")
    system.run(system.submit(KEY))
    system.settle()
    assert system.result(KEY).split() == TEXT.split()
    assert system.problems() == []


def test_what_is_too_long_at_any_size_fails_after_a_few_tries(system):
    system.generator.default = Plan(create=TOO_LONG)
    upload(system, source="Copy it.")
    system.run(system.submit(KEY))
    system.settle()
    assert system.error_record(KEY)["reason"] == "document_too_large"
    assert len(system.generator.requests) <= 1 + 2 + 10
    assert system.bucket.keys("ledger/open/") == []


def test_a_failed_part_fails_the_job_and_a_replay_redoes_only_that_part(system):
    upload(system)
    third = TEXT[1190:1785]
    system.generator.plan(Plan(ending=Generation(id="", status="failed", error_code="invalid_prompt")), document=third)
    system.run(system.submit(KEY))
    system.settle()
    error = system.error_record(KEY)
    assert (error["reason"], error["message"][:11]) == ("rejected_by_provider", "part 3 of 5")
    assert len(system.generator.requests) == 5
    system.world.later(10)
    system.upload(KEY, TEXT)
    system.run(system.submit(KEY))
    system.settle()
    assert len(system.generator.requests) == 6
    assert system.result(KEY).split() == TEXT.split()
    record = system.run_record(KEY)
    assert [part["is_reused"] for part in record["parts"]] == [True, True, False, True, True]
    assert record["usage"] == record["parts"][2]["usage"]
    assert system.problems() == []
    assert system.bucket.keys("ledger/work/") == []


def test_a_document_replaced_while_in_parts_is_superseded(system):
    upload(system)
    system.run(system.submit(KEY))
    system.run(system.parts().tick.run(1.0))
    system.upload(KEY, "short and new")
    system.run(system.submit(KEY))
    system.settle()
    assert system.result(KEY) == "short and new"
    assert system.problems() == []
    assert system.generator.open == []
    assert system.bucket.keys("ledger/work/") == []


def test_cancelling_a_run_in_parts_cancels_all_parts(system):
    system.generator.default = Plan(runs_s=10_000.0)
    upload(system)
    system.run(system.submit(KEY))
    system.run(system.parts().tick.run(20.0))
    assert len(system.generator.open) == 5
    canceller = system.parts().canceller
    system.run(canceller.cancel(system.job(KEY), 1))
    system.settle()
    assert system.error_record(KEY)["reason"] == "cancelled"
    assert system.generator.open == []
    assert system.problems() == []


def test_tokens_are_counted_as_the_model_counts_them(system):
    """The usage that comes back shows how many characters make a token, and later documents are cut by that ratio."""
    system.process("inbox/one.txt", "x" * 8000)
    assert system.bucket.json("ledger/governor.json")["chars_per_token"]["model-1"] != 3.0


_USED = Usage(input_tokens=50, output_tokens=7, total_tokens=57)


def divided_while_running(system):
    """A document that the provider calls too long after reporting usage, with one of its parts done."""
    too_long = Generation(id="", status="failed", error_code="context_length_exceeded", usage=_USED)
    system.generator.plan(Plan(ending=too_long, runs_s=5))
    system.generator.plan(Plan(runs_s=1))
    system.generator.default = Plan(runs_s=300)
    system.bucket.upload("recipes/long.md", "Copy the document.")
    system.upload(KEY, TEXT)
    system.run(system.submit(KEY))
    while not any(key.endswith(".run.json") for key in system.bucket.keys("ledger/work/")):
        system.run(system.parts().tick.run(5.0))


def total_tokens_used(system):
    """The tokens in the records of all runs that ended."""
    keys = [key for key in system.bucket.keys("") if key.startswith(("results/", "failed/", "ledger/superseded/"))]
    return sum(system.bucket.json(key)["usage"]["total_tokens"] for key in keys if key.endswith(".json"))


@pytest.mark.parametrize("end", ["done", "cancelled", "superseded"])
def test_a_run_that_is_divided_while_running_is_booked_once_however_it_ends(system, end):
    """Its parts book what they used and the run books its own generation, also if it is replaced or cancelled."""
    divided_while_running(system)
    if end == "cancelled":
        system.run(system.parts().canceller.cancel(system.job(KEY), 1))
    if end == "superseded":
        system.upload(KEY, "A short one.")
    system.settle()
    used = total_tokens_used(system)
    assert used > _USED.total_tokens
    assert system.bucket.json("ledger/governor.json")["tokens"] == used
    assert system.problems() == []
