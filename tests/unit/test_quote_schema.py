"""`x-quote` in a recipe's schema: which strings it applies to, where it is refused, and that providers never see it."""

import json

import jsonschema_rs
import pytest

from backburner.documents.answer_schema import quotes_of
from backburner.documents.quote_schema import has_quotes, quotes_in, without_keyword
from backburner.documents.recipes import parse
from backburner.errors import JobError, Reason

QUOTE = {"type": "string", "x-quote": True}
OPTIONAL = {"type": ["string", "null"], "x-quote": True}


def recipe(schema):
    return parse(f"---\nschema: {json.dumps(schema)}\n---\nDo it.")


def pointers(schema, answer):
    return [pointer for pointer, _ in quotes_of(recipe(schema), json.dumps(answer))]


@pytest.mark.parametrize(
    ("schema", "answer", "expected"),
    [
        ({"properties": {"a": QUOTE, "b": {"type": "string"}}}, {"a": "x", "b": "y"}, ["/a"]),
        ({"properties": {"a": OPTIONAL}}, {"a": None}, []),
        ({"properties": {"a": OPTIONAL}}, {"a": "x"}, ["/a"]),
        ({"properties": {"a": {"items": {"properties": {"q": QUOTE}}}}}, {"a": [{"q": "x"}, {}]}, ["/a/0/q"]),
        ({"properties": {"a": {"prefixItems": [QUOTE, {}]}}}, {"a": ["x", "y"]}, ["/a/0"]),
        ({"properties": {"a": {"$ref": "#/$defs/q"}}, "$defs": {"q": QUOTE}}, {"a": "x"}, ["/a"]),
        ({"properties": {"a": {"$ref": "#/own/q"}}, "own": {"q": QUOTE}}, {"a": "x"}, ["/a"]),
        ({"properties": {"a": {"$ref": "#q"}}, "$defs": {"q": QUOTE | {"$anchor": "q"}}}, {"a": "x"}, ["/a"]),
        ({"properties": {"a": {"anyOf": [QUOTE, {"type": "number"}]}}}, {"a": "x"}, ["/a"]),
        ({"properties": {"a": {"anyOf": [QUOTE, {"type": "number"}]}}}, {"a": 1}, []),
        ({"properties": {"a": {"oneOf": [QUOTE | {"minLength": 5}, {"maxLength": 4}]}}}, {"a": "x"}, []),
        ({"properties": {"a": {"allOf": [QUOTE, {"minLength": 1}]}}}, {"a": "x"}, ["/a"]),
        ({"additionalProperties": QUOTE}, {"a/b~c": "x"}, ["/a~1b~0c"]),
        ({"patternProperties": {"^q": QUOTE}}, {"q1": "x", "r": "y"}, ["/q1"]),
        ({"properties": {"x-quote": {"type": "string"}, "a": QUOTE}}, {"x-quote": "x", "a": "y"}, ["/a"]),
        ({"properties": {"a": {"type": "string", "x-quote": False}}}, {"a": "x"}, []),
        ({"$defs": {"t": {"properties": {"q": QUOTE, "n": {"$ref": "#/$defs/t"}}}}, "$ref": "#/$defs/t"},
         {"q": "x", "n": {"q": "y"}}, ["/q", "/n/q"]),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"a": QUOTE}}, {"a": "x"}, ["/a"]),
        ({"if": {"required": ["k"]}, "then": {"properties": {"a": QUOTE}}}, {"a": "x", "k": 1}, ["/a"]),
        ({"if": {"required": ["k"]}, "then": {"properties": {"a": QUOTE}}}, {"a": "x"}, []),
    ],
)  # fmt: skip
def test_the_quotes_of_an_answer_are_those_that_the_schema_marks(schema, answer, expected):
    """They are found through lists, references and alternatives, of which only the applicable one counts."""
    assert pointers(schema | {"type": "object"}, answer) == expected


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"type": "array", "x-quote": True}}},
        {"properties": {"a": {"type": ["string", "number"], "x-quote": True}}},
        {"properties": {"a": {"x-quote": True}}},
        {"properties": {"a": {"type": "string", "x-quote": "yes"}}},
        {"properties": {"a": {"anyOf": [{"type": "string"}], "x-quote": True}}},
        {"x-quote": True, "type": "object"},
        {"own": {"deep": [{"type": "object", "x-quote": True}]}},
    ],
)
def test_a_quote_that_could_never_be_checked_is_refused(schema):
    """A check that does not happen must not be relied on."""
    with pytest.raises(JobError, match="x-quote") as refused:
        recipe({"type": "object"} | schema)
    assert refused.value.reason is Reason.INVALID_RECIPE


DRAFTS = {
    "4": "http://json-schema.org/draft-04/schema#",
    "6": "http://json-schema.org/draft-06/schema#",
    "7": "http://json-schema.org/draft-07/schema#",
    "2019": "https://json-schema.org/draft/2019-09/schema",
    "2020": "https://json-schema.org/draft/2020-12/schema",
}
PLACES = [
    ({"properties": {"a": {"$ref": "#/definitions/s", "type": "string", "x-quote": True}}, "definitions": {"s": {}}},
     {"a": "x"}, "2019 2020"),
    ({"properties": {"a": {"$ref": "#/definitions/s"}}, "definitions": {"s": QUOTE}}, {"a": "x"}, "4 6 7 2019 2020"),
    ({"properties": {"a": {"$ref": "#/own/s%20t"}}, "own": {"s t": QUOTE}}, {"a": "x"}, "4 6 7 2019 2020"),
    ({"properties": {"a": {"items": {"$ref": "#"}}, "q": QUOTE}}, {"a": [{"q": "x"}]}, "4 6 7 2019 2020"),
    ({"definitions": {"s": QUOTE}}, {"a": "x"}, ""),
    ({"own": {"s": QUOTE}}, {"a": "x"}, ""),
    ({"propertyNames": QUOTE}, {"a": "x"}, ""),
    ({"properties": {"a": {"not": QUOTE}}}, {"a": 1}, ""),
    ({"properties": {"a": {"if": QUOTE}}}, {"a": "x"}, ""),
    ({"properties": {"a": {"then": QUOTE}}}, {"a": "x"}, ""),
    ({"properties": {"a": {"if": True, "then": QUOTE}}}, {"a": "x"}, "7 2019 2020"),
    ({"properties": {"a": {"contentSchema": QUOTE}}}, {"a": "x"}, ""),
    ({"properties": {"a": {"contains": QUOTE}}}, {"a": ["x"]}, "6 7 2019 2020"),
    ({"properties": {"a": {"prefixItems": [QUOTE]}}}, {"a": ["x"]}, "2020"),
    ({"properties": {"a": {"additionalItems": QUOTE}}}, {"a": ["x"]}, ""),
    ({"unevaluatedProperties": QUOTE}, {"a": "x"}, "2019 2020"),
    ({"dependentSchemas": {"b": {"properties": {"a": QUOTE}}}}, {"a": "x", "b": 1}, "2019 2020"),
    ({"dependencies": {"b": {"properties": {"a": QUOTE}}}}, {"a": "x", "b": 1}, "4 6 7 2019 2020"),
]  # fmt: skip


@pytest.mark.parametrize("draft", DRAFTS)
@pytest.mark.parametrize(("schema", "answer", "drafts"), PLACES)
def test_the_keyword_is_refused_in_places_that_are_not_checked(schema, answer, drafts, draft):
    """This depends on the draft: a recipe is accepted if and only if the validator reports the string."""
    schema = {"$schema": DRAFTS[draft], "type": "object"} | schema
    reported = quotes_in(jsonschema_rs.validator_for(schema), answer)
    assert [text for _, text in reported] == (["x"] if draft in drafts.split() else [])
    if draft in drafts.split():
        assert recipe(schema).has_quotes
    else:
        with pytest.raises(JobError, match="no answer is compared with"):
            recipe(schema)


def test_nothing_but_the_keyword_is_taken_out():
    """A property of that name stays, and so do values that look like schemas."""
    schema = {
        "properties": {"x-quote": QUOTE, "b": {"enum": [{"x-quote": True}], "default": {"x-quote": 1}}},
        "items": [QUOTE, {"not": QUOTE}],
        "$defs": {"x-quote": {"const": {"x-quote": True}}},
    }
    assert without_keyword(schema) == {
        "properties": {"x-quote": {"type": "string"}, "b": {"enum": [{"x-quote": True}], "default": {"x-quote": 1}}},
        "items": [{"type": "string"}, {"not": {"type": "string"}}],
        "$defs": {"x-quote": {"const": {"x-quote": True}}},
    }
    assert not has_quotes(without_keyword(schema))


def test_a_recipe_without_the_keyword_looks_for_nothing():
    """Not even the answer is read."""
    assert quotes_of(parse("Sum up."), "no JSON") == []
    assert not recipe({"type": "object", "properties": {"x-quote": {"type": "string"}}}).has_quotes
