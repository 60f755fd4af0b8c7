"""Two runs side by side: always with figures, and with texts as long as these were not replaced."""

import os
from collections.abc import Iterator

import pytest

from backburner.provider.answers import Generation
from console.serving import Served, served
from support.deployment import FOREIGN
from support.fakes import Plan
from support.system import System

KEY, OTHER, BROKEN, NEW = "inbox/contract.txt", "inbox/other/contract.txt", "inbox/broken.txt", "inbox/new.txt"
AGAIN = "inbox/again/contract.txt"
"""Done twice, under a recipe that was changed in between."""


def lived() -> System:
    """A document that was replaced during its first run, and replayed later; and two others."""
    system = System()
    system.bucket.upload("recipes/other.md", "---\nprice: {input: 2, output: 4}\n---\nSummarise it.")
    system.upload(KEY, "the rent is 4200 crowns")
    system.run(system.submit(KEY))
    system.world.later(120)
    system.upload(KEY, "the rent is 4300 crowns")
    system.process(KEY, "the rent is 4300 crowns")
    system.process(OTHER, "the rent is 5000 crowns")
    cut = Generation(id="", status="incomplete", incomplete_reason="content_filter", text="the rent is")
    system.generator.plan(Plan(ending=cut), document="broken")
    system.process(BROKEN, "broken")
    for text in ("one", "two"):
        system.bucket.upload("recipes/again.md", f"Summarise it, {text}.")
        system.process(AGAIN, "the rent is 6000 crowns")
    system.upload(NEW, "new")
    return system


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, empty) -> Iterator[Served]:
    """A console over these documents."""
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        monkeypatch.delenv(name)
    empty.settle_in(lived(), old=("inbox/", "results/", "failed/"))
    for name, value in empty.environment.items():
        monkeypatch.setenv(name, value)
    with served(empty.environment) as console:
        console.ready()
        yield console


def test_two_runs_of_one_document_are_compared(runs: Served) -> None:
    """The latest comes first; a superseded run still has its text, and the pieces make up both texts."""
    present, earlier = runs.get("/api/runs", key=KEY)["runs"]
    assert (present["state"], earlier["state"]) == ("done", "superseded")
    pair = runs.get("/api/pair", **{"key": KEY, "run": earlier["name"], "with": KEY, "with_run": present["name"]})
    assert (pair["old"]["text"], pair["new"]["text"]) == (
        "In short: the rent is 4200 crowns",
        "In short: the rent is 4300 crowns",
    )
    assert ["gone", "4200 "] in pair["pieces"]
    assert ["new", "4300 "] in pair["pieces"]
    for side in ("old", "new"):
        assert pair[side]["input_tokens"] > 0
        assert (pair[side]["recipe"], pair[side]["model"]) == ("default", "model-1")


def test_two_documents_are_compared_by_their_latest_runs(runs: Served) -> None:
    """A named run is used instead; each has its own recipe and cost."""
    pair = runs.get("/api/pair", **{"key": KEY, "with": OTHER})
    assert (pair["old"]["recipe"], pair["new"]["recipe"]) == ("default", "other")
    assert (pair["old"]["cost"], pair["new"]["cost"] > 0) == (None, True)
    assert ["new", "5000 "] in pair["pieces"]


def test_a_missing_text_is_reported_and_the_figures_stay(runs: Served, empty) -> None:
    """A failed run's partial text counts; if a result was removed, the figures remain."""
    pair = runs.get("/api/pair", **{"key": KEY, "with": BROKEN})
    assert (pair["new"]["state"], pair["new"]["text"]) == ("failed", "the rent is")
    empty.s3.delete_object(Bucket=empty.environment["BACKBURNER_BUCKET"], Key="results/contract.txt.md")
    pair = runs.get("/api/pair", **{"key": KEY, "with": OTHER})
    assert (pair["pieces"], pair["old"]["text"], pair["old"]["input_tokens"] > 0) == (None, None, True)
    assert "not in the bucket" in pair["old"]["missing"]


def test_a_replaced_text_is_found_in_a_versioned_bucket(runs: Served, empty) -> None:
    """Its metadata names the run; without versions only the figures are left, and the page says why."""
    s3, place = empty.s3, {"Bucket": empty.environment["BACKBURNER_BUCKET"], "Key": "results/again/contract.txt.md"}
    present, earlier = runs.get("/api/runs", key=AGAIN)["runs"]
    asked = {"key": AGAIN, "run": earlier["name"], "with": AGAIN, "with_run": present["name"]}
    pair = runs.get("/api/pair", **asked)
    assert (pair["old"]["text"], pair["old"]["input_tokens"] > 0) == (None, True)
    assert "keeps no versions" in pair["old"]["missing"]
    now = s3.get_object(**place)
    body = now["Body"].read()
    s3.put_bucket_versioning(Bucket=place["Bucket"], VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(**place, Body=b"of another", Metadata={"backburner-run": "0" * 32 + ".1"})
    s3.put_object(**place, Body=b"an earlier text", Metadata={"backburner-run": earlier["name"]})
    s3.put_object(**place, Body=body, Metadata=now["Metadata"])
    pair = runs.get("/api/pair", **asked)
    assert (pair["old"]["text"], pair["new"]["text"]) == ("an earlier text", body.decode())
    for version in s3.list_object_versions(Bucket=place["Bucket"])["Versions"]:
        s3.delete_object(Bucket=place["Bucket"], Key=version["Key"], VersionId=version["VersionId"])


def test_an_unknown_document_or_run_is_reported(runs: Served) -> None:
    """No other object is ever shown, and a run must belong to the document."""
    for asked, status in (
        ({"key": KEY, "with": "ledger/governor.json"}, 404),
        ({"key": NEW, "with": KEY}, 404),
        ({"key": KEY, "run": "0" * 32 + ".1", "with": KEY}, 404),
    ):
        answer = runs.http.get("/api/pair", params=asked)
        assert (answer.status_code, "problem" in answer.json()) == (status, True), asked
    assert runs.get("/api/runs", key=NEW)["runs"] == []
