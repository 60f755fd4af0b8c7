"""Parses the page's requests: filters of a list, and the bodies of changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from backburner.ports import TooLargeError
from backburner_cli.console.rows import STATES, Query
from backburner_cli.errors import CommandError
from backburner_cli.operator.listing import SORTS, Filter
from backburner_cli.operator.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request

    from backburner_cli.operator.job import Job

T = TypeVar("T")
MAX_BODY_BYTES: Final = 4 * 1024 * 1024
_MAX_DIGITS: Final = 9


class Selected(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The documents of a change: those in `keys`, or without keys those that pass the filters."""

    agreed: int
    """The number of documents that the person agreed to."""
    keys: list[str] = []
    states: list[str] = []
    reasons: list[str] = []
    recipe: str | None = None
    prefix: str | None = None
    text: str | None = None
    rerun: bool = False

    def of(self, jobs: Iterable[Job]) -> list[Job]:
        """The jobs of those documents, in the order of their keys."""
        wanted = _filter(self.states, self.reasons, self.prefix, self.text)
        return Query(wanted=wanted, keys=frozenset(self.keys), recipe=self.recipe, sort="key", reverse=False).of(jobs)


class Edited(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recipe's new text; `etag` is that of the text that was read, empty for a new recipe."""

    name: str
    text: str
    etag: str


class Tried(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recipe's changed text, and the document to try it on."""

    name: str
    text: str
    key: str


def query_of(request: Request) -> Query:
    """The query of a list request. Raises `CommandError`."""
    asked = request.query_params
    states, sort = asked.getlist("state"), asked.get("sort", "time")
    if not set(states) <= set(STATES) or sort not in SORTS:
        raise CommandError(f"state is one of {', '.join(STATES)}; sort one of {', '.join(SORTS)}")
    return Query(
        wanted=_filter(states, asked.getlist("reason"), asked.get("prefix"), asked.get("text")),
        keys=frozenset(asked.getlist("key")),
        recipe=asked.get("recipe"),
        sort=sort,
        reverse=asked.get("reverse", "true") == "true",
    )


def _filter(states: list[str], reasons: list[str], prefix: str | None, text: str | None) -> Filter:
    chosen = Selection(prefix=prefix or None)
    return Filter(chosen=chosen, states=frozenset(states), reasons=frozenset(reasons), text=text or None)


def number_of(text: str) -> int:
    """Parse a number of rows. Raises `CommandError`."""
    if not text.isdecimal() or len(text) > _MAX_DIGITS:
        raise CommandError(f"{text[:20]!r} is not a number of rows")
    return int(text)


async def body_of(request: Request, kind: type[T]) -> T:
    """Parse the body of a change. Raises `CommandError`, or `TooLargeError`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise TooLargeError(len(body))
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CommandError(f"the request cannot be understood: {error}") from error
