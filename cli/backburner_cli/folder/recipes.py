"""Finds the recipe of a run: a shipped one by its name, or a file."""

import unicodedata
from dataclasses import dataclass
from pathlib import Path

from backburner.documents.recipes import Recipe, parse, source_text
from backburner.errors import JobError
from backburner.ledger.keys import DEFAULT_RECIPE
from backburner_cli.errors import CommandError
from backburner_cli.operator.shipped import shipped, shipped_names
from backburner_cli.system_errors import remedy_of


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A valid recipe; `source` is None for the built-in default."""

    name: str
    source: bytes | None
    recipe: Recipe


def choose(given: str) -> Chosen:
    """The recipe with this name or path. Raises `CommandError` if there is none, or it cannot be used."""
    name, source = _read(given)
    try:
        return Chosen(name=name, source=source, recipe=parse(source_text(name, source)))
    except JobError as error:
        raise CommandError(f"the recipe {given} cannot be used: {error}") from error


def _read(given: str) -> tuple[str, bytes | None]:
    known, path = shipped(), Path(given)
    is_file = given.endswith(".md") or "/" in given
    if not is_file and given in known:
        return given, known[given].read_bytes()
    if not is_file and given == DEFAULT_RECIPE:
        return given, None
    if not is_file and not path.is_file():
        names = ", ".join(shipped_names())
        raise CommandError(f"no recipe {given!r}: name one of {names}, or a file of your own, such as ./{given}.md")
    name = unicodedata.normalize("NFC", path.stem)
    try:
        name.encode()
        return name, path.read_bytes()
    except UnicodeEncodeError:
        raise CommandError(f"the name of the recipe {given} is not UTF-8: rename it") from None
    except OSError as error:
        raise CommandError(f"the recipe {given} cannot be read ({error.strerror}): {remedy_of(error)}") from error
