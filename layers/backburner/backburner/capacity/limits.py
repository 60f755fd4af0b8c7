"""The rules of capacity: how many generations may be open, how fast they start, what a day may cost; and the pauses.

Pure functions over the counters of `ledger/governor.json`; `now` is always the store's time. A reservation is held
under the name of its run, so reserving twice holds one and settling twice books once (ADR 8).
"""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

ALL_MODELS = "*"
"""Name of a pause that concerns the whole provider; others are named by their model."""
BAD_CREATES_TO_CLOSE = 5
PROBE_EVERY = timedelta(seconds=60)
MAX_UNREADABLE = 50
MAX_PAUSES = 20
"""Lines of a batch may name any model, so there may be any number that the provider refuses: as many are remembered."""
_MAX = 10**15
"""Tokens or money that a day can come to: more is an answer that lies."""
_FULL_S = 15.0
"""A job for which there is no place is looked at again after this: longer than a tick stays for what is due soon."""
_MAX_BUDGET_S = 3600.0
"""One whose day's budget is spent asks again within this: the operator may have raised it."""
_MAX_TAKEN_S = 86_400.0
"""A generation that is said to have taken longer teaches nothing about when to look at the next."""
_FORGOTTEN_AFTER = timedelta(minutes=30)
"""A pause that nobody has probed for so long past its time is nobody's: who waits asks every quarter of an hour."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """What one run may use: so many generations at a time, so many tokens, so much money."""

    model: str
    slots: int = msgspec.field(default=1, name="places")
    """1; of a batch's lines as many as are open."""
    tokens: int = 0
    cost: float = 0.0
    holder: str = ""
    """Ticket of the step that took it: only its own process gives it back."""
    booked_tokens: int = 0
    booked_cost: float = 0.0
    """Of what the run has used: what is booked already. Its end books only the rest."""


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing is created, since when, and when the next probe may go out."""

    why: str
    since: datetime
    next_probe: datetime
    any_call_lifts: bool = False
    """Whether it ends with any call that the provider accepts; else with a create only."""


class Counters(msgspec.Struct, kw_only=True):
    """The counters of the current windows, and the pauses. Its windows move on as it is read."""

    version: int = 1
    reserved: dict[str, Reservation] = {}
    """By `<job_id>.<run>`: the generations in flight."""
    unsettled: dict[str, Reservation] = msgspec.field(default_factory=dict, name="owed")
    """By `<job_id>.<run>`: what earlier attempts of runs that wait again have used; booked with their end."""
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
    unreadable: dict[str, str] = {}
    """Objects that cannot be read, and why: by their keys, some of them where there are many."""
    unexplained: list[str] = []
    """Reservations for which the last sweep found no open record."""

    @property
    def in_flight(self) -> int:
        """Generations that are open, as far as anybody knows."""
        return sum(held.slots for held in self.reserved.values())


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
    held, (tokens, cost) = counters.reserved.values(), used(counters)
    slots = max(1, counters.in_flight)
    found = [limits.max_in_flight]
    for limit, spent, reserved in (
        (limits.daily_tokens, tokens, sum(each.tokens for each in held)),
        (limits.daily_cost, cost, sum(each.cost for each in held)),
    ):
        if limit is not None and (reserved > 0 or spent >= limit):
            each = reserved / slots
            found.append(int(max(0.0, limit - spent) / each) if each else 0)
    return min(found)


def reserve(
    counters: Counters, limits: Limits, now: datetime, name: str, wanted: Reservation, *, behind_others: bool
) -> Denial | None:
    """Hold a reservation for a run, or say why not. A run that holds one already keeps it."""
    move_windows(counters, now)
    if name in counters.reserved:
        counters.reserved[name] = wanted
        return None
    denial = _denial(counters, limits, now, wanted, behind_others=behind_others)
    if denial is not None:
        counters.others_wait = True
        return denial
    counters.reserved[name] = wanted
    _granted(counters, now, wanted.model)
    return None


def extend(
    counters: Counters, limits: Limits, now: datetime, name: str, *, held: Reservation, wanted: Sequence[Reservation]
) -> tuple[int, Denial | None]:
    """Hold what a run with many generations has open now, `held`, and as many of those it wants as can be had.

    What it has used since the last time is booked. Returns how many more it may begin, and why not all of them.
    """
    move_windows(counters, now)
    before = counters.reserved.get(name)
    if before is not None:  # else it is the first time, or somebody has ended the run meanwhile
        _book(counters, held.booked_tokens - before.booked_tokens, held.booked_cost - before.booked_cost)
    counters.reserved[name] = held
    for more, each in enumerate(wanted):
        denial = _denial(counters, limits, now, each, behind_others=False)
        if denial is not None:
            return more, denial
        held = msgspec.structs.replace(
            held, slots=held.slots + 1, tokens=held.tokens + each.tokens, cost=held.cost + each.cost
        )
        counters.reserved[name] = held
        _granted(counters, now, each.model)
    return len(wanted), None


def _granted(counters: Counters, now: datetime, model: str) -> None:
    """One more generation is started; where it is a probe, the next is a while away."""
    counters.submitted += 1
    for key in (ALL_MODELS, model):
        if pause := counters.pauses.get(key):
            counters.pauses[key] = msgspec.structs.replace(pause, next_probe=now + PROBE_EVERY)


def release(counters: Counters, name: str, used: Reservation) -> None:
    """Give a place back, its run waits again; `used` is what the run has used so far, and stays on the bill.

    Not if another step than `used.holder` holds it by now.
    """
    if name in counters.reserved and counters.reserved[name].holder == used.holder:
        del counters.reserved[name]
        if used.tokens or used.cost:
            counters.unsettled[name] = used


def settle(counters: Counters, now: datetime, name: str, *, tokens: int, cost: float) -> None:
    """Book what an ended run used, once: only while it has a reservation or a bill."""
    move_windows(counters, now)
    held = [counters.reserved.pop(name, None), counters.unsettled.pop(name, None)]
    if any(held):
        booked = [each for each in held if each]
        _book(
            counters,
            tokens - sum(each.booked_tokens for each in booked),
            cost - sum(each.booked_cost for each in booked),
        )


def _book(counters: Counters, tokens: int, cost: float) -> None:
    counters.tokens = min(_MAX, counters.tokens + max(0, tokens))
    counters.cost = round(min(float(_MAX), counters.cost + (max(0.0, cost) if math.isfinite(cost) else _MAX)), 9)


def note_unreadable(counters: Counters, found: Mapping[str, str], readable: Collection[str]) -> None:
    """Keep the names of objects that a person must look at, no more than can be shown."""
    kept = {key: why for key, why in counters.unreadable.items() if key not in readable} | dict(found)
    counters.unreadable = dict(sorted(kept.items())[:MAX_UNREADABLE])


def learn(counters: Counters, model: str, took_s: float, chars_per_token: float | None = None) -> None:
    """Take one more generation into account, with a weight of a fifth: bounded, so that others soon outvote it."""
    took_s = min(_MAX_TAKEN_S, max(0.0, took_s))
    usual_s = min(_MAX_TAKEN_S, counters.usual_s.get(model, took_s))
    counters.usual_s[model] = round(usual_s + (took_s - usual_s) / 5, 1)
    if chars_per_token is not None:
        told = _plausible(chars_per_token)
        known = _plausible(counters.chars_per_token.get(model, told))
        counters.chars_per_token[model] = round(known + (told - known) / 5, 3)


def _plausible(chars_per_token: float) -> float:
    return min(8.0, max(0.5, chars_per_token))


def pause(counters: Counters, now: datetime, name: str, why: str, *, any_call_lifts: bool = False) -> None:
    """Create nothing more but one probe a minute; the first time stays, and so does what only a create can lift.

    Beyond so many models none is noted: whoever was refused waits by itself.
    """
    before = counters.pauses.get(name)
    if before is None and name != ALL_MODELS and len(counters.pauses) >= MAX_PAUSES:
        return
    counters.pauses[name] = Pause(
        why=why,
        since=before.since if before else now,
        next_probe=now + PROBE_EVERY,
        any_call_lifts=any_call_lifts and (before is None or before.any_call_lifts),
    )


def create_failed(counters: Counters, now: datetime, why: str) -> None:
    """Count a create that was refused or ambiguous; so many in a row close the tap."""
    counters.bad_creates += 1
    if counters.bad_creates >= BAD_CREATES_TO_CLOSE:
        pause(counters, now, ALL_MODELS, f"{counters.bad_creates} creates in a row failed, the last: {why}")


def call_accepted(counters: Counters, model: str, *, is_create: bool = True) -> None:
    """The provider accepted a call for a model: whatever was paused for the like of it goes on."""
    if is_create:
        counters.bad_creates = 0
    for name in (ALL_MODELS, model):
        if name in counters.pauses and (is_create or counters.pauses[name].any_call_lifts):
            del counters.pauses[name]


def _denial(
    counters: Counters, limits: Limits, now: datetime, wanted: Reservation, *, behind_others: bool
) -> Denial | None:
    for key in (ALL_MODELS, wanted.model):
        held = counters.pauses.get(key)
        if held is not None and now < held.next_probe:
            return Denial(waiting_for="provider", seconds=(held.next_probe - now).total_seconds())
    if behind_others and counters.others_wait:
        return Denial(waiting_for="turn", seconds=0)
    if counters.in_flight >= limits.max_in_flight:
        return Denial(waiting_for="capacity" if limits.max_in_flight else "turn", seconds=_FULL_S)
    if counters.submitted >= limits.submits_per_minute:
        return Denial(waiting_for="rate", seconds=(counters.minute + timedelta(minutes=1) - now).total_seconds())
    if _fits(limits, wanted, used(counters)):
        return None
    is_spent = not _fits(limits, wanted, used(counters, reserved=False))
    return Denial(waiting_for="budget", seconds=min(_MAX_BUDGET_S, _until_tomorrow(now)) if is_spent else _FULL_S)


def _fits(limits: Limits, wanted: Reservation, day: tuple[int, float]) -> bool:
    tokens, cost = day
    return (limits.daily_tokens is None or tokens + wanted.tokens <= limits.daily_tokens) and (
        limits.daily_cost is None or cost + wanted.cost <= limits.daily_cost
    )


def used(counters: Counters, *, reserved: bool = True) -> tuple[int, float]:
    """Tokens and money of the day: booked, owed, and, if wanted, reserved by what is under way."""
    held = [*(counters.reserved.values() if reserved else ()), *counters.unsettled.values()]
    return counters.tokens + sum(each.tokens for each in held), counters.cost + sum(each.cost for each in held)


def move_windows(counters: Counters, now: datetime) -> None:
    """Begin a new minute, a new day; forget the pauses for which nobody waits any more."""
    counters.pauses = {name: held for name, held in counters.pauses.items() if now < held.next_probe + _FORGOTTEN_AFTER}
    minute, day = now.replace(second=0, microsecond=0), now.strftime("%Y-%m-%d")
    if minute > counters.minute:
        counters.minute, counters.submitted = minute, 0
    if day > counters.day:
        counters.day, counters.tokens, counters.cost = day, 0, 0.0


def backlog_is_empty(counters: Counters, _now: datetime) -> None:
    """The backlog is empty: a new upload need not go behind it."""
    counters.others_wait = False


def _until_tomorrow(now: datetime) -> float:
    tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (tomorrow - now).total_seconds()
