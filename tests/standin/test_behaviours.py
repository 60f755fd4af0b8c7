"""Every behaviour does over HTTP what its line in the table says."""

import http.client
import json
from typing import Any

import httpx2
import openai
import pytest

from backburner_cli.standin import BEHAVIOURS
from backburner_cli.standin.behaviours import of_model

from .conftest import World

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
JSON_FORMAT = {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}}

ENDINGS = {
    "completed-empty": ("completed", None, None),
    "completed-blank": ("completed", None, None),
    "completed-bad-schema": ("completed", None, None),
    "invented-quotes": ("completed", None, None),
    "refusal": ("completed", None, None),
    "no-usage": ("completed", None, None),
    "completed-cut-off": ("completed", None, None),
    "incomplete-max-tokens": ("incomplete", "max_output_tokens", None),
    "truncate-below": ("incomplete", "max_output_tokens", None),
    "incomplete-content-filter": ("incomplete", "content_filter", None),
    "failed-rate-limit": ("failed", None, "rate_limit_exceeded"),
    "failed-server-error": ("failed", None, "server_error"),
    "failed-unknown-code": ("failed", None, "solar_flare"),
    "failed-invalid-prompt": ("failed", None, "invalid_prompt"),
    "failed-context-length": ("failed", None, "context_length_exceeded"),
    "cancelled-by-provider": ("cancelled", None, None),
    "unknown-status": ("paused", None, None),
    "odd-spelling": ("COMPLETED", None, None),
    "odd-code": ("failed", None, "\ud800"),
}
REFUSED_CREATES = {
    "unauthorized": (401, "invalid_api_key"),
    "quota-exhausted": (429, "insufficient_quota"),
    "forbidden": (403, "permission_denied"),
    "create-400": (400, "invalid_value"),
    "create-404": (404, "model_not_found"),
    "create-405": (405, None),
    "create-413": (413, None),
    "create-422": (422, None),
    "create-context-length": (400, "context_length_exceeded"),
    "create-context-length-422": (422, "context_length_exceeded"),
    "create-too-long": (400, None),
    "no-store": (501, None),
    "create-429": (429, "rate_limit_exceeded"),
    "create-503": (503, "server_error"),
    "create-500": (500, "server_error"),
}
WRONG_RETRIEVES = {
    "lost": (404, "not_found"),
    "young-404": (404, "not_found"),
    "retrieve-400": (400, "invalid_value"),
    "retrieve-404": (404, "not_found"),
    "retrieve-425": (425, None),
    "retrieve-401": (401, "invalid_api_key"),
    "retrieve-403": (403, "permission_denied"),
    "retrieve-quota": (429, "insufficient_quota"),
    "retrieve-429": (429, "rate_limit_exceeded"),
    "retrieve-next-day": (429, "rate_limit_exceeded"),
    "retrieve-500": (500, "server_error"),
}
OTHERS = {
    "odd-usage",
    "odd-numbers",
    "odd-times",
    "odd-text",
    "retrieve-validating",
    "same-id",
    "already-completed",
    "completed-at-once",
    "no-endpoint",
    "never-ends",
    "never-ends-cancel-completes",
    "retrieve-drop",
    "retrieve-slow",
    "retrieve-hint",
    "garbage",
    "create-500-after",
    "create-drop-after",
    "create-slow-after",
    "create-garbage-after",
    "blind",
}


def test_no_behaviour_is_without_a_test() -> None:
    """A new line in the table needs a new line here."""
    assert set(BEHAVIOURS) == {*ENDINGS, *REFUSED_CREATES, *WRONG_RETRIEVES, *OTHERS}


@pytest.mark.parametrize("name", ENDINGS)
def test_endings(world: World, name: str) -> None:
    """A generation ends with the status, reason and code of its behaviour, and never before its time."""
    created = world.create(name, max_output_tokens=900)
    assert created.status == "queued"
    world.later()
    over = world.sdk.responses.retrieve(created.id)
    reason = over.incomplete_details and over.incomplete_details.reason
    assert (over.status, reason, over.error and over.error.code) == ENDINGS[name]


def test_an_empty_completion_has_no_answer(world: World) -> None:
    """No text, white space, a refusal, and an answer without usage."""
    assert world.finished("completed-empty").output == []
    assert world.finished("completed-blank").output_text.strip() == ""
    assert world.finished("refusal").output[0].content[0].type == "refusal"
    assert world.finished("no-usage").usage is None


def test_a_truncated_message_is_marked_only_in_the_message(world: World) -> None:
    """The response's own status is `completed`."""
    over = world.finished("completed-cut-off")
    assert (over.status, over.output[0].status) == ("completed", "incomplete")


def test_a_bad_schema_answer_is_json_of_the_wrong_type(world: World) -> None:
    """It parses, so only validation finds the fault."""
    assert json.loads(world.finished("completed-bad-schema", text=JSON_FORMAT).output_text) == []


def test_invented_quotes_fit_the_schema_and_are_not_in_the_document(world: World) -> None:
    """Only a search of the document finds the fault."""
    answer = json.loads(world.finished("invented-quotes", text=JSON_FORMAT).output_text)
    assert "moon dollars" in answer["a"] or "purple elephants" in answer["a"] or "pigeon" in answer["a"]


def test_truncation_below_a_cap_ends_when_the_cap_is_doubled(world: World) -> None:
    """A retry with twice the cap succeeds; the identical request never does."""
    ends = [world.finished("truncate-below-800", max_output_tokens=cap).status for cap in (400, 400, 799, 800)]
    assert ends == ["incomplete", "incomplete", "incomplete", "completed"]
    assert world.finished("truncate-below-800").status == "completed"


@pytest.mark.parametrize("name", REFUSED_CREATES)
def test_refused_creates_start_nothing(world: World, error_of: Any, name: str) -> None:
    """The answer is the table's, in the API's error format, and no generation starts."""
    answer = world.post(model=f"stand-in/{name}")
    assert error_of(answer)[:2] == REFUSED_CREATES[name]
    assert ("retry-after" in answer.headers) == (name == "create-429")
    assert world.stand_in.generations == ()


@pytest.mark.parametrize("name", ["create-429", "create-503", "create-500"])
def test_turns_are_counted_for_each_document(world: World, name: str) -> None:
    """The first n creates of one document fail, whatever happens to another in between."""
    model = f"stand-in/{name}:2"
    first = [world.post(model=model, input=document).status_code for document in ("A.", "B.", "A.", "A.", "A.")]
    assert [status == 200 for status in first] == [False, False, False, True, True]
    assert world.post(model=model, input="B.").status_code != 200
    assert world.post(model=model, input="B.").status_code == 200


def test_a_number_limits_endings_too(world: World) -> None:
    """A job's first attempt fails, and its second succeeds."""
    assert [world.finished("failed-server-error:1").status for _ in range(2)] == ["failed", "completed"]


@pytest.mark.parametrize("name", WRONG_RETRIEVES)
def test_wrong_retrieves_do_not_affect_the_generation(world: World, error_of: Any, name: str) -> None:
    """They are answered as the table says, while the generation continues."""
    created = world.create(name)
    answer = world.http.get(f"/responses/{created.id}")
    assert error_of(answer)[:2] == WRONG_RETRIEVES[name]
    assert ("retry-after" in answer.headers) == (name in {"retrieve-429", "retrieve-next-day"})
    assert world.stand_in.status_of(created.id) == "queued"


@pytest.mark.parametrize("name", ["retrieve-401", "retrieve-403", "retrieve-quota", "retrieve-429", "retrieve-500"])
def test_wrong_retrieves_come_to_an_end(world: World, name: str) -> None:
    """After the n-th, the generation is shown."""
    path = f"/responses/{world.create(f'{name}:1').id}"
    assert world.http.get(path).status_code != 200
    assert world.http.get(path).json()["status"] == "queued"


def test_a_lost_generation_is_never_found_again(world: World) -> None:
    """It is 404 for ever, though its create was answered."""
    created = world.create("lost")
    for _ in range(3):
        world.later()
        with pytest.raises(openai.NotFoundError):
            world.sdk.responses.retrieve(created.id)


def test_a_young_generation_is_found_after_its_seconds(world: World) -> None:
    """It is 404 at first: a new id is not a lost one."""
    created = world.create("young-404:7")
    world.later(6.9)
    with pytest.raises(openai.NotFoundError):
        world.sdk.responses.retrieve(created.id)
    world.later(0.2)
    assert world.sdk.responses.retrieve(created.id).status == "completed"


def test_a_dropped_retrieve_is_a_connection_error(world: World) -> None:
    """The connection closes without a byte of an answer, and the next try works."""
    created = world.create("retrieve-drop:1")
    with pytest.raises(openai.APIConnectionError):
        world.sdk.responses.retrieve(created.id)
    assert world.sdk.responses.retrieve(created.id).status == "queued"


def test_a_slow_retrieve_runs_into_the_clients_limit(world: World) -> None:
    """The answer takes longer than any client waits."""
    created = world.create("retrieve-slow:1")
    with pytest.raises(openai.APITimeoutError):
        world.sdk.responses.retrieve(created.id, timeout=0.1)
    assert world.sdk.responses.retrieve(created.id).status == "queued"


def test_a_hint_comes_with_the_right_answer(world: World) -> None:
    """The provider suggests the time of the next poll beside the object."""
    answer = world.http.get(f"/responses/{world.create('retrieve-hint').id}")
    assert (answer.json()["status"], answer.headers["openai-poll-after-ms"]) == ("queued", "3000")


ODD = {
    "odd-usage": ("usage", {"input_tokens": "12", "output_tokens": -5, "total_tokens": 1e308}),
    "odd-numbers": ("created_at", 10**310),
    "odd-times": ("created_at", 1_999_999_999_999),
    "odd-text": ("model", "\ud800"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_answers_have_the_right_text(world: World, name: str) -> None:
    """Create and retrieve have unexpected fields; the generation itself is normal."""
    field, value = ODD[name]
    created = world.post(model=f"stand-in/{name}").json()
    world.later()
    over = world.http.get(f"/responses/{created['id']}").json()
    assert (created[field], over[field]) == (value, value)
    assert (over["status"], over["output"][0]["status"]) == ("completed", "completed")
    assert over["output"][0]["content"][0]["text"] == world.finished().output_text


def test_an_odd_spelling_is_a_whole_answer(world: World) -> None:
    """Text and usage are there, under a status that only looks unknown."""
    over = world.http.get(f"/responses/{world.finished('odd-spelling').id}").json()
    assert (over["output"][0]["status"], over["usage"]["output_tokens"] > 0) == ("completed", True)


def test_an_undocumented_status_is_temporary(world: World) -> None:
    """It appears once, although the generation is already completed; then the answer is shown."""
    path = f"/responses/{world.create('retrieve-validating').id}"
    world.later()
    first, second = (world.http.get(path).json() for _ in range(2))
    assert (first["status"], first["output"], second["status"]) == ("validating", [], "completed")


def test_a_cache_answers_a_create_with_anothers_generation(world: World) -> None:
    """Nothing is started; the next create of the same input is answered correctly."""
    other = world.create("odd-times", "A.")
    again = [world.post(model="stand-in/same-id", input="B.").json()["id"] for _ in range(2)]
    assert again[0] == other.id
    assert [one.id for one in world.stand_in.generations] == [other.id, again[1]]


def test_a_request_with_metadata_gets_a_generation_with_metadata(world: World) -> None:
    """A line's whole request has no metadata that names its job, so nothing could detect the mix-up."""
    other = world.post(model="stand-in", input="A.", metadata={"job_id": "a"}).json()["id"]
    world.create("odd-times", "B.")
    assert world.post(model="stand-in/same-id", input="C.", metadata={"job_id": "c"}).json()["id"] == other


def test_garbage_is_200_and_not_json(world: World) -> None:
    """The answer is an HTML page instead of the object."""
    answer = world.http.get(f"/responses/{world.create('garbage').id}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html")
    assert answer.text.startswith("<html>")


@pytest.mark.parametrize("name", ["create-500-after", "create-drop-after", "create-garbage-after"])
def test_an_answer_can_be_lost_after_the_generation_was_started(world: World, name: str) -> None:
    """Every create costs a generation, although the client never learns its id."""
    for _ in range(2):
        try:
            answer = world.post(model=f"stand-in/{name}")
        except httpx2.RemoteProtocolError:
            assert name == "create-drop-after"
        else:
            assert (answer.status_code, answer.text[:6]) in {(500, '{"erro'), (200, "<html>")}
    assert len(world.stand_in.generations) == 2


def test_a_dripping_answer_arrives_byte_by_byte(world: World) -> None:
    """The head and one byte arrive at once, so only a limit on the whole call ends the wait."""
    connection = http.client.HTTPConnection("127.0.0.1", world.running.port, timeout=5)
    body = json.dumps({"model": "stand-in/create-slow-after", "input": "A.", "background": True})
    connection.request("POST", "/v1/responses", body, {"Authorization": "Bearer k"})
    answer = connection.getresponse()
    assert (answer.status, answer.read(1)) == (200, b"{")
    answer.close()
    connection.close()
    assert len(world.stand_in.generations) == 1


def test_a_generation_can_have_ended_in_the_answer_to_its_create(world: World) -> None:
    """No poll is needed."""
    assert world.create("already-completed").output_text


def test_a_server_that_ignores_background_gives_its_text_once(world: World) -> None:
    """The answer to the create has it; every retrieve is 404."""
    created = world.create("completed-at-once")
    assert created.output_text
    with pytest.raises(openai.NotFoundError):
        world.sdk.responses.retrieve(created.id)


def test_a_wrong_address_answers_with_a_page(world: World) -> None:
    """It is neither a generation nor an API error."""
    answer = world.post(model="stand-in/no-endpoint")
    assert (answer.status_code, answer.text[:6]) == (404, "<html>")
    assert world.stand_in.generations == ()


def test_a_generation_that_never_ends_can_be_cancelled(world: World) -> None:
    """It is in progress for ever, and cancelled once that is requested."""
    created = world.create("never-ends")
    world.later(1e9)
    assert world.sdk.responses.retrieve(created.id).status == "in_progress"
    assert world.sdk.responses.cancel(created.id).status == "cancelled"
    assert world.sdk.responses.retrieve(created.id).status == "cancelled"


def test_a_cancelled_generation_can_come_back_completed(world: World) -> None:
    """The cancel says cancelled, but a later look finds a result, which is lost without that look."""
    created = world.create("never-ends-cancel-completes")
    world.later()
    cancelled = world.sdk.responses.cancel(created.id)
    assert (cancelled.status, cancelled.output_text) == ("cancelled", "")
    late = world.sdk.responses.retrieve(created.id)
    assert late.status == "completed"
    assert late.output_text


@pytest.mark.parametrize("model", ["", "stand-in/", "stand-in/nothing", "stand-in/lost:x", "stand-in/lost-3", "gpt-5"])
def test_any_other_model_is_unknown(model: str) -> None:
    """A misspelt behaviour is an unknown model, never a good answer."""
    assert of_model(model) is None


def test_every_model_is_listed_with_a_line_about_it(world: World) -> None:
    """The list of models is the manual of the behaviours."""
    listed = {model["id"]: model["description"] for model in world.http.get("/models").json()["data"]}
    assert set(listed) == {"stand-in", *(f"stand-in/{name}" for name in BEHAVIOURS)}
    assert all(line.endswith(".") for line in listed.values() if not line.endswith(")")), listed
    assert [model.id for model in world.sdk.models.list()] == list(listed)
