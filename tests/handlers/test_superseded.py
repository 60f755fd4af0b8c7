"""A document changes while its generation runs, and the text of its current version wins."""

import pytest

from support.warm_deployment import WarmDeployment

KEY = "inbox/letter.txt"
OLD = "The old letter is about the harbour of Veldt."
NEW = "The new letter is about the mountains of Ardal."


@pytest.fixture
def running(world: WarmDeployment) -> WarmDeployment:
    """A deployment where the old letter's generation runs."""
    world.upload(KEY, OLD)
    world.submit(KEY)
    return world


def _check_result_of(world: WarmDeployment, text: str) -> None:
    """Run to rest and check that the result belongs to this text, with nothing left over and no orphan counted."""
    world.settle()
    assert world.problems() == []
    assert str(world.result(KEY)).startswith(text)
    assert world.run_record(KEY)["source"]["etag"] == world.etag(KEY)
    assert world.run_record(KEY)["suspected_orphans"] == 0


@pytest.mark.parametrize("moment", ["before the old one ends", "after the old one ends", "never"])
def test_the_current_document_wins(running: WarmDeployment, moment: str) -> None:
    """Whether the new event comes early, late or never, the old text is set aside and never replaces the new one."""
    running.upload(KEY, NEW)
    if moment == "before the old one ends":
        running.submit(KEY)
    running.later(4)
    running.tick()
    if moment == "after the old one ends":
        running.submit(KEY)
    _check_result_of(running, NEW)
    (aside,) = running.superseded()
    assert (aside["state"], aside["text"].startswith(OLD)) == ("superseded", True)
    assert aside["usage"]["total_tokens"] > 0
    assert len(running.creates()) == 2


def test_a_version_put_back_while_both_run_wins_with_its_own_generation(running: WarmDeployment) -> None:
    """After old, new and old again, the first generation still belongs to the current document."""
    running.upload(KEY, NEW)
    running.submit(KEY)
    running.upload(KEY, OLD)
    running.submit(KEY)
    _check_result_of(running, OLD)
    assert [record["text"].startswith(NEW) for record in running.superseded()] == [True]
    assert [len(running.creates(text)) for text in (OLD, NEW)] == [1, 1]


def test_a_version_put_back_after_it_was_set_aside_runs_again(running: WarmDeployment) -> None:
    """Its first run is over, so its event opens a second one."""
    running.upload(KEY, NEW)
    running.later(4)
    running.tick(0.5)
    assert len(running.superseded()) == 1
    running.upload(KEY, OLD)
    running.submit(KEY)
    _check_result_of(running, OLD)
    assert running.run_record(KEY)["run"] == 2


def test_a_version_put_back_after_both_are_done_runs_again(world: WarmDeployment) -> None:
    """The record that is there belongs to the other version."""
    for text in (OLD, NEW, OLD):
        world.process(KEY, text)
        _check_result_of(world, text)
    assert len(world.creates()) == 3
    assert world.superseded() == []


def test_a_document_deleted_while_it_runs_is_finished(running: WarmDeployment) -> None:
    """It was paid for, so its text is written to its output location."""
    running.remove(KEY)
    running.settle()
    assert str(running.result(KEY)).startswith(OLD)
    assert running.run_record(KEY)["state"] == "done"
    assert running.open_records() == []


def test_a_document_deleted_while_it_waits_fails_source_missing(world: WarmDeployment) -> None:
    """Nothing is created for a document that is not there."""
    world.stand_in.script("create-503")
    world.upload(KEY, OLD)
    world.submit(KEY)
    world.remove(KEY)
    world.settle()
    record = world.error_record(KEY)
    assert (record["reason"], record["responses"]) == ("source_missing", [])
    assert len(world.creates()) == 1
    assert world.stand_in.generations == ()


def test_a_version_replaced_while_it_waits_is_never_sent(world: WarmDeployment) -> None:
    """The old text is not sent once there is a new one."""
    world.stand_in.script("create-503")
    world.upload(KEY, OLD)
    world.submit(KEY)
    world.upload(KEY, NEW)
    world.submit(KEY)
    _check_result_of(world, NEW)
    assert [made.input for made in world.stand_in.generations] == [NEW]


def test_a_job_keeps_the_recipe_it_was_claimed_with(world: WarmDeployment) -> None:
    """A changed recipe supersedes nothing unless the document is uploaded again."""
    world.recipe("default", instructions="The first recipe.")
    world.upload(KEY, OLD)
    world.submit(KEY)
    world.recipe("default", instructions="The second recipe.")
    _check_result_of(world, OLD)
    assert [create.body["instructions"] for create in world.creates()] == ["The first recipe."]
    assert world.superseded() == []
