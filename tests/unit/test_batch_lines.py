"""Lines of a batch are read, and written to the output files."""

import json

import pytest

from backburner.batch.input_lines import BadLineError, Requests, custom_id_of, split_lines
from backburner.batch.output_lines import failed, number_of, succeeded
from backburner.documents.recipes import parse
from backburner.provider.answers import Generation
from backburner.provider.profiles import PROFILES, Provider

GIVEN = {"custom_id": "a", "method": "POST", "url": "/v1/responses", "body": {"model": "m-1", "input": "text"}}


CAPS = ("lots", "10", [], {}, 0, -1, 1.5, True, 10**12)


def requests(provider=Provider.OPENAI, recipe="Translate it.", **more):
    return Requests(profile=PROFILES[provider], recipe=parse(recipe), model="m-0", project="folder", job="job", **more)


def of(line, **options):
    return requests().of(json.dumps(line).encode(), **options)


def test_a_body_is_passed_on_except_for_what_we_set():
    body = GIVEN["body"] | {"background": False, "store": False, "temperature": 0.1, "text": {"verbosity": "low"}}
    request = of(GIVEN | {"body": body})
    assert request.body == body | {"background": True, "store": True}
    assert (request.custom_id, request.is_given) == ("a", True)


def test_a_missing_model_is_filled_in_and_a_short_name_becomes_the_providers():
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
        (json.dumps(GIVEN | {"url": "/v1/embeddings"}), "unsupported_endpoint", "a"),
        (json.dumps(GIVEN | {"url": "/v1/completions"}), "unsupported_endpoint", "a"),
        (json.dumps(GIVEN | {"url": "/embeddings"}), "unsupported_endpoint", "a"),
        (json.dumps(GIVEN | {"url": "/completions"}), "unsupported_endpoint", "a"),
        (json.dumps(GIVEN | {"url": "/v1/moderations"}), "invalid_url", "a"),
        (json.dumps(GIVEN | {"body": {"messages": [{"role": "user", "content": "x"}]}}), "invalid_url", "a"),
        (json.dumps(GIVEN | {"url": "/v1/chat/completions"}), "missing_required_parameter", "a"),
        (json.dumps(GIVEN | {"body": {"model": "m" * 257, "input": "x"}}), "invalid_request", "a"),
        *(
            (json.dumps(GIVEN | {"body": {"input": "x", "max_output_tokens": cap}}), "invalid_request", "a")
            for cap in CAPS
        ),
        (
            '{"custom_id": "a", "body": {"input": "x", "metadata": ' + "[" * 101 + "]" * 101 + "}}",
            "invalid_request",
            "a",
        ),
        (
            '{"custom_id": "a", "body": {"input": "x", "metadata": ' + "[" * 100_000 + "]" * 100_000 + "}}",
            "invalid_json_line",
            None,
        ),
        (json.dumps(GIVEN | {"method": "DELETE"}), "invalid_method", "a"),
        (json.dumps(GIVEN | {"body": {"model": "m"}}), "missing_required_parameter", "a"),
        (json.dumps(GIVEN | {"body": {"model": 5, "input": "x"}}), "invalid_request", "a"),
    ],
)
def test_a_line_that_cannot_be_run_says_why(line, code, custom_id):
    with pytest.raises(BadLineError) as refused:
        requests().of(line.encode())
    assert (refused.value.code, refused.value.custom_id) == (code, custom_id)


def test_a_line_that_is_not_text_or_empty_or_repeated_or_too_long_is_refused():
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


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"Hi \ud83d", "Hi \ufffd"),
        (r"\udE00 Hi", "\ufffd Hi"),
        (r"\uD83D\uD83D\ude00", "\ufffd\U0001f600"),
        (r"\\ud83d \\\ud83d\n", "\\ud83d \\\ufffd\n"),
        (r"\ud83d\u0041", "\ufffdA"),
    ],
)
def test_half_a_character_does_not_fail_a_line(written: str, read: str) -> None:
    """Programs that cut a text within an emoji write one; it is sent as U+FFFD, and everything else unchanged."""
    line = f'{{"custom_id": "a", "method": "POST", "url": "/v1/responses", "body": {{"input": "{written}"}}}}'.encode()
    assert requests().of(line).body["input"] == read
    assert custom_id_of(line) == "a"
    assert custom_id_of(f'{{"custom_id": "{written}"}}'.encode()) == read
    with pytest.raises(BadLineError) as refused:
        requests().of(line.replace(b'"POST"', b"POST"))
    assert refused.value.code == "invalid_json_line"


def test_output_lines_distinguish_success_and_failure():
    answer = Generation(id="resp_1", status="completed", body={"id": "resp_1"})
    good, bad = succeeded(7, "a", answer), failed(8, None, "invalid_json_line", "no JSON")
    assert (number_of(good), number_of(bad)) == (0, 8)
    assert json.loads(good)["response"] == {"status_code": 200, "request_id": "resp_1", "body": {"id": "resp_1"}}
    assert json.loads(bad)["response"] is None


def test_lines_end_as_on_unix_or_windows():
    assert list(split_lines(b"a\r\nb\n\nc")) == [b"a", b"b", b"", b"c"]


def nested(depth):
    """A line whose metadata is nested to this depth."""
    metadata = '{"a":' * depth + "1" + "}" * depth
    return f'{{"custom_id": "a", "body": {{"input": "x", "metadata": {metadata}}}}}'.encode()


@pytest.mark.parametrize("depth", [101, 800, 943, 960, 983, 990, 5000])
def test_a_line_nested_too_deep_is_an_error_of_that_line(depth):
    """Encoding its request would fail at just under a thousand levels, in the middle of a create."""
    with pytest.raises(BadLineError):
        requests().of(nested(depth))


@pytest.mark.parametrize("depth", [101, 500, 900])
def test_an_input_nested_too_deep_is_an_error_of_its_line(depth):
    """The same bound holds, since it is encoded like any other request."""
    with pytest.raises(BadLineError) as refused:
        requests().of(f'{{"custom_id": "a", "input": {"[" * depth}1{"]" * depth}}}'.encode())
    assert (refused.value.code, refused.value.custom_id, refused.value.param) == ("invalid_request", "a", "input")


def test_a_line_may_be_nested_as_far_as_any_request_needs():
    """What is accepted can also be sent."""
    assert json.dumps(requests().of(nested(90)).body)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tools", [{"type": "mcp", "server_url": "https://elsewhere.example"}]),
        ("tool_choice", "required"),
        ("truncation", "auto"),
        ("previous_response_id", "resp_1"),
        ("conversation", "conv_1"),
        ("prompt", {"id": "pmpt_1"}),
        ("include", ["file_search_call.results"]),
        ("of_some_provider", 1),
    ],
)
def test_a_line_may_set_only_what_the_operator_allows(name, value):
    """Write access to the inbox does not grant everything that the key can do."""
    line = json.dumps(GIVEN | {"body": {"input": "x", name: value}}).encode()
    with pytest.raises(BadLineError, match=f"'{name}'.*BACKBURNER_LINE_PARAMETERS") as refused:
        requests().of(line)
    assert (refused.value.code, refused.value.param) == ("parameter_not_allowed", name)
    for allowed in (name, "*"):
        assert requests(also_allowed=frozenset({allowed})).of(line).body[name] == value


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ([{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}], "file_id"),
        ([{"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]}], "file_id"),
        ([{"type": "item_reference", "id": "msg_1"}], "item_reference"),
    ],
)
@pytest.mark.parametrize("form", [lambda given: {"body": {"input": given}}, lambda given: {"input": given}])
def test_an_input_may_not_refer_to_anything_in_the_account(given, name, form):
    """This holds in a whole body and under the recipe."""
    with pytest.raises(BadLineError) as refused:
        requests().of(json.dumps({"custom_id": "a"} | form(given)).encode())
    assert (refused.value.code, refused.value.param) == ("parameter_not_allowed", name)


@pytest.mark.parametrize(
    ("file", "is_shown"),
    [
        ({"file_data": "data:application/pdf;base64,JVBERi0="}, True),
        ({"filename": "A.PDF", "file_data": "JVBERi0="}, True),
        ({"file_url": "https://example.org/a.pdf?v=1"}, True),
        ({"filename": "a.txt", "file_data": "data:text/plain;base64,QQ=="}, False),
        ({"file_url": "https://example.org/pdf"}, False),
    ],
)
def test_a_pdf_is_refused_for_a_model_that_does_not_see(file: dict[str, str], is_shown: bool) -> None:  # noqa: FBT001
    """Providers show its pages; of other files they take the text."""
    body = {"model": "m-1", "input": [{"role": "user", "content": [{"type": "input_file"} | file]}]}
    raw = json.dumps(GIVEN | {"body": body}).encode()
    assert requests(sighted={"m-1": True}).of(raw).body["input"] == body["input"]
    if not is_shown:
        assert requests(sighted={"m-1": False}).of(raw).body["input"] == body["input"]
        return
    with pytest.raises(BadLineError) as refused:
        requests(sighted={"m-1": False}).of(raw)
    assert (refused.value.code, refused.value.param) == ("vision_unsupported", "input")


def test_the_apis_own_defaults_may_be_written_out():
    """Some programs write every field."""
    written = {"truncation": "disabled", "tools": [], "tool_choice": "none", "conversation": None, "stream": False}
    assert of(GIVEN | {"body": {"input": "x"} | written}).body["truncation"] == "disabled"


@pytest.mark.parametrize("asked", [True, False, "True", None])
def test_whether_a_line_asks_for_a_stream_changes_nothing(asked):
    """Its answer arrives in one piece."""
    assert "stream" not in of(GIVEN | {"body": {"input": "x", "stream": asked}}).body


def test_a_stored_prompt_may_replace_the_input_if_it_is_allowed():
    line = json.dumps(GIVEN | {"body": {"prompt": {"id": "pmpt_1"}}}).encode()
    assert requests(also_allowed=frozenset({"prompt"})).of(line).body["prompt"] == {"id": "pmpt_1"}


def test_an_output_line_is_one_line_for_every_reader():
    """This includes `str.splitlines`, which some projects use; no character is changed."""
    words = "".join(map(chr, [*range(1, 0xA1), 0x2028, 0x2029, 0xFEFF, 0x1F600]))
    written = succeeded(1, words, Generation(id="resp_1", status="completed", body={"text": words}))
    (line,) = written.decode().splitlines()
    assert (json.loads(line)["custom_id"], json.loads(line)["response"]["body"]) == (words, {"text": words})
    (line,) = failed(1, words, "refused", words + "\udc80").decode().splitlines()
    assert json.loads(line)["error"]["message"] == words + "?"


def test_an_error_line_never_has_a_200():
    """Some programs recognise successes by this field alone."""
    answer = Generation(id="resp_1", status="incomplete", body={"id": "resp_1", "status": "incomplete"})
    written = json.loads(failed(7, "a", "output_truncated", "cut off", answer, param="max_output_tokens"))
    assert written["response"] == {"status_code": None, "request_id": "resp_1", "body": answer.body}
    assert written["error"]["param"] == "max_output_tokens"
    assert json.loads(failed(7, "a", "lost", "gone"))["response"] is None
