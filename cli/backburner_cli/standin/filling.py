"""Fills a JSON Schema from the input: strings are its sentences, numbers are the numbers found in it."""

import math
import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Final

import jsonschema_rs

from backburner_cli.standin.extract import informative, sentences

_NUMBER: Final = re.compile(r"(?<![\w.])-?\d{1,15}(?:\.\d{1,6})?(?![\w.]*\d)")
_FORMATS: Final[dict[str, tuple[str, str]]] = {
    "date": (r"\b\d{4}-[01]\d-[0-3]\d\b", "1970-01-01"),
    "date-time": (r"\b\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(?:Z|[+-]\d\d:\d\d)", "1970-01-01T00:00:00Z"),
    "time": (r"\b[0-2]\d:[0-5]\d:[0-5]\d(?:Z|[+-]\d\d:\d\d)", "00:00:00Z"),
    "duration": (r"\bP\d+[DWMY]\b", "P1D"),
    "email": (r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b", "nobody@example.com"),
    "hostname": (r"\b[a-z0-9-]+(?:\.[a-z0-9-]+)+\b", "example.com"),
    "ipv4": (r"\b\d{1,3}(?:\.\d{1,3}){3}\b", "127.0.0.1"),
    "ipv6": (r"\b[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){7}\b", "::1"),
    "uri": (r"\bhttps?://[^\s<>\"]+", "https://example.com/"),
    "uuid": (r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "00000000-0000-4000-8000-000000000000"),
}
_SCALAR_KEYWORDS: Final = {"type", "enum", "const", "not", "format", "pattern", "minLength", "maxLength"} | {
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
}
_DEEPEST: Final = 8
"""From this depth on only required properties are filled, so that a recursive schema comes to an end."""


class UnfillableError(Exception):
    """Neither the input nor made-up values give anything that is valid against the schema."""


def fill(schema: dict[str, Any], text: str) -> Any:
    """Return JSON that is valid against `schema`, taken from `text`. Raises `UnfillableError` if there is none."""
    try:
        value = _Filler(schema, text).value(schema, 0)
    except RecursionError as endless:
        raise UnfillableError from endless
    if not jsonschema_rs.validator_for(schema, validate_formats=True, offline=True).is_valid(value):
        raise UnfillableError
    return value


class _Filler:
    """Builds one answer; it hands out the text's sentences and numbers in turn, so that fields differ."""

    def __init__(self, root: dict[str, Any], text: str) -> None:
        self.root = root
        self.text = text
        self.sentences = deque(informative(sentences(text)) or [""])
        self.numbers = deque(map(_number, dict.fromkeys(_NUMBER.findall(text))))

    def value(self, schema: Any, depth: int) -> Any:
        """Return a value for one schema."""
        schema = self._resolved(schema)
        match _type_of(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case kind:
                return self._scalar(schema, kind)

    def _resolved(self, schema: Any) -> dict[str, Any]:
        """Follow references, join `allOf`, and take the first alternative that is more than null."""
        if not isinstance(schema, dict):
            return {}
        if isinstance(reference := schema.get("$ref"), str):
            return self._resolved(_merged([_at(self.root, reference), _without(schema, "$ref")]))
        if "allOf" in schema:
            parts = [self._resolved(part) for part in schema["allOf"]]
            return self._resolved(_merged([*parts, _without(schema, "allOf")]))
        for keyword in ("anyOf", "oneOf"):
            if alternatives := schema.get(keyword):
                chosen = next((one for one in alternatives if not _is_null(one)), alternatives[0])
                return self._resolved(_merged([_without(schema, keyword), self._resolved(chosen)]))
        return schema

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties", {})
        required = schema.get("required", [])
        names = required if depth >= _DEEPEST else dict.fromkeys([*properties, *required])
        rest = schema.get("additionalProperties", {})
        filled = {name: self.value(properties.get(name, rest), depth + 1) for name in names}
        for n in range(schema.get("minProperties", 0) - len(filled)):
            filled[f"item_{n + 1}"] = self.value(rest, depth + 1)
        return filled

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        fewest = schema.get("minItems", 0)
        usual = 0 if depth >= _DEEPEST else 2
        length = min(max(fewest, usual), schema.get("maxItems", max(fewest, usual)))
        first = schema.get("prefixItems", [])
        items = schema.get("items", {})
        if items is False:
            length = min(length, len(first))
        made = [self.value(first[n] if n < len(first) else items, depth + 1) for n in range(length)]
        if not schema.get("uniqueItems"):
            return made
        attempts = (self.value(items, depth + 1) for _ in range(length + len(self.sentences) + len(self.numbers)))
        return _distinct([*made, *attempts] if fewest else made)[:length]

    def _scalar(self, schema: dict[str, Any], kind: str) -> Any:
        local = {key: rule for key, rule in schema.items() if key in _SCALAR_KEYWORDS}
        fits = jsonschema_rs.validator_for(local, validate_formats=True, offline=True).is_valid
        for candidate in self._candidates(local, kind):
            if fits(candidate):
                return candidate
        raise UnfillableError

    def _candidates(self, schema: dict[str, Any], kind: str) -> Iterator[Any]:
        if "const" in schema:
            yield schema["const"]
        if "enum" in schema:
            yield from sorted(schema["enum"], key=lambda one: str(one).casefold() not in self.text.casefold())
        if kind == "string":
            yield from self._strings(schema)
        if kind in {"integer", "number"}:
            yield from _turned(self.numbers)
            yield from _bounds(schema)
        if kind == "boolean":
            yield from (True, False)
        yield None

    def _strings(self, schema: dict[str, Any]) -> Iterator[str]:
        pattern, constant = _FORMATS.get(schema.get("format", ""), (None, ""))
        for expression in filter(None, (schema.get("pattern"), pattern)):
            yield from _found(expression, self.text)
        if constant:
            yield constant
        longest = schema.get("maxLength")
        for sentence in _turned(self.sentences):
            yield sentence[:longest]
        yield (self.text or "-").ljust(schema.get("minLength", 0), "-")[: max(schema.get("minLength", 0), 1)]
        yield ""


def _type_of(schema: dict[str, Any]) -> str:
    kinds = schema.get("type", [])
    if isinstance(kinds, str):
        return kinds
    if kinds:
        return str(next((kind for kind in kinds if kind != "null"), "null"))
    if "enum" in schema or "const" in schema:
        return "any"
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else "string"


def _is_null(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "null"


def _without(schema: dict[str, Any], keyword: str) -> dict[str, Any]:
    return {key: rule for key, rule in schema.items() if key != keyword}


def _merged(schemas: Iterable[Any]) -> dict[str, Any]:
    """Join schemas that must all hold: properties and required names are combined; otherwise the last one wins."""
    merged: dict[str, Any] = {}
    for schema in schemas:
        for key, rule in (schema if isinstance(schema, dict) else {}).items():
            match merged.get(key), rule:
                case dict() as before, dict():
                    merged[key] = {**before, **rule}
                case list() as before, list() if key == "required":
                    merged[key] = list(dict.fromkeys([*before, *rule]))
                case _:
                    merged[key] = rule
    return merged


def _at(root: dict[str, Any], reference: str) -> Any:
    """Look up a local reference such as `#/$defs/Line`."""
    place: Any = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        if step:
            place = place.get(step.replace("~1", "/").replace("~0", "~"), {}) if isinstance(place, dict) else {}
    return place


def _number(found: str) -> float:
    return float(found) if "." in found else int(found)


def _turned(source: deque[Any]) -> Iterator[Any]:
    """Hand out every item once, starting where the last call stopped."""
    for _ in range(len(source)):
        source.rotate(-1)
        yield source[-1]


def _found(expression: str, text: str) -> Iterator[str]:
    """Find matches in the text; a pattern in another dialect of regular expressions finds nothing."""
    try:
        unanchored = re.compile(re.sub(r"^\^|(?<!\\)\$$", "", expression))
    except re.error:
        return
    yield from (match.group() for match in unanchored.finditer(text) if match.group())


def _bounds(schema: dict[str, Any]) -> Iterator[float]:
    """Propose the numbers nearest to the schema's limits, then 0 and 1."""
    step = schema.get("multipleOf", 1)
    for low in (schema[key] for key in ("minimum", "exclusiveMinimum") if key in schema):
        yield from (low, math.ceil(low / step) * step, math.floor(low / step) * step + step, math.floor(low) + 1)
    for high in (schema[key] for key in ("maximum", "exclusiveMaximum") if key in schema):
        yield from (high, math.floor(high / step) * step, math.ceil(high / step) * step - step, math.ceil(high) - 1)
    yield from (0, 1, step)
    if {"exclusiveMinimum", "exclusiveMaximum"} <= schema.keys():
        yield (schema["exclusiveMinimum"] + schema["exclusiveMaximum"]) / 2


def _distinct(values: Iterable[Any]) -> list[Any]:
    kept: list[Any] = []
    for value in values:
        if value not in kept:
            kept.append(value)
    return kept
