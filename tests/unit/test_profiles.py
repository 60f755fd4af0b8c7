"""Each provider is sent everything that the recipe asks for, and nothing that it does not take."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner.documents.recipes import Recipe, parse
from backburner.provider.profiles import PROFILES, Provider, request_body, resolve_model

FULL = parse("""---
max_output_tokens: 100
temperature: 0.2
top_p: 0.9
reasoning_effort: low
service_tier: flex
schema: {type: object, properties: {a: {type: string}}, required: [a], additionalProperties: false}
extra: {tools: [{type: web_search}], parallel_tool_calls: false}
---
Sum up.
""")
ALWAYS = {
    "model": "m",
    "instructions": "Sum up.",
    "input": "text",
    "background": True,
    "max_output_tokens": 200,
    "temperature": 0.2,
    "top_p": 0.9,
    "text": {"format": {"type": "json_schema", "name": "answer", "schema": FULL.schema, "strict": True}},
    "tools": [{"type": "web_search"}],
    "parallel_tool_calls": False,
}
KEPT: dict[Provider, dict[str, Any]] = {
    Provider.YANDEX: {},
    Provider.OPENAI: {
        "store": True,
        "metadata": {"job_id": "j"},
        "reasoning": {"effort": "low"},
        "service_tier": "flex",
    },
    Provider.AZURE: {"store": True, "metadata": {"job_id": "j"}, "reasoning": {"effort": "low"}},
    Provider.VLLM: {"store": True, "metadata": {"job_id": "j"}, "reasoning": {"effort": "low"}},
    Provider.GENERIC: {"reasoning": {"effort": "low"}},
}


def _body(provider: Provider, recipe: Recipe, text: str = "text", **more: Any) -> dict[str, Any]:
    options = {"model": "m", "job": "j", "max_output_tokens": None, **more}
    return request_body(PROFILES[provider], recipe, text=text, **options)


@pytest.mark.parametrize("provider", Provider)
def test_a_full_recipe_is_sent_as_far_as_the_provider_takes_it(provider: Provider) -> None:
    """Field by field; the cap is the job's current one."""
    assert _body(provider, FULL, max_output_tokens=200) == ALWAYS | KEPT[provider]


@pytest.mark.parametrize("provider", Provider)
def test_a_bare_recipe_sets_nothing_that_it_does_not_name(provider: Provider) -> None:
    """It sends no null and no default of ours: defaults are the provider's."""
    expected = {"model", "instructions", "input", "background"} | (KEPT[provider].keys() & {"store", "metadata"})
    assert _body(provider, parse("Sum up.")).keys() == expected


def test_zero_is_a_value() -> None:
    """A temperature of 0 is sent, not left out."""
    body = _body(Provider.OPENAI, parse("---\ntemperature: 0\ntop_p: 0\n---\nSum up."))
    assert (body["temperature"], body["top_p"]) == (0, 0)


@pytest.mark.parametrize("provider", Provider)
@given(st.text(min_size=1), st.text(min_size=1).filter(lambda text: text.strip()))
def test_document_and_instructions_are_sent_verbatim(provider: Provider, document: str, instructions: str) -> None:
    """What looks like a template, a role or front matter in a document is not interpreted."""
    recipe = parse("x")
    recipe_with_text = type(recipe)(
        **{name: getattr(recipe, name) for name in recipe.__struct_fields__} | _told(instructions)
    )
    body = _body(provider, recipe_with_text, document)
    assert (body["input"], body["instructions"]) == (document, instructions)


def _told(instructions: str) -> dict[str, str]:
    return {"instructions": instructions}


def test_extra_never_overrides_ours() -> None:
    """It does not even if it got past the recipe's own check."""
    recipe = parse("---\nextra: {tools: []}\n---\nSum up.")
    sly = type(recipe)(
        **{name: getattr(recipe, name) for name in recipe.__struct_fields__}
        | {"extra": {"background": False, "input": "other", "model": "dear", "store": False}}
    )
    body = _body(Provider.OPENAI, sly)
    assert (body["background"], body["input"], body["model"], body["store"]) == (True, "text", "m", True)


CLOSED = "type: object, additionalProperties: false"


@pytest.mark.parametrize(
    "schema",
    [
        f"{{{CLOSED}, properties: {{a: {{type: string}}}}, required: [a]}}",
        f"{{{CLOSED}}}",
        f"{{{CLOSED}, properties: {{a: {{{CLOSED}}}}}, required: [a]}}",
        f"{{{CLOSED}, properties: {{a: {{type: array, items: {{{CLOSED}}}}}}}, required: [a]}}",
    ],
)
def test_a_closed_schema_is_strict(schema: str) -> None:
    """Every object is closed, and every property required."""
    assert _format(schema)["strict"] is True


@pytest.mark.parametrize(
    "schema",
    [
        "{type: object, properties: {a: {type: string}}, required: [a]}",
        f"{{{CLOSED}, properties: {{a: {{type: string}}}}}}",
        f"{{{CLOSED}, properties: {{a: {{type: object}}}}, required: [a]}}",
        f"{{{CLOSED}, properties: {{a: {{type: array, items: {{type: object}}}}}}, required: [a]}}",
        f"{{{CLOSED}, properties: {{a: {{anyOf: [{{type: object}}, {{type: 'null'}}]}}}}, required: [a]}}",
        f"{{{CLOSED}, $defs: {{b: {{type: object}}}}}}",
        "{type: object, additionalProperties: {type: string}}",
        "{}",
        f"{{{CLOSED}, properties: {{a: {{type: [object, 'null']}}}}, required: [a]}}",
        "{type: array, items: {type: string}}",
    ],
)
def test_an_open_schema_is_not_strict(schema: str) -> None:
    """Providers refuse it in strict mode; without, they accept it, and the answer is validated here anyway."""
    assert "strict" not in _format(schema)


def _format(schema: str) -> dict[str, Any]:
    return _body(Provider.OPENAI, parse(f"---\nschema: {schema}\n---\nSum up."))["text"]["format"]


@pytest.mark.parametrize(
    ("provider", "model", "resolved"),
    [
        (Provider.YANDEX, "yandexgpt/latest", "gpt://folder/yandexgpt/latest"),
        (Provider.YANDEX, "gpt://other/yandexgpt", "gpt://other/yandexgpt"),
        (Provider.YANDEX, "ds://tuned", "ds://tuned"),
        (Provider.YANDEX, "a{model}{x}", "gpt://folder/a{model}{x}"),
        (Provider.OPENAI, "gpt-6", "gpt-6"),
        (Provider.AZURE, "deployment", "deployment"),
        (Provider.VLLM, "org/model", "org/model"),
        (Provider.GENERIC, "m", "m"),
    ],
)
def test_a_model_gets_the_providers_name(provider: Provider, model: str, resolved: str) -> None:
    """Yandex's short names become URIs; a URI stays unchanged."""
    assert resolve_model(PROFILES[provider], model, "folder") == resolved


def test_the_table_is_the_contracts() -> None:
    """It says which profiles need a project, have their own endpoint, and delete."""
    assert {provider for provider, profile in PROFILES.items() if profile.needs_project} == {Provider.YANDEX}
    assert {provider for provider, profile in PROFILES.items() if profile.base_url} == {
        Provider.YANDEX,
        Provider.OPENAI,
    }
    assert {provider for provider, profile in PROFILES.items() if not profile.deletes} == {Provider.VLLM}
    assert set(PROFILES) == set(Provider)
