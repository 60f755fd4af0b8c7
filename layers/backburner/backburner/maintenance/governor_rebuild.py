"""Rebuilds a governor's object that cannot be read: keeps the readable fields and works out the others.

Reservations come from the open records, the day's use from the journal. Everything else starts empty: pauses come back
with the provider's next answer, averages with the next generations.
"""

import asyncio
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from backburner.capacity.counters_format import migrated
from backburner.capacity.limits import Counters, Totals
from backburner.capacity.reservations import RecordState, as_note, noted, part_in_totals
from backburner.capacity.shared_counters import MAX_NOTED
from backburner.errors import RetryLaterError, UnreadableError
from backburner.ledger.journal import lines_in
from backburner.ledger.keys import JOURNAL, OPEN, open_run
from backburner.ledger.records import OpenRecord, decode
from backburner.ports import Bucket
from backburner.provider.answers import Usage

_BOOKS = ("day", "tokens", "cost")
_NAMES = ("reserved", "unsettled", "recorded_totals")
_READS_AT_ONCE = 32


class _Line(msgspec.Struct, frozen=True):
    """The fields of a journal line that say what a run used."""

    usage: Usage = Usage()
    cost: float | None = None


async def rebuilt_counters(bucket: Bucket, body: bytes, now: datetime) -> Counters:
    """The counters, rebuilt from what can be read of `body` and from the rest of the bucket."""
    kept, lost = _readable(body)
    counters = Counters(**kept)
    day = now.strftime("%Y-%m-%d")
    if lost & {*_BOOKS} or counters.day != day or not math.isfinite(counters.cost):
        counters.day = day
        counters.tokens, counters.cost = await _used(bucket, day)
    counters = migrated(counters)
    if lost & {*_NAMES}:
        recount(counters, await read_open(bucket))
    return counters


async def read_record_state(bucket: Bucket, name: str) -> RecordState:
    """What a run's open record says about its reservation. Raises `RetryLaterError`."""
    key = f"{OPEN}{name}.json"
    stored = await bucket.get(key)
    try:
        record = decode(stored.body, OpenRecord) if stored else None
    except (msgspec.DecodeError, RecursionError) as error:
        raise UnreadableError(key, str(error)) from error
    return RecordState(record is not None, record.counted if record else None)


async def read_open(bucket: Bucket) -> list[OpenRecord]:
    """All open records that can be read."""
    at_once, keys = asyncio.Semaphore(_READS_AT_ONCE), [key async for key, _ in bucket.listed(OPEN) if open_run(key)]

    async def read(key: str) -> OpenRecord | None:
        async with at_once:
            try:
                stored = await bucket.get(key)
                return decode(stored.body, OpenRecord) if stored else None
            except (RetryLaterError, msgspec.DecodeError, RecursionError):
                return None

    return [record for record in await asyncio.gather(*map(read, keys)) if record is not None]


def recount(counters: Counters, records: Iterable[OpenRecord]) -> None:
    """Restore the reservations that open records name: the first `MAX_NOTED` by name, all others as totals."""
    counters.recorded_totals = Totals()
    for record in records:
        note, counted = noted(counters, record.name), record.counted
        if record.name in counters.settled:
            continue
        if note is not None:
            counters.recorded_totals.add(part_in_totals(note, counted))
        elif counted is not None and counted.slots and len(counters.reserved) < MAX_NOTED:
            counters.reserved[record.name] = as_note(counted)
        elif counted is not None:
            counters.recorded_totals.add(counted)
        elif record.reservation is not None and record.reserves:
            counters.reserved[record.name] = as_note(record.reservation, is_old=True)


def _readable(body: bytes) -> tuple[dict[str, Any], set[str]]:
    """The readable fields (of mappings, the readable entries), and the names of the fields that are incomplete."""
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
    """The tokens and money used by runs that ended on a day, according to its journal."""
    tokens, cost = 0, 0.0
    async for key, _ in bucket.listed(f"{JOURNAL}{day}/"):
        try:
            stored = await bucket.get(key)
        except RetryLaterError:
            continue
        for line in lines_in(stored.body, _Line) if stored else ():
            tokens, cost = tokens + line.usage.total_tokens, cost + (line.cost or 0.0)
    return tokens, round(cost, 9)
