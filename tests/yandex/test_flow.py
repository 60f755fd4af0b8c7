"""The whole flow on Cloud Functions' runtime: the built zip, Yandex events, static keys and an IAM token."""

import json

import pytest

from backburner_cli.standin import NOTICE
from handlers.rows import ROWS, Row
from support import scans
from support.yandex_deployment import TOKEN, YandexDeployment

from .conftest import NewWorld

KEY = "inbox/notes/годовой отчёт + приложения 100%.txt"


@pytest.mark.usefixtures("new_interpreters")
def test_an_upload_comes_back_as_text(world: YandexDeployment) -> None:
    """There is one generation, its text in its place, a run record, and nothing left over.

    The event has neither ETag nor size, so an empty first upload that was replaced before its event does not matter.
    """
    world.recipe("notes", "temperature: 0.2", "Keep every number.")
    world.upload(KEY, "")
    world.upload(KEY)
    world.submit(KEY)
    world.settle()
    assert world.problems() == []
    (create,) = world.creates()
    assert (create.headers["openai-project"], create.body["model"]) == ("folder", "gpt://folder/stand-in")
    assert not {"store", "metadata", "reasoning"} & set(create.body)
    assert str(world.result(KEY)).endswith(NOTICE)
    record = world.run_record(KEY)
    assert (record["provider"]["profile"], record["source"]["key"]) == ("yandex", KEY)
    assert world.stand_in.generations[0].deleted


def test_a_batch_of_events_is_handled_and_repeated_as_one(world: YandexDeployment) -> None:
    """Ten events in a call are delivered twice, one for a deleted document; each other document has one generation."""
    keys = [f"inbox/{number}.txt" for number in range(10)]
    for key in keys[1:]:
        world.upload(key, f"The document {key} speaks of the harbour.")
    world.submit(*keys)
    world.submit(*keys)
    world.settle()
    assert world.problems() == []
    assert len(world.creates()) == 9


def test_scans_and_pictures_arrive_whole(new_world: NewWorld) -> None:
    """The results say what the model saw: every page, in order, upright and within limits."""
    world = new_world(BACKBURNER_VISION_MODELS="stand-in")
    names = scans.chosen()
    for name in names:
        world.upload(f"inbox/{name}", scans.document(name))
    world.submit(*(f"inbox/{name}" for name in names))
    world.settle()
    assert {name: scans.seen(str(world.result(f"inbox/{name}"))) for name in names} == {
        name: scans.pages_of(name) for name in names
    }
    assert world.run_record("inbox/mixed.pdf")["source"]["pages"]["images"] == "1, 3"
    if "forty.pdf" in names:
        assert world.run_record("inbox/forty.pdf")["source"]["pages"]["images"] == "1-40"
    assert world.problems() == []


WANTED = (
    "completed-empty", "refusal", "incomplete-max-tokens", "incomplete-content-filter", "failed-rate-limit:2",
    "create-429", "create-400", "retrieve-500", "never-ends",
)  # fmt: skip
FAILURES = [row for row in ROWS if row.behaviour in WANTED and not row.front.startswith("max_output")]


def test_every_kind_of_failure_ends_as_it_does_elsewhere(world: YandexDeployment) -> None:
    """Documents in one bucket fail with their reason or are done after their attempts, without a false result."""
    for row in FAILURES:
        world.recipe(row.name, f"model: stand-in/{row.behaviour}\n{row.front}".strip(), "Do it.")
        world.upload(row.key, row.text)
    world.submit(*(row.key for row in FAILURES))
    world.settle()
    assert {row.name: _outcome(world, row) for row in FAILURES} == {row.name: row.reason for row in FAILURES}
    assert {row.name: len(world.creates(row.text)) for row in FAILURES} == {row.name: row.creates for row in FAILURES}
    assert world.problems() == []


def _outcome(world: YandexDeployment, row: Row) -> str | None:
    error = world.error_record(row.key)
    assert (error is None) != (world.run_record(row.key) is None), row.name
    return error["reason"] if error else None


def test_log_lines_are_what_cloud_logging_parses(world: YandexDeployment) -> None:
    """Each is one JSON object with a known level, a constant message and keys, and not in AWS's metrics format."""
    world.upload("inbox/a.txt", "Whispered words about the harbour.")
    world.submit("inbox/a.txt", "inbox/sumary/none.txt")
    world.settle()
    lines = [json.loads(line) for line in world.logs()]
    assert {line["level"] for line in lines} <= {"DEBUG", "INFO", "WARN", "ERROR", "FATAL"}
    assert not [line for line in lines if not line["message"] or "_aws" in line]
    about_jobs = [line for line in lines if line["message"] in ("generation started", "job done")]
    assert len(about_jobs) == 2
    assert all(len(line["job_id"]) == 32 and line["response_id"] for line in about_jobs)
    assert {"tick", "health"} <= {line["message"] for line in lines}
    for word in ("hispered", TOKEN, "Extract by"):
        assert not any(word in line for line in world.logs())


def test_what_fails_in_a_call_is_logged_in_one_line(new_world: NewWorld) -> None:
    """The traceback is a key of that line, at level ERROR, and the call fails so that the trigger tries again."""
    world = new_world(refuse=lambda call: "AccessDenied" if call.key == "inbox/a.txt" else None)
    world.upload("inbox/a.txt")
    with pytest.raises(Exception, match="1 of 1 records failed"):
        world.submit("inbox/a.txt")
    structured = [json.loads(line) for line in world.logs() if line.startswith("{")]
    (failed,) = [line for line in structured if line["message"] == "upload failed"]
    assert (failed["level"], failed["key"]) == ("ERROR", "inbox/a.txt")
    assert "UnreadableError" in failed["exception"]
