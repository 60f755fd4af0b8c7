"""How many object store calls a document takes in the ordinary case; a test fails and names any call that is added."""

import asyncio
from collections import Counter

import pytest

from backburner.capacity.shared_counters import MAX_NOTED
from backburner.outcome.current_job import RECENT_S
from support.fakes.provider import Plan
from support.fakes.world import Effect, Moment, let_others_go
from support.system import System

WARM, KEY = "inbox/warm.txt", "inbox/contract.txt"
DOCUMENTS = 20
GOVERNOR = "ledger/governor.json"

SUBMIT = Counter(
    {
        "get inbox": 1,
        "get recipes": 1,
        "get results": 1,  # the run record, after the claim
        "get failed": 1,
        "head ledger/superseded": 1,
        "put ledger/open": 2,  # the claim, and the id
        "put ledger/responses": 1,
    }
)
GOVERNOR_OF_SUBMIT = 1
CHECK = Counter(
    {
        "get ledger/open": 1,
        "head inbox": 2,  # before the commit and after it
        "put results": 2,  # text and run record
        "head results": 1,
        "delete ledger/open": 1,
    }
)


def calls(effects: list[Effect]) -> Counter[str]:
    """Count store calls by verb and folder, without those of the governor and the journal."""
    named = Counter[str]()
    for effect in effects:
        port, _, verb = effect.name.partition(".")
        if port == "bucket" and effect.key != GOVERNOR and not effect.key.startswith("ledger/journal/"):
            first, second = effect.key.split("/")[:2]
            named[f"{verb} {first}/{second}" if first == "ledger" else f"{verb} {first}"] += 1
    return named


def calls_of_the_governor(effects: list[Effect]) -> int:
    """Count the calls that read or write the counters."""
    return sum(effect.name.startswith("bucket.") and effect.key == GOVERNOR for effect in effects)


def submitted() -> list[Effect]:
    """The effects of one upload event in a process that has already handled another document."""
    system = System()
    system.upload("recipes/default.md", "Do it.")
    submitter = system.parts().submitter
    system.upload(WARM, "an earlier document")
    system.run(submitter.submit(WARM, is_first=True))
    system.upload(KEY, "text")
    first = len(system.world.effects)
    system.run(submitter.submit(KEY, is_first=True))
    return system.world.effects[first:]


def test_a_submit_makes_these_calls_and_no_others() -> None:
    """There are nine, one of them to the governor, which a warm process need not read if nobody else writes it."""
    effects = submitted()
    assert calls(effects) == SUBMIT
    assert calls_of_the_governor(effects) <= GOVERNOR_OF_SUBMIT
    assert SUBMIT.total() + GOVERNOR_OF_SUBMIT == 9


@pytest.mark.parametrize("documents", [20, MAX_NOTED + 16])
def test_a_finished_check_makes_seven_calls(documents: int) -> None:
    """However many runs end in one tick, each takes seven calls, and the recipe is read once for all.

    That also holds when most runs are only counted in the totals: settling uses what the step has already read.
    """
    system = System()
    system.process(WARM, "an earlier document")  # and the sweep of that hour is done
    system.upload("recipes/default.md", "Do it.")
    for number in range(documents):
        system.upload(f"inbox/{number}.txt", f"text {number}")
    system.world.later(1)
    for number in range(documents):
        system.run(system.submit(f"inbox/{number}.txt"))
    system.world.later(60)
    first = len(system.world.effects)
    system.run(system.tick())
    expected = Counter({call: number * documents for call, number in CHECK.items()})
    assert calls(system.world.effects[first:]) == expected + Counter({"get recipes": 1})
    assert CHECK.total() == 7
    assert len([key for key in system.bucket.keys("results/") if key.endswith(".run.json")]) == documents + 1


def test_a_check_reads_its_record_once_beside_other_checkers() -> None:
    """Three ticks at once over the same queues, with more runs than the governor names, take seven calls a document."""
    documents = MAX_NOTED + 36
    system = System()
    system.process(WARM, "an earlier document")
    for number in range(documents):
        system.upload(f"inbox/{number}.txt", f"text {number}")
    system.world.later(1)
    for number in range(documents):
        system.run(system.submit(f"inbox/{number}.txt"))
    system.world.later(60)
    first = len(system.world.effects)

    async def ticks() -> None:
        await asyncio.gather(*(system.tick() for _ in range(3)))

    system.run(ticks())
    effects = system.world.effects[first:]
    assert calls(effects)["get ledger/open"] == documents
    assert calls(effects).total() - calls(effects)["get recipes"] == CHECK.total() * documents
    assert system.problems() == []


def test_a_look_at_a_generation_that_still_runs_makes_no_call() -> None:
    """The first look by a message reads the record; every later one makes only the call to the provider."""
    system = System()
    system.process(WARM, "an earlier document")
    system.generator.default = Plan(runs_s=3000)
    for number in range(DOCUMENTS):
        system.upload(f"inbox/{number}.txt", f"text {number}")
        system.run(system.submit(f"inbox/{number}.txt"))
    system.world.later(system.settings.lease_s)
    system.run(system.parts().tick.run(5))  # the first look by each message, and the guards, which are void
    first, looked = len(system.world.effects), len(system.generator.retrieved)
    system.world.later(60)
    system.run(system.parts().tick.run(5))
    assert calls(system.world.effects[first:]) == Counter()
    assert len(system.generator.retrieved) - looked >= DOCUMENTS


def test_the_output_location_is_read_at_the_end_only_if_a_put_is_refused() -> None:
    """Somebody else has put a text there: the put is refused, so the commit reads the location and continues."""
    system = System()
    system.upload(KEY, "text")
    system.world.later(1)
    system.run(system.submit(KEY))
    system.bucket.upload("results/contract.txt.md", "somebody's own text")
    system.settle()
    assert system.problems() == []
    assert system.run_record(KEY)["result_etag"] == system.bucket.objects["results/contract.txt.md"].etag


@pytest.mark.parametrize("wait_s", [0.0, 2.0])
def test_a_result_removes_what_failed_while_its_document_was_another(wait_s: float) -> None:
    """Version 2 fails before version 1 is put back: version 1's run looks before it commits without a refused put."""
    system = System()
    system.upload(KEY, "version 1")
    system.world.later(wait_s)
    system.run(system.submit(KEY))
    system.world.later(wait_s)
    system.upload(KEY, "")
    system.run(system.submit(KEY))
    assert system.error_record(KEY)["reason"] == "empty_document"
    system.world.later(wait_s)
    system.upload(KEY, "version 1")
    system.run(system.submit(KEY))
    system.settle()
    assert system.problems() == []
    assert len(system.generator.made) == 1


def test_a_run_whose_recipe_another_job_has_replaced_is_superseded() -> None:
    """The recipe changes during a run and the document is replayed: the text made with the old recipe is set aside."""
    system = System()
    system.upload("recipes/default.md", "Do it.")
    system.upload(KEY, "text")
    system.world.later(1)
    system.run(system.submit(KEY))
    system.upload("recipes/default.md", "Do it otherwise.")
    system.run(system.submit(KEY))
    system.world.later(60)
    system.settle()
    assert system.problems() == []
    assert len(system.bucket.keys("ledger/superseded/")) == 1
    assert system.run_record(KEY)["job_id"] == system.job(KEY)


def test_a_document_that_took_long_to_read_is_checked_again_before_its_generation() -> None:
    """The document was replaced during the long read, so nothing is created for the old version."""
    system = System()
    system.upload(KEY, "version 1")

    async def hook(effect: Effect, moment: Moment) -> None:
        if (effect.name, moment, system.bucket.objects[KEY].body) == ("pending.send", "after", b"version 1"):
            system.world.later(RECENT_S + 1)
            system.upload(KEY, "version 2")

    system.world.hook = hook
    system.run(system.submit(KEY))
    system.world.hook = let_others_go
    assert system.generator.made == {}
