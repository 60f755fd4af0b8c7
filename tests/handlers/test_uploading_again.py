"""Uploading again: what runs again, what does not, and what becomes of the outputs that were there."""

import pytest

from support.deployment import DOCUMENT
from support.warm_deployment import WarmDeployment

KEY = "inbox/notes/letter.txt"
OTHER = "The mountains of Ardal are high. They are cold in winter."


def _paths(world: WarmDeployment) -> list[str]:
    return world.keys("results/") + world.keys("failed/")


@pytest.fixture
def fails_once(world: WarmDeployment) -> WarmDeployment:
    """A deployment where a document has failed and would succeed the next time."""
    world.recipe("notes")
    world.stand_in.script("refusal")
    world.process(KEY)
    assert world.error_record(KEY)["reason"] == "refused"
    return world


@pytest.fixture
def done(world: WarmDeployment) -> WarmDeployment:
    """A deployment where a document is done."""
    world.recipe("notes")
    world.process(KEY)
    return world


def test_a_failed_document_that_is_uploaded_again_runs_again(fails_once: WarmDeployment) -> None:
    """The same bytes are enough, and the result removes the error record."""
    fails_once.next_second()
    fails_once.process(KEY)
    assert fails_once.problems() == []
    assert (fails_once.run_record(KEY)["run"], len(fails_once.creates())) == (2, 2)
    assert fails_once.error_record(KEY) is None


def test_a_failed_document_whose_event_is_repeated_does_not_run_again(fails_once: WarmDeployment) -> None:
    """A repeated event never replays."""
    fails_once.submit(KEY)
    fails_once.settle()
    assert (fails_once.error_record(KEY)["run"], len(fails_once.creates())) == (1, 1)


def test_a_done_document_that_is_uploaded_again_does_not_run_again(done: WarmDeployment) -> None:
    """The same document with the same recipe and model is paid once."""
    before = done.run_record(KEY)
    done.process(KEY)
    assert done.run_record(KEY) == before
    assert len(done.creates()) == 1
    assert done.problems() == []


def test_an_upload_after_a_recipe_change_runs_again_and_replaces_the_result(done: WarmDeployment) -> None:
    """The new recipe makes another job at the same output location."""
    before = done.run_record(KEY)
    done.recipe("notes", "max_output_tokens: 900", "Do it otherwise.")
    done.process(KEY)
    after = done.run_record(KEY)
    assert (after["run"], len(done.creates())) == (1, 2)
    assert after["job_id"] != before["job_id"]
    assert after["recipe"]["sha256"] != before["recipe"]["sha256"]
    assert done.problems() == []


def test_a_change_of_output_removes_the_old_result(done: WarmDeployment) -> None:
    """The file that the old record names is deleted once the new record is written, so there is one result."""
    assert _paths(done) == ["results/notes/letter.txt.md", "results/notes/letter.txt.run.json"]
    done.recipe("notes", "output: txt")
    done.process(KEY)
    assert _paths(done) == ["results/notes/letter.txt.run.json", "results/notes/letter.txt.txt"]
    assert done.problems() == []


def test_a_failure_leaves_the_older_result_and_its_record(done: WarmDeployment) -> None:
    """What was paid for stays, with the record that says which version it belongs to."""
    before = done.run_record(KEY), done.result(KEY)
    done.stand_in.script("refusal")
    done.process(KEY, OTHER)
    assert (done.run_record(KEY), done.result(KEY)) == before
    assert done.error_record(KEY)["source"]["etag"] == done.etag(KEY)
    assert done.problems() == []
    done.next_second()
    done.upload(KEY, OTHER)
    done.submit(KEY)
    done.settle()
    assert str(done.result(KEY)).startswith(OTHER)
    assert done.error_record(KEY) is None


def test_a_result_that_somebody_changed_is_replaced_by_the_next_run(done: WarmDeployment) -> None:
    """A person's edits stay until another run of the document ends, and stop no run."""
    done.upload("results/notes/letter.txt.md", "edited by hand")
    done.process(KEY, OTHER)
    assert str(done.result(KEY)).startswith(OTHER)
    assert done.problems() == []


def test_a_recipe_that_was_missing_can_be_uploaded_later(world: WarmDeployment) -> None:
    """The document fails, then runs as another job with the recipe that came later."""
    world.process(KEY)
    assert world.error_record(KEY)["reason"] == "unknown_recipe"
    world.recipe("notes")
    world.process(KEY)
    assert str(world.result(KEY)).startswith(DOCUMENT[:20])
    assert world.problems() == []
