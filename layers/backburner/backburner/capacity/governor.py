"""The governor: which run may start a generation now, and what the day has used.

The rules are in `limits.py` and `reservations.py`; `shared_counters.py` reads and swaps the counters they
change. A crash after a swap leaks nothing: the run's next step finds its reservation under its name, and the sweep
removes reservations that no run claims.
"""

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from msgspec.structs import replace

from backburner.capacity import limits as rules
from backburner.capacity import reservations
from backburner.capacity.limits import Counters, Denial, Limits, Reservation
from backburner.capacity.reservations import RecordState
from backburner.capacity.shared_counters import TRIES, NeededRecords, SharedCounters
from backburner.errors import RetryLaterError

logger = logging.getLogger(__name__)

CONTENTION = "contention"
"""The `waiting_for` of a job whose swap lost to other processes."""
_ROOM_S = 3.0
_CONTENTION = Denial(waiting_for=CONTENTION, seconds=1)

T = TypeVar("T")


@dataclass(kw_only=True)
class Governor:
    """The governor as one process sees it. `recorded` is always the `counted` of the run's open record."""

    shared: SharedCounters
    limits: Limits
    open_runs: int | None = None
    """How many open records this process found when it last listed them all; None if it has not."""

    @property
    def last_read(self) -> Counters:
        """The counters as last read: good enough where being wrong only costs effort."""
        return self.shared.last_read

    @property
    def in_flight(self) -> int:
        """Generations that are open, by the counters as last read."""
        return self.shared.in_flight

    async def counters(self) -> tuple[Counters, datetime]:
        """The current counters, and the store's time."""
        counters, _, now = await self.shared.read()
        rules.move_windows(counters, now)
        return counters, now

    async def change(self, change: Callable[[Counters, datetime], T]) -> T:
        """Change the counters. Raises `RetryLaterError` if other processes win every swap."""
        return await self.shared.change(lambda counters, now, _: change(counters, now))

    def budget_used(self, counters: Counters, now: datetime) -> float:
        """The share of the day's budget that is spent or reserved; the larger one of tokens and cost."""
        rules.move_windows(counters, now)
        tokens, cost = rules.used(counters, counters.held)
        shares = [
            used / limit
            for used, limit in ((tokens, self.limits.daily_tokens), (cost, self.limits.daily_cost))
            if limit is not None
        ]
        return max(shares, default=0.0)

    async def room(self) -> int:
        """How many reservations could be granted, by what this process knew a moment ago: a tick asks all the time."""
        counters, now = await self.shared.read_lately(_ROOM_S)
        rules.move_windows(counters, now)
        return rules.room(counters, self.limits, now)

    # Reservations

    async def reserve(
        self, name: str, wanted: Reservation, *, recorded: Reservation | None, behind_others: bool
    ) -> Reservation | Denial:
        """Hold a reservation, or say why not. Losing every swap is a denial too: the run waits."""
        own_ids: list[str] = []

        def change(counters: Counters, now: datetime, records: Mapping[str, RecordState]) -> Reservation | Denial:
            if _is_owned_by_another(counters, records, name, recorded):
                return _CONTENTION
            own_ids.append(_new_id())  # a try whose answer was lost may already be in another process's record
            tried = replace(wanted, holder=own_ids[-1])
            return reservations.reserve(
                counters, self.limits, now, name, tried, recorded=recorded, own_ids=own_ids, behind_others=behind_others
            )

        try:
            return await self.shared.change(change, needed=_record_if_note_is_unclear(name, recorded), name=name)
        except RetryLaterError:
            return _CONTENTION

    async def extend(
        self,
        name: str,
        held: Reservation,
        wanted: Sequence[Reservation],
        *,
        recorded: Reservation | None,
        tokens: int,
        cost: float,
    ) -> tuple[int, Denial | None, Reservation | None]:
        """Hold what a run has open, and as many more slots as there are. Losing every swap grants none.

        `tokens` and `cost` are what the run has used so far; they are booked on the day they were used. Returns the
        number granted, why not more, and what the run holds now, for its record.
        """
        held = replace(held, booked_tokens=tokens, booked_cost=cost)

        def change(
            counters: Counters, now: datetime, records: Mapping[str, RecordState]
        ) -> tuple[int, Denial | None, Reservation | None]:
            if _is_owned_by_another(counters, records, name, recorded) or _is_over(counters, records, name, recorded):
                return 0, _CONTENTION, recorded
            tried = replace(held, holder=_new_id())
            return reservations.extend(counters, self.limits, now, name, held=tried, wanted=wanted, recorded=recorded)

        try:
            return await self.shared.change(change, needed=_record_for_extension(name, recorded), name=name)
        except RetryLaterError:
            return 0, _CONTENTION, recorded

    async def release(
        self, name: str, wanted: Reservation, *, recorded: Reservation | None, tokens: int, cost: float
    ) -> Reservation | None:
        """Give the run's slot back and keep what it has used so far unsettled. Does nothing if another step holds it.

        `wanted` is what the run reserved; old records have that instead of `counted`. If other processes win every
        swap, the run's next step gives the slot back. Returns what the record should say now, or None if it need not be
        written: only where many runs give slots back at once would their names fill the counters.
        """
        holder = (recorded or wanted).holder
        bill = Reservation(model=wanted.model, slots=0, holder=_new_id(), unsettled_tokens=tokens, unsettled_cost=cost)

        def change(counters: Counters, _: datetime, records: Mapping[str, RecordState]) -> Reservation | None:
            recorded_now = _recorded(counters, records, name, recorded)
            return reservations.release(counters, name, bill, recorded=recorded_now, holder=holder)

        try:
            record_next = await self.shared.change(change, needed=_record_if_unclear(name, recorded), name=name)
        except RetryLaterError:
            logger.warning("slot not given back: other processes win every swap")
            return None
        return record_next if len(self.last_read.unsettled) > self.shared.max_noted // 2 else None

    async def settle(self, name: str, *, recorded: Reservation | None, tokens: int, cost: float) -> None:
        """Book what a finished run used. Raises `RetryLaterError`: the run's message then tries again."""

        def change(counters: Counters, now: datetime, records: Mapping[str, RecordState]) -> None:
            if name in records and name not in counters.settled:
                if not records[name].is_open:
                    return  # it was settled before its record was removed
                has_changed = records[name].counted != recorded  # e.g. booked, and claimed again after its end
                if (tokens or cost) and has_changed:
                    raise RetryLaterError(f"the record of {name} has changed meanwhile")
            recorded_now = _recorded(counters, records, name, recorded)
            reservations.settle(counters, now, name, recorded=recorded_now, tokens=tokens, cost=cost)

        needed = (
            _record_unless_settled(name)
            if recorded is None and (tokens or cost)
            else _record_if_unclear(name, recorded)
        )
        await self.shared.change(change, needed=needed, name=name, tries=TRIES)

    async def withdraw(self, name: str, holds: Reservation) -> None:
        """Cancel the reservation of a claim that failed, or whose run was already over."""

        def change(counters: Counters, _: datetime, records: Mapping[str, RecordState]) -> None:
            if name in records:
                reservations.withdraw(counters, name, holds.holder, records[name])

        await self.shared.change_quietly(change, needed=lambda _: (name,), name=name)

    def holds(self, name: str, recorded: Reservation | None) -> Reservation | None:
        """What a run holds as far as this process knows: what is in its record, or was noted after that."""
        note = reservations.noted(self.last_read, name)
        if note is None or reservations.is_unclear(self.last_read, name, recorded):
            return recorded
        return reservations.plain(note)

    def mark(self) -> int:
        """Take this before reading an open record, and give it to `record_says` with what the record says."""
        return self.shared.mark()

    def record_says(self, name: str, counted: Reservation | None, mark: int | None = None) -> None:
        """Remember what a run's open record, as written or read just now, says of its reservation.

        With a `mark`, the run's end need not read the record again unless another process writes the counters.
        """
        self.shared.remember(name, RecordState(is_open=True, counted=counted), mark)

    def closed(self, name: str) -> None:
        """Remember that a settled run's open record is gone."""
        self.shared.remember(name, RecordState(is_open=False))

    async def review(self) -> None:
        """Compare every noted name with its record, and drop the notes that no record can follow any more."""

        def change(counters: Counters, _: datetime, records: Mapping[str, RecordState]) -> None:
            for name in records:
                reservations.fold_or_drop(counters, name, records[name])

        await self.shared.change(change, needed=reservations.names)

    async def backlog_is_empty(self) -> None:
        """The backlog was found empty: new uploads need not queue behind it."""

        def change(counters: Counters, _: datetime, __: Mapping[str, RecordState]) -> None:
            counters.others_wait = False

        if self.last_read.others_wait:
            await self.shared.change_quietly(change)

    async def unreadable(self, key: str, why: str) -> None:
        """Report once that an object cannot be read and a person must look at it."""
        if key not in self.last_read.unreadable:
            logger.error("object cannot be read", extra={"key": key, "why": why})
            await self.shared.change_quietly(lambda counters, _, __: rules.note_unreadable(counters, {key: why}, ()))


def _new_id() -> str:
    return secrets.token_hex(8)


def _record_if_unclear(name: str, recorded: Reservation | None) -> NeededRecords:
    """Read the record if the counters do not say what the run holds."""
    return lambda counters: (
        (name,) if name not in counters.settled and reservations.is_unclear(counters, name, recorded) else ()
    )


def _record_unless_settled(name: str) -> NeededRecords:
    """Read the record of a run that has used tokens but names no reservation: a late claim may have noted one."""
    return lambda counters: () if name in counters.settled else (name,)


def _record_if_note_is_unclear(name: str, recorded: Reservation | None) -> NeededRecords:
    """The same, but trust the caller if nothing is noted: an addition can at worst note one slot too many."""
    needed = _record_if_unclear(name, recorded)
    return lambda counters: needed(counters) if reservations.noted(counters, name) else ()


def _record_for_extension(name: str, recorded: Reservation | None) -> NeededRecords:
    """The same for a run that changes what it holds: trust the caller if it held nothing before.

    But not under a settled name: there the run is over, unless it is run again and so has a record again.
    """
    if recorded:
        return _record_if_unclear(name, recorded)
    needed = _record_if_note_is_unclear(name, recorded)
    return lambda counters: (name,) if name in counters.settled else needed(counters)


def _is_owned_by_another(
    counters: Counters, records: Mapping[str, RecordState], name: str, recorded: Reservation | None
) -> bool:
    """Whether another step owns the run by now.

    Its record says so if it was read. It was not if the other step's note was made by this same swap.
    """
    if name in records:
        return records[name].counted != recorded
    is_noted = reservations.noted(counters, name) is not None and name not in counters.settled
    return is_noted and reservations.is_unclear(counters, name, recorded)


def _is_over(counters: Counters, records: Mapping[str, RecordState], name: str, recorded: Reservation | None) -> bool:
    """Whether a settled run that names no reservation has no record any more: it is not run again, it has ended."""
    return recorded is None and name in counters.settled and not (name in records and records[name].is_open)


def _recorded(
    counters: Counters, records: Mapping[str, RecordState], name: str, recorded: Reservation | None
) -> Reservation | None:
    """What the record says, as just read if it was. Raises `RetryLaterError` if it had to be read and could not be."""
    if name in records:
        return records[name].counted
    if name not in counters.settled and reservations.is_unclear(counters, name, recorded):
        raise RetryLaterError(f"the reservation of {name} cannot be read at the moment")
    return recorded
