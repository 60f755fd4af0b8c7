"""The doctor's checks of the store and its content: conditional writes, the clock, pauses, the checker."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from backburner.capacity.limits import ALL_MODELS, Counters
from backburner.ledger.keys import GOVERNOR, WORK
from backburner.ports import ABSENT, ConflictError
from backburner_cli.operator.findings import Finding, Level

if TYPE_CHECKING:
    from backburner.ports import Bucket, Stored

_SKEW_WARNING_S, _SKEW_PROBLEM_S = 30, 300
_SWEEPS_MISSED = 3


async def write_findings(bucket: Bucket, now: datetime | None = None) -> list[Finding]:
    """Whether conditional writes are honoured, tested with one small object; and whether the clocks agree.

    `now` is this machine's time; without it, the system is asked.
    """
    key, stored, broken = f"{WORK}doctor-{secrets.token_hex(8)}", None, []
    try:
        etag = await bucket.put(key, b"doctor", match=ABSENT, content_type="text/plain")
        stored = await bucket.head(key)
        for match, what in ((ABSENT, "If-None-Match: *"), ("0" * 32, "If-Match")):
            try:
                await bucket.put(key, b"again", match=match, content_type="text/plain")
                broken.append(what)
            except ConflictError:
                continue
        if not broken:
            await bucket.put(key, b"once more", match=etag, content_type="text/plain")
    except ConflictError:
        broken.append("a put on the right ETag")
    finally:
        await bucket.delete(key)
    if broken:
        remedy = "this store cannot be used, as jobs would be paid twice: use one with conditional writes"
        message = f"not honoured: {', '.join(broken)}"
        return [Finding(check="conditional writes", level=Level.PROBLEM, message=message, remedy=remedy)]
    honoured = Finding(check="conditional writes", level=Level.OK, message="honoured")
    return [honoured, *([] if stored is None else [clock_finding(stored.read_at, now or datetime.now(UTC))])]


def clock_finding(store_time: datetime, now: datetime) -> Finding:
    """Whether this machine's time is the store's."""
    off_s = abs((now - store_time).total_seconds())
    if off_s < _SKEW_WARNING_S:
        return Finding(check="clock", level=Level.OK, message="agrees with the store's")
    level = Level.PROBLEM if off_s > _SKEW_PROBLEM_S else Level.WARNING
    message = f"this machine's clock is {off_s:.0f} s off the store's"
    remedy = "set this machine's clock (NTP): signed requests are refused at 15 minutes; the functions use the store's"
    return Finding(check="clock", level=level, message=message, remedy=remedy)


def governor_findings(stored: Stored | None, sweep_every_s: float) -> list[Finding]:
    """Whether anything is paused, and whether the checker runs."""
    if stored is None:
        remedy = "wait a minute after deploying; then check whether the checker's schedule is enabled"
        message = "the checker has never run here"
        return [Finding(check="checker", level=Level.WARNING, message=message, remedy=remedy)]
    try:
        counters = msgspec.json.decode(stored.body, type=Counters)
    except msgspec.DecodeError as error:
        remedy = "nothing: the next tick rebuilds it from the open records"
        return [Finding(check="checker", level=Level.WARNING, message=f"{GOVERNOR}: {error}", remedy=remedy)]
    found = [
        Finding(
            check="pause",
            level=Level.WARNING,
            message=f"{'the provider' if name == ALL_MODELS else name}: {pause.why}",
            remedy="fix what it says; the next probe then lifts the pause",
        )
        for name, pause in counters.pauses.items()
    ]
    swept = counters.last_sweep
    age_s = (stored.read_at - swept).total_seconds() if swept else 0
    if swept and age_s > _SWEEPS_MISSED * sweep_every_s:
        message = f"the last sweep was {age_s / 3600:.1f} h ago: the checker does not run"
        remedy = "check whether its schedule is enabled, and read its log"
        found.append(Finding(check="checker", level=Level.PROBLEM, message=message, remedy=remedy))
    return found or [Finding(check="checker", level=Level.OK, message="nothing is paused")]
