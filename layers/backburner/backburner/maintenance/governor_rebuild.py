"""A governor's object that cannot be read: what can be read of it is kept, the rest is found again.

Reservations are found in the open records, what the day has used in the journal. The rest begins anew: pauses come back
with the provider's next answer, what was learnt is learnt again.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from backburner.capacity.limits import Counters, Reservation
from backburner.errors import RetryLaterError
from backburner.ledger.keys import JOURNAL, OPEN, open_run
from backburner.ledger.records import OpenRecord, decode
from backburner.ports import Bucket
from backburner.provider.answers import Usage

_BOOKS = ("day", "tokens", "cost")


class _Line(msgspec.Struct, frozen=True):
    """What a line of the journal says of the money."""

    usage: Usage = Usage()
    cost: float | None = None


async def rebuilt_counters(bucket: Bucket, body: bytes, now: datetime) -> Counters:
    """The counters as they must be."""
    kept, lost = _readable(body)
    counters = Counters(**kept)
    day = now.strftime("%Y-%m-%d")
    if lost & {*_BOOKS} or counters.day != day or not math.isfinite(counters.cost):
        counters.day = day
        counters.tokens, counters.cost = await _used(bucket, day)
    if "reserved" in lost:
        counters.reserved |= await _reserved(bucket, counters.reserved)
    return counters


def _readable(body: bytes) -> tuple[dict[str, Any], set[str]]:
    """The fields that can be read, of mappings every entry that can; and the names of those that lack something."""
    fields = msgspec.structs.fields(Counters)
    try:
        raw = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return {}, {field.name for field in fields}
    found, lost = dict[str, Any](), set[str]()
    for field in fields:
        if field.encode_name not in raw:
            lost.add(field.name)
            continue
        try:
            found[field.name] = msgspec.json.decode(raw[field.encode_name], type=field.type)
        except (msgspec.DecodeError, RecursionError):
            lost.add(field.name)
            if getattr(field.type, "__origin__", None) is dict:
                found[field.name] = _entries(raw[field.encode_name], field.type.__args__[1])
    return found, lost


def _entries(raw: msgspec.Raw, kind: Any) -> dict[str, Any]:
    found = dict[str, Any]()
    try:
        entries: Mapping[str, msgspec.Raw] = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return found
    for name, entry in entries.items():
        try:
            found[name] = msgspec.json.decode(entry, type=kind)
        except (msgspec.DecodeError, RecursionError):
            continue
    return found


async def _used(bucket: Bucket, day: str) -> tuple[int, float]:
    """Tokens and money of the runs that ended on a day, as far as its journal tells."""
    tokens, cost = 0, 0.0
    async for key, _ in bucket.listed(f"{JOURNAL}{day}/"):
        try:
            stored = await bucket.get(key)
        except RetryLaterError:
            continue
        for text in stored.body.splitlines() if stored else ():
            try:
                line = msgspec.json.decode(text, type=_Line)
            except msgspec.DecodeError:
                continue
            tokens, cost = tokens + line.usage.total_tokens, cost + (line.cost or 0.0)
    return tokens, round(cost, 9)


async def _reserved(bucket: Bucket, known: Mapping[str, Reservation]) -> dict[str, Reservation]:
    """What the generations under way must have reserved."""
    found = dict[str, Reservation]()
    async for key, _ in bucket.listed(OPEN):
        run = open_run(key)
        if run is None or f"{run[0]}.{run[1]}" in known:
            continue
        try:
            stored = await bucket.get(key)
            record = decode(stored.body, OpenRecord) if stored else None
        except (RetryLaterError, msgspec.DecodeError):
            continue
        if record is not None and record.reservation is not None and record.reserves:
            found[record.name] = record.reservation
    return found
