"""The command `cancel`: records the request; the checker carries it out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from backburner.errors import Reason, RetryLaterError, UnreadableError
from backburner.ledger.keys import OPEN
from backburner.ledger.records import OpenRecord, State, decode
from backburner.maintenance.snapshot import at_once, each_of
from backburner_cli.operator.bar import bar, counting
from backburner_cli.operator.selection import Selection, require_inbox
from backburner_cli.operator.session import OperatorSession, run
from backburner_cli.terminal import MAX_LISTED, confirm, count_of, out, print_json, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backburner.ports import Stored


class Stopped(StrEnum):
    """What became of one request to cancel; the value is its name in JSON."""

    ASKED = "to_be_cancelled"
    WOULD = "would_be_cancelled"
    ALREADY = "already_being_cancelled"
    ENDED = "had_ended"
    FAILED = "could_not_be"


@dataclass(frozen=True, kw_only=True)
class Doomed:
    """The jobs to cancel: those of the documents in `keys`, or without keys those that are `chosen`."""

    keys: tuple[str, ...]
    chosen: Selection
    dry_run: bool
    is_agreed: bool

    def has(self, record: OpenRecord) -> bool:
        """Whether a job is to be cancelled."""
        if record.part_of is not None:
            return False  # a part ends with its parent
        if self.keys:
            return record.source.key in self.keys
        state = None if record.state is State.WAITING else "running"
        return self.chosen.has(record.source.key) and self.chosen.state in (None, state or "waiting")


def cancel(environment: Mapping[str, str], doomed: Doomed, *, as_json: bool) -> bool:
    """Cancel jobs, print the outcome of each, and return whether nothing is left to do.

    False if a request could not be recorded, or a named document has no open job.
    """
    require_inbox(doomed.keys)
    doomed.chosen.check()
    return run(environment, lambda session: cancel_in(session, doomed, as_json=as_json))


async def cancel_in(session: OperatorSession, doomed: Doomed, *, as_json: bool) -> bool:
    """What `cancel` does, with a session that is open; if it is interrupted, it prints what was done until then."""
    jobs = await _found(session, doomed)
    if not doomed.keys and jobs and not doomed.dry_run:
        confirm(f"Cancel {count_of(len(jobs), 'job')}?", is_agreed=doomed.is_agreed)
    outcomes: list[tuple[Stopped, str, str]] = []
    without = sorted(set(doomed.keys) - {record.source.key for record in jobs})
    is_complete = False

    async def stop(record: OpenRecord) -> None:
        if doomed.dry_run:
            how, told = Stopped.WOULD, f"would be cancelled: it is {record.state}"
        else:
            how, told = await _stop(session, record)
        outcomes.append((how, record.source.key, told))
        advance()

    try:
        with bar("looking" if doomed.dry_run else "cancelling", len(jobs)) as advance:
            await at_once(each_of(jobs), stop)
        is_complete = True
    finally:
        counts = Counter(how for how, _, _ in outcomes)
        if as_json:
            nothing = dict.fromkeys(without, "nothing to cancel")
            report = {
                "dry_run": doomed.dry_run,
                "jobs": len(jobs),
                "counts": counts,
                "documents": {key: told for _, key, told in outcomes} | nothing,
            }
            print_json(report | {"carried_out_by": session.backend.carrier, "complete": is_complete})
        else:
            _show(outcomes)
    session.backend.say_hint(is_needed=bool(counts[Stopped.ASKED]))
    if not as_json:
        for key in without:
            say(f"{key}: nothing to cancel: it has no open job")
        if not doomed.keys:
            out.print(summed_up(counts, session.backend.carrier), markup=False)
    return not without and not counts[Stopped.FAILED]


async def _found(session: OperatorSession, doomed: Doomed) -> list[OpenRecord]:
    jobs: list[OpenRecord] = []

    async def find(item: tuple[str, Stored]) -> None:
        count()
        try:
            stored = await session.backend.bucket.get(item[0])
            record = decode(stored.body, OpenRecord) if stored else None
        except (msgspec.DecodeError, UnreadableError):
            return
        if record is not None and doomed.has(record):
            jobs.append(record)

    with counting("Reading the open jobs") as count:
        await at_once(session.backend.bucket.listed(OPEN), find)
    return jobs


def summed_up(counts: Mapping[Stopped, int], carrier: str) -> str:
    """The last line for people: how many jobs went which way."""
    if would := counts.get(Stopped.WOULD, 0):
        return f"{count_of(would, 'job')} would be cancelled"
    words = {
        Stopped.ALREADY: "already being cancelled",
        Stopped.ENDED: "had just ended",
        Stopped.FAILED: "could not be cancelled: run the same command again",
    }
    asked = f"{count_of(counts.get(Stopped.ASKED, 0), 'job')} to be cancelled by {carrier}"
    return ", ".join([asked, *(f"{counts[how]:,} {told}" for how, told in words.items() if counts.get(how))])


def _show(outcomes: Sequence[tuple[Stopped, str, str]]) -> None:
    """Name the documents, those first that could not be cancelled."""
    for _, key, told in sorted(outcomes, key=lambda one: (one[0] is not Stopped.FAILED, one[1]))[:MAX_LISTED]:
        say(f"{key}: {told}")
    if len(outcomes) > MAX_LISTED:
        out.print(f"… and {len(outcomes) - MAX_LISTED:,} more: --json names them all")


async def _stop(session: OperatorSession, record: OpenRecord) -> tuple[Stopped, str]:
    try:
        found = await session.canceller.cancel(record.job_id, record.run)
    except RetryLaterError as error:
        return Stopped.FAILED, f"not cancelled: {error}; try again"
    match found:
        case None:
            return Stopped.ENDED, "it has just ended"
        case Reason():
            return Stopped.ALREADY, f"is already being cancelled ({found})"
        case _:
            return Stopped.ASKED, f"was {found}: {session.backend.carrier} cancels it"
