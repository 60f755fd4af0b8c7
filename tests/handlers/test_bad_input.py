"""Bad input is reported once and in full, fails alone, and is not billed."""

from typing import Any

import pytest

from backburner.errors import ConfigError, UnknownEventError
from support.events import SHAPES, TIMERS, recorded, s3_notification
from support.functions import load
from support.warm_deployment import WarmDeployment, unload

from .conftest import NewWorld

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"
DOCUMENTS = {
    "empty": (b"", "empty_document"),
    "blank": (b" \n\t\n", "empty_document"),
    "only a mark": ("\ufeff".encode(), "empty_document"),
    "zero bytes": (b"ab\x00\x01cd", "unsupported_type"),
    "rubbish": (bytes(range(128, 256)), "unreadable_document"),
    "a truncated PDF": (PDF, "unreadable_document"),
    "a truncated PDF by another name.txt": (PDF, "unreadable_document"),
    "a picture.pdf": (b"\x89PNG\r\n\x1a\n\x00", "unsupported_type"),
}
RECIPES = {
    "unknown key": ("---\nmodle: x\n---\nDo it.", "invalid_recipe", "modle"),
    "unknown key, what is allowed": ("---\nmodle: x\n---\nDo it.", "invalid_recipe", "max_output_tokens"),
    "no instructions": ("---\nmodel: stand-in\n---\n", "invalid_recipe", "no instructions"),
    "what Backburner sets": ("---\nextra: {store: false}\n---\nDo it.", "invalid_recipe", "store"),
    "aliases": ("---\nextra: {a: &a [1], b: *a}\n---\nDo it.", "invalid_recipe", "aliases"),
    "no recipe": (None, "unknown_recipe", "recipes/no recipe.md"),
}


def test_documents_that_cannot_be_read_fail_with_their_reason(world: WarmDeployment) -> None:
    """Nothing is sent to the provider, and each error message gives the remedy."""
    keys = {f"inbox/{name}": reason for name, (_, reason) in DOCUMENTS.items()}
    for name, (body, _) in DOCUMENTS.items():
        world.upload(f"inbox/{name}", body)
    world.submit(*keys)
    assert {key: world.error_record(key)["reason"] for key in keys} == keys
    assert all(world.error_record(key)["message"] and world.error_record(key)["replay"] for key in keys)
    world.settle()
    assert world.problems() == []
    assert world.stand_in.requests == ()


def test_recipes_that_cannot_be_used_fail_their_documents(world: WarmDeployment) -> None:
    """A typo is never billed, not even to the default recipe."""
    for name, (text, _, _) in RECIPES.items():
        if text is not None:
            world.upload(f"recipes/{name}.md", text)
        world.upload(f"inbox/{name}/a.txt")
    world.submit(*world.keys("inbox/"))
    for name, (_, reason, says) in RECIPES.items():
        record = world.error_record(f"inbox/{name}/a.txt")
        assert (record["state"], record["reason"]) == ("failed", reason), name
        assert says in record["message"], name
        assert (record["responses"], record["cost"], record["partial_text"]) == ([], None, None)
    assert world.keys("ledger/open/") == []
    assert world.stand_in.requests == ()


def test_a_document_that_is_gone_before_its_event_leaves_nothing(world: WarmDeployment) -> None:
    """There is nothing to do and nothing to report."""
    world.upload("inbox/a.txt")
    world.remove("inbox/a.txt")
    for shape in SHAPES:
        world.submit("inbox/a.txt", shape=shape)
    assert world.keys() == []
    assert all(world.messages(name) == [] for name in world.queues)


def test_a_broken_record_never_stops_its_neighbours(world: WarmDeployment) -> None:
    """The good records are submitted, and the handler raises at its end so that the cloud delivers the event again."""
    for name in "abc":
        world.upload(f"inbox/{name}.txt", f"Document {name} of the harbour.")
    event = s3_notification(world.bucket, [f"inbox/{name}.txt" for name in "axbyc"])
    del event["Records"][1]["s3"]["object"]["key"]
    event["Records"][3]["s3"] = "rubbish"
    app = world.app("submit")
    with pytest.raises(app.SubmitError, match="2 of 5 records failed"):
        app.handler(event, None)
    assert sorted(create.body["input"][9] for create in world.creates()) == ["a", "b", "c"]


@pytest.mark.parametrize("shape", SHAPES)
def test_an_event_of_another_bucket_is_refused(world: WarmDeployment, shape: str) -> None:
    """The error names the bucket that came and the one expected; nothing is read or billed."""
    world.upload("inbox/a.txt")
    app = world.app("submit")
    with pytest.raises(app.SubmitError, match=f"'elsewhere', but BACKBURNER_BUCKET is '{world.bucket}'"):
        app.handler(SHAPES[shape]("elsewhere", "inbox/a.txt"), None)
    assert world.open_records() == []
    assert world.stand_in.requests == ()


@pytest.mark.parametrize("name", ["aws/s3-delete", "aws/s3-test", "yandex/yandex-object-delete"])
def test_events_that_request_nothing_are_skipped(world: WarmDeployment, name: str) -> None:
    """Deletions and a new trigger's test event are not errors."""
    world.app("submit").handler(recorded(name), None)
    assert world.keys() == []


@pytest.mark.parametrize("key", ["results/a.txt.md", "recipes/a.md", "inbox/folder/", "elsewhere/inbox/a.txt"])
def test_only_documents_in_the_inbox_are_submitted(world: WarmDeployment, key: str) -> None:
    """Outputs, recipes and folder markers start nothing, even if the trigger's filter is wrong."""
    world.upload(key)
    world.submit(key)
    assert world.keys() == [key]


@pytest.mark.parametrize("function", ["submit", "checker"])
@pytest.mark.parametrize("event", [{}, {"messages": []}, [], "text", None, {"Records": "rubbish"}], ids=str)
def test_an_event_of_an_unknown_shape_is_refused(world: WarmDeployment, function: str, event: Any) -> None:
    """The error lists the known shapes."""
    if (function, event) == ("submit", {"messages": []}):
        world.app(function).handler(event, None)
        return
    with pytest.raises(UnknownEventError, match="known shapes are"):
        world.app(function).handler(event, None)


@pytest.mark.parametrize("function", ["submit", "checker"])
def test_all_problems_of_the_settings_are_reported_at_once(new_world: NewWorld, function: str) -> None:
    """One message names what is missing and what contradicts, without a secret, and no document is touched."""
    secret = "sk-very-secret"
    world = new_world(
        BACKBURNER_BUCKET="",
        BACKBURNER_MODEL=" ",
        BACKBURNER_PROVIDER="opena1",
        BACKBURNER_LEASE_S="901",
        BACKBURNER_MAX_ATTEMPTS="0",
        BACKBURNER_DAILY_COST="nan",
        BACKBURNER_PENDING_QUEUE_URL="queue",
        OPENAI_API_KEY=secret,
        BACKBURNER_API_KEY_SECRET="backburner/key",
    )
    event = s3_notification("any", ["inbox/a.txt"]) if function == "submit" else TIMERS["aws"]
    app = load(function)
    for _ in range(2):  # no half-made state is kept
        with pytest.raises(ConfigError) as refused:
            app.handler(event, None)
    message = str(refused.value)
    wrong = [name for name, value in world.settings.items() if value != secret] + ["OPENAI_API_KEY"]
    assert [name for name in wrong if name not in message] == []
    assert secret not in message
    unload(app)
    assert world.stand_in.requests == ()


def test_a_provider_that_needs_a_project_says_so(new_world: NewWorld) -> None:
    """Yandex bills a folder, and without one nothing is sent."""
    world = new_world("yandex", "yandex", OPENAI_PROJECT_ID="")
    world.upload("inbox/a.txt")
    with pytest.raises(ConfigError, match="OPENAI_PROJECT_ID is not set: yandex needs it"):
        world.submit("inbox/a.txt")
    assert world.stand_in.requests == ()


def test_the_documented_name_of_the_region_is_enough(world: WarmDeployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both functions run if only `AWS_REGION`, the documented name, is set."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert world.environment["AWS_REGION"]
    world.process("inbox/a.txt")
    assert world.problems() == []


def test_a_message_that_is_not_ours_goes_to_the_dead_letters(world: WarmDeployment) -> None:
    """It stops no tick, and is kept for somebody to look at."""
    world.sqs.send_message(QueueUrl=world.queues["pending"], MessageBody='{"not": "ours"}')
    world.process("inbox/a.txt")
    assert world.run_record("inbox/a.txt")["state"] == "done"
    (letter,) = world.messages("dead")
    assert (letter["body"], letter["queue"]) == ('{"not": "ours"}', "pending")
