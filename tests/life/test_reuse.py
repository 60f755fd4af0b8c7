"""Recipes with `reuse`: the same document under another name takes over an existing answer (ADR 24)."""

import json
from operator import itemgetter
from random import Random

import pytest

from backburner.provider.answers import FailedCall, Generation
from backburner.settings import from_env
from support.depth import depth, thinned
from support.fakes import DEAD, Killed, Plan, kind_of, paged
from support.fakes.world import let_others_go
from support.system import ENVIRONMENT, System

FIRST, COPY = "inbox/sum/a/report.txt", "inbox/sum/b/copy of report.TXT"
TEXT = "The harbour of Veldt moved 4,200 containers in March. Most of them carried grain."
RECIPE = "---\nreuse: true\nprice: {input: 1, output: 2}\n---\nSum up."


@pytest.fixture
def system():
    system = System()
    system.bucket.upload("recipes/sum.md", RECIPE)
    system.process(FIRST, TEXT)
    return system


def journal(system):
    lines = [line for key in system.bucket.keys("ledger/journal/") for line in system.bucket.body(key).splitlines()]
    return {line["key"]: line for line in map(json.loads, lines)}


def test_a_copy_takes_over_the_answer_and_nothing_is_created(system):
    """Its record names the source and what that cost, and its own use is zero."""
    used = system.bucket.json("ledger/governor.json")["tokens"]
    system.process(COPY, TEXT)
    assert len(system.generator.requests) == 1
    assert system.result(COPY) == system.result(FIRST)
    first, copy = system.run_record(FIRST), system.run_record(COPY)
    assert copy["reused"] == {
        "job_id": first["job_id"], "run": 1, "key": FIRST, "usage": first["usage"], "cost": first["cost"],
    }  # fmt: skip
    assert first["reused"] is None
    assert first["usage"]["total_tokens"] > 0
    assert (copy["usage"]["total_tokens"], copy["cost"], copy["responses"]) == (0, 0.0, [])
    assert system.bucket.json("ledger/governor.json")["tokens"] == used
    line = journal(system)[COPY]
    assert (line["usage"]["total_tokens"], line["cost"]) == (0, 0.0)
    assert (line["saved_tokens"], line["saved_cost"]) == (first["usage"]["total_tokens"], first["cost"])
    assert system.problems() == []


def test_an_answer_without_the_pages_is_not_taken_over_by_a_model_that_sees():
    """The model is set to see after the first answer; a copy of the second records how its pages were sent."""
    system = System()
    system.bucket.upload("recipes/sum.md", RECIPE)
    mixed = paged("The first page is text.", None)
    system.process(FIRST, mixed)
    system.settings = from_env(ENVIRONMENT | {"BACKBURNER_VISION_MODELS": "model-1"})
    system.process(COPY, mixed)
    assert len(system.generator.requests) == 2
    assert system.run_record(COPY)["reused"] is None
    system.process("inbox/sum/c/third.TXT", mixed)
    assert len(system.generator.requests) == 2
    third = system.run_record("inbox/sum/c/third.TXT")
    assert third["reused"]["key"] == COPY
    assert third["source"]["pages"] == system.run_record(COPY)["source"]["pages"] != {}
    assert third["source"]["pages"]["images"] == "2"


def test_without_reuse_every_document_is_generated(system):
    system.bucket.upload("recipes/sum.md", RECIPE.replace("true", "false"))
    system.process("inbox/sum/c.txt", TEXT)
    system.process("inbox/sum/d.txt", TEXT)
    assert len(system.generator.requests) == 3
    assert len(system.bucket.keys("ledger/answers/")) == 1


@pytest.mark.parametrize(
    ("key", "text", "recipe"),
    [
        (COPY, TEXT + " ", RECIPE),
        (COPY, TEXT, RECIPE + " Briefly."),
        ("inbox/sum/b/copy.md", TEXT, RECIPE),
        ("inbox/other/copy.txt", TEXT, RECIPE.replace("Sum", "Add")),
        (COPY, TEXT, RECIPE.replace("reuse", "model: model-2\nreuse")),
    ],
    ids=["other bytes", "changed recipe", "another ending", "another recipe", "another model"],
)
def test_a_document_that_differs_is_generated(system, key, text, recipe):
    """The same bytes with another extension may be another text."""
    system.bucket.upload(f"recipes/{key.split('/')[1]}.md", recipe)
    system.process(key, text)
    assert len(system.generator.requests) == 2
    assert system.run_record(key)["reused"] is None


def test_another_folder_with_the_same_recipe_takes_over_the_answer(system):
    """A recipe is identified by its content, not its name."""
    system.bucket.upload("recipes/other.md", RECIPE)
    system.process("inbox/other/report.txt", TEXT)
    assert len(system.generator.requests) == 1


def problems(system):
    """The problems of every document but the one that the test has spoilt."""
    spoilt = "results/sum/a/report.txt.run.json"
    if spoilt in system.bucket.objects and system.bucket.body(spoilt) == "{":
        system.bucket.remove(spoilt)
    return [each for each in system.problems() if not each.startswith(FIRST)]


def gone(system):
    system.bucket.remove("results/sum/a/report.txt.md")


def changed(system):
    system.bucket.upload("results/sum/a/report.txt.md", "somebody's own words")


def record_gone(system):
    system.bucket.remove("results/sum/a/report.txt.run.json")


def damaged(system):
    system.bucket.upload("results/sum/a/report.txt.run.json", "{")


def replaced(system):
    system.world.later(10)
    system.process(FIRST, "another document by now")


def nonsense(system):
    (note,) = system.bucket.keys("ledger/answers/")
    system.bucket.upload(note, b"\xff not ours")


def elsewhere(system):
    (note,) = system.bucket.keys("ledger/answers/")
    system.bucket.upload(note, json.dumps({"job_id": "0" * 32, "run": 1, "key": "recipes/sum.md"}))


@pytest.mark.parametrize("spoil", [gone, changed, record_gone, damaged, replaced, nonsense, elsewhere])
def test_an_answer_that_is_no_longer_valid_is_generated_and_noted_again(system, spoil):
    """Only an unchanged answer is taken over, and the next copy gets the new one."""
    spoil(system)
    before = len(system.generator.requests)
    system.process(COPY, TEXT)
    assert len(system.generator.requests) == before + 1
    assert system.run_record(COPY)["reused"] is None
    assert system.run_record(COPY)["usage"]["total_tokens"] > 0
    system.process("inbox/sum/c.txt", TEXT)
    assert len(system.generator.requests) == before + 1
    assert system.run_record("inbox/sum/c.txt")["reused"]["key"] == COPY
    assert problems(system) == []


@pytest.mark.parametrize("spoil", [gone, changed, record_gone])
def test_an_answer_spoilt_between_claim_and_commit_is_generated(system, spoil):
    """The generation is reserved and counted like any other."""
    system.upload(COPY, TEXT)
    system.run(system.submit(COPY))
    (opened,) = system.bucket.keys("ledger/open/")
    assert (system.bucket.json(opened)["waiting_for"], system.bucket.json(opened)["state"]) == ("reuse", "waiting")
    spoil(system)
    system.settle()
    assert len(system.generator.requests) == 2
    assert system.run_record(COPY)["reused"] is None
    used = sum(system.run_record(key)["usage"]["total_tokens"] for key in (FIRST, COPY) if spoil is not record_gone)
    if spoil is not record_gone:
        assert system.bucket.json("ledger/governor.json")["tokens"] == used
    assert problems(system) == []


def test_a_spoilt_answer_to_a_long_document_is_generated_in_parts():
    system = System()
    system.bucket.upload("recipes/sum.md", RECIPE.replace("---\nSum", "split: {max_input_tokens: 100}\n---\nSum"))
    long = " ".join(f"Sentence number {number}." for number in range(60))
    system.process(FIRST, long)
    sent = len(system.generator.requests)
    assert sent > 1
    system.upload(COPY, long)
    system.run(system.submit(COPY))
    changed(system)
    system.settle()
    assert len(system.generator.requests) == 2 * sent
    assert system.run_record(COPY)["parts"]
    assert problems(system) == []
    assert system.bucket.keys("ledger/work/") == []
    system.process("inbox/sum/c.txt", long)
    third = system.run_record("inbox/sum/c.txt")
    assert (third["parts"], third["reused"]["usage"]) == (None, system.run_record(COPY)["usage"])
    assert len(system.generator.requests) == 2 * sent


def test_a_replay_generates_again(system):
    """A replay asks for a new answer, and the next copy takes that one over."""
    system.process(COPY, TEXT)
    system.run(system.parts().replayer.replay(COPY, rerun=True))
    system.settle()
    assert len(system.generator.requests) == 2
    record = system.run_record(COPY)
    assert (record["run"], record["reused"]) == (2, None)
    system.process("inbox/sum/c.txt", TEXT)
    assert (system.run_record("inbox/sum/c.txt")["reused"]["key"], len(system.generator.requests)) == (COPY, 2)


def test_failures_are_never_taken_over():
    system = System()
    system.bucket.upload("recipes/sum.md", RECIPE)
    system.generator.default = Plan(text="")
    system.process(FIRST, TEXT)
    assert system.error_record(FIRST)["reason"] == "empty_output"
    system.world.later(300)
    system.generator.default = Plan()
    system.process(COPY, TEXT)
    assert system.run_record(COPY)["reused"] is None


def test_batches_take_nothing_over(system):
    """Each line is its own request."""
    lines = json.dumps({"custom_id": "a", "input": "one"}) + "\n"
    for key in ("inbox/sum/one.jsonl", "inbox/sum/two.jsonl"):
        system.upload(key, lines)
        system.run(system.submit(key))
        system.settle()
        assert system.run_record(key)["reused"] is None
    assert len(system.generator.requests) == 3


def test_an_answer_is_taken_over_while_the_provider_is_paused(system):
    """Nothing is asked of the provider, and no slot is needed."""
    system.generator.default = Plan(create=FailedCall(status=401, message="no"))
    system.upload("inbox/sum/other.txt", "something else")
    system.run(system.submit("inbox/sum/other.txt"))
    system.run(system.tick())
    system.upload(COPY, TEXT)
    system.run(system.submit(COPY))
    system.run(system.tick())
    assert system.run_record(COPY)["reused"]["key"] == FIRST


def test_a_copy_that_is_replaced_before_it_took_over_is_superseded(system):
    system.upload(COPY, TEXT)
    system.run(system.submit(COPY))
    system.world.later(10)
    system.upload(COPY, "another text")
    system.run(system.submit(COPY))
    system.settle()
    assert system.run_record(COPY)["reused"] is None
    assert "another text" in system.result(COPY)
    assert system.problems() == []


def test_a_copy_can_be_cancelled_before_it_took_over(system):
    system.upload(COPY, TEXT)
    system.run(system.submit(COPY))
    system.run(system.parts().canceller.cancel(system.job(COPY), 1))
    system.settle()
    assert system.error_record(COPY)["reason"] == "cancelled"
    assert system.problems() == []


COPIES = [f"inbox/sum/copy {number}.txt" for number in range(4)]


@pytest.fixture
def together():
    """Four copies that were uploaded at the same moment."""
    system = System()
    system.bucket.upload("recipes/sum.md", RECIPE)
    for key in COPIES:
        system.upload(key, TEXT)
        system.run(system.submit(key))
    return system


def test_copies_at_the_same_moment_wait_for_the_first(together):
    """One is generated, and the others hold no slot meanwhile."""
    assert together.held().slots == 1
    together.settle()
    assert len(together.generator.requests) == 1
    assert [together.run_record(key)["reused"] is None for key in COPIES] == [True, False, False, False]
    assert together.run_record(COPIES[3])["reused"]["usage"]["total_tokens"] > 0
    assert together.problems() == []


def test_if_the_first_fails_the_others_are_generated_at_once():
    """If they waited for each other instead, it would take for ever."""
    system = System()
    system.bucket.upload("recipes/sum.md", RECIPE)
    system.generator.plan(Plan(ending=Generation(id="", status="failed", error_code="invalid_prompt")))
    for key in COPIES:
        system.upload(key, TEXT)
        system.run(system.submit(key))
    system.settle()
    assert system.error_record(COPIES[0])["reason"] == "rejected_by_provider"
    assert len(system.generator.requests) == 4
    assert [system.run_record(key)["reused"] for key in COPIES[1:]] == [None] * 3
    assert system.problems() == []


@pytest.mark.parametrize("how", ["cancelled", "replaced"])
def test_if_the_first_is_given_up_one_of_the_others_takes_its_place(together, how):
    together.generator.default = Plan(runs_s=200)
    if how == "cancelled":
        together.run(together.parts().canceller.cancel(together.job(COPIES[0]), 1))
    else:
        together.world.later(5)
        together.upload(COPIES[0], "another text")
        together.run(together.submit(COPIES[0]))
    together.settle()
    (generated,) = [key for key in COPIES[1:] if together.run_record(key)["reused"] is None]
    taken_from = [together.run_record(key)["reused"]["key"] for key in COPIES[1:] if key != generated]
    assert taken_from == [generated, generated]
    assert together.problems() == []


def test_a_copy_waits_only_a_minute_for_a_submit_that_died_before_its_claim():
    """Its note exists but no record, so the copy is generated; both may be, since they may start at the same time."""
    system = System()
    system.bucket.upload("recipes/sum.md", RECIPE)
    system.upload(COPIES[0], TEXT)

    async def hook(effect, at):
        await let_others_go(effect, at)
        if (effect.name, at) == ("bucket.put", "after") and effect.key.startswith("ledger/answers/"):
            raise Killed

    system.world.hook = hook
    assert system.run(system.submit(COPIES[0])) is DEAD
    system.world.hook = let_others_go
    system.upload(COPIES[1], TEXT)
    system.run(system.submit(COPIES[1]))
    system.run(system.tick())
    assert system.generator.requests == []
    system.world.later(100)
    system.settle()
    assert 1 <= len(system.generator.requests) <= 2
    assert all(system.run_record(key)["state"] == "done" for key in COPIES[:2])
    assert system.problems() == []


def _copying(number=None, moment="before"):
    """Submit a copy and run a tick, killed at effect `number`; return the system and how both ended."""
    system = System()
    system.bucket.upload("recipes/sum.md", RECIPE)
    system.process(FIRST, TEXT)
    system.upload(COPY, TEXT)
    system.world.later(10)
    system.world.kill_at(number, moment)
    return system, [system.run(system.submit(COPY)), system.run(system.tick())]


def _copied():
    """The effects of a copy where nobody dies, and how both ended."""
    system, ended = _copying()
    effects = system.world.effects
    first = next(effect.number for effect in effects if effect.process == f"submit {COPY}")
    return [(effect.number, kind_of(effect)) for effect in effects[first:]], ended


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_at_any_effect_leaves_one_answer_and_no_second_generation(moment):
    """The process may die at the look, guard, claim, text, record or cleanup, and the next one finishes."""
    effects, ended = _copied()
    assert len(effects) > 25
    assert DEAD not in ended
    for number, _ in thinned(effects, one_in=4, kind=itemgetter(1)):
        system, ended = _copying(number, moment)
        assert DEAD in ended
        system.world.hook = let_others_go
        if ended[0] is DEAD:
            system.run(system.submit(COPY))  # the trigger delivers the event again
        system.settle(max_ticks=30)
        assert system.run_record(COPY)["reused"]["key"] == FIRST
        assert len(system.generator.requests) == 1
        assert system.problems() == []


@pytest.mark.parametrize("seed", range(depth(4, 200)))
def test_whatever_happens_every_copy_ends_with_its_own_answer(seed):
    """Uploads, repeated events, replacements, cancels, failures and kills come in any order, then stop."""
    random, system, kills = Random(seed), System(), []
    system.bucket.upload("recipes/sum.md", RECIPE)

    async def hook(effect, at):
        await let_others_go(effect, at)
        if random.random() < 0.006 and len(kills) < 6:
            kills.append(effect)
            raise Killed

    system.world.hook = hook
    for _ in range(14):
        key, act = random.choice(COPIES), random.random()
        if random.random() < 0.1:
            system.generator.plan(Plan(ending=Generation(id="", status="failed", error_code="invalid_prompt")))
        if act < 0.6 or key not in system.bucket.objects:
            system.upload(key, random.choice([TEXT, "another text"]))
            system.run(system.submit(key))
        elif act < 0.7:
            cancel = system.parts().canceller.cancel(system.job(key), 1)
            system.run(system.world.process(cancel, "cancel"))
        else:
            system.run(system.submit(key) if act < 0.8 else system.tick())
        system.world.later(random.choice([0, 1, 5, 40, 100]))
    system.world.hook = let_others_go
    for _ in range(40):
        system.world.later(60)
        system.run(system.tick())
    system.sweep(3)
    left_by_another_version = "done, and an error record beside it"  # which failed before the document was put back
    assert [each for each in system.problems() if left_by_another_version not in each] == []
    for key in COPIES:
        record = system.bucket.objects.get(f"results/{key.removeprefix('inbox/')}.run.json")
        stands = system.bucket.objects.get(key)
        if stands and record and json.loads(record.body)["source"]["etag"] == stands.etag:
            assert system.result(key) == system.generator.text_of(stands.body.decode())
