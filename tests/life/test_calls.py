"""How many calls of the object store a document costs in the ordinary case: growing fails here, and names the call."""

from collections import Counter

from support.fakes import Effect
from support.system import System

WARM, KEY = "inbox/warm.txt", "inbox/contract.txt"
DOCUMENTS = 20
GOVERNOR = "ledger/governor.json"

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
    """Calls of the store by what they do to which folder, those of the governor and the journal apart."""
    named = Counter[str]()
    for effect in effects:
        port, _, verb = effect.name.partition(".")
        if port == "bucket" and effect.key != GOVERNOR and not effect.key.startswith("ledger/journal/"):
            first, second = effect.key.split("/")[:2]
            named[f"{verb} {first}/{second}" if first == "ledger" else f"{verb} {first}"] += 1
    return named


def test_a_finished_check_makes_seven_calls() -> None:
    """Twenty generations that end in one tick: seven calls each, and the recipe once for all of them."""
    system = System()
    system.process(WARM, "an earlier document")  # and the sweep of that hour is done
    system.upload("recipes/default.md", "Do it.")
    for number in range(DOCUMENTS):
        system.upload(f"inbox/{number}.txt", f"text {number}")
        system.run(system.submit(f"inbox/{number}.txt"))
    system.world.later(60)
    first = len(system.world.effects)
    system.run(system.tick())
    expected = Counter({call: number * DOCUMENTS for call, number in CHECK.items()})
    assert calls(system.world.effects[first:]) == expected + Counter({"get recipes": 1})
    assert CHECK.total() == 7
    assert len([key for key in system.bucket.keys("results/") if key.endswith(".run.json")]) == DOCUMENTS + 1


def test_what_a_run_finds_when_it_ends_is_read_only_where_a_put_is_refused() -> None:
    """A text that somebody else has put there meanwhile: the put is refused, and the commit looks and goes on."""
    system = System()
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    system.bucket.upload("results/contract.txt.md", "somebody's own text")
    system.settle()
    assert system.problems() == []
    assert system.run_record(KEY)["result_etag"] == system.bucket.objects["results/contract.txt.md"].etag


def test_a_result_removes_what_failed_while_its_document_was_another() -> None:
    """Version 2 comes, fails, and version 1 is put back: its run looks before it commits, though no put is refused."""
    system = System()
    system.upload(KEY, "version 1")
    system.run(system.submit(KEY))
    system.world.later(2)
    system.upload(KEY, "")
    system.run(system.submit(KEY))
    assert system.error_record(KEY)["reason"] == "empty_document"
    system.world.later(2)
    system.upload(KEY, "version 1")
    system.run(system.submit(KEY))
    system.settle()
    assert system.problems() == []
    assert len(system.generator.made) == 1


def test_a_run_whose_recipe_another_job_has_replaced_is_superseded() -> None:
    """The recipe changes under a run and the document is replayed with it: the older recipe's text is set aside."""
    system = System()
    system.upload("recipes/default.md", "Do it.")
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    system.upload("recipes/default.md", "Do it otherwise.")
    system.run(system.submit(KEY))
    system.world.later(60)
    system.settle()
    assert system.problems() == []
    assert len(system.bucket.keys("ledger/superseded/")) == 1
    assert system.run_record(KEY)["job_id"] == system.job(KEY)
