"""Reads the Terraform, and checks it against the arguments that the provider's reference pages list.

`terraform-arguments.json` is that list, extracted from the pages; the provider itself is not needed.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import hcl2

FOLDER = Path(__file__).parents[2] / "deploy/yandex"
ARGUMENTS = json.loads(Path(__file__).with_name("terraform-arguments.json").read_text())["resources"]
META = {"count", "depends_on", "for_each", "lifecycle", "provider"}
"""What Terraform itself adds to every resource."""
_MARKS = {"__is_block__", "__comments__", "__inline_comments__"}
_TYPES = {"String": str, "Number": int | float, "Bool": bool}


def files() -> dict[str, str]:
    """The text of every file."""
    return {path.name: path.read_text() for path in sorted(FOLDER.glob("*.tf"))}


def blocks(texts: dict[str, str], kind: str) -> Iterator[Any]:
    """Every top-level block of a kind, with its labels around it."""
    for text in texts.values():
        yield from _parsed(text).get(kind, [])


def resources(texts: dict[str, str]) -> dict[tuple[str, str], Any]:
    """Type and name of each resource, and its body."""
    found = {}
    for block in blocks(texts, "resource"):
        ((kind, named),) = block.items()
        ((name, body),) = named.items()
        found[kind, name] = body
    return found


def bodies(texts: dict[str, str], kind: str) -> dict[str, Any]:
    """Name and body of every `variable` or `output`."""
    return {name: body for block in blocks(texts, kind) for name, body in block.items() if name not in _MARKS}


def local_values(texts: dict[str, str]) -> dict[str, Any]:
    """All locals by name."""
    return {name: value for block in blocks(texts, "locals") for name, value in block.items() if name not in _MARKS}


def problems(texts: dict[str, str]) -> list[str]:
    """Everything that the provider would reject."""
    found = []
    for (kind, name), body in resources(texts).items():
        if kind not in ARGUMENTS:
            found.append(f"{kind}: no such resource")
        else:
            own = {key: value for key, value in body.items() if key not in META}
            found += _problems(own, ARGUMENTS[kind], f"{kind}.{name}")
    return found


def _problems(body: dict[str, Any], known: dict[str, Any], where: str) -> Iterator[str]:
    given = dict(_flat(body))
    for name, values in given.items():
        if name not in known:
            yield f"{where}.{name}: no such {'block' if _is_block(values) else 'argument'}"
        elif _is_block(values) and "block" in known[name]:
            for inner in values:
                yield from _problems(inner, known[name]["block"], f"{where}.{name}")
        elif problem := _misfit(values, known[name]):
            yield f"{where}.{name}: {problem}"
    for name, about in known.items():
        if about.get("required") and name not in given:
            yield f"{where}.{name}: missing"


def _misfit(value: Any, about: dict[str, Any]) -> str | None:
    """Why an argument cannot have this value."""
    if "block" in about:
        return "a block, not an argument"
    if _is_block(value):
        return "an argument, not a block"
    if about.get("read_only"):
        return "read only"
    return None if _fits(value, about["type"]) else f"{value!r} is no {about['type']}"


def _flat(body: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Arguments and blocks; a dynamic block counts among those of its name."""
    made: dict[str, list[Any]] = {}
    for dynamic in body.get("dynamic", []):
        for name, one in dynamic.items():
            if name not in _MARKS:
                made.setdefault(name, []).extend(one["content"])
    for name, value in body.items():
        if name not in {*_MARKS, "dynamic"}:
            yield name, [*value, *made.pop(name)] if name in made else value
    yield from made.items()


def _is_block(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) and _MARKS & set(one) for one in value)


def _fits(value: Any, wanted: str) -> bool:
    """Whether a literal has the type; an expression always may."""
    if isinstance(value, str) and value.startswith("${"):
        return True
    if wanted in _TYPES:
        return isinstance(value, _TYPES[wanted]) and (wanted == "Bool" or not isinstance(value, bool))
    return isinstance(value, dict) if wanted.startswith("Map") else isinstance(value, list)


@cache
def _parsed(text: str) -> Any:
    return _unquoted(hcl2.loads(text))


def _unquoted(value: Any) -> Any:
    """A parsed value without the quotes that the parser keeps."""
    match value:
        case dict():
            return {_unquoted(name): _unquoted(one) for name, one in value.items()}
        case list():
            return [_unquoted(one) for one in value]
        case str() if re.fullmatch(r'"[^"]*"', value):
            return value[1:-1] if value.startswith('"') else value
        case _:
            return value
