"""Lines of a batch."""

import json

import pytest

from backburner.answers import Generation
from backburner.lines import BadLineError, Requests, failed, number_of, split_lines, succeeded
from backburner.profiles import PROFILES, Provider
from backburner.recipes import parse

GIVEN = {"custom_id": "a", "method": "POST", "url": "/v1/responses", "body": {"model": "m-1", "input": "text"}}


def requests(provider=Provider.OPENAI, recipe="Translate it."):
    return Requests(profile=PROFILES[provider], recipe=parse(recipe), model="m-0", project="folder", job="job")


def of(line, **options):
    return requests().of(json.dumps(line).encode(), **options)


def test_a_body_is_passed_on_but_for_what_we_set():
    body = GIVEN["body"] | {"background": False, "store": False, "temperature": 0.1, "tools": [{"type": "web_search"}]}
    request = of(GIVEN | {"body": body})
    assert request.body == body | {"background": True, "store": True}
    assert (request.custom_id, request.is_given) == ("a", True)


def test_a_body_without_a_model_gets_ours_and_short_names_become_the_providers():
    assert of(GIVEN | {"body": {"input": "text"}}).body["model"] == "m-0"
    yandex = requests(Provider.YANDEX).of(json.dumps(GIVEN | {"body": {"input": "x", "metadata": {"a": "b"}}}).encode())
    assert yandex.body == {"input": "x", "model": "gpt://folder/m-0", "background": True}


def test_an_input_alone_runs_under_the_recipe():
    request = of({"custom_id": "a", "input": [{"role": "user", "content": "text"}]}, cap=99)
    assert (request.body["instructions"], request.body["max_output_tokens"]) == ("Translate it.", 99)
    assert request.body["input"] == [{"role": "user", "content": "text"}]
    assert not request.is_given


@pytest.mark.parametrize(
    ("line", "code", "custom_id"),
    [
        ("[]", "invalid_json_line", None),
        ('{"custom_id": 1}', "invalid_json_line", None),
        ('{"custom_id": ""}', "missing_required_parameter", None),
        ('{"custom_id": "a"}', "missing_required_parameter", "a"),
        (json.dumps(GIVEN | {"url": "/v1/chat/completions"}), "invalid_url", "a"),
        (json.dumps(GIVEN | {"method": "DELETE"}), "invalid_method", "a"),
        (json.dumps(GIVEN | {"body": {"model": "m"}}), "missing_required_parameter", "a"),
        (json.dumps(GIVEN | {"body": {"model": 5, "input": "x"}}), "invalid_request", "a"),
        (json.dumps(GIVEN | {"body": {"input": "x", "stream": True}}), "invalid_request", "a"),
    ],
)
def test_a_line_that_cannot_be_run_says_why(line, code, custom_id):
    with pytest.raises(BadLineError) as refused:
        requests().of(line.encode())
    assert (refused.value.code, refused.value.custom_id) == (code, custom_id)


def test_a_line_that_is_no_text_gone_repeated_or_too_long():
    for raw, options, code in (
        (b'{"custom_id": "\xff"}', {}, "invalid_json_line"),
        (b'{"custom_id": "a", "body": ' + b"[" * 100_000, {}, "invalid_json_line"),
        (None, {}, "source_missing"),
        (json.dumps(GIVEN).encode(), {"is_repeated": True}, "duplicate_custom_id"),
        (b" " * (4 * 1024 * 1024 + 1), {}, "line_too_large"),
    ):
        with pytest.raises(BadLineError) as refused:
            requests().of(raw, **options)
        assert refused.value.code == code


def test_what_is_written_tells_success_and_failure_apart():
    answer = Generation(id="resp_1", status="completed", body={"id": "resp_1"})
    good, bad = succeeded(7, "a", answer), failed(8, None, "invalid_json_line", "no JSON")
    assert (number_of(good), number_of(bad)) == (0, 8)
    assert json.loads(good)["response"] == {"status_code": 200, "request_id": "resp_1", "body": {"id": "resp_1"}}
    assert json.loads(bad)["response"] is None


def test_lines_end_as_on_unix_or_windows():
    assert list(split_lines(b"a\r\nb\n\nc")) == [b"a", b"b", b"", b"c"]
