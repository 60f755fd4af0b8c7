"""The governor: the counters of capacity in one object, `ledger/governor.json`, changed by compare-and-swap.

What the rules are stands in `limits.py`. A crash between a swap and what it was for is made good by whoever comes by
next. Times are compared by the store's clock, from the read that the swap is based on.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from backburner.capacity import limits as rules
from backburner.capacity.limits import Counters, Denial, Limits, Reservation
from backburner.capacity.timing import MAX_POLL_S, RANDOM, UNKNOWN_S
from backburner.errors import RetryLaterError
from backburner.ports import ABSENT, Bucket, Clock, ConflictError, Stored

logger = logging.getLogger(__name__)

_TRIES = 12
CONTENTION = "contention"
"""What a job waits for whose swap others won."""

T = TypeVar("T")
Rebuild = Callable[[Bucket, bytes, datetime], Awaitable[Counters]]
"""Makes the counters anew from the bucket, where their object holds these bytes and cannot be read."""


@dataclass(eq=False)
class _Asked:
    """One change that somebody waits for."""

    change: Callable[[Counters, datetime], Any]
    answer: Any = None


@dataclass(kw_only=True)
class Governor:
    """The governor as one process sees it. Changes that are asked for at the same time go out in one swap.

    `tries`: how often a swap is tried that others won; fewer in submit, which then puts its job into the backlog.
    """

    bucket: Bucket
    key: str
    clock: Clock
    limits: Limits
    rebuild: Rebuild
    tries: int = _TRIES
    _asked: list["_Asked"] = field(default_factory=list)
    _swapping: asyncio.Lock = field(default_factory=asyncio.Lock)
    seen: Counters = field(default_factory=Counters)
    """The counters as last read: good enough for what only saves effort."""
    _learnt: list[tuple[str, float, float | None]] = field(default_factory=list)

    async def counters(self) -> tuple[Counters, datetime]:
        """The counters as they stand now, and the store's time."""
        counters, _, now = await self._read()
        rules.move_windows(counters, now)
        return counters, now

    def budget_used(self, counters: Counters, now: datetime) -> float:
        """Share of the day's budget that is spent or reserved, the larger of tokens and cost."""
        rules.move_windows(counters, now)
        tokens, cost = rules.used(counters)
        shares = [
            used / limit
            for used, limit in ((tokens, self.limits.daily_tokens), (cost, self.limits.daily_cost))
            if limit is not None
        ]
        return max(shares, default=0.0)

    async def room(self) -> int:
        """How many reservations could be granted now."""
        counters, now = await self.counters()
        return rules.room(counters, self.limits, now)

    async def reserve(self, name: str, wanted: Reservation, *, behind_others: bool) -> Denial | None:
        """Hold a reservation, or say why not. A swap lost to others is a denial too: its run waits."""
        try:
            return await self.change(
                lambda counters, now: rules.reserve(
                    counters, self.limits, now, name, wanted, behind_others=behind_others
                )
            )
        except RetryLaterError:
            return Denial(waiting_for=CONTENTION, seconds=1)

    async def extend(
        self, name: str, held: Reservation, wanted: Sequence[Reservation], *, tokens: int, cost: float
    ) -> tuple[int, Denial | None]:
        """Hold what a run has open and as many more as can be had. A swap lost to others grants none.

        `tokens` and `cost` are what it has used so far: they are booked on the day they were used.
        """
        held = replace(held, booked_tokens=tokens, booked_cost=cost)
        try:
            return await self.change(
                lambda counters, now: rules.extend(counters, self.limits, now, name, held=held, wanted=wanted)
            )
        except RetryLaterError:
            return 0, Denial(waiting_for=CONTENTION, seconds=1)

    async def release(self, name: str, used: Reservation) -> None:
        """Give a place back; a swap that is lost leaves it to the run's next step, or to the sweep."""
        await self._quietly(lambda counters, _: rules.release(counters, name, used))

    async def settle(self, name: str, *, tokens: int, cost: float) -> None:
        """Book what an ended run used. Raises `RetryLaterError`: the run's message then comes back and tries again."""
        await self.change(
            lambda counters, now: rules.settle(counters, now, name, tokens=tokens, cost=cost), tries=_TRIES
        )

    def learn(self, model: str, took_s: float, chars_per_token: float | None = None) -> None:
        """Remember how long a generation took and how its input was counted; written with the next settlement."""
        self._learnt.append((model, took_s, chars_per_token))

    def first_poll_s(self, model: str) -> float:
        """When to look first at a new generation: after a third of what they usually take."""
        usual_s = self.seen.usual_s.get(model)
        return UNKNOWN_S if usual_s is None else min(MAX_POLL_S, max(UNKNOWN_S, usual_s / 3))

    async def pause(self, name: str, why: str, *, any_call_lifts: bool = False) -> None:
        """Create nothing more for a model, or for `ALL_MODELS`, but one probe a minute. `why` is for everybody."""
        logger.error("provider paused", extra={"concerns": name, "why": why})
        await self._quietly(lambda counters, now: rules.pause(counters, now, name, why, any_call_lifts=any_call_lifts))

    async def create_failed(self, why: str) -> None:
        """Count a create that was refused or ambiguous."""
        await self._quietly(lambda counters, now: rules.create_failed(counters, now, why))

    async def call_accepted(self, model: str, *, is_create: bool = True) -> None:
        """The provider accepted a call; costs nothing while there is no trouble."""
        paused = [self.seen.pauses[name] for name in (rules.ALL_MODELS, model) if name in self.seen.pauses]
        lifted = any(is_create or pause.any_call_lifts for pause in paused)
        if lifted or (is_create and self.seen.bad_creates):
            await self._quietly(lambda counters, _: rules.call_accepted(counters, model, is_create=is_create))

    async def backlog_is_empty(self) -> None:
        """The backlog was found empty: new uploads need not go behind it."""
        if self.seen.others_wait:
            await self._quietly(rules.backlog_is_empty)

    async def _quietly(self, change: Callable[[Counters, datetime], None]) -> None:
        try:
            await self.change(change)
        except RetryLaterError:
            logger.warning("governor not written: others win every swap")

    async def change(self, change: Callable[[Counters, datetime], T], tries: int | None = None) -> T:
        """Change the counters and return what `change` says. It may be called several times: once for each try.

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
            counters, etag, now = await self._read()
            before = msgspec.json.encode(counters)
            for asked in batch:
                asked.answer = asked.change(counters, now)
            for lesson in learnt:
                rules.learn(counters, *lesson)
            after = msgspec.json.encode(counters)
            try:
                if after != before:
                    body = msgspec.json.format(after, indent=2)
                    await self.bucket.put(self.key, body, match=etag, content_type="application/json")
            except ConflictError:
                await self.clock.sleep(0.05 * 2 ** min(attempt, 5) * RANDOM.uniform(0.5, 1.5))
            else:
                self._asked = [other for other in self._asked if other not in batch]
                return
        raise RetryLaterError(f"{self.key} is written by others all the time")

    async def _heal(self, stored: Stored) -> tuple[Stored, Counters]:
        """Put an object that cannot be read right, from what else the bucket says."""
        logger.error("governor could not be read: it is made anew", extra={"key": self.key})
        counters = await self.rebuild(self.bucket, stored.body, stored.read_at)
        body = msgspec.json.format(msgspec.json.encode(counters), indent=2)
        try:
            await self.bucket.put(self.key, body, match=stored.etag, content_type="application/json")
            again = await self.bucket.get(self.key)
            if again is not None:
                return again, msgspec.json.decode(again.body, type=Counters)
        except (ConflictError, msgspec.DecodeError):
            pass
        raise RetryLaterError(f"{self.key} is put right by others")

    async def unreadable(self, key: str, why: str) -> None:
        """Say once that a person must look at an object."""
        if key not in self.seen.unreadable:
            logger.error("object cannot be read", extra={"key": key, "why": why})
            await self._quietly(lambda counters, _: rules.note_unreadable(counters, {key: why}, ()))

    async def _begin(self) -> Stored:
        """Write the object where there is none, so that its times are the store's from the first."""
        with contextlib.suppress(ConflictError):
            await self.bucket.put(
                self.key, msgspec.json.encode(Counters()), match=ABSENT, content_type="application/json"
            )
        stored = await self.bucket.get(self.key)
        if stored is None:
            raise RetryLaterError(f"{self.key} was written and is not there")
        return stored

    async def _read(self) -> tuple[Counters, str, datetime]:
        stored = await self.bucket.get(self.key) or await self._begin()
        try:
            counters = msgspec.json.decode(stored.body, type=Counters)
        except (msgspec.DecodeError, RecursionError):
            stored, counters = await self._heal(stored)
        self.seen = counters
        return counters, stored.etag, stored.read_at
