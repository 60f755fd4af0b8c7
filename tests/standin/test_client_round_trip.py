"""The SDK drives the stand-in through a generation's whole life."""

import hashlib

import openai
import pytest
from openai.types.responses import Response

from backburner_cli.standin import NOTICE, StandIn, Timing, count_tokens, serve

from .conftest import DOCUMENT, World


def test_a_generation_is_queued_then_in_progress_then_completed(world: World) -> None:
    """Only time moves a generation through its states."""
    created = world.create()
    seen = [created.status]
    for _ in range(2):
        world.later(1.0)
        seen.append(world.sdk.responses.retrieve(created.id).status)
    world.later(1.0)
    last = world.sdk.responses.retrieve(created.id)
    assert [*seen, last.status] == ["queued", "in_progress", "in_progress", "completed"]
    assert created.id.startswith("resp_")
    assert last.completed_at >= last.created_at


@pytest.mark.parametrize("behaviour", ["", "refusal", "incomplete-max-tokens", "failed-server-error", "no-usage"])
def test_the_sdks_own_model_validates_every_state(world: World, behaviour: str) -> None:
    """The object has exactly the API's shape, not one that only a lenient client accepts."""
    created = world.create(behaviour, metadata={"job_id": "1"}, temperature=0.2, max_output_tokens=500)
    world.later()
    raw = [world.http.get(f"/responses/{created.id}").json(), created.to_dict(mode="json")]
    for shown in raw:
        assert Response.model_validate(shown).metadata == {"job_id": "1"}


def test_usage_counts_instructions_and_input_and_output(world: World) -> None:
    """Usage follows the documented rule, so an operator can check the account by hand."""
    done = world.finished(instructions="Summarise.")
    assert done.usage.input_tokens == count_tokens("Summarise.") + count_tokens(DOCUMENT)
    assert done.usage.output_tokens == count_tokens(done.output_text)
    assert done.usage.total_tokens == done.usage.input_tokens + done.usage.output_tokens


def test_messages_as_input_are_read_like_a_string(world: World) -> None:
    """A batch's body may contain a list of messages."""
    parts = [{"type": "input_text", "text": DOCUMENT}]
    done = world.finished(document=[{"role": "user", "content": parts}])
    assert done.output_text == world.finished().output_text


def test_without_background_the_answer_is_there_at_once(world: World) -> None:
    """A synchronous create needs no second request."""
    answer = world.sdk.responses.create(model="stand-in", input=DOCUMENT)
    assert answer.output_text.endswith(NOTICE)
    with pytest.raises(openai.BadRequestError, match="synchronous"):
        world.sdk.responses.cancel(answer.id)


def test_cancel_is_idempotent_and_final(world: World) -> None:
    """A cancelled generation stays cancelled, however often and late that is requested."""
    created = world.create()
    assert world.sdk.responses.cancel(created.id).status == "cancelled"
    assert world.sdk.responses.cancel(created.id).status == "cancelled"
    world.later()
    late = world.sdk.responses.retrieve(created.id)
    assert (late.status, late.output, late.usage) == ("cancelled", [], None)


def test_a_finished_generation_cannot_be_cancelled(world: World) -> None:
    """The API answers 400, and the result stays."""
    done = world.finished()
    with pytest.raises(openai.BadRequestError, match="Cannot cancel a completed response"):
        world.sdk.responses.cancel(done.id)
    assert world.sdk.responses.retrieve(done.id).output_text == done.output_text


def test_a_deleted_response_is_gone(world: World) -> None:
    """DELETE confirms once; afterwards the id is unknown."""
    done = world.finished()
    deleted = world.http.delete(f"/responses/{done.id}")
    assert deleted.json() == {"id": done.id, "object": "response", "deleted": True}
    for again in (world.http.get, world.http.delete):
        gone = again(f"/responses/{done.id}")
        assert (gone.status_code, gone.json()["error"]["type"]) == (404, "invalid_request_error")
    assert world.stand_in.generations[0].deleted


def test_larger_inputs_take_longer(world: World) -> None:
    """The time in progress grows with the input."""
    small, large = world.create(document="One."), world.create(document=DOCUMENT * 30)
    world.later(2.001)
    states = [world.sdk.responses.retrieve(one.id).status for one in (small, large)]
    assert states == ["completed", "in_progress"]


def test_everything_is_remembered_except_the_key(world: World) -> None:
    """Tests read requests and generations from inside."""
    created = world.create(metadata={"job_id": "7"})
    world.sdk.responses.retrieve(created.id)
    create, retrieve = world.stand_in.requests
    assert (create.method, create.path, create.body["input"]) == ("POST", "/v1/responses", DOCUMENT)
    assert (retrieve.method, retrieve.path) == ("GET", f"/v1/responses/{created.id}")
    assert create.headers["openai-project"] == "folder"
    assert "key-of-a-test" not in repr(world.stand_in.requests)
    (made,) = world.stand_in.generations
    assert (made.id, made.input) == (created.id, DOCUMENT)
    assert made.input_sha256 == hashlib.sha256(DOCUMENT.encode()).hexdigest()


def test_open_generations_are_counted_with_their_maximum(world: World) -> None:
    """The governor's limit can be checked from the provider's side."""
    for n in range(3):
        world.create(document=f"Document {n}.")
    assert (world.stand_in.open, world.stand_in.most_open) == (3, 3)
    world.later()
    world.create("never-ends")
    assert (world.stand_in.open, world.stand_in.most_open) == (1, 3)


def test_a_long_run_keeps_no_documents() -> None:
    """With `remembers=False`, requests and documents do not accumulate; counts do."""
    with serve(StandIn(remembers=False)) as running:
        sdk = openai.OpenAI(base_url=running.base_url, api_key="k", max_retries=0)
        with sdk:
            sdk.responses.create(model="stand-in", input=DOCUMENT, background=True)
        stand_in = running.stand_in
    assert stand_in.requests == ()
    assert [one.input for one in stand_in.generations] == [None]
    assert stand_in.state()["requests"] == {"POST /v1/responses": 1}


def test_real_time_works_without_a_test_clock() -> None:
    """With a duration of zero, a generation has ended at the first retrieve."""
    timing = Timing(queued_s=0, running_s=0, per_1000_tokens_s=0)
    with serve(StandIn(timing=timing)) as one, openai.OpenAI(base_url=one.base_url, api_key="k", max_retries=0) as sdk:
        created = sdk.responses.create(model="stand-in", input=DOCUMENT, background=True)
        assert sdk.responses.retrieve(created.id).status == "completed"
