"""Which runs the last writes of the counters changed: after another's write, only their records are read again.

Each write adds one entry to `recent`: its nonce, and the short names of all runs whose notes it changed.
As each write starts from the one before, the entries after a nonce are exactly the writes since then (ADR 15, rule 2).
"""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from zlib import crc32

from backburner.capacity.limits import Counters, NotedReservation

_MAX_WRITES = 64
_LATELY = 16
_MAX_CHARACTERS = 6_000
"""Enough for about a thousand runs."""

Named = tuple[dict[str, NotedReservation], frozenset[str]]
"""The notes in the counters, and the settled runs."""


def short(name: str) -> str:
    """Four characters for a run. Two runs may share them: then one record is read once more than needed."""
    return urlsafe_b64encode(crc32(name.encode()).to_bytes(4, "big"))[:4].decode()


def named(counters: Counters) -> Named:
    """What the counters say of runs by name; take it before and after a change to see which runs it concerned."""
    return {**counters.unsettled, **counters.reserved}, frozenset(counters.settled)


def new_nonce() -> str:
    """Unlike that of any other write."""
    return secrets.token_hex(8)


def add(counters: Counters, before: Named, changed: Iterable[str]) -> None:
    """Begin the write of changed counters: with a new nonce, and with the runs that it changes.

    Those are all that differ from `before`, and whatever else was `changed`.
    """
    (notes, settled), (notes_now, settled_now) = before, named(counters)
    differs = {name for name in notes.keys() | notes_now.keys() if notes.get(name) != notes_now.get(name)}
    shorts = {short(name) for name in differs | (settled ^ settled_now) | set(changed)}
    known = counters.recent if _is_complete(counters) else []
    counters.nonce = new_nonce()
    entries = [*known, " ".join([counters.nonce, *sorted(shorts)])][-_MAX_WRITES:]
    while len(entries) > 1 and sum(map(len, entries)) > _MAX_CHARACTERS:
        del entries[0]
    counters.recent = entries


def since(counters: Counters, nonce: str) -> set[str] | None:
    """The short names of the runs changed since the write with this nonce, or None if that is not known any more."""
    nonces = [entry.partition(" ")[0] for entry in counters.recent]
    if not _is_complete(counters) or nonce not in nonces:
        return None
    return {name for entry in counters.recent[nonces.index(nonce) + 1 :] for name in entry.split()[1:]}


def lately(counters: Counters) -> set[str]:
    """The short names of the runs changed by the last few writes."""
    return {name for entry in counters.recent[-_LATELY:] for name in entry.split()[1:]}


def _is_complete(counters: Counters) -> bool:
    """Whether the last write added its entry: a version without this list drops it, a person may forget it."""
    return bool(counters.recent) and counters.recent[-1].partition(" ")[0] == counters.nonce
