"""The counters as bytes: as they are written, and read from any version."""

import msgspec
from msgspec.structs import replace

from backburner.capacity.limits import VERSION, Counters


def encoded(counters: Counters) -> bytes:
    """The counters as they are written."""
    return msgspec.json.format(msgspec.json.encode(counters), indent=2)


class _Shape(msgspec.Struct):
    version: int = 0
    recorded_totals: dict[str, float] | None = msgspec.field(default=None, name="standing")


def decoded(body: bytes) -> Counters:
    """Read the counters. Raises `msgspec.DecodeError`, also if an earlier version dropped the fields it did not know.

    That happens while a function of the version before is still deployed.
    """
    shape = msgspec.json.decode(body, type=_Shape)
    if shape.version >= VERSION and shape.recorded_totals is None:
        raise msgspec.DecodeError("written by an earlier version")
    return migrated(msgspec.json.decode(body, type=Counters))


def migrated(counters: Counters) -> Counters:
    """Counters of any version as the current one: from version 1, every reservation stays named."""
    if counters.version >= VERSION:
        return counters
    bills, counters.unsettled = counters.unsettled, {}
    for name, note in counters.reserved.items():
        counters.reserved[name] = replace(note, is_old=True)
    for name, bill in bills.items():
        holds = counters.reserved.get(name) or replace(bill, slots=0, tokens=0, cost=0.0, is_old=True)
        owing = replace(holds, unsettled_tokens=bill.tokens, unsettled_cost=bill.cost)
        (counters.reserved if holds.slots else counters.unsettled)[name] = owing
    counters.version = VERSION
    return counters
