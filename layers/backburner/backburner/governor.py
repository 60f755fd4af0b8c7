"""The governor: how many generations may be open, how fast they are started, what a day may cost; and the pauses.

One object, `ledger/governor.json`, changed by compare-and-swap. A reservation is held under the name of its run, so
reserving twice holds one, and settling twice books once: a crash in between is made good by whoever comes by next.
Times are compared by the store's clock, from the read that the swap is based on.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from backburner.errors import RetryLaterError
from backburner.pacing import LONGEST_POLL_S, UNKNOWN_S
from backburner.ports import ABSENT, Bucket, Clock, ConflictError, Stored

logger = logging.getLogger(__name__)

KEY = "ledger/governor.json"
EVERYTHING = "*"
"""Name of a pause that concerns the whole provider; others are named by their model."""
BAD_CREATES_TO_CLOSE = 5
PROBE_EVERY = timedelta(seconds=60)
OUTPUT_WITHOUT_CAP_TOKENS = 4000
"""What is reserved for an output that no recipe caps."""
_FULL_S = 15.0
"""A job for which there is no place is looked at again after this: longer than a tick stays for what is due soon."""
_TRIES = 12
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

T = TypeVar("T")


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """What one run may use: at most one generation, so many tokens, so much money."""

    model: str
    tokens: int = 0
    cost: float = 0.0
    holder: str = ""
    """Ticket of the step that took it: only its own process gives it back."""


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing is created, since when, and when the next probe may go out."""

    why: str
    since: datetime
    next_probe: datetime


class State(msgspec.Struct, kw_only=True):
    """The counters of the current windows, and the pauses. Its windows move on as it is read."""

    version: int = 1
    reserved: dict[str, Reservation] = {}
    """By `<job_id>.<run>`: the generations in flight."""
    owed: dict[str, Reservation] = {}
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
    unexplained: list[str] = []
    """Reservations for which the last sweep found no open record."""


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


def room(state: State, limits: Limits, now: datetime) -> int:
    """How many reservations could be granted now."""
    _move_windows(state, now)
    if pause := state.pauses.get(EVERYTHING):
        return 1 if now >= pause.next_probe else 0
    free = min(limits.max_in_flight - len(state.reserved), limits.submits_per_minute - state.submitted)
    return max(0, free)


def reserve(
    state: State, limits: Limits, now: datetime, name: str, wanted: Reservation, *, behind_others: bool
) -> Denial | None:
    """Hold a reservation for a run, or say why not. A run that holds one already keeps it."""
    _move_windows(state, now)
    if name in state.reserved:
        state.reserved[name] = wanted
        return None
    denial = _denial(state, limits, now, wanted, behind_others=behind_others)
    if denial is not None:
        state.others_wait = True
        return denial
    for key in (EVERYTHING, wanted.model):
        if pause := state.pauses.get(key):
            state.pauses[key] = msgspec.structs.replace(pause, next_probe=now + PROBE_EVERY)
    state.reserved[name] = wanted
    state.submitted += 1
    return None


def release(state: State, name: str, used: Reservation) -> None:
    """Give a place back, its run waits again; `used` is what the run has used so far, and stays on the bill.

    Not if another step than `used.holder` holds it by now.
    """
    if name in state.reserved and state.reserved[name].holder == used.holder:
        del state.reserved[name]
        if used.tokens or used.cost:
            state.owed[name] = used


def settle(state: State, now: datetime, name: str, *, tokens: int, cost: float) -> None:
    """Book what an ended run used, once: only while it has a reservation or a bill."""
    _move_windows(state, now)
    if any([state.reserved.pop(name, None), state.owed.pop(name, None)]):
        state.tokens += tokens
        state.cost = round(state.cost + cost, 9)


def learn(state: State, model: str, took_s: float) -> None:
    """Take one more duration into account, with a weight of a fifth."""
    usual_s = state.usual_s.get(model, took_s)
    state.usual_s[model] = round(usual_s + (took_s - usual_s) / 5, 1)


def pause(state: State, now: datetime, name: str, why: str) -> None:
    """Create nothing more but one probe a minute; the first reason and time stay."""
    since = state.pauses[name].since if name in state.pauses else now
    state.pauses[name] = Pause(why=why, since=since, next_probe=now + PROBE_EVERY)


def went_bad(state: State, now: datetime, why: str) -> None:
    """Count a create that was refused or ambiguous; so many in a row close the tap."""
    state.bad_creates += 1
    if state.bad_creates >= BAD_CREATES_TO_CLOSE:
        pause(state, now, EVERYTHING, f"{state.bad_creates} creates in a row failed, the last: {why}")


def went_well(state: State, model: str) -> None:
    """A create succeeded: whatever was paused for it goes on."""
    state.bad_creates = 0
    state.pauses.pop(EVERYTHING, None)
    state.pauses.pop(model, None)


def _denial(state: State, limits: Limits, now: datetime, wanted: Reservation, *, behind_others: bool) -> Denial | None:
    for key in (EVERYTHING, wanted.model):
        held = state.pauses.get(key)
        if held is not None and now < held.next_probe:
            return Denial(waiting_for="provider", seconds=(held.next_probe - now).total_seconds())
    if behind_others and state.others_wait:
        return Denial(waiting_for="capacity", seconds=0)
    if len(state.reserved) >= limits.max_in_flight:
        return Denial(waiting_for="capacity", seconds=_FULL_S)
    if state.submitted >= limits.submits_per_minute:
        return Denial(waiting_for="rate", seconds=(state.minute + timedelta(minutes=1) - now).total_seconds())
    tokens, cost = _used(state)
    over = (limits.daily_tokens is not None and tokens + wanted.tokens > limits.daily_tokens) or (
        limits.daily_cost is not None and cost + wanted.cost > limits.daily_cost
    )
    return Denial(waiting_for="budget", seconds=_until_tomorrow(now)) if over else None


def _used(state: State) -> tuple[int, float]:
    """Tokens and money of the day: booked, owed, and reserved by what is under way."""
    held = [*state.reserved.values(), *state.owed.values()]
    return state.tokens + sum(each.tokens for each in held), state.cost + sum(each.cost for each in held)


def _move_windows(state: State, now: datetime) -> None:
    minute, day = now.replace(second=0, microsecond=0), now.strftime("%Y-%m-%d")
    if minute > state.minute:
        state.minute, state.submitted = minute, 0
    if day > state.day:
        state.day, state.tokens, state.cost = day, 0, 0.0


def _nobody_waits(state: State, _now: datetime) -> None:
    state.others_wait = False


def _until_tomorrow(now: datetime) -> float:
    tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (tomorrow - now).total_seconds()


@dataclass(eq=False)
class _Asked:
    """One change that somebody waits for."""

    change: Callable[[State, datetime], Any]
    answer: Any = None


@dataclass(kw_only=True)
class Governor:
    """The governor as one process sees it. Changes that are asked for at the same time go out in one swap.

    `tries`: how often a swap that others won is tried again; 1 for submit, which then puts its job into the backlog.
    """

    bucket: Bucket
    clock: Clock
    limits: Limits
    tries: int = _TRIES
    _asked: list["_Asked"] = field(default_factory=list)
    _swapping: asyncio.Lock = field(default_factory=asyncio.Lock)
    seen: State = field(default_factory=State)
    """The state as last read: good enough for what only saves effort."""
    _learnt: list[tuple[str, float]] = field(default_factory=list)

    async def state(self) -> tuple[State, datetime]:
        """The state as it stands, and the store's time."""
        state, _, now = await self._read()
        return state, now

    def budget_used(self, state: State, now: datetime) -> float:
        """Share of the day's budget that is spent or reserved, the larger of tokens and cost."""
        _move_windows(state, now)
        tokens, cost = _used(state)
        shares = [
            used / limit
            for used, limit in ((tokens, self.limits.daily_tokens), (cost, self.limits.daily_cost))
            if limit is not None
        ]
        return max(shares, default=0.0)

    async def room(self) -> int:
        """How many reservations could be granted now."""
        state, now = await self.state()
        return room(state, self.limits, now)

    async def reserve(self, name: str, wanted: Reservation, *, behind_others: bool) -> Denial | None:
        """Hold a reservation, or say why not. A swap lost to others is a denial too: its run waits."""
        try:
            return await self.change(
                lambda state, now: reserve(state, self.limits, now, name, wanted, behind_others=behind_others)
            )
        except RetryLaterError:
            return Denial(waiting_for="capacity", seconds=1)

    async def release(self, name: str, used: Reservation) -> None:
        """Give a place back; a swap that is lost leaves it to the run's next step, or to the sweep."""
        await self._quietly(lambda state, _: release(state, name, used))

    async def settle(self, name: str, *, tokens: int, cost: float) -> None:
        """Book what an ended run used. Raises `RetryLaterError`: the run's message then comes back and tries again."""
        await self.change(lambda state, now: settle(state, now, name, tokens=tokens, cost=cost), tries=_TRIES)

    def learn(self, model: str, took_s: float) -> None:
        """Remember how long a generation took; written with the next settlement."""
        self._learnt.append((model, took_s))

    def first_poll_s(self, model: str) -> float:
        """When to look first at a new generation: after a third of what they usually take."""
        usual_s = self.seen.usual_s.get(model)
        return UNKNOWN_S if usual_s is None else min(LONGEST_POLL_S, max(UNKNOWN_S, usual_s / 3))

    async def pause(self, name: str, why: str) -> None:
        """Create nothing more for a model, or for `EVERYTHING`, but one probe a minute."""
        logger.error("provider paused", extra={"concerns": name, "why": why})
        await self._quietly(lambda state, now: pause(state, now, name, why))

    async def went_bad(self, why: str) -> None:
        """Count a create that was refused or ambiguous."""
        await self._quietly(lambda state, now: went_bad(state, now, why))

    async def went_well(self, model: str) -> None:
        """A create succeeded; costs nothing while there is no trouble."""
        if self.seen.pauses or self.seen.bad_creates:
            await self._quietly(lambda state, _: went_well(state, model))

    async def nobody_waits(self) -> None:
        """The backlog was found empty: new uploads need not go behind it."""
        if self.seen.others_wait:
            await self._quietly(_nobody_waits)

    async def _quietly(self, change: Callable[[State, datetime], None]) -> None:
        try:
            await self.change(change)
        except RetryLaterError:
            logger.warning("governor not written: others win every swap")

    async def change(self, change: Callable[[State, datetime], T], tries: int | None = None) -> T:
        """Change the state and return what `change` says. It may be called several times: once for each try.

        Raises `RetryLaterError` where others win every swap.
        """
        asked = _Asked(change)
        self._asked.append(asked)
        try:
            async with self._swapping:
                if asked in self._asked:  # else whoever swapped before us took ours along
                    await self._swap(self._asked.copy(), tries or self.tries)
        finally:
            self._asked = [other for other in self._asked if other is not asked]
        return asked.answer  # type: ignore[no-any-return]

    async def _swap(self, batch: list["_Asked"], tries: int) -> None:
        learnt, self._learnt = self._learnt, []
        for attempt in range(tries):
            state, etag, now = await self._read()
            before = msgspec.json.encode(state)
            for asked in batch:
                asked.answer = asked.change(state, now)
            for model, took_s in learnt:
                learn(state, model, took_s)
            after = msgspec.json.encode(state)
            try:
                if after != before:
                    body = msgspec.json.format(after, indent=2)
                    await self.bucket.put(KEY, body, match=etag, content_type="application/json")
            except ConflictError:
                await self.clock.sleep(0.05 * 2 ** min(attempt, 5))
            else:
                self._asked = [other for other in self._asked if other not in batch]
                return
        raise RetryLaterError(f"{KEY} is written by others all the time")

    async def _begin(self) -> Stored:
        """Write the object where there is none, so that its times are the store's from the first."""
        with contextlib.suppress(ConflictError):
            await self.bucket.put(KEY, msgspec.json.encode(State()), match=ABSENT, content_type="application/json")
        stored = await self.bucket.get(KEY)
        if stored is None:
            raise RetryLaterError(f"{KEY} was written and is not there")
        return stored

    async def _read(self) -> tuple[State, str, datetime]:
        stored = await self.bucket.get(KEY) or await self._begin()
        try:
            state = msgspec.json.decode(stored.body, type=State)
        except msgspec.DecodeError as error:
            raise RetryLaterError(f"{KEY} cannot be read ({error}): was it edited by hand?") from error
        self.seen = state
        return state, stored.etag, stored.read_at
