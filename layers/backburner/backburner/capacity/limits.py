"""The rules of capacity: how many generations may be open, how fast they start, and what a day may cost.

Pure functions over the counters of `ledger/governor.json`; `now` is always the store's time. How a run comes to hold a
reservation, and gives it back, stands in `reservations.py`; the pauses in `pauses.py`, what is learnt in `learnt.py`.
"""

import math
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

ALL_MODELS = "*"
"""Name of a pause that concerns the whole provider; others are named by their model."""
PROBE_EVERY = timedelta(seconds=60)
MAX_UNREADABLE = 50
MAX_PAUSES = 20
"""Lines of a batch may name any model, so there may be any number that the provider refuses: as many are remembered."""
_MAX = 10**15
"""Tokens or money that a day can come to: more is an answer that lies."""
FULL_S = 15.0
"""A job for which there is no place is looked at again after this: longer than a tick stays for what is due soon."""
_MAX_BUDGET_S = 3600.0
"""One whose day's budget is spent asks again within this: the operator may have raised it."""
_FORGOTTEN_AFTER = timedelta(minutes=30)
"""A pause that nobody has probed for so long past its time is nobody's: who waits asks every quarter of an hour."""
VERSION = 2
"""Of the counters: 1 named every reservation and kept a bill for every run that waited again."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """What one run may use: so many generations at a time, so many tokens, so much money."""

    model: str
    slots: int = msgspec.field(default=1, name="places")
    """1; of a batch's lines as many as are open; 0 of a run that waits for another attempt."""
    tokens: int = 0
    cost: float = 0.0
    holder: str = ""
    """Id of the change of the governor that made it so: no two changes have the same."""
    booked_tokens: int = 0
    booked_cost: float = 0.0
    """Of what the run has used: what is booked already. Its end books only the rest."""
    owed_tokens: int = 0
    owed_cost: float = 0.0
    """What earlier attempts of the run have used: held for it until its end books it."""


class Noted(Reservation, frozen=True, kw_only=True, omit_defaults=True):
    """A reservation that its run's open record may not tell of yet."""

    base: Reservation | None = None
    """What the record told when it was noted; part of what stands, so it is not counted twice."""
    is_old: bool = False
    """Noted by a version whose records never tell of a reservation."""
    is_shared: bool = False
    """Whether two processes have reserved it for the same run: then neither takes it back."""


class Standing(msgspec.Struct, kw_only=True):
    """Sums of the reservations of which the runs' open records tell themselves."""

    runs: int = 0
    """Of those that hold places."""
    slots: int = msgspec.field(default=0, name="places")
    tokens: int = 0
    cost: float = 0.0

    def add(self, told: Reservation | None) -> None:
        """Count one more."""
        self._change(told, 1)

    def take(self, told: Reservation | None) -> None:
        """Count one less."""
        self._change(told, -1)

    def _change(self, told: Reservation | None, sign: int) -> None:
        if told is not None:
            self.runs += sign * (told.slots > 0)
            self.slots += sign * told.slots
            self.tokens += sign * (told.tokens + told.owed_tokens)
            cost = self.cost + sign * (told.cost + told.owed_cost)
            self.cost = round(cost, 9) if self.runs or self.tokens else 0.0  # rounded so often it would drift


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing is created, since when, and when the next probe may go out."""

    why: str
    since: datetime
    next_probe: datetime
    any_call_lifts: bool = False
    """Whether it ends with any call that the provider accepts; else with a create only."""


class Counters(msgspec.Struct, kw_only=True):
    """The counters of the current windows, and the pauses. Its windows move on as it is read."""

    version: int = VERSION
    reserved: dict[str, Noted] = {}
    """By `<job_id>.<run>`: what was reserved last, the oldest first."""
    unsettled: dict[str, Noted] = msgspec.field(default_factory=dict, name="owed")
    """By `<job_id>.<run>`: the places that were given back last, and what their runs have used so far."""
    standing: Standing = msgspec.field(default_factory=Standing)
    """All other reservations: the open records tell of them."""
    settled: list[str] = []
    """By `<job_id>.<run>`: runs that are booked, and whose open records may still be there; the oldest first."""
    minute: datetime = _EPOCH
    submitted: int = 0
    """Generations started in that minute."""
    day: str = ""
    tokens: int = 0
    cost: float = 0.0
    """Used on that day (UTC) by runs that ended."""
    pauses: dict[str, Pause] = {}
    bad_creates: int = 0
    """Creates in a row that were refused or ambiguous."""
    others_wait: bool = False
    """Whether jobs wait in the backlog, so that a new one goes behind them."""
    last_sweep: datetime | None = None
    sweep_cursor: str = ""
    """Where a sweep that ran out of time goes on."""
    usual_s: dict[str, float] = {}
    """What generations of each model usually take: a moving average, learnt from those that ended."""
    chars_per_token: dict[str, float] = {}
    """How many characters of what each model was sent made a token: learnt likewise."""
    picture_scale: dict[str, float] = {}
    """How many tokens a model counts for each that was estimated of a picture: learnt likewise."""
    unreadable: dict[str, str] = {}
    """Objects that cannot be read, and why: by their keys, some of them where there are many."""
    unexplained: list[str] = []
    """Reservations for which the last sweep found no open record."""

    @property
    def held(self) -> Standing:
        """Sums of all reservations."""
        total = msgspec.structs.replace(self.standing)
        for noted in (*self.reserved.values(), *self.unsettled.values()):
            total.add(noted)
            total.take(noted.base)
        return total

    @property
    def in_flight(self) -> int:
        """Generations that are open, as far as anybody knows."""
        return max(0, self.held.slots)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator allows; None is no limit."""

    max_in_flight: int
    submits_per_minute: int
    daily_tokens: int | None = None
    daily_cost: float | None = None


class Denial(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run has to wait, and for how long at least."""

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
    """How many more like those under way the day's budget takes. Who wants less is among the few that a tick tries."""
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
    """One more generation is started; where it is a probe, the next is a while away."""
    counters.submitted += 1
    for key in (ALL_MODELS, model):
        if pause := counters.pauses.get(key):
            counters.pauses[key] = msgspec.structs.replace(pause, next_probe=now + PROBE_EVERY)


def book(counters: Counters, tokens: int, cost: float) -> None:
    """Count what was used against the day; less than nothing is nothing."""
    counters.tokens = min(_MAX, counters.tokens + max(0, tokens))
    counters.cost = round(min(float(_MAX), counters.cost + (max(0.0, cost) if math.isfinite(cost) else _MAX)), 9)


def note_unreadable(counters: Counters, found: Mapping[str, str], readable: Collection[str]) -> None:
    """Keep the names of objects that a person must look at, no more than can be shown."""
    kept = {key: why for key, why in counters.unreadable.items() if key not in readable} | dict(found)
    counters.unreadable = dict(sorted(kept.items())[:MAX_UNREADABLE])


def denial(
    counters: Counters, limits: Limits, now: datetime, wanted: Reservation, *, held: Standing, behind_others: bool
) -> Denial | None:
    """Why one more generation may not be started now, where so much is `held`; None if it may."""
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
    is_spent = not _fits(limits, wanted, used(counters, Standing()))
    return Denial(waiting_for="budget", seconds=min(_MAX_BUDGET_S, _until_tomorrow(now)) if is_spent else FULL_S)


def _fits(limits: Limits, wanted: Reservation, day: tuple[int, float]) -> bool:
    tokens, cost = day
    return (limits.daily_tokens is None or tokens + wanted.tokens <= limits.daily_tokens) and (
        limits.daily_cost is None or cost + wanted.cost <= limits.daily_cost
    )


def used(counters: Counters, held: Standing) -> tuple[int, float]:
    """Tokens and money of the day: booked, and `held` by what is under way."""
    return counters.tokens + max(0, held.tokens), counters.cost + max(0.0, held.cost)


def move_windows(counters: Counters, now: datetime) -> None:
    """Begin a new minute, a new day; forget the pauses for which nobody waits any more."""
    counters.pauses = {name: held for name, held in counters.pauses.items() if now < held.next_probe + _FORGOTTEN_AFTER}
    minute, day = now.replace(second=0, microsecond=0), now.strftime("%Y-%m-%d")
    if minute > counters.minute:
        counters.minute, counters.submitted = minute, 0
    if day > counters.day:
        counters.day, counters.tokens, counters.cost = day, 0, 0.0


def _until_tomorrow(now: datetime) -> float:
    tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (tomorrow - now).total_seconds()
