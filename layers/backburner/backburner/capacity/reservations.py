"""How a run gets a reservation and gives it back, each exactly once (ADR 15). All functions here are pure.

A reservation is stored in two objects: in the run's open record (`counted`), and in the counters, which hold the totals
of all records (`recorded_totals`). Every change is first *noted* in the counters under the run's name and then written
to the record. So a run holds what is noted for it or, if nothing is, what its record says. A note is *folded* into the
totals once the record is known to say the same; what is held in all stays the same.

`recorded` is what the run's open record says. It may be out of date only for an addition (`reserve`). At worst that
notes one slot too many, under an id that no record will ever carry, and the run's next step or the sweep removes it.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from backburner.capacity import recent_writes
from backburner.capacity.limits import (
    FULL_S,
    Counters,
    Denial,
    Limits,
    NotedReservation,
    Reservation,
    book,
    denial,
    granted,
    move_windows,
)


class RecordState(msgspec.Struct, frozen=True):
    """What a run's open record said when it was read: whether there is one, and the reservation it carries."""

    is_open: bool
    counted: Reservation | None = None


def noted(counters: Counters, name: str) -> NotedReservation | None:
    """The note of a run, if it is not folded yet."""
    return counters.reserved.get(name) or counters.unsettled.get(name)


def is_unclear(counters: Counters, name: str, recorded: Reservation | None) -> bool:
    """Whether only the record can say what a run holds: there is no note, or one that does not follow `recorded`."""
    note = noted(counters, name)
    return note is None or _id(recorded) not in (note.holder, _id(note.base))


def reserve(
    counters: Counters,
    limits: Limits,
    now: datetime,
    name: str,
    wanted: Reservation,
    *,
    recorded: Reservation | None = None,
    own_ids: Collection[str] = (),
    behind_others: bool,
) -> Reservation | Denial:
    """Hold a reservation for a run, or say why not. A run that already holds one keeps it.

    Returns what the run holds now, for its record. `wanted.holder` is a new id; `own_ids` are the ids of this process's
    earlier tries, which may have succeeded although their answers were lost. `wanted` says as booked what the run has
    used so far: if the run was settled before, that is true.
    """
    move_windows(counters, now)
    holds, base = _held(counters, name, recorded)
    is_noted = holds is not None and holds is not base
    is_shared = isinstance(holds, NotedReservation) and is_noted and (holds.is_shared or holds.holder not in own_ids)
    if name not in counters.settled:
        wanted = replace(wanted, booked_tokens=0, booked_cost=0.0)
    if holds is not None:
        wanted = replace(
            wanted,
            booked_tokens=holds.booked_tokens,
            booked_cost=holds.booked_cost,
            unsettled_tokens=holds.unsettled_tokens,
            unsettled_cost=holds.unsettled_cost,
        )
        if is_noted:  # its record may still be on its way: any process that writes it uses the same id
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
    recorded: Reservation | None = None,
) -> tuple[int, Denial | None, Reservation | None]:
    """Hold what a run with many generations has open now, `held`, and as many of the `wanted` as the limits allow.

    Books what the run has used since the last call. Returns how many more it may start, why not all of them, and what
    it holds now, for its record. A record that a settled run left behind gets nothing.
    """
    move_windows(counters, now)
    is_new = recorded is None or _is_run_again(counters, name, recorded)
    if name in counters.settled and not is_new:
        return 0, Denial(waiting_for="turn", seconds=FULL_S), recorded
    before, base = _held(counters, name, recorded)
    if before is not None:  # else it is the first time
        book(counters, held.booked_tokens - before.booked_tokens, held.booked_cost - before.booked_cost)
        if before is not base:
            held = replace(held, holder=before.holder)
    _note(counters, name, held, base)
    totals, why = counters.held, None
    more = 0
    for each in wanted:
        if why := denial(counters, limits, now, each, held=totals, behind_others=False):
            break
        more += 1
        totals.add(replace(each, slots=1))
        held = replace(held, slots=held.slots + 1, tokens=held.tokens + each.tokens, cost=held.cost + each.cost)
        granted(counters, now, each.model)
    _note(counters, name, held, base)
    return more, why, held


def release(
    counters: Counters, name: str, bill: Reservation, *, recorded: Reservation | None, holder: str
) -> Reservation | None:
    """Give a slot back for a run that waits again; `bill` holds no slot and carries what the run has used so far.

    Does nothing unless the step with the id `holder` still holds it. Returns what the run holds now, for its record.
    """
    holds, base = _held(counters, name, recorded)
    if holds is not None and not holds.slots and holds is not base and _id(base) == holder:
        return plain(holds)  # given back already
    if holds is None or holds.holder != holder:
        return None
    bill = replace(bill, booked_tokens=holds.booked_tokens, booked_cost=holds.booked_cost)
    if holds is not base:  # keep the id that its record may carry
        bill = replace(bill, holder=holds.holder)
    _note(counters, name, bill, base)
    return bill


def settle(
    counters: Counters,
    now: datetime,
    name: str,
    *,
    recorded: Reservation | None = None,
    tokens: int,
    cost: float,
) -> None:
    """Book what a finished run used and release what it holds, once: its name is kept until its record is gone.

    A job that failed, was replaced and is uploaded again is run under the same name, perhaps while that is still kept.
    Its record then carries a note that was made after the settlement, and what it has used since is booked as well.
    """
    move_windows(counters, now)
    if name in counters.settled:
        if not _is_run_again(counters, name, recorded):
            _forget(counters, name)
            return
        counters.settled.remove(name)
        recorded = None  # only noted so far: a note for a settled run is never folded
    holds, base = _held(counters, name, recorded)
    if holds is None and not tokens and not cost:
        return
    _forget(counters, name)
    counters.recorded_totals.take(base)
    book(
        counters,
        tokens - (holds.booked_tokens if holds else 0),
        cost - (holds.booked_cost if holds else 0.0),
    )
    counters.settled.append(name)


def _is_run_again(counters: Counters, name: str, recorded: Reservation | None) -> bool:
    """Whether a settled run's record carries a reservation that was noted after the settlement."""
    note = noted(counters, name)
    return note is not None and recorded is not None and recorded.holder == note.holder


def withdraw(counters: Counters, name: str, holder: str, state: RecordState) -> None:
    """Remove the note of a claim that failed, unless the current record is based on it.

    Nor if another process shares the note: its record may be on its way.
    """
    note = noted(counters, name)
    is_own = note is not None and note.holder == holder and not note.is_shared
    if is_own and _id(state.counted) != holder:
        _forget(counters, name)


def names(counters: Counters) -> list[str]:
    """All runs that the counters name, except those whose records never carry a reservation."""
    notes = {**counters.unsettled, **counters.reserved}
    return [*counters.settled, *(name for name, note in notes.items() if not note.is_old)]


def names_to_fold(counters: Counters, most: int) -> list[str]:
    """The names to fold, the oldest first, if there are more than `most`; else none.

    Not the runs settled by the last few writes: the process that settled them removes their records and forgets them.
    """
    notes = [*counters.unsettled.items(), *counters.reserved.items()]
    found = [name for name, note in notes if not note.is_old] if len(notes) > most else []
    if len(counters.settled) <= most:
        return found
    lately = recent_writes.lately(counters)
    return [*(name for name in counters.settled if recent_writes.short(name) not in lately), *found]


def fold(counters: Counters, name: str, state: RecordState) -> None:
    """Move a note that its record repeats into the totals, and forget a settled run whose record is gone.

    `state` may be out of date: a record only ever carries what was noted before, and a deleted record means that its
    run is over. A settled run that is noted again was claimed too late; that note never enters the totals, so that
    settling it again only has to drop it.
    """
    if name in counters.settled:
        if state.is_open:
            return
        counters.settled.remove(name)
    note = noted(counters, name)
    if note is not None and state.counted is not None and state.counted.holder == note.holder:
        _fold(counters, name, note, state.counted)


def fold_or_drop(counters: Counters, name: str, state: RecordState) -> None:
    """The same for a record read after these counters: also drop a note that does not follow the record."""
    fold(counters, name, state)
    if name in counters.settled:  # check the others first next time
        counters.settled.remove(name)
        counters.settled.append(name)
        return
    note = noted(counters, name)
    if note is None:
        return
    if state.counted is not None and _id(note.base) != state.counted.holder:
        _forget(counters, name)
    else:
        _note(counters, name, note, note.base, is_shared=note.is_shared)


def part_in_totals(note: NotedReservation, recorded: Reservation | None) -> Reservation | None:
    """The part of a noted run's reservation that is in the totals, given what its record says."""
    return note.base if recorded is not None and recorded.holder == note.holder else recorded


def as_note(holds: Reservation, *, is_old: bool = False) -> NotedReservation:
    """A note of a reservation, none of which is in the totals."""
    return NotedReservation(**_fields(holds), is_old=is_old)


def _held(counters: Counters, name: str, recorded: Reservation | None) -> tuple[Reservation | None, Reservation | None]:
    """What a run holds, and the part of it that is in the totals; the same object if nothing is noted."""
    note = noted(counters, name)
    if name in counters.settled:  # what its record still carries was released
        recorded = None
    if note is None:
        return recorded, recorded
    if recorded is not None and recorded.holder == note.holder:
        _fold(counters, name, note, recorded)
        return recorded, recorded
    if _id(note.base) == _id(recorded):
        return note, note.base
    _forget(counters, name)
    return recorded, recorded


def _fold(counters: Counters, name: str, note: NotedReservation, recorded: Reservation) -> None:
    counters.recorded_totals.take(note.base)
    counters.recorded_totals.add(recorded)
    _forget(counters, name)


def _forget(counters: Counters, name: str) -> None:
    counters.reserved.pop(name, None)
    counters.unsettled.pop(name, None)


def _note(
    counters: Counters, name: str, holds: Reservation, base: Reservation | None, *, is_shared: bool = False
) -> None:
    _forget(counters, name)
    is_old = isinstance(holds, NotedReservation) and holds.is_old
    (counters.reserved if holds.slots else counters.unsettled)[name] = NotedReservation(
        **_fields(holds), base=base, is_old=is_old, is_shared=is_shared
    )


def plain(holds: Reservation) -> Reservation:
    """The reservation alone, without the fields of a note."""
    return Reservation(**_fields(holds))


def _fields(holds: Reservation) -> dict[str, Any]:
    values = {field: getattr(holds, field) for field in Reservation.__struct_fields__}
    return {field: value for field, value in values.items() if value or field in {"model", "slots"}}


def _id(reservation: Reservation | None) -> str:
    return reservation.holder if reservation else ""
