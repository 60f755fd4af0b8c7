"""Tells which schemas within a JSON Schema an answer's values are compared with: only their annotations are reported.

If in doubt, a schema is left out: a reference is followed if it is a pointer or names an anchor of the same document.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

_DRAFTS = (("draft-04", 4), ("draft-06", 6), ("draft-07", 7), ("2019-09", 2019))
_NEWEST = 2020
_SIBLINGS_COUNT_SINCE = 2019
"""The draft before which everything beside a $ref is ignored."""
_SINCE = {
    "allOf": 4, "anyOf": 4, "oneOf": 4, "items": 4, "additionalProperties": 4, "properties": 4, "patternProperties": 4,
    "dependencies": 4, "contains": 6, "then": 7, "else": 7, "unevaluatedItems": 2019, "unevaluatedProperties": 2019,
    "dependentSchemas": 2019, "prefixItems": 2020,
}  # fmt: skip
"""The keywords that apply schemas to a value or to what is in it, and the draft since which each does."""
_NAMED = frozenset({"properties", "patternProperties", "dependencies", "dependentSchemas"})
"""Those whose keys are names, with a schema for each."""
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


def applied(schema: Any) -> list[dict[str, Any]]:
    """The schemas that can apply to an answer, each once; without those whose keywords a $ref beside them hides."""
    draft, found = _draft(schema), dict[int, dict[str, Any]]()
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict) and id(each) not in found:
            found[id(each)] = each
            waiting += _below(each, draft, schema)
    return [each for each in found.values() if not _is_hidden(each, draft)]


def _draft(schema: Any) -> int:
    name = str(schema.get("$schema", "")) if isinstance(schema, dict) else ""
    return next((number for part, number in _DRAFTS if part in name), _NEWEST)


def _below(schema: dict[str, Any], draft: int, whole: Any) -> Iterator[Any]:
    """The schemas that apply where this one does, or to what is in the value."""
    for keyword in _REFERENCES if draft >= _SIBLINGS_COUNT_SINCE else _REFERENCES[:1]:
        if isinstance(reference := schema.get(keyword), str):
            yield _referred(reference, whole)
    if _is_hidden(schema, draft):
        return
    for keyword, value in schema.items():
        if not _applies(keyword, schema, draft):
            continue
        if keyword in _NAMED and isinstance(value, dict):
            yield from value.values()
        elif isinstance(value, list):
            yield from value
        else:
            yield value


def _is_hidden(schema: dict[str, Any], draft: int) -> bool:
    return "$ref" in schema and draft < _SIBLINGS_COUNT_SINCE


def _applies(keyword: str, schema: dict[str, Any], draft: int) -> bool:
    if keyword in ("then", "else") and "if" not in schema:
        return False
    if keyword == "additionalItems":
        return draft < _NEWEST and isinstance(schema.get("items"), list)
    return draft >= _SINCE.get(keyword, _NEWEST + 1)


def _referred(reference: str, whole: Any) -> Any:
    """What a reference leads to; None if that is not known."""
    if not reference.startswith("#"):
        return None
    fragment = unquote(reference[1:])
    if not fragment.startswith("/"):
        return whole if not fragment else _anchored(fragment, whole)
    place = whole
    for step in fragment[1:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(place, dict):
            place = place.get(name)
        elif isinstance(place, list) and name.isdecimal() and int(name) < len(place):
            place = place[int(name)]
        else:
            return None
    return place


def _anchored(name: str, value: Any) -> Any:
    """The schema with an anchor; None if there is none."""
    if isinstance(value, dict):
        if name in (value.get("$anchor"), value.get("$dynamicAnchor")) or f"#{name}" in (
            value.get("$id"), value.get("id"),
        ):  # fmt: skip
            return value
        return next((found for each in value.values() if (found := _anchored(name, each)) is not None), None)
    if isinstance(value, list):
        return next((found for each in value if (found := _anchored(name, each)) is not None), None)
    return None
