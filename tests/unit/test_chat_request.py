"""Chat lines become requests of the Responses API: every parameter and message type; nothing is dropped silently."""

import json
from typing import Any

import pytest
from openai.types.chat import completion_create_params as chat_params

from backburner.batch.chat_messages import ChatLineError
from backburner.batch.chat_request import PARAMETERS, responses_body
from backburner.batch.input_lines import BadLineError, Requests
from backburner.documents.recipes import parse
from backburner.provider.profiles import PROFILES, Provider
from backburner_cli.standin import strictness
from backburner_cli.standin.profiles import PROFILES as STANDINS
from support.chat_lines import ASKED, PUBLIC, SCHEMA
from support.pages import names_in, rows

FUNCTION = {"name": "weather", "description": "Tell it.", "parameters": SCHEMA}
FLAT = {"type": "function", "strict": False, **FUNCTION}
PICTURE = "data:image/png;base64,iVBORw0KGgo="


def converted(**chat):
    return responses_body({"messages": ASKED} | chat)


def of_messages(*messages):
    return responses_body({"messages": list(messages)})


def sent(also=(), url="/v1/chat/completions", **chat):
    """The body that is sent for a whole line."""
    return read({"method": "POST", "url": url, "body": {"messages": ASKED} | chat}, also)


def read(line, also=(), provider=Provider.OPENAI):
    """The request that a line becomes."""
    reader = Requests(
        profile=PROFILES[provider],
        recipe=parse("Do it."),
        model="m-0",
        project="folder",
        job="job",
        also_allowed=frozenset(also),
    )
    return reader.of(json.dumps({"custom_id": "a"} | line).encode())


def refusal_of(call, *arguments, **named):
    with pytest.raises((ChatLineError, BadLineError)) as refused:
        call(*arguments, **named)
    return refused.value.code, refused.value.param


BECOMES: dict[str, list[tuple[Any, dict[str, Any]]]] = {
    "model": [("m-1", {"model": "m-1"})],
    "max_completion_tokens": [(300, {"max_output_tokens": 300}), (1, {"max_output_tokens": 16})],
    "max_tokens": [(300, {"max_output_tokens": 300}), (10, {"max_output_tokens": 16})],
    "temperature": [(0, {"temperature": 0}), (0.7, {"temperature": 0.7})],
    "top_p": [(0.9, {"top_p": 0.9})],
    "response_format": [
        ({"type": "text"}, {"text": {"format": {"type": "text"}}}),
        ({"type": "json_object"}, {"text": {"format": {"type": "json_object"}}}),
        (
            {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": SCHEMA, "strict": True, "description": None},
            },
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}}},
        ),
    ],
    "verbosity": [("low", {"text": {"verbosity": "low"}})],
    "reasoning_effort": [("high", {"reasoning": {"effort": "high"}})],
    "tools": [
        ([{"type": "function", "function": FUNCTION}], {"tools": [FLAT]}),
        ([{"type": "function", "function": {**FUNCTION, "strict": True}}], {"tools": [{**FLAT, "strict": True}]}),
        (
            [{"type": "function", "function": {"name": "now"}}],
            {
                "tools": [
                    {
                        "type": "function",
                        "name": "now",
                        "strict": False,
                        "parameters": {"type": "object", "properties": {}},
                    }
                ]
            },
        ),
        (
            [
                {
                    "type": "custom",
                    "custom": {
                        "name": "sql",
                        "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "d"}},
                    },
                }
            ],
            {
                "tools": [
                    {
                        "type": "custom",
                        "name": "sql",
                        "format": {"type": "grammar", "syntax": "lark", "definition": "d"},
                    }
                ]
            },
        ),
    ],
    "tool_choice": [
        ("required", {"tool_choice": "required"}),
        (
            {"type": "function", "function": {"name": "weather"}},
            {"tool_choice": {"type": "function", "name": "weather"}},
        ),
        ({"type": "custom", "custom": {"name": "sql"}}, {"tool_choice": {"type": "custom", "name": "sql"}}),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "weather"}}]},
            },
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "mode": "required",
                    "tools": [{"type": "function", "name": "weather"}],
                }
            },
        ),
    ],
    "parallel_tool_calls": [(False, {"parallel_tool_calls": False})],
    "metadata": [({"a": "b"}, {"metadata": {"a": "b"}})],
    "service_tier": [("flex", {"service_tier": "flex"})],
    "prompt_cache_key": [("k", {"prompt_cache_key": "k"})],
    "safety_identifier": [("s", {"safety_identifier": "s"})],
    "prompt_cache_options": [({"ttl": "30m"}, {"prompt_cache_options": {"ttl": "30m"}})],
    "prompt_cache_retention": [("24h", {"prompt_cache_retention": "24h"})],
    "stop": [([], {})],
    "frequency_penalty": [(0, {}), (0.0, {})],
    "presence_penalty": [(0, {})],
    "logit_bias": [({}, {})],
    "user": [("u-1", {})],
    "prediction": [({"type": "content", "content": "x"}, {})],
    "stream_options": [({"include_usage": True}, {})],
    "store": [(True, {}), (False, {})],
    "stream": [(False, {}), (True, {}), ("True", {})],
    "n": [(1, {})],
    "logprobs": [(False, {})],
    "top_logprobs": [(0, {})],
    "modalities": [(["text"], {})],
    "functions": [([], {})],
    "function_call": [("none", {}), ("auto", {})],
}
"""What a value of each parameter becomes."""
REFUSED: dict[str, list[Any]] = {
    "seed": [7],
    "stop": ["\n", ["a", "b"]],
    "frequency_penalty": [0.5],
    "presence_penalty": [-1],
    "logit_bias": [{"50256": -100}],
    "n": [2, 0, True, "1"],
    "logprobs": [True],
    "top_logprobs": [5],
    "modalities": [["text", "audio"]],
    "audio": [{"voice": "alloy", "format": "mp3"}],
    "web_search_options": [{}],
    "moderation": [{}],
    "functions": [[FUNCTION]],
    "function_call": [{"name": "weather"}],
}
"""Values without a counterpart."""
MALFORMED: list[tuple[str, Any, str]] = [
    ("max_tokens", "lots", "max_tokens"),
    ("max_completion_tokens", 0, "max_completion_tokens"),
    ("max_completion_tokens", True, "max_completion_tokens"),
    ("response_format", "json", "response_format"),
    ("response_format", {"type": "xml"}, "response_format.type"),
    ("response_format", {"type": "json_schema"}, "response_format.json_schema"),
    ("response_format", {"type": "json_schema", "json_schema": {"name": "n"}}, "response_format.json_schema.schema"),
    ("tools", {}, "tools"),
    ("tools", [{"type": "mcp"}], "tools[0].type"),
    ("tools", [{"type": "function", "function": {}}], "tools[0].function.name"),
    ("tool_choice", "any", "tool_choice"),
    ("tool_choice", {"type": "function", "function": {}}, "tool_choice.function.name"),
]


@pytest.mark.parametrize(
    ("name", "value", "becomes"), [(name, *case) for name, cases in BECOMES.items() for case in cases]
)
def test_each_parameter_is_translated(name, value, becomes):
    """The request has this and the input, and nothing else."""
    assert converted(**{name: value}) == {"input": "Hello"} | becomes


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in REFUSED.items() for value in values])
def test_a_parameter_without_counterpart_is_an_error_that_names_it(name, value):
    """The operator cannot allow it, unless a provider may accept it under this name."""
    assert refusal_of(converted, **{name: value}) == ("unsupported_parameter", name)
    chat = {"messages": ASKED, name: value}
    for allowed in (name, "*"):
        if PARAMETERS[name].may_be_allowed:
            assert responses_body(chat, frozenset({allowed})) == {"input": "Hello", name: value}
        else:
            assert refusal_of(responses_body, chat, frozenset({allowed})) == ("unsupported_parameter", name)


@pytest.mark.parametrize(("name", "value", "param"), MALFORMED)
def test_a_value_that_is_invalid_in_both_apis_is_named(name, value, param):
    assert refusal_of(converted, **{name: value}) == ("invalid_request", param)


def test_the_table_has_every_parameter_of_the_real_api():
    """It has those of the API's own client, and each is tested above."""
    real = {*chat_params.CompletionCreateParamsBase.__annotations__, "stream"}
    assert real == set(PARAMETERS)
    assert set(BECOMES) | set(REFUSED) == real - {"messages"}


def test_the_page_says_what_the_table_does():
    """It has a row for each parameter, in the same order and words."""
    *table, others = rows("docs/batches.md", "## Chat completions")
    assert [(names_in(name), told) for name, told in table] == [
        ([name], one.summary) for name, one in PARAMETERS.items()
    ]
    assert others[0] == "all others"


@pytest.mark.parametrize("name", list(PARAMETERS))
def test_null_counts_as_absent(name):
    """Some programs write every field."""
    if name != "messages":
        assert converted(**{name: None}) == {"input": "Hello"}


def test_both_bounds_on_tokens_must_agree():
    assert converted(max_tokens=90, max_completion_tokens=90)["max_output_tokens"] == 90
    assert refusal_of(converted, max_tokens=90, max_completion_tokens=100) == (
        "invalid_request",
        "max_completion_tokens",
    )


def test_format_and_verbosity_are_sent_together():
    body = converted(response_format={"type": "text"}, verbosity="low")
    assert body["text"] == {"format": {"type": "text"}, "verbosity": "low"}


@pytest.mark.parametrize("name", ["input", "instructions", "max_output_tokens", "text", "reasoning"])
def test_a_parameter_of_the_other_api_never_replaces_the_messages(name):
    assert refusal_of(converted, **{name: "x"}) == ("unsupported_parameter", name)


@pytest.mark.parametrize("role", ["system", "developer"])
def test_the_first_system_message_becomes_the_instructions(role):
    """Later ones keep their place and their role."""
    first, later = {"role": role, "content": "Be brief."}, {"role": role, "content": "In German."}
    assert of_messages(first, *ASKED) == {"instructions": "Be brief.", "input": "Hello"}
    assert of_messages(first, *ASKED, later) == {"instructions": "Be brief.", "input": [*ASKED, later]}
    assert of_messages(first) == {"input": [first]}


def test_in_json_mode_the_system_message_stays_in_the_input():
    """The API looks for the word JSON only in the input."""
    first = {"role": "system", "content": "Answer in JSON."}
    body = responses_body({"messages": [first, *ASKED], "response_format": {"type": "json_object"}})
    assert body["input"] == [first, *ASKED]
    assert "instructions" not in body


def test_parts_of_a_message_keep_their_order():
    """Texts, pictures by either form of URL, and files do."""
    content = [
        {"type": "text", "text": "Compare:"},
        {"type": "image_url", "image_url": {"url": PICTURE, "detail": "high"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
    ]
    assert of_messages({"role": "user", "content": content})["input"] == [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Compare:"},
                {"type": "input_image", "image_url": PICTURE, "detail": "high"},
                {"type": "input_image", "image_url": "https://example.org/a.png", "detail": "auto"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
            ],
        }
    ]


def test_calls_and_their_outputs_keep_their_ids():
    """A text before a call comes first; a custom tool's output stays of that type."""
    calls = [
        {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"a": "Rome"}'}},
        {"id": "call_2", "type": "custom", "custom": {"name": "sql", "input": "select 1"}},
    ]
    body = of_messages(
        *ASKED,
        {"role": "assistant", "content": "Let me look.", "tool_calls": calls, "refusal": None, "annotations": []},
        {"role": "tool", "tool_call_id": "call_1", "name": "weather", "content": "Sun"},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "1"}]},
    )
    assert body["input"] == [
        *ASKED,
        {"role": "assistant", "content": "Let me look."},
        {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"a": "Rome"}'},
        {"type": "custom_tool_call", "call_id": "call_2", "name": "sql", "input": "select 1"},
        {"type": "function_call_output", "call_id": "call_1", "output": "Sun"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": "1"},
    ]


def test_an_assistants_texts_and_refusals_are_sent_back_as_such():
    parts = [{"type": "text", "text": "One."}, {"type": "refusal", "refusal": "No."}]
    body = of_messages(*ASKED, {"role": "assistant", "content": parts}, {"role": "assistant", "refusal": "Never."})
    assert body["input"][1:] == [
        {
            "role": "assistant",
            "content": [{"type": "output_text", "text": "One."}, {"type": "refusal", "refusal": "No."}],
        },
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "Never."}]},
    ]


@pytest.mark.parametrize(
    ("messages", "code", "param"),
    [
        (None, "missing_required_parameter", "messages"),
        ([], "missing_required_parameter", "messages"),
        ("Hello", "invalid_request", "messages"),
        (["Hello"], "invalid_request", "messages[0]"),
        ([{"content": "x"}], "invalid_request", "messages[0].role"),
        ([{"role": ["user"], "content": "x"}], "invalid_request", "messages[0].role"),
        ([{"role": "function", "name": "f", "content": "x"}], "unsupported_parameter", "messages[0].role"),
        ([{"role": "user", "content": None}], "missing_required_parameter", "messages[0].content"),
        ([{"role": "user", "content": 5}], "invalid_request", "messages[0].content"),
        ([{"role": "user", "content": []}], "invalid_request", "messages[0].content"),
        ([{"role": "user", "content": ["x"]}], "invalid_request", "messages[0].content[0]"),
        ([{"role": "user", "content": "x", "name": "Ann"}], "unsupported_parameter", "messages[0].name"),
        (
            [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}],
            "unsupported_parameter",
            "messages[0].content[0].input_audio",
        ),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": 1}}]}],
            "invalid_request",
            "messages[0].content[0].image_url.url",
        ),
        (
            [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": PICTURE}}]}],
            "invalid_request",
            "messages[0].content[0].type",
        ),
        ([{"role": "assistant"}], "missing_required_parameter", "messages[0].content"),
        ([{"role": "assistant", "content": "x", "audio": {"id": "a"}}], "unsupported_parameter", "messages[0].audio"),
        (
            [{"role": "assistant", "function_call": {"name": "f"}, "content": "x"}],
            "unsupported_parameter",
            "messages[0].function_call",
        ),
        ([{"role": "tool", "content": "x"}], "invalid_request", "messages[0].tool_call_id"),
        (
            [{"role": "assistant", "tool_calls": [{"type": "function", "id": "c", "function": {"name": "f"}}]}],
            "invalid_request",
            "messages[0].tool_calls[0].function.arguments",
        ),
    ],
)
def test_an_invalid_message_is_named_by_its_place(messages, code, param):
    assert refusal_of(responses_body, {"messages": messages}) == (code, param)


def test_a_chat_line_is_sent_like_any_other():
    """It runs in the background, with the default model if it names none, and is marked for its answer's format."""
    request = sent(max_tokens=50, user="u-1")
    assert request.body == {
        "model": "m-0",
        "input": "Hello",
        "max_output_tokens": 50,
        "background": True,
        "store": True,
    }
    assert (request.is_given, request.is_chat) == (True, True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tools", [{"type": "function", "function": FUNCTION}]),
        ("tool_choice", "required"),
        ("prompt_cache_retention", "24h"),
        ("previous_response_id", "resp_1"),
        ("top_k", 40),
    ],
)
def test_a_chat_line_may_set_no_more_than_any_other(name, value):
    """The operator must allow a parameter, including those that a provider takes beyond the API."""
    assert refusal_of(sent, **{name: value}) == ("parameter_not_allowed", name)
    assert name in sent([name], **{name: value}).body


@pytest.mark.parametrize("url", ["/v1/chat/completions", "/v1/responses"])
@pytest.mark.parametrize("tools", [{}, {"tools": []}, {"tools": None}])
def test_tool_choice_auto_without_tools_is_left_out(url, tools):
    """It has no effect, and some servers refuse it. With tools, the operator must allow it as well."""
    given = {"messages": ASKED} if "chat" in url else {"input": "Hello"}
    line = {"method": "POST", "url": url, "body": given | {"tool_choice": "auto"} | tools}
    for also in ((), ("tools", "tool_choice")):
        assert "tool_choice" not in read(line, also).body
    line["body"]["tools"] = [{"type": "function", "function": FUNCTION} if "chat" in url else FLAT]
    assert refusal_of(read, line, ["tools"]) == ("parameter_not_allowed", "tool_choice")
    assert read(line, ["tools", "tool_choice"]).body["tool_choice"] == "auto"


def test_empty_fields_that_programs_copy_are_left_out():
    """A null refusal or name is; a message with nothing else has no content."""
    copied = {"role": "assistant", "content": "Yes.", "refusal": "", "name": ""}
    assert of_messages(*ASKED, copied)["input"] == [*ASKED, {"role": "assistant", "content": "Yes."}]
    assert of_messages({"role": "user", "content": "Hello", "name": ""}) == {"input": "Hello"}
    nothing = {"messages": [*ASKED, {"role": "assistant", "content": None, "refusal": ""}]}
    assert refusal_of(responses_body, nothing) == ("missing_required_parameter", "messages[1].content")
    wrong = {"messages": [*ASKED, {"role": "assistant", "content": "Yes.", "refusal": 0}]}
    assert refusal_of(responses_body, wrong) == ("invalid_request", "messages[1].refusal")


def test_a_file_in_the_account_cannot_be_used():
    content = [{"type": "file", "file": {"file_id": "file-1"}}, {"type": "text", "text": "x"}]
    messages = [{"role": "user", "content": content}]
    assert refusal_of(sent, messages=messages) == ("parameter_not_allowed", "file_id")
    assert sent(["file_id"], messages=messages).body["input"][0]["content"][0]["file_id"] == "file-1"


@pytest.mark.parametrize("source", PUBLIC)
def test_lines_as_public_projects_write_them_run_as_they_are(source):
    """The stand-in is as strict as the real API, and nothing that the model reads is lost.

    The keys of `PUBLIC` name the sources of the shapes: OpenAI's cookbook, vLLM, SGLang, AIBrix, Azure's guide,
    Curator, distilabel, LiteLLM, LangBatch and Together's cookbook.
    """
    line = PUBLIC[source]
    request = read(line)
    assert request.is_chat
    strictness.check(request.body, STANDINS["openai"])
    for name, value in line["body"].items():
        if PARAMETERS[name].convert is not None:
            assert (converted(**{name: value}) | request.body) == {"input": "Hello"} | request.body
        else:
            assert name == "messages" or value in (None, *LEFT_OUT[name])


LEFT_OUT = {
    "stream": ["True"],
    "logprobs": [False],
    "top_logprobs": [],
    "n": [1],
    "stop": [],
    "frequency_penalty": [0.0],
    "presence_penalty": [0.0],
}
"""Parameters of the public lines that have no effect."""


@pytest.mark.parametrize("provider", ["yandex", "vllm", "openai"])
def test_a_file_for_one_provider_runs_at_another(provider):
    """What a provider is known to refuse is left out, as for documents; the operator may have it sent."""
    more = {"reasoning_effort": "low", "service_tier": "flex", "metadata": {"a": "b"}, "prompt_cache_key": "k"}
    chat = {"model": "m", "messages": ASKED, "max_tokens": 20, **more}
    response = {"model": "m", "input": "Hello", "truncation": "disabled", "reasoning": {"effort": "low"}}
    for url, body in (("/v1/chat/completions", chat), ("/v1/responses", response)):
        line = {"method": "POST", "url": url, "body": body}
        made = read(line, provider=Provider(provider)).body
        strictness.check(made, STANDINS[provider])
        assert ("reasoning" in made) is (provider != "yandex")
        assert read(line, {"reasoning"}, Provider(provider)).body["reasoning"] == {"effort": "low"}


def test_a_schema_is_as_strict_as_the_line_says():
    """No more, no less: some servers take `strict: false` for no schema, and OpenAI refuses open ones."""
    for strict in ({}, {"strict": None}, {"strict": False}, {"strict": True}):
        given = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, **strict}}
        sent_as = converted(response_format=given)["text"]["format"]
        assert sent_as.get("strict") == strict.get("strict")
        assert ("strict" in sent_as) is (strict.get("strict") is not None)


def test_a_line_without_a_url_is_classified_by_its_body():
    assert sent(url=None).is_chat
