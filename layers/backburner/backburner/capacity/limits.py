"""The limits: how many generations may be open, how fast they start, and what a day may cost.

Pure functions over the counters of `ledger/governor.json`; `now` is always the store's time. `reservations.py` has how
a run gets a reservation and gives it back, `pauses.py` the pauses, `learnt.py` what finished generations teach.
"""

import math
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

ALL_MODELS = "*"
"""Name of the pause for the whole provider; other pauses carry the model's name."""
PROBE_EVERY = timedelta(seconds=60)
MAX_UNREADABLE = 50
MAX_PAUSES = 20
"""Lines of a batch may name any model, and the provider may refuse them all: this many pauses are remembered."""
_MAX = 10**15
"""Tokens or money that one day can use; an answer that claims more is wrong."""
FULL_S = 15.0
"""A job without a slot tries again after this: longer than a tick waits for jobs in the backlog."""
_MAX_BUDGET_S = 3600.0
"""A job whose day's budget is spent tries again within this: the operator may have raised the budget."""
_FORGOTTEN_AFTER = timedelta(minutes=30)
"""A pause whose probe is overdue by this much is dropped: a waiting job would probe every quarter of an hour."""
VERSION = 2
"""Version of the counters. Version 1 named every reservation, and every waiting run's unsettled use."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """What is reserved for one run: generations at a time, tokens, money."""

    model: str
    slots: int = msgspec.field(default=1, name="places")
    """1 for a document; as many as are open for lines of a batch; 0 for a run that waits for another attempt."""
    tokens: int = 0
    cost: float = 0.0
    holder: str = ""
    """Id of the change to the counters that made it so; unique for each change."""
    booked_tokens: int = 0
    booked_cost: float = 0.0
    """The part of the run's use that is booked already: its end books only the rest."""
    unsettled_tokens: int = msgspec.field(default=0, name="owed_tokens")
    unsettled_cost: float = msgspec.field(default=0.0, name="owed_cost")
    """What the run's earlier attempts used: held until its end books it."""


class NotedReservation(Reservation, frozen=True, kw_only=True, omit_defaults=True):
    """A reservation that may not be in its run's open record yet."""

    base: Reservation | None = None
    """What the record said when this was noted. It is part of `recorded_totals`, so it must not be counted twice."""
    is_old: bool = False
    """Whether it was noted by a version whose records never name a reservation."""
    is_shared: bool = False
    """Whether two processes reserved it for the same run: then neither takes it back."""


class Totals(msgspec.Struct, kw_only=True):
    """The totals of a set of reservations."""

    runs: int = 0
    """The number of runs that hold slots."""
    slots: int = msgspec.field(default=0, name="places")
    tokens: int = 0
    cost: float = 0.0

    def add(self, reservation: Reservation | None) -> None:
        """Add one reservation; None adds nothing."""
        self._change(reservation, 1)

    def take(self, reservation: Reservation | None) -> None:
        """Subtract one reservation; None subtracts nothing."""
        self._change(reservation, -1)

    def _change(self, reservation: Reservation | None, sign: int) -> None:
        if reservation is not None:
            self.runs += sign * (reservation.slots > 0)
            self.slots += sign * reservation.slots
            self.tokens += sign * (reservation.tokens + reservation.unsettled_tokens)
            cost = self.cost + sign * (reservation.cost + reservation.unsettled_cost)
            self.cost = round(cost, 9) if self.runs or self.tokens else 0.0  # else repeated rounding would drift


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing is created, since when, and when the next probe may go out."""

    why: str
    since: datetime
    next_probe: datetime
    any_call_lifts: bool = False
    """Whether any call that the provider accepts lifts it, or only a create."""


class Counters(msgspec.Struct, kw_only=True):
    """The counters of the current minute and day, and the pauses; `move_windows` begins a new minute or day."""

    version: int = VERSION
    nonce: str = ""
    """New with each write: an object with the same content again would have the same ETag, and a swap would miss it."""
    reserved: dict[str, NotedReservation] = {}
    """By `<job_id>.<run>`, the oldest first: the reservations made last."""
    unsettled: dict[str, NotedReservation] = msgspec.field(default_factory=dict, name="owed")
    """By `<job_id>.<run>`: the slots given back last, and what their runs have used so far."""
    recorded_totals: Totals = msgspec.field(default_factory=Totals, name="standing")
    """Totals of all other reservations, which are in the open records."""
    settled: list[str] = []
    """`<job_id>.<run>` of runs that are booked but whose open records may still be there; the oldest first."""
    minute: datetime = _EPOCH
    submitted: int = 0
    """Generations started in that minute."""
    day: str = ""
    tokens: int = 0
    cost: float = 0.0
    """Used on that day (UTC) by finished runs."""
    pauses: dict[str, Pause] = {}
    bad_creates: int = 0
    """Consecutive creates that were refused or ambiguous."""
    others_wait: bool = False
    """Whether jobs wait in the backlog, so that a new one must queue behind them."""
    last_sweep: datetime | None = None
    sweep_cursor: str = ""
    """Where a sweep that ran out of time continues."""
    usual_s: dict[str, float] = {}
    """Seconds that a generation of each model usually takes: a moving geometric average over finished ones."""
    chars_per_token: dict[str, float] = {}
    """Characters of input that make a token, by model: a moving average."""
    picture_scale: dict[str, float] = {}
    """Tokens that a model counts for each one estimated of a picture, by model: a moving average."""
    unreadable: dict[str, str] = {}
    """Objects that cannot be read, and why, by key; only the first `MAX_UNREADABLE`."""
    unexplained: list[str] = []
    """Reservations for which the last sweep found no open record."""
    recent: list[str] = []
    """The last writes, the newest at the end: the nonce of each, and the runs that it changed (`recent_writes.py`)."""

    @property
    def held(self) -> Totals:
        """The totals of all reservations."""
        total = msgspec.structs.replace(self.recorded_totals)
        for noted in (*self.reserved.values(), *self.unsettled.values()):
            total.add(noted)
            total.take(noted.base)
        return total

    @property
    def in_flight(self) -> int:
        """Generations that are open."""
        return max(0, self.held.slots)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator allows; None means no limit."""

    max_in_flight: int
    submits_per_minute: int
    daily_tokens: int | None = None
    daily_cost: float | None = None


class Denial(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run has to wait, and for how many seconds at least."""

    waiting_for: str
    seconds: float


def room(counters: Counters, limits: Limits, now: datetime) -> int:
    """How many reservations could be granted now."""
    move_windows(counters, now)
    if pause := counters.pauses.get(ALL_MODELS):
        return 1 if now >= pause.next_probe else 0
    free = min(limits.max_in_flight - counters.in_flight, limits.submits_per_minute - counters.submitted)
    return max(0, min(free, _affordable(counters, limits)))


def _affordable(counters: Counters, limits: Limits) -> int:
    """How many more runs like those under way fit the day's budget; a smaller one may fit even if this says 0."""
    held = counters.held
    slots, (tokens, cost) = max(1, held.slots), used(counters, held)
    found = [limits.max_in_flight]
    for limit, spent, reserved in (
        (limits.daily_tokens, tokens, held.tokens),
        (limits.daily_cost, cost, held.cost),
    ):
        if limit is not None and (reserved > 0 or spent >= limit):
            each = reserved / slots
            found.append(int(max(0.0, limit - spent) / each) if each else 0)
    return min(found)


def granted(counters: Counters, now: datetime, model: str) -> None:
    """Count one more generation; if it was a probe, schedule the next one."""
    counters.submitted += 1
    for key in (ALL_MODELS, model):
        if pause := counters.pauses.get(key):
            counters.pauses[key] = msgspec.structs.replace(pause, next_probe=now + PROBE_EVERY)


def book(counters: Counters, tokens: int, cost: float) -> None:
    """Count what was used against the day; negative numbers count as 0."""
    counters.tokens = min(_MAX, counters.tokens + max(0, tokens))
    counters.cost = round(min(float(_MAX), counters.cost + (max(0.0, cost) if math.isfinite(cost) else _MAX)), 9)


def note_unreadable(counters: Counters, found: Mapping[str, str], readable: Collection[str]) -> None:
    """Keep the names of objects that a person must look at, at most `MAX_UNREADABLE`."""
    kept = {key: why for key, why in counters.unreadable.items() if key not in readable} | dict(found)
    counters.unreadable = dict(sorted(kept.items())[:MAX_UNREADABLE])


def denial(
    counters: Counters, limits: Limits, now: datetime, wanted: Reservation, *, held: Totals, behind_others: bool
) -> Denial | None:
    """Why one more generation may not be started now, given what is `held`; None if it may."""
    for key in (ALL_MODELS, wanted.model):
        pause = counters.pauses.get(key)
        if pause is not None and now < pause.next_probe:
            return Denial(waiting_for="provider", seconds=(pause.next_probe - now).total_seconds())
    if behind_others and counters.others_wait:
        return Denial(waiting_for="turn", seconds=0)
    if held.slots >= limits.max_in_flight:
        return Denial(waiting_for="capacity" if limits.max_in_flight else "turn", seconds=FULL_S)
    if counters.submitted >= limits.submits_per_minute:
        return Denial(waiting_for="rate", seconds=(counters.minute + timedelta(minutes=1) - now).total_seconds())
    if _fits(limits, wanted, used(counters, held)):
        return None
    is_spent = not _fits(limits, wanted, used(counters, Totals()))
    return Denial(waiting_for="budget", seconds=min(_MAX_BUDGET_S, _until_tomorrow(now)) if is_spent else FULL_S)


def _fits(limits: Limits, wanted: Reservation, day: tuple[int, float]) -> bool:
    tokens, cost = day
    return (limits.daily_tokens is None or tokens + wanted.tokens <= limits.daily_tokens) and (
        limits.daily_cost is None or cost + wanted.cost <= limits.daily_cost
    )


def used(counters: Counters, held: Totals) -> tuple[int, float]:
    """Tokens and money of the day: what is booked, plus what is `held` for runs under way."""
    return counters.tokens + max(0, held.tokens), counters.cost + max(0.0, held.cost)


def move_windows(counters: Counters, now: datetime) -> None:
    """Begin a new minute or day if it is time; drop pauses for which no job waits any more."""
    counters.pauses = {name: held for name, held in counters.pauses.items() if now < held.next_probe + _FORGOTTEN_AFTER}
    minute, day = now.replace(second=0, microsecond=0), now.strftime("%Y-%m-%d")
    if minute > counters.minute:
        counters.minute, counters.submitted = minute, 0
    if day > counters.day:
        counters.day, counters.tokens, counters.cost = day, 0, 0.0


def _until_tomorrow(now: datetime) -> float:
    tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (tomorrow - now).total_seconds()
