"""Notifications through both handlers: only the checker sends them, as its environment says."""

import base64
import json
from collections.abc import Iterator

import pytest

from backburner.errors import ConfigError
from support.receiver import Receiver, is_signed, receiving

from .conftest import NewWorld

KEY = bytes(range(32))
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
GOOD, BAD = "inbox/notes/harbour.txt", "inbox/nosuch/harbour.txt"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A webhook's server for one test."""
    with receiving() as server:
        yield server


def hook(receiver: Receiver, **more: str) -> dict[str, str]:
    """The settings that name the receiver."""
    url = {"BACKBURNER_NOTIFY_WEBHOOK_URL": receiver.url, "BACKBURNER_NOTIFY_WEBHOOK_SECRET": SECRET}
    return url | more


def test_documents_and_folders_are_notified_signed_and_counted(
    new_world: NewWorld, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """One document is done and one failed: both and their folders are notified once, and the metric counts them."""
    world = new_world(AWS_LAMBDA_FUNCTION_NAME="checker", **hook(receiver))
    world.recipe("notes", "price: {input: 0.40, output: 1.60}")
    for key in (GOOD, BAD):
        world.upload(key)
        world.submit(key)
    assert receiver.posts == []
    world.later(2)
    world.tick()
    world.later(200)
    for _ in range(3):
        world.tick(0.5)
    bodies = {
        body["data"].get("key") or body["data"]["folder"]: body
        for _, post in receiver.posts
        if (body := json.loads(post))
    }
    assert {key: body["type"] for key, body in bodies.items()} == {
        GOOD: "document.done",
        BAD: "document.failed",
        "inbox/notes/": "folder.ended",
        "inbox/nosuch/": "folder.ended",
    }
    assert len(receiver.posts) == 4
    assert all(is_signed(post, KEY) for post in receiver.posts)
    assert bodies["inbox/notes/"]["data"]["runs"]["cost"] == world.run_record(GOOD)["cost"] > 0
    assert world.keys("ledger/notices/") == []
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    sums = {
        name: sum(metric.get(name, [0])[0] for metric in metrics)
        for name in ("NotificationsSent", "JobsAccepted", "JobsDone", "TokensOut")
    }
    tokens_out = world.run_record(GOOD)["usage"]["output_tokens"]
    assert sums == {"NotificationsSent": 4, "JobsAccepted": 1, "JobsDone": 1, "TokensOut": tokens_out}
    failed = [metric for metric in metrics if "JobsFailed" in metric]
    assert [(metric.get("reason"), metric["JobsFailed"]) for metric in failed] == [(None, [1]), ("unknown_recipe", [1])]


def test_a_receiver_that_fails_fails_no_document(new_world: NewWorld, receiver: Receiver) -> None:
    """The result is there, and the notification is sent later."""
    world = new_world(**hook(receiver, BACKBURNER_NOTIFY="documents"))
    receiver.status = 500
    world.upload(GOOD)
    world.recipe("notes")
    world.submit(GOOD)
    world.later(2)
    world.tick()
    assert world.run_record(GOOD)["state"] == "done"
    receiver.status = 200
    world.later(400)
    world.tick(0.5)
    assert [json.loads(body)["type"] for _, body in receiver.posts] == ["document.done"] * 2
    assert len({headers["webhook-id"] for headers, _ in receiver.posts}) == 1
    assert world.keys("ledger/notices/") == []


def test_submit_needs_no_secret_and_the_checker_does(new_world: NewWorld, receiver: Receiver) -> None:
    """That is how Yandex Cloud is deployed, where only the checker gets the secret."""
    world = new_world(**hook(receiver, BACKBURNER_NOTIFY_WEBHOOK_SECRET=""))
    world.upload(BAD)
    world.submit(BAD)
    assert world.error_record(BAD)["reason"] == "unknown_recipe"
    with pytest.raises(ConfigError, match="no secret to sign with"):
        world.tick()
