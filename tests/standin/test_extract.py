"""The stand-in's text is a true extract within its cap; its JSON is valid and comes from the input."""

import json
import re
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner_cli.standin.extract import NOTICE, count_tokens, cut, cut_signed, sentences, summarise
from backburner_cli.standin.filling import UnfillableError, fill

from .conftest import DOCUMENT, World

# ruff: noqa: RUF001 - the letters are Cyrillic on purpose
CYRILLIC = (
    "Порт принял 4200 контейнеров в марте. Большая часть контейнеров везла зерно на север. Шёл дождь. "
    "Начальник порта попросил у совета 3 новых крана. Краны стоят 1750000 крон. Все молчали. "
    "Совет решит о кранах порта в мае. Потом все ушли."
)


@pytest.mark.parametrize(
    ("document", "telling", "idle"), [(DOCUMENT, "harbour", "It rained."), (CYRILLIC, "порта", "Шёл дождь.")]
)
def test_the_extract_says_what_the_document_is_about(document: str, telling: str, idle: str) -> None:
    """Sentences with the document's characteristic words are preferred, in any alphabet."""
    extract = summarise(document)
    assert telling in extract
    assert idle not in extract


@given(st.text(max_size=3000))
def test_every_sentence_of_an_extract_is_in_the_document_in_that_order(text: str) -> None:
    """Nothing is invented or moved, and the last line says what this is."""
    *body, notice = summarise(text).rsplit("\n\n", 1)
    assert notice == NOTICE
    plain = " ".join(sentences(text))
    at = 0
    for sentence in sentences(body[0]) if body else []:
        at = plain.find(sentence, at)
        assert at >= 0


def test_a_partial_text_is_signed_too(world: World) -> None:
    """A text cut off at its cap stays within it, and still says that no language model wrote it."""
    for cap in (16, 30, 50):
        partial = world.finished(max_output_tokens=cap)
        assert (partial.status, partial.incomplete_details.reason) == ("incomplete", "max_output_tokens")
        assert partial.output_text.endswith(NOTICE)
        assert partial.usage.output_tokens <= cap


def test_an_extract_of_extracts_names_itself_once() -> None:
    """A merge of parts does not take their notices for sentences."""
    assert summarise(summarise(DOCUMENT) + "\n" + summarise(CYRILLIC)).count(NOTICE) == 1


@given(st.text(max_size=300), st.integers(0, 100))
def test_a_cut_text_keeps_its_cap(text: str, cap: int) -> None:
    """It is the text's beginning, in whole characters, within the limit."""
    assert text.startswith(cut(text, cap))
    assert count_tokens(cut(text, cap)) <= cap
    assert count_tokens(cut_signed(text, max(16, cap))) <= max(16, cap)


def test_a_sentence_without_end_is_bounded() -> None:
    """A document without punctuation is not returned whole."""
    assert count_tokens(summarise("word " * 100_000)) < 2000


def test_json_object_contains_the_signed_summary(world: World) -> None:
    """Without a schema, the JSON is a summary, marked like the text."""
    done = world.finished(instructions="Answer as JSON.", text={"format": {"type": "json_object"}})
    assert json.loads(done.output_text) == {"summary": summarise(DOCUMENT)}


def test_a_schema_is_filled_from_the_document(world: World) -> None:
    """Strings are sentences, numbers are the document's, and formats are found in it."""
    line = {"type": "object", "properties": {"text": {"type": "string"}, "amount": {"type": "number", "minimum": 1000}}}
    schema = {
        "type": "object",
        "properties": {
            "title": {"type": "string", "maxLength": 40},
            "decided": {"type": ["string", "null"], "format": "date"},
            "topic": {"enum": ["railway", "harbour"]},
            "cranes": {"type": "integer", "maximum": 10},
            "lines": {"type": "array", "minItems": 2, "items": {"$ref": "#/$defs/line"}},
            "urgent": {"type": "boolean"},
            "nested": {"allOf": [{"$ref": "#/$defs/line"}, {"required": ["amount"]}]},
        },
        "required": ["title", "decided", "topic"],
        "additionalProperties": False,
        "$defs": {"line": line},
    }
    done = world.finished(text={"format": {"type": "json_schema", "name": "report", "schema": schema}})
    answer = json.loads(done.output_text)
    jsonschema_rs.validate(schema, answer)
    assert (answer["decided"], answer["topic"], answer["cranes"]) == ("2031-05-17", "harbour", 3)
    assert {line["amount"] for line in answer["lines"]} <= {4200, 1750000, 2031}
    assert all(line["text"] in DOCUMENT for line in answer["lines"])
    assert answer["title"] in DOCUMENT


def test_a_schema_that_no_answer_fits_fails_and_says_so(world: World) -> None:
    """Such a generation fails, and never gives a wrong answer."""
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^zz[0-9]{9}$"}}, "required": ["a"]}
    done = world.finished(text={"format": {"type": "json_schema", "name": "n", "schema": schema}})
    assert (done.status, done.error.code, done.output) == ("failed", "server_error", [])


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"next": {"$ref": "#"}, "name": {"type": "string"}}, "required": ["name"]},
        {"type": "object", "minProperties": 2, "additionalProperties": {"type": "integer"}},
        {"type": "object", "properties": {"a": {"anyOf": [{"type": "null"}, {"type": "integer"}]}}},
        {
            "type": "object",
            "properties": {"a": {"type": "array", "uniqueItems": True, "minItems": 3, "items": {"type": "string"}}},
        },
        {"type": "object", "properties": {"a": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}}},
        {"type": "object", "properties": {"a": {"type": "integer", "multipleOf": 7, "minimum": 100, "maximum": 106}}},
        {
            "type": "object",
            "properties": {"a": {"type": "string", "pattern": "[0-9]{4}"}, "b": {"const": [1, {"c": 2}]}},
        },
        {
            "type": "object",
            "properties": {"a": {"type": "string", "format": "email"}, "b": True, "c": {"type": "null"}},
        },
        {"type": "object", "required": ["unnamed"]},
    ],
)
@pytest.mark.parametrize("text", [DOCUMENT, CYRILLIC, ""])
def test_schemas_of_many_kinds_are_filled(schema: dict[str, Any], text: str) -> None:
    """Recursion, alternatives, limits and formats give a valid answer, or an error says that no text fits."""
    needs_digits, needs_many = ("pattern" in json.dumps(schema), "uniqueItems" in json.dumps(schema))
    if (needs_digits and not re.search("[0-9]{4}", text)) or (needs_many and not text):
        with pytest.raises(UnfillableError):
            fill(schema, text)
    else:
        jsonschema_rs.validate(schema, fill(schema, text))


def scalars() -> st.SearchStrategy[dict[str, Any]]:
    """Schemas of strings, numbers, booleans and enums, with satisfiable limits."""
    lengths = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted)
    limits = st.tuples(st.integers(-1000, 1000), st.integers(-1000, 1000)).map(sorted)
    return st.one_of(
        lengths.map(lambda pair: {"type": "string", "minLength": pair[0], "maxLength": pair[1]}),
        limits.map(lambda pair: {"type": "integer", "minimum": pair[0], "maximum": pair[1]}),
        limits.map(lambda pair: {"type": ["number", "null"], "minimum": pair[0], "maximum": pair[1]}),
        st.lists(st.text(max_size=5), min_size=1, max_size=4, unique=True).map(lambda values: {"enum": values}),
        st.just({"type": "boolean"}),
    )


def containers(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Arrays and objects around other schemas."""
    arrays = st.tuples(inner, st.integers(0, 3)).map(
        lambda made: {"type": "array", "items": made[0], "minItems": made[1]}
    )
    names = st.text(alphabet="abc", min_size=1, max_size=3)
    objects = st.dictionaries(names, inner, max_size=4).map(
        lambda properties: {
            "type": "object",
            "properties": properties,
            "required": sorted(properties),
            "additionalProperties": False,
        }
    )
    return st.one_of(arrays, objects)


@given(st.recursive(scalars(), containers, max_leaves=8), st.sampled_from([DOCUMENT, CYRILLIC, "", "12"]))
def test_every_schema_is_filled_with_a_valid_answer(schema: dict[str, Any], text: str) -> None:
    """This holds for all these kinds and for any text."""
    wrapped = {"type": "object", "properties": {"value": schema}, "required": ["value"]}
    jsonschema_rs.validate(wrapped, fill(wrapped, text))
