"""Handles `x-quote: true` in a recipe's JSON Schema, which marks a string that must be a passage of the document.

The validator itself says which strings of an answer are marked: it collects unknown keywords as annotations, and only
from alternatives that apply.
"""

from collections.abc import Iterator
from typing import Any

from backburner.documents.schema_places import applied

KEYWORD = "x-quote"
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"})
"""Keywords whose keys are names, with a schema for each."""
_SUCH_PLACES = (
    "below not, if or propertyNames, beside $ref before draft 2019-09, behind a keyword that the draft does not know, "
    "or in $defs that nothing refers to"
)
_VALUES = frozenset({"enum", "const", "default", "examples"})
"""Keywords with values that may look like schemas."""


def has_quotes(schema: Any) -> bool:
    """Whether any string of a schema must be a quote."""
    return any(each.get(KEYWORD) is True for each in _schemas(schema))


def mistake_in(schema: Any) -> str:
    """What is wrong with the use of the keyword; "" if nothing is."""
    found = applied(schema)
    compared = {id(each) for each in found}
    for each in [*_schemas(schema), *found]:
        if KEYWORD not in each:
            continue
        if not isinstance(each[KEYWORD], bool):
            return f"{KEYWORD} is {each[KEYWORD]!r}: write true, or leave it out"
        if not each[KEYWORD]:
            continue
        kinds = each.get("type")
        if not {"string"} <= set(kinds if isinstance(kinds, list) else [kinds]) <= {"string", "null"}:
            return f'{KEYWORD} is for strings: set it beside type: string, or type: [string, "null"]'
        if id(each) not in compared:
            return f"{KEYWORD} is in a place that no answer is compared with: {_SUCH_PLACES}"
    return ""


def without_keyword(schema: Any) -> Any:
    """The schema without the keyword, since a provider may refuse unknown keywords."""
    if isinstance(schema, list):
        return [without_keyword(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for keyword, value in schema.items():
        if keyword in _NAMED and isinstance(value, dict):
            kept[keyword] = {name: without_keyword(each) for name, each in value.items()}
        elif keyword != KEYWORD:
            kept[keyword] = value if keyword in _VALUES else without_keyword(value)
    return kept


def quotes_in(validator: Any, answer: Any) -> list[tuple[str, str]]:
    """JSON pointer and text of each string that must be a quote, in the answer's order."""
    pointers = {
        each["instanceLocation"]
        for each in validator.evaluate(answer).annotations()
        if isinstance(each["annotations"], dict) and each["annotations"].get(KEYWORD) is True
    }
    return [(pointer, text) for pointer, text in _strings(answer, "") if pointer in pointers]


def names_in(schema: Any) -> set[str]:
    """The names of the properties in a schema."""
    named = (each.get("properties") for each in _schemas(schema))
    return {name for properties in named if isinstance(properties, dict) for name in properties}


def _schemas(schema: Any) -> Iterator[dict[str, Any]]:
    """A schema and all schemas within it."""
    if isinstance(schema, list):
        for each in schema:
            yield from _schemas(each)
    if not isinstance(schema, dict):
        return
    yield schema
    for keyword, value in schema.items():
        if keyword in _NAMED and isinstance(value, dict):
            for each in value.values():
                yield from _schemas(each)
        elif keyword not in _VALUES:
            yield from _schemas(value)


def _strings(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _strings(each, f"{pointer}/{number}")
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _strings(each, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}")
