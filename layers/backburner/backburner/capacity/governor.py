"""The governor: who may start a generation now, and what the day has used.

What the rules are stands in `limits.py`, `reservations.py` and `pauses.py`; where the counters are and how they are
changed in `shared_counters.py`. A crash between a swap and what it was for costs nothing: the run's next step finds the
reservation under its name, and the sweep takes away what no run claims.
"""

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from msgspec.structs import replace

from backburner.capacity import learnt, pauses, reservations
from backburner.capacity import limits as rules
from backburner.capacity.limits import Counters, Denial, Limits, Reservation
from backburner.capacity.reservations import Seen
from backburner.capacity.shared_counters import TRIES, Change, Doubts, SharedCounters
from backburner.capacity.timing import MAX_POLL_S, UNKNOWN_S
from backburner.errors import RetryLaterError

logger = logging.getLogger(__name__)

CONTENTION = "contention"
"""What a job waits for whose swap others won."""
_ROOM_S = 3.0
_CONTENTION = Denial(waiting_for=CONTENTION, seconds=1)

T = TypeVar("T")


@dataclass(kw_only=True)
class Governor:
    """The governor as one process sees it. `told` is always what the run's open record tells: its `counted`."""

    shared: SharedCounters
    limits: Limits

    @property
    def seen(self) -> Counters:
        """The counters as last read: good enough for what only saves effort."""
        return self.shared.seen

    async def counters(self) -> tuple[Counters, datetime]:
        """The counters as they stand now, and the store's time."""
        counters, _, now = await self.shared.read()
        rules.move_windows(counters, now)
        return counters, now

    async def change(self, change: Callable[[Counters, datetime], T]) -> T:
        """Change the counters. Raises `RetryLaterError` where others win every swap."""
        return await self.shared.change(lambda counters, now, _: change(counters, now))

    def budget_used(self, counters: Counters, now: datetime) -> float:
        """Share of the day's budget that is spent or reserved, the larger of tokens and cost."""
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
        self, name: str, wanted: Reservation, *, told: Reservation | None, behind_others: bool
    ) -> Reservation | Denial:
        """Hold a reservation, or say why not. A swap lost to others is a denial too: its run waits."""
        mine: list[str] = []

        def change(counters: Counters, now: datetime, seen: Mapping[str, Seen]) -> Reservation | Denial:
            if name in seen and seen[name].counted != told:  # another owner's by now
                return _CONTENTION
            mine.append(_new_id())  # a try whose answer was lost may be told by another's record by now
            tried = replace(wanted, holder=mine[-1])
            return reservations.reserve(
                counters, self.limits, now, name, tried, told=told, mine=mine, behind_others=behind_others
            )

        try:
            return await self.shared.change(change, doubts=_where_strange(name, told))
        except RetryLaterError:
            return _CONTENTION

    async def extend(
        self,
        name: str,
        held: Reservation,
        wanted: Sequence[Reservation],
        *,
        told: Reservation | None,
        tokens: int,
        cost: float,
    ) -> tuple[int, Denial | None, Reservation | None]:
        """Hold what a run has open and as many more as can be had. A swap lost to others grants none.

        `tokens` and `cost` are what it has used so far: they are booked on the day they were used. Returns what it
        holds then, for its record to tell.
        """
        held = replace(held, booked_tokens=tokens, booked_cost=cost)

        def change(
            counters: Counters, now: datetime, seen: Mapping[str, Seen]
        ) -> tuple[int, Denial | None, Reservation | None]:
            if name in seen and seen[name].counted != told:  # another owner's by now
                return 0, _CONTENTION, told
            tried = replace(held, holder=_new_id())
            return reservations.extend(counters, self.limits, now, name, held=tried, wanted=wanted, told=told)

        try:
            return await self.shared.change(change, doubts=_where_based(name, told))
        except RetryLaterError:
            return 0, _CONTENTION, told

    async def release(
        self, name: str, wants: Reservation, *, told: Reservation | None, tokens: int, cost: float
    ) -> Reservation | None:
        """Give a place back; what the run has used so far stays on its bill. Not if another step has it by now.

        `wants` is what it reserved, which old records tell instead of what is counted. A swap that is lost leaves the
        place to the run's next step. Returns what the record should tell of it, if that matters: where many runs give
        their places back at once, the names of those are kept whose records do not tell.
        """
        holder = (told or wants).holder
        bill = Reservation(model=wants.model, slots=0, holder=_new_id(), owed_tokens=tokens, owed_cost=cost)

        def change(counters: Counters, _: datetime, seen: Mapping[str, Seen]) -> Reservation | None:
            now_told = _told(counters, seen, name, told)
            return reservations.release(counters, name, bill, told=now_told, holder=holder)

        try:
            told_next = await self.shared.change(change, doubts=_where_doubtful(name, told))
        except RetryLaterError:
            logger.warning("place not given back: others win every swap")
            return None
        return told_next if len(self.seen.unsettled) > self.shared.most_noted // 2 else None

    async def settle(self, name: str, *, told: Reservation | None, tokens: int, cost: float) -> None:
        """Book what an ended run used. Raises `RetryLaterError`: the run's message then comes back and tries again."""

        def change(counters: Counters, now: datetime, seen: Mapping[str, Seen]) -> None:
            if name in seen and not seen[name].is_open and name not in counters.settled:
                return  # it was settled before its record was removed
            now_told = _told(counters, seen, name, told)
            reservations.settle(counters, now, name, told=now_told, tokens=tokens, cost=cost)

        await self.shared.change(change, doubts=_where_doubtful(name, told), tries=TRIES)

    async def forsake(self, name: str, holds: Reservation) -> None:
        """Take back what was reserved for a claim that failed, or whose run was over."""

        def change(counters: Counters, _: datetime, seen: Mapping[str, Seen]) -> None:
            if name in seen:
                reservations.forsake(counters, name, holds.holder, seen[name])

        await self._quietly(change, doubts=lambda _: (name,))

    def holds(self, name: str, told: Reservation | None) -> Reservation | None:
        """What a run holds, as far as this process has seen: what its record tells, or what was noted after that."""
        note = reservations.noted(self.seen, name)
        return reservations.plain(note) if note and not reservations.is_doubtful(self.seen, name, told) else told

    def told(self, name: str, counted: Reservation | None) -> None:
        """A run's open record was written, or read, and tells this of its reservation."""
        self.shared.know(name, Seen(is_open=True, counted=counted))

    def closed(self, name: str) -> None:
        """A run's open record was removed: it was settled before."""
        self.shared.know(name, Seen(is_open=False))

    async def review(self) -> None:
        """Compare every name that is noted with its record: what no record can tell of any more is taken away."""

        def change(counters: Counters, _: datetime, seen: Mapping[str, Seen]) -> None:
            for name in seen:
                reservations.clear(counters, name, seen[name])

        await self.shared.change(change, doubts=reservations.names)

    # Pauses

    async def pause(self, name: str, why: str, *, any_call_lifts: bool = False) -> None:
        """Create nothing more for a model, or for `ALL_MODELS`, but one probe a minute. `why` is for everybody."""
        logger.error("provider paused", extra={"concerns": name, "why": why})
        await self._quietly(
            lambda counters, now, _: pauses.pause(counters, now, name, why, any_call_lifts=any_call_lifts)
        )

    async def create_failed(self, why: str) -> None:
        """Count a create that was refused or ambiguous."""
        await self._quietly(lambda counters, now, _: pauses.create_failed(counters, now, why))

    async def call_accepted(self, model: str, *, is_create: bool = True) -> None:
        """The provider accepted a call; costs nothing while there is no trouble."""
        paused = [self.seen.pauses[name] for name in (rules.ALL_MODELS, model) if name in self.seen.pauses]
        lifted = any(is_create or pause.any_call_lifts for pause in paused)
        if lifted or (is_create and self.seen.bad_creates):
            await self._quietly(lambda counters, _, __: pauses.call_accepted(counters, model, is_create=is_create))

    async def backlog_is_empty(self) -> None:
        """The backlog was found empty: new uploads need not go behind it."""
        if self.seen.others_wait:
            await self._quietly(lambda counters, now, _: pauses.backlog_is_empty(counters, now))

    async def unreadable(self, key: str, why: str) -> None:
        """Say once that a person must look at an object."""
        if key not in self.seen.unreadable:
            logger.error("object cannot be read", extra={"key": key, "why": why})
            await self._quietly(lambda counters, _, __: rules.note_unreadable(counters, {key: why}, ()))

    # What was learnt

    def learn(self, model: str, took_s: float, chars_per_token: float | None = None) -> None:
        """Remember how long a generation took and how its input was counted; written with the next change."""
        self.shared.take_along(lambda counters: learnt.learn(counters, model, took_s, chars_per_token))

    def first_poll_s(self, model: str) -> float:
        """When to look first at a new generation: after a third of what they usually take."""
        usual_s = self.seen.usual_s.get(model)
        return UNKNOWN_S if usual_s is None else min(MAX_POLL_S, max(UNKNOWN_S, usual_s / 3))

    async def _quietly(self, change: Change[None], *, doubts: Doubts = lambda _: ()) -> None:
        try:
            await self.shared.change(change, doubts=doubts)
        except RetryLaterError:
            logger.warning("governor not written: others win every swap")


def _new_id() -> str:
    return secrets.token_hex(8)


def _where_doubtful(name: str, told: Reservation | None) -> Doubts:
    """The record must be read where the counters do not say what the run holds."""
    return lambda counters: (
        (name,) if name not in counters.settled and reservations.is_doubtful(counters, name, told) else ()
    )


def _where_strange(name: str, told: Reservation | None) -> Doubts:
    """The same, but the caller is believed where nothing is noted: what is only added is noted too often at worst."""
    doubts = _where_doubtful(name, told)
    return lambda counters: doubts(counters) if reservations.noted(counters, name) else ()


def _where_based(name: str, told: Reservation | None) -> Doubts:
    """The same for a change of what is held: believed where nothing was held before."""
    return _where_doubtful(name, told) if told else _where_strange(name, told)


def _told(counters: Counters, seen: Mapping[str, Seen], name: str, told: Reservation | None) -> Reservation | None:
    """What the record tells: as it was read now, if it was. Raises `RetryLaterError` where it could not be."""
    if name in seen:
        return seen[name].counted
    if name not in counters.settled and reservations.is_doubtful(counters, name, told):
        raise RetryLaterError(f"what {name} holds cannot be read just now")
    return told
