"""What the real API refuses is refused with the same status, code and parameter."""

from typing import Any

import pytest

from .conftest import DOCUMENT, World

OBJECT = {"type": "object", "properties": {"a": {"type": "string"}}}
MARKED = {
    "type": "object",
    "additionalProperties": False,
    "required": ["a"],
    "properties": {"a": {"type": "string", "x-quote": True}},
}


def schema_format(**options: Any) -> dict[str, Any]:
    """Return `text` with a schema format."""
    return {"format": {"type": "json_schema", "name": "n", "schema": OBJECT, **options}}


REFUSED = [
    ({"temprature": 1}, "unknown_parameter", "temprature"),
    ({"conversation": "c"}, "unsupported_parameter", "conversation"),
    ({"model": ...}, "missing_required_parameter", "model"),
    ({"input": ...}, "missing_required_parameter", "input"),
    ({"model": 7}, "invalid_type", "model"),
    ({"input": 7}, "invalid_type", "input"),
    ({"instructions": ["x"]}, "invalid_type", "instructions"),
    ({"background": "true"}, "invalid_type", "background"),
    ({"background": 1}, "invalid_type", "background"),
    ({"temperature": "hot"}, "invalid_type", "temperature"),
    ({"temperature": True}, "invalid_type", "temperature"),
    ({"temperature": 2.1}, "decimal_above_max_value", "temperature"),
    ({"temperature": -0.1}, "decimal_below_min_value", "temperature"),
    ({"top_p": 1.01}, "decimal_above_max_value", "top_p"),
    ({"max_output_tokens": 15}, "integer_below_min_value", "max_output_tokens"),
    ({"max_output_tokens": 100.5}, "invalid_type", "max_output_tokens"),
    ({"metadata": {f"k{n}": "v" for n in range(17)}}, "object_above_max_properties", "metadata"),
    ({"metadata": {"k" * 65: "v"}}, "invalid_value", "metadata"),
    ({"metadata": {"k": "v" * 513}}, "string_above_max_length", "metadata.k"),
    ({"metadata": {"k": 1}}, "invalid_type", "metadata.k"),
    ({"background": True, "store": False}, "invalid_value", "store"),
    ({"stream": True}, "unsupported_value", "stream"),
    ({"service_tier": "gold"}, "invalid_value", "service_tier"),
    ({"reasoning": {"effort": "heroic"}}, "invalid_value", "reasoning.effort"),
    ({"reasoning": {"depth": 1}}, "unknown_parameter", "reasoning.depth"),
    ({"text": {"shape": 1}}, "unknown_parameter", "text.shape"),
    ({"text": {"format": {"type": "xml"}}}, "invalid_value", "text.format.type"),
    ({"text": {"format": {"type": "text", "name": "n"}}}, "unknown_parameter", "text.format.name"),
    ({"text": {"format": {"type": "json_schema", "schema": OBJECT}}}, "missing_required_parameter", "text.format.name"),
    ({"text": schema_format(name="a b")}, "invalid_value", "text.format.name"),
    ({"text": schema_format(name="n" * 65)}, "invalid_value", "text.format.name"),
    ({"text": schema_format(schema="x")}, "invalid_type", "text.format.schema"),
    ({"text": schema_format(schema={"type": "array"})}, "invalid_json_schema", "text.format.schema"),
    ({"text": schema_format(schema={"type": "object", "required": 7})}, "invalid_json_schema", "text.format.schema"),
    ({"text": schema_format(strict=True)}, "invalid_json_schema", "text.format.schema"),
    ({"text": schema_format(schema=MARKED, strict=True)}, "invalid_json_schema", "text.format.schema"),
    ({"text": {"format": {"type": "json_object"}}}, None, "input"),
    ({"input": [7]}, "invalid_type", "input[0]"),
    ({"input": [{"role": "user"}]}, "missing_required_parameter", "input[0].content"),
    ({"input": [{"role": "pirate", "content": "x"}]}, "invalid_value", "input[0].role"),
    (
        {"input": [{"role": "user", "content": [{"type": "input_file"}]}]},
        "missing_required_parameter",
        "input[0].content[0].text",
    ),
    ({"input": "word " * 5000}, "context_length_exceeded", "input"),
]


@pytest.mark.parametrize(("body", "code", "param"), REFUSED)
def test_a_wrong_request_is_refused_as_the_api_refuses_it(
    world: World, error_of: Any, body: Any, code: Any, param: Any
) -> None:
    """The status is 400, with code and parameter, and nothing is started."""
    assert error_of(world.post(**body)) == (400, code, param)
    assert world.stand_in.generations == ()


def test_every_field_within_its_limits_is_accepted(world: World) -> None:
    """The largest values that the API allows are accepted and echoed."""
    closed = {**OBJECT, "additionalProperties": False, "required": ["a"]}
    given = {
        "instructions": "Summarise.",
        "store": True,
        "max_output_tokens": 16,
        "temperature": 2,
        "top_p": 1,
        "metadata": {"k" * 60 + str(n): "v" * 512 for n in range(10, 26)},
        "reasoning": {"effort": "low"},
        "service_tier": "flex",
        "truncation": "disabled",
        "tools": [{"type": "web_search"}],
        "tool_choice": "auto",
        "text": {**schema_format(schema=closed, strict=True), "verbosity": "low"},
        "user": None,
    }
    answer = world.post(**given)
    assert answer.status_code == 200, answer.text
    assert {name: answer.json()[name] for name in given if name != "reasoning"} == {
        name: value for name, value in given.items() if name != "reasoning"
    }
    assert answer.json()["reasoning"]["effort"] == "low"


def test_an_unknown_model_is_404(world: World, error_of: Any) -> None:
    """OpenAI and vLLM both answer 404 for a model that does not exist."""
    assert error_of(world.post(model="gpt-5")) == (404, "model_not_found", "model")


@pytest.mark.parametrize(
    "headers", [{"Authorization": ""}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic k"}]
)
@pytest.mark.parametrize("path", ["/responses/resp_x", "/models"])
def test_without_the_right_key_nothing_is_answered(world: World, headers: dict[str, str], path: str) -> None:
    """401 comes before everything else."""
    answer = world.http.get(path, headers=headers)
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "invalid_request_error")


@pytest.mark.parametrize("raw", [b"{", b"[1]", b'"text"', b"\xff\xfe", b'{"input": "\\ud800"}', b"[" * 90_000])
def test_a_body_that_is_not_a_json_object_is_refused(world: World, raw: bytes) -> None:
    """The answer is 400 in the API's format, never a crash."""
    answer = world.http.post("/responses", content=raw)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_an_empty_body_lacks_its_model(world: World, error_of: Any) -> None:
    """An absent body is a request without parameters."""
    assert error_of(world.http.post("/responses")) == (400, "missing_required_parameter", "model")


def test_a_body_over_the_limit_is_413(world: World, error_of: Any) -> None:
    """The size is checked before the JSON, and the connection can be used again."""
    assert error_of(world.http.post("/responses", content=b"x" * 100_001))[0] == 413
    assert world.post().status_code == 200


def test_another_address_is_404_in_the_apis_shape(world: World, error_of: Any) -> None:
    """There is no list of responses, and no other API."""
    assert error_of(world.http.post("/chat/completions"))[0] == 404
    assert error_of(world.http.get("/responses"))[0] == 405


@pytest.mark.parametrize("field", ["metadata", "reasoning", "truncation", "service_tier", "prompt_cache_key"])
def test_yandex_refuses_what_it_does_not_support(yandex: World, error_of: Any, field: str) -> None:
    """The reference marks these fields as not supported."""
    assert error_of(yandex.post(**{field: None})) == (400, "unsupported_parameter", field)


def test_yandex_has_ids_temperatures_and_models_of_its_own(yandex: World, error_of: Any) -> None:
    """Ids are UUIDs, temperature ends at 1, models are named with their folder, `store` is accepted."""
    done = yandex.finished(store=True, temperature=1.0)
    assert (len(done.id), done.id.count("-"), done.status) == (36, 4, "completed")
    assert error_of(yandex.post(temperature=1.1)) == (400, "decimal_above_max_value", "temperature")
    assert error_of(yandex.post(model="stand-in")) == (404, "model_not_found", "model")
    assert error_of(yandex.post(model="gpt://folder/stand-in/create-422"))[0] == 422
    assert yandex.http.get("/models").json()["data"][1]["id"] == "gpt://folder/stand-in/completed-empty"


def test_yandex_wants_the_project_in_a_header(yandex: World, error_of: Any) -> None:
    """A request without the folder is refused."""
    answer = yandex.http.get("/models", headers={"OpenAI-Project": ""})
    assert error_of(answer) == (400, "missing_required_parameter", "OpenAI-Project")


def test_vllm_deletes_nothing(vllm: World) -> None:
    """DELETE answers 405 and the response stays."""
    done = vllm.finished()
    assert vllm.http.delete(f"/responses/{done.id}").status_code == 405
    assert vllm.sdk.responses.retrieve(done.id).output_text == done.output_text


def test_vllm_checks_no_strict_schemas(vllm: World) -> None:
    """Only OpenAI has these demands on a schema."""
    assert vllm.post(text=schema_format(strict=True), input=DOCUMENT).status_code == 200
