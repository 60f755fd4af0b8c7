"""What a submit and a settlement cost the governor with 100 to 50,000 jobs in flight, and when many come at once.

    python benchmarks/growth.py

Everything runs against an in-memory bucket with conditional puts, so the figures are the governor's own: CPU time,
calls to the store, and bytes moved. The open records in it are as large as real ones.
"""

import asyncio
import gc
import hashlib
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from backburner.adapters.clock import SystemClock
from backburner.capacity.governor import Governor
from backburner.capacity.limits import Counters, Denial, Limits, Reservation
from backburner.capacity.shared_counters import SharedCounters
from backburner.ledger.keys import GOVERNOR, OPEN
from backburner.ledger.records import OpenRecord, ProviderRef, RecipeRef, Source, State, decode, encode
from backburner.maintenance.governor_rebuild import read_record_state, rebuilt_counters
from backburner.ports import ABSENT, ConflictError, Stored

IN_FLIGHT = (100, 1_000, 10_000, 50_000)
_SAMPLE = 300
_ROUNDS = 5
_MODEL = "gpt://b1g0000000000000000/yandexgpt/latest"
_NOW = datetime.now(UTC)


@dataclass
class CountingBucket:
    """A bucket in memory that counts its calls; `latency_s` is how long each call takes."""

    latency_s: float = 0.0
    objects: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    calls: int = 0
    moved_bytes: int = 0
    _version: int = 0

    async def get(self, key: str, limit_bytes: int | None = None) -> Stored | None:  # noqa: ARG002 - the port's
        """Read an object whole."""
        await self._call()
        if key not in self.objects:
            return None
        etag, body = self.objects[key]
        self.moved_bytes += len(body)
        return Stored(etag=etag, size_bytes=len(body), last_modified=_NOW, read_at=datetime.now(UTC), body=body)

    async def put(
        self,
        key: str,
        body: bytes | Path,
        *,
        match: str,
        content_type: str,  # noqa: ARG002 - the port's
        metadata: dict[str, str] | None = None,  # noqa: ARG002 - the port's
    ) -> str:
        """Write on condition."""
        assert isinstance(body, bytes)
        await self._call()
        self.moved_bytes += len(body)
        if self.objects.get(key, (ABSENT, b""))[0] != match:
            raise ConflictError(key)
        self._version += 1
        self.objects[key] = (str(self._version), body)
        return str(self._version)

    async def get_range(self, key: str, first: int, last: int, match: str) -> bytes | None:
        """Not called here."""
        raise NotImplementedError

    async def head(self, key: str) -> Stored | None:
        """Not called here."""
        raise NotImplementedError

    async def delete(self, key: str) -> None:
        """Remove an object."""
        await self._call()
        self.objects.pop(key, None)

    async def listed(self, prefix: str, after: str = "") -> AsyncIterator[tuple[str, Stored]]:  # noqa: ARG002 - as above
        """Not called here."""
        raise NotImplementedError
        yield  # type: ignore[unreachable]

    async def _call(self) -> None:
        self.calls += 1
        await asyncio.sleep(self.latency_s)


def governor(bucket: CountingBucket, tries: int = 12, max_in_flight: int = 10**6) -> Governor:
    """The governor of a fresh process."""
    shared = SharedCounters(
        bucket=bucket,
        key=GOVERNOR,
        clock=SystemClock(),
        rebuild=rebuilt_counters,
        read_record=read_record_state,
        tries=tries,
    )
    return Governor(shared=shared, limits=Limits(max_in_flight=max_in_flight, submits_per_minute=10**6))


def _record(number: int, counted: Reservation) -> OpenRecord:
    job = hashlib.sha256(str(number).encode()).hexdigest()[:32]
    return OpenRecord(
        job_id=job,
        run=1,
        state=State.RUNNING,
        source=Source(bucket="b", key=f"inbox/contracts/{number}.txt", etag="0" * 32, size=9000, last_modified=_NOW),
        recipe=RecipeRef(name="contracts", sha256="0" * 64),
        provider=ProviderRef(profile="yandex", base_url="https://example.org/v1", model=_MODEL),
        uploaded_at=_NOW,
        ticket="0" * 24,
        recipe_text="Summarise the document in five sentences. " * 20,
        reservation=counted,
        counted=counted,
    )


async def submit(bucket: CountingBucket, each: Governor, number: int) -> str:
    """The governor's part of a submit: a reservation, and the claim that names it."""
    wanted = Reservation(model=_MODEL, tokens=5000, cost=0.01)
    record = _record(number, wanted)
    counted = await each.reserve(record.name, wanted, recorded=None, behind_others=False)
    if isinstance(counted, Denial):
        return counted.waiting_for
    claimed = _record(number, counted)
    await bucket.put(f"{OPEN}{record.name}.json", encode(claimed), match=ABSENT, content_type="application/json")
    each.record_says(record.name, counted)
    return ""


async def settle(bucket: CountingBucket, each: Governor, number: int) -> None:
    """The governor's part of a finished check."""
    key = f"{OPEN}{_record(number, Reservation(model=_MODEL)).name}.json"
    record = decode(bucket.objects[key][1], OpenRecord)
    await each.settle(record.name, recorded=record.counted, tokens=4000, cost=0.008)
    await bucket.delete(key)
    each.closed(record.name)


@dataclass
class _Cost:
    """What one operation costs: CPU seconds, calls and bytes."""

    cpu_s: float
    calls: float
    moved_bytes: float


async def _measured(bucket: CountingBucket, numbers: range, work: Any) -> _Cost:
    calls, moved, began = bucket.calls, bucket.moved_bytes, time.process_time()
    for number in numbers:
        await work(number)
    count = len(numbers)
    return _Cost(
        (time.process_time() - began) / count, (bucket.calls - calls) / count, (bucket.moved_bytes - moved) / count
    )


async def growth(in_flight: int) -> dict[str, Any]:
    """Submits by processes that do one each, and settlements by one checker, with `in_flight` jobs in flight."""
    bucket = CountingBucket()
    filler = governor(bucket)
    for first in range(0, in_flight, 1000):
        await asyncio.gather(*(submit(bucket, filler, number) for number in range(first, min(first + 1000, in_flight))))
    submits, settles, checker = list[_Cost](), list[_Cost](), governor(bucket)
    gc.collect()
    gc.freeze()
    for turn in range(_ROUNDS):
        fresh = range(in_flight + turn * _SAMPLE, in_flight + (turn + 1) * _SAMPLE)
        submits.append(await _measured(bucket, fresh, lambda number: submit(bucket, governor(bucket), number)))
        each = min(_SAMPLE, in_flight // _ROUNDS)
        old = range(turn * each, (turn + 1) * each)
        settles.append(await _measured(bucket, old, lambda number: settle(bucket, checker, number)))
    gc.unfreeze()
    found = dict[str, Any](in_flight=in_flight, object_bytes=len(bucket.objects[GOVERNOR][1]))
    for name, costs in (("submit", submits), ("settle", settles)):
        found[f"{name}_cpu_us"] = round(1e6 * min(each.cpu_s for each in costs))
        found[f"{name}_calls"] = round(statistics.mean(each.calls for each in costs), 2)
        found[f"{name}_bytes"] = round(statistics.mean(each.moved_bytes for each in costs))
    return found


async def contention(limit: int = 120) -> dict[str, Any]:
    """200 submits at the same moment, a process each, then four checkers that settle all that was started."""
    bucket = CountingBucket(latency_s=0.015)
    began = time.monotonic()
    answers = await asyncio.gather(
        *(submit(bucket, governor(bucket, tries=4, max_in_flight=limit), number) for number in range(200))
    )
    submitted_s = time.monotonic() - began
    started = [number for number, answer in enumerate(answers) if not answer]
    checkers = [governor(bucket, max_in_flight=limit) for _ in range(4)]
    drained = [
        number
        for number, answer in enumerate(answers)
        if answer and not await submit(bucket, checkers[number % 4], number)
    ]
    counters = msgspec.json.decode(bucket.objects[GOVERNOR][1], type=Counters)
    at_most, running = counters.held.slots, sorted(started + drained)
    began = time.monotonic()
    await asyncio.gather(*(settle(bucket, checkers[number % 4], number) for number in running))
    after = msgspec.json.decode(bucket.objects[GOVERNOR][1], type=Counters)
    assert at_most == len(running) <= limit, "a slot was lost or granted twice"
    assert (after.held.slots, after.tokens) == (0, 4000 * len(running)), "a settlement was lost or made twice"
    return {
        "submits": 200,
        "at_once": len(started),
        "into_the_backlog": answers.count("contention"),
        "submits_s": round(submitted_s, 2),
        "settlements": len(running),
        "settlements_s": round(time.monotonic() - began, 2),
    }


def rows() -> list[dict[str, Any]]:
    """For the table: name, figures, and the last figure divided by the first."""
    found = [asyncio.run(growth(in_flight)) for in_flight in IN_FLIGHT]
    table = list[dict[str, Any]]()
    for what in ("submit_cpu_us", "submit_calls", "submit_bytes", "settle_cpu_us", "settle_calls", "settle_bytes"):
        figures = {str(each["in_flight"]): each[what] for each in found}
        table.append({"name": f"growth: {what}", "figures": figures, "ratio": _ratio(list(figures.values()))})
    sizes = {str(each["in_flight"]): each["object_bytes"] for each in found}
    table.append({"name": "growth: object_bytes", "figures": sizes, "ratio": _ratio(list(sizes.values()))})
    table.append({"name": "growth: contention", "figures": asyncio.run(contention()), "ratio": None})
    return table


def _ratio(figures: list[float]) -> float:
    """The last figure divided by the first."""
    return round(figures[-1] / figures[0], 2)


if __name__ == "__main__":
    json.dump(rows(), sys.stdout, indent=2)
    print()
