"""What the page sends, understood: filters of a list, and the bodies of changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from backburner.ports import TooLargeError
from backburner_cli.console.rows import SORTS, STATES, Query, Row
from backburner_cli.errors import CommandError

if TYPE_CHECKING:
    from starlette.requests import Request

T = TypeVar("T")
MAX_BODY_BYTES: Final = 4 * 1024 * 1024
_MAX_DIGITS: Final = 9


class Selected(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which documents a change is about: those of `keys`, or without keys those that the filters let pass."""

    agreed: int
    """How many, as the person who agreed was told."""
    keys: list[str] = []
    states: list[str] = []
    reasons: list[str] = []
    recipe: str | None = None
    prefix: str | None = None
    text: str | None = None
    rerun: bool = False

    def of(self, rows: tuple[Row, ...]) -> list[Row]:
        """Those documents, in the order of their keys."""
        query = Query(
            keys=frozenset(self.keys),
            states=frozenset(self.states),
            reasons=frozenset(self.reasons),
            recipe=self.recipe,
            prefix=self.prefix,
            text=self.text,
            sort="key",
            reverse=False,
        )
        return query.of(rows)


class Edited(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recipe's new text; `etag` is that of the text that was read, empty for a new one."""

    name: str
    text: str
    etag: str


class Tried(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recipe's changed text, and the document to try it on."""

    name: str
    text: str
    key: str


def query_of(request: Request) -> Query:
    """The rows that a list asks for. Raises `CommandError`."""
    asked = request.query_params
    states, reasons = frozenset(asked.getlist("state")), frozenset(asked.getlist("reason"))
    sort = asked.get("sort", "time")
    if not states <= set(STATES) or sort not in SORTS:
        raise CommandError(f"state is one of {', '.join(STATES)}; sort one of {', '.join(SORTS)}")
    return Query(
        keys=frozenset(asked.getlist("key")),
        states=states,
        reasons=reasons,
        recipe=asked.get("recipe") or None,
        prefix=asked.get("prefix") or None,
        text=asked.get("text") or None,
        sort=sort,
        reverse=asked.get("reverse", "true") == "true",
    )


def number_of(text: str) -> int:
    """A number of rows. Raises `CommandError`."""
    if not text.isdecimal() or len(text) > _MAX_DIGITS:
        raise CommandError(f"{text[:20]!r} is no number of rows")
    return int(text)


async def body_of(request: Request, kind: type[T]) -> T:
    """What a change is about. Raises `CommandError`, or `TooLargeError`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise TooLargeError(len(body))
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CommandError(f"what is wanted is not clear: {error}") from error
