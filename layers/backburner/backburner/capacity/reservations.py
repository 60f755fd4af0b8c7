"""How a run comes to hold a reservation and gives it back, each exactly once: ADR 15.

A reservation is held where two objects meet: the run's open record tells of it (`counted`), and the counters sum up
what the records tell (`standing`). Every change is *noted* in the counters under the run's name first and told by the
record after that; so what a run holds is what was noted, and where nothing is noted what its record tells. A note is
*folded* into the sums once its record is known to tell the same, which changes no total. All functions here are pure.

`told` is what the run's open record says. It may be out of date only where something is added (`reserve`): at worst one
place too many is noted, which no record will ever tell of, so the next to come by takes it away again.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from backburner.capacity.limits import (
    FULL_S,
    VERSION,
    Counters,
    Denial,
    Limits,
    Noted,
    Reservation,
    book,
    denial,
    granted,
    move_windows,
)


class Seen(msgspec.Struct, frozen=True):
    """What a run's open record was seen to say: whether there is one, and what it tells of a reservation."""

    is_open: bool
    counted: Reservation | None = None


def noted(counters: Counters, name: str) -> Noted | None:
    """What was noted for a run and not folded yet."""
    return counters.reserved.get(name) or counters.unsettled.get(name)


def is_doubtful(counters: Counters, name: str, told: Reservation | None) -> bool:
    """Whether only the record itself can say what a run holds: nothing is noted, or what does not follow `told`."""
    note = noted(counters, name)
    return note is None or _id(told) not in (note.holder, _id(note.base))


def reserve(
    counters: Counters,
    limits: Limits,
    now: datetime,
    name: str,
    wanted: Reservation,
    *,
    told: Reservation | None = None,
    mine: Collection[str] = (),
    behind_others: bool,
) -> Reservation | Denial:
    """Hold a reservation for a run, or say why not. A run that holds one already keeps it.

    Returns what the run holds now, for its record to tell. `wanted.holder` is a new id; `mine` are those under which
    the same process has tried before, and may have been heard.
    """
    move_windows(counters, now)
    holds, base = _held(counters, name, told)
    is_noted = holds is not None and holds is not base
    is_shared = isinstance(holds, Noted) and is_noted and (holds.is_shared or holds.holder not in mine)
    if holds is not None:
        wanted = replace(wanted, owed_tokens=holds.owed_tokens, owed_cost=holds.owed_cost)
        if is_noted:  # noted for a record that may still come: whoever writes it, it tells of the same id
            wanted = replace(wanted, holder=holds.holder)
    if holds is None or not holds.slots:
        why = denial(counters, limits, now, wanted, held=counters.held, behind_others=behind_others)
        if why is not None:
            counters.others_wait = True
            return why
        granted(counters, now, wanted.model)
    _note(counters, name, wanted, base, is_shared=is_shared)
    return wanted


def extend(
    counters: Counters,
    limits: Limits,
    now: datetime,
    name: str,
    *,
    held: Reservation,
    wanted: Sequence[Reservation],
    told: Reservation | None = None,
) -> tuple[int, Denial | None, Reservation | None]:
    """Hold what a run with many generations has open now, `held`, and as many of those it wants as can be had.

    What it has used since the last time is booked. Returns how many more it may begin, why not all of them, and what
    it holds now, for its record to tell.
    """
    move_windows(counters, now)
    if name in counters.settled:
        return 0, Denial(waiting_for="turn", seconds=FULL_S), told
    before, base = _held(counters, name, told)
    if before is not None:  # else it is the first time
        book(counters, held.booked_tokens - before.booked_tokens, held.booked_cost - before.booked_cost)
        if before is not base:
            held = replace(held, holder=before.holder)
    _note(counters, name, held, base)
    sums, why = counters.held, None
    more = 0
    for each in wanted:
        if why := denial(counters, limits, now, each, held=sums, behind_others=False):
            break
        more += 1
        sums.add(replace(each, slots=1))
        held = replace(held, slots=held.slots + 1, tokens=held.tokens + each.tokens, cost=held.cost + each.cost)
        granted(counters, now, each.model)
    _note(counters, name, held, base)
    return more, why, held


def release(
    counters: Counters, name: str, bill: Reservation, *, told: Reservation | None, holder: str
) -> Reservation | None:
    """Give a place back, its run waits again; `bill` has no place, and says what the run has used so far.

    Not if another step than that of `holder` holds it by now. Returns what the run holds then, for its record to tell.
    """
    holds, base = _held(counters, name, told)
    if holds is not None and not holds.slots and holds is not base and _id(base) == holder:
        return plain(holds)  # given back already
    if holds is None or holds.holder != holder:
        return None
    if holds is not base:  # it shares the id that its record may tell of
        bill = replace(bill, holder=holds.holder)
    _note(counters, name, bill, base)
    return bill


def settle(
    counters: Counters,
    now: datetime,
    name: str,
    *,
    told: Reservation | None = None,
    tokens: int,
    cost: float,
) -> None:
    """Book what an ended run used and give back what it holds, once: its name is kept until its record is gone."""
    move_windows(counters, now)
    if name in counters.settled:
        _forget(counters, name)
        return
    holds, base = _held(counters, name, told)
    if holds is None and not tokens and not cost:
        return
    _forget(counters, name)
    counters.standing.take(base)
    book(
        counters,
        tokens - (holds.booked_tokens if holds else 0),
        cost - (holds.booked_cost if holds else 0.0),
    )
    counters.settled.append(name)


def forsake(counters: Counters, name: str, holder: str, seen: Seen) -> None:
    """Take away what was noted for a claim that failed, unless the record that stands is based on it.

    Nor if somebody else goes on with the same note: his record may be on its way.
    """
    note = noted(counters, name)
    is_own = note is not None and note.holder == holder and not note.is_shared
    if is_own and _id(seen.counted) != holder:
        _forget(counters, name)


def names(counters: Counters) -> list[str]:
    """All runs that are noted by name, but for those whose records never tell of a reservation."""
    notes = {**counters.unsettled, **counters.reserved}
    return [*counters.settled, *(name for name, note in notes.items() if not note.is_old)]


def crowded(counters: Counters, most: int) -> list[str]:
    """The names that should be fewer, the oldest first; none where there are not too many."""
    notes = [*counters.unsettled.items(), *counters.reserved.items()]
    found = [name for name, note in notes if not note.is_old] if len(notes) > most else []
    return [*(counters.settled if len(counters.settled) > most else ()), *found]


def fold(counters: Counters, name: str, seen: Seen) -> None:
    """Count what a record tells with all that stands, and forget a settled run whose record is gone.

    `seen` may be as old as it likes: what a record told once, it told after that was noted; and once a record was
    deleted its run is over. A settled run that is noted again was claimed by somebody who came too late: that is never
    among the sums, so that settling it again only has to forget it.
    """
    if name in counters.settled:
        if seen.is_open:
            return
        counters.settled.remove(name)
    note = noted(counters, name)
    if note is not None and seen.counted is not None and seen.counted.holder == note.holder:
        _fold(counters, name, note, seen.counted)


def clear(counters: Counters, name: str, seen: Seen) -> None:
    """The same for a record that was read after these counters: a note that does not follow it was never used."""
    fold(counters, name, seen)
    if name in counters.settled:  # look at others first the next time
        counters.settled.remove(name)
        counters.settled.append(name)
        return
    note = noted(counters, name)
    if note is None:
        return
    if seen.counted is not None and _id(note.base) != seen.counted.holder:
        _forget(counters, name)
    else:
        _note(counters, name, note, note.base, is_shared=note.is_shared)


def standing_part(note: Noted, told: Reservation | None) -> Reservation | None:
    """Of a run that is noted and whose record tells something: what is among the sums."""
    return note.base if told is not None and told.holder == note.holder else told


def as_noted(holds: Reservation, *, is_old: bool = False) -> Noted:
    """A reservation to be noted by name, none of it among the sums."""
    return Noted(**_fields(holds), is_old=is_old)


def migrated(counters: Counters) -> Counters:
    """Counters of version 1: whatever is held or owed stays named."""
    if counters.version >= VERSION:
        return counters
    bills, counters.unsettled = counters.unsettled, {}
    for name, note in counters.reserved.items():
        counters.reserved[name] = replace(note, is_old=True)
    for name, bill in bills.items():
        holds = counters.reserved.get(name) or replace(bill, slots=0, tokens=0, cost=0.0, is_old=True)
        owing = replace(holds, owed_tokens=bill.tokens, owed_cost=bill.cost)
        (counters.reserved if holds.slots else counters.unsettled)[name] = owing
    counters.version = VERSION
    return counters


def _held(counters: Counters, name: str, told: Reservation | None) -> tuple[Reservation | None, Reservation | None]:
    """What a run holds, and how much of that is among what stands: the same where nothing is noted."""
    note = noted(counters, name)
    if name in counters.settled:  # whatever its record still tells was given back
        told = None
    if note is None:
        return told, told
    if told is not None and told.holder == note.holder:
        _fold(counters, name, note, told)
        return told, told
    if _id(note.base) == _id(told):
        return note, note.base
    _forget(counters, name)
    return told, told


def _fold(counters: Counters, name: str, note: Noted, told: Reservation) -> None:
    counters.standing.take(note.base)
    counters.standing.add(told)
    _forget(counters, name)


def _forget(counters: Counters, name: str) -> None:
    counters.reserved.pop(name, None)
    counters.unsettled.pop(name, None)


def _note(
    counters: Counters, name: str, holds: Reservation, base: Reservation | None, *, is_shared: bool = False
) -> None:
    _forget(counters, name)
    is_old = isinstance(holds, Noted) and holds.is_old
    (counters.reserved if holds.slots else counters.unsettled)[name] = Noted(
        **_fields(holds), base=base, is_old=is_old, is_shared=is_shared
    )


def plain(holds: Reservation) -> Reservation:
    """A reservation without what was noted beside it."""
    return Reservation(**_fields(holds))


def _fields(holds: Reservation) -> dict[str, Any]:
    values = {field: getattr(holds, field) for field in Reservation.__struct_fields__}
    return {field: value for field, value in values.items() if value or field in {"model", "slots"}}


def _id(reservation: Reservation | None) -> str:
    return reservation.holder if reservation else ""
