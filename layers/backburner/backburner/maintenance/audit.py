"""The audit: proves from listings of the bucket that nothing is lost (DESIGN section 1, promise 1).

Jobs run on while it reads, so it checks whatever looks wrong again after a moment, and reports only what is wrong every
time. It does not judge runs under way: a run with an open record may be between any two effects.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from backburner.capacity.governor import Governor
from backburner.errors import UnreadableError
from backburner.ledger.journal import Journal, Line, line_of
from backburner.ledger.keys import OPEN, RUN_RECORD, open_run, output_location, superseded_key
from backburner.ledger.ledger import Ledger
from backburner.ledger.records import ErrorRecord, JobRecord, RunRecord, State, SupersededRecord, decode
from backburner.maintenance.findings import Finding, Kind, Report, judge, state_of
from backburner.maintenance.snapshot import LocationState, Progress, Snapshot, SnapshotReader, at_once, each_of
from backburner.maintenance.sweep import OLD_ENOUGH_S, Sweeper
from backburner.ports import Bucket

_OUTPUTS = ("md", "txt", "json", "jsonl")
_MAX_LINES = 1000
_FOREVER = float("inf")
LOOKS_AGAIN = 2
MOMENT_S = 1.0
"""Between two checks: longer than a process takes from one effect to the next."""


class Counted(Protocol):
    """A queue that can say roughly how many messages it holds, including received and delayed ones."""

    async def count(self) -> int:
        """The approximate number of all its messages, up to a minute old."""


@dataclass(frozen=True, kw_only=True)
class Auditor:
    """Audits a bucket in any state and of any size, while jobs continue."""

    bucket: Bucket
    ledger: Ledger
    governor: Governor
    sweeper: Sweeper
    journal: Journal
    pending: Counted
    backlog: Counted
    progress: Progress = lambda _what, _count: None

    async def audit(self) -> Report:
        """Read everything, check what looks wrong again until it is certain, and report."""
        reader = SnapshotReader(bucket=self.bucket, progress=self.progress)
        doubts = await self._first_look(reader)
        for _ in range(LOOKS_AGAIN):
            if not doubts.any:
                break
            self.progress("another look", len(doubts.locations))
            await self.sweeper.clock.sleep(MOMENT_S)  # by then a run that was between two effects has moved on
            await self._look_again(reader, doubts)
        found = await self._findings(doubts)
        unwritten = await self._unwritten(reader, doubts.snapshot)
        found += [Finding(kind=Kind.UNREADABLE, key=key, what=why) for key, why in doubts.snapshot.unreadable.items()]
        return _report(doubts.snapshot, doubts.messages, [*found, *doubts.findings(), *unwritten])

    async def _first_look(self, reader: SnapshotReader) -> "_Doubts":
        doubts = _Doubts(messages=await self._messages(), snapshot=await reader.everything())
        snapshot = doubts.snapshot
        for key, why in (await self.governor.counters())[0].unreadable.items():
            if key not in snapshot.unreadable and not await self.sweeper.is_readable(key):
                snapshot.unreadable[key] = why
        doubts.under_way = _count(snapshot)
        doubts.locations = [key for key, seen in snapshot.locations.items() if _judged(snapshot, key, seen)]
        hidden = {text for text in snapshot.texts if f"{text.rpartition('.')[0]}{RUN_RECORD}" in snapshot.unreadable}
        doubts.texts = set(snapshot.texts) - _expected(snapshot) - hidden
        doubts.odd = await self._odd_reservations(snapshot)
        return doubts

    async def _findings(self, doubts: "_Doubts") -> list[Finding]:
        """What is wrong with individual documents. One whose open record cannot be read is not called lost."""
        snapshot = doubts.snapshot
        owners = await self._explain(snapshot, doubts.locations)
        found = [finding for key in doubts.locations for finding in _judged(snapshot, key, snapshot.locations[key])]
        owners |= snapshot.unreadable.keys()
        return [finding for finding in found if finding.kind is not Kind.LOST or finding.key not in owners]

    async def _look_again(self, reader: SnapshotReader, doubts: "_Doubts") -> None:
        """Check every doubt again, and drop those that are cleared up."""
        snapshot, now = doubts.snapshot, Snapshot()
        await reader.open_records(now)
        doubts.messages = max(doubts.messages, await self._messages())
        doubts.under_way = min(doubts.under_way, _count(now))

        async def look(key: str) -> None:
            try:
                snapshot.locations[key] = await reader.again(key, now.at(key).working)
            except UnreadableError as error:
                snapshot.unreadable[error.key] = str(error)

        await at_once(each_of(doubts.locations), look)
        doubts.locations = [key for key in doubts.locations if _judged(snapshot, key, snapshot.locations[key])]
        doubts.texts = await self._orphans(reader, {text: snapshot.texts[text] for text in doubts.texts}, now)
        odd = await self._odd_reservations(now)
        doubts.odd = {
            name: why for name, why in odd.items() if name in doubts.odd and await self._is_certain(name, now)
        }
        snapshot.unreadable |= now.unreadable

    async def _is_certain(self, name: str, now: Snapshot) -> bool:
        """Whether the run's record is unchanged since its reservation was missed, and the run is not over."""
        for key, working in now.working():
            if working.name == name:
                held = await self.ledger.open_record(working.job, working.run)
                committed = await self.ledger.committed(output_location(key), working.job)
                return held is not None and held.etag == working.etag and not committed.is_over(working.run)
        return True

    async def _explain(self, snapshot: Snapshot, locations: Iterable[str]) -> set[str]:
        """Find the documents whose open records cannot be read, and name each in the report of its record."""
        runs = {run[0]: key for key in snapshot.unreadable if (run := open_run(key))}
        owners = set[str]()
        for key in locations if runs else ():
            current = None
            with suppress(UnreadableError):
                current = await self.sweeper.submitter.current_jobs.current(key, await self.bucket.head(key))
            if current is not None and current.job_id in runs:
                owners.add(key)
                snapshot.unreadable[runs[current.job_id]] += f"; it is the record of {key}"
        return owners

    async def repair(self, report: Report) -> Report:
        """Sweep from the start, submit what the report calls lost, rebuild missing journal lines, and audit again."""
        self.progress("sweep", 0)
        await self.sweeper.sweep(_FOREVER)
        for finding in report.findings:
            if finding.kind is Kind.LOST:  # sweeps miss it if an older version's record was written after the upload
                with suppress(UnreadableError):  # the next audit names it
                    await self.sweeper.submitter.submit(finding.key)
        await self.journal.flush()
        lines: list[Line] = []

        async def rebuild(finding: Finding) -> None:
            if finding.kind is Kind.JOURNAL_LINE_MISSING and (record := await self._ended(finding.key)):
                lines.append(line_of(record))

        await at_once(each_of(report.findings), rebuild)
        for first in range(0, len(lines), _MAX_LINES):
            await self.journal.write(lines[first : first + _MAX_LINES])
        return await self.audit()

    async def _messages(self) -> int:
        return await self.pending.count() + await self.backlog.count()

    async def _orphans(self, reader: SnapshotReader, texts: Mapping[str, str], now: Snapshot) -> set[str]:
        """Unchanged results that still no record names, and that no run under way can have written."""
        orphans, expected, records = set[str](), _expected(now), Snapshot()

        async def look(text: str) -> None:
            try:
                stored = await self.bucket.head(text)
            except UnreadableError as error:
                expected.add(text)
                now.unreadable[error.key] = str(error)
                return
            await reader.done(records, f"{text.rpartition('.')[0]}{RUN_RECORD}")
            if stored is not None and stored.etag == texts[text] and text not in expected:
                orphans.add(text)

        await at_once(each_of(texts), look)
        return orphans - {seen.done.result_key for seen in records.locations.values() if seen.done}

    async def _odd_reservations(self, snapshot: Snapshot) -> dict[str, tuple[Kind, str]]:
        """Where the governor and the open records contradict each other, by `<job_id>.<run>`.

        A waiting job may still hold its reservation: its next step gives it back. The reservations that the governor
        keeps only as totals are compared by number.
        """
        counters, _ = await self.governor.counters()
        reserved = set(counters.reserved)
        under_way = {working.name: working for _, working in snapshot.working()}
        hidden = {key.removeprefix(OPEN).removesuffix(".json") for key in snapshot.unreadable}
        nothing = reserved - set(under_way) - hidden
        unnamed = {name for name, working in under_way.items() if working.reserves} - reserved
        missing = unnamed if len(unnamed) > max(0, counters.recorded_totals.runs) else set()
        return {
            name: (Kind.RESERVED_FOR_NOTHING, f"{name} holds a reservation and is not open") for name in nothing
        } | {name: (Kind.NOT_RESERVED, f"{name} runs without a reservation") for name in missing}

    async def _unwritten(self, reader: SnapshotReader, snapshot: Snapshot) -> list[Finding]:
        """Runs that are over but have no line in the journal; none if there is no journal at all."""
        missing = _over(snapshot)
        is_there = False
        self.progress("journal", len(missing))
        async for job, run in reader.journal(snapshot):
            is_there = True
            missing.pop(f"{job}.{run}", None)
        return [
            Finding(kind=Kind.JOURNAL_LINE_MISSING, key=key, what=f"the journal has no line about {name}")
            for name, key in (missing.items() if is_there else ())
        ]

    async def _ended(self, key: str) -> JobRecord | None:
        kinds: dict[str, type[JobRecord]] = {"results": RunRecord, "failed": ErrorRecord, "ledger": SupersededRecord}
        stored = await self.bucket.get(key)
        try:
            return decode(stored.body, kinds[key.partition("/")[0]]) if stored else None
        except msgspec.DecodeError:
            return None


@dataclass
class _Doubts:
    """What still looks wrong."""

    snapshot: Snapshot
    messages: int
    under_way: int = 0
    locations: list[str] = field(default_factory=list)
    texts: set[str] = field(default_factory=set)
    odd: dict[str, tuple[Kind, str]] = field(default_factory=dict)

    @property
    def lacks_messages(self) -> bool:
        return self.messages < self.under_way

    @property
    def any(self) -> bool:
        return bool(self.locations or self.texts or self.odd) or self.lacks_messages

    def findings(self) -> list[Finding]:
        """What is wrong with results, reservations and messages."""
        found = [
            Finding(kind=Kind.RESULT_WITHOUT_RECORD, key=text, what="no run record names it")
            for text in sorted(self.texts)
        ]
        found += [Finding(kind=kind, key=f"{OPEN}{name}.json", what=what) for name, (kind, what) in self.odd.items()]
        if self.lacks_messages:
            what = f"about {self.messages} messages for {self.under_way} open records; "
            what += "the sweep sends a new one for each record that is silent for a day"
            found.append(Finding(kind=Kind.MESSAGES_MISSING, key=OPEN, what=what))
        return found


def _count(snapshot: Snapshot) -> int:
    return sum(len(seen.working) for seen in snapshot.locations.values())


def _judged(snapshot: Snapshot, key: str, seen: LocationState) -> list[Finding]:
    return judge(key, seen, snapshot.superseded, snapshot.unreadable)


def _expected(snapshot: Snapshot) -> set[str]:
    """The result keys that runs under way may have written before their run record."""
    keys = {key for key, _ in snapshot.working()}
    return {output_location(key).result_key(output) for key in keys for output in _OUTPUTS}


def _over(snapshot: Snapshot) -> dict[str, str]:
    """The record keys of runs that ended more than 15 minutes ago, by `<job_id>.<run>`."""
    over: dict[str, str] = {}
    for key, seen in snapshot.locations.items():
        if seen.done and seen.done.age_s >= OLD_ENOUGH_S:
            over[seen.done.name] = output_location(key).run_record_key
        if seen.failed and seen.failed.age_s >= OLD_ENOUGH_S:
            over[seen.failed.name] = output_location(key).error_record_key
    for name, age_s in snapshot.superseded.items():
        job, _, run = name.rpartition(".")
        if age_s >= OLD_ENOUGH_S:
            over[name] = superseded_key(job, int(run))
    return over


def _report(snapshot: Snapshot, messages: int, findings: list[Finding]) -> Report:
    documents = [seen for seen in snapshot.locations.values() if seen.etag is not None]
    states = [state_of(seen) for seen in documents if seen.age_s >= OLD_ENOUGH_S]
    young = [state_of(seen) for seen in documents if seen.age_s < OLD_ENOUGH_S]
    reported = (State.WAITING, State.RUNNING, State.DONE, State.FAILED)
    return Report(
        objects=len(states),
        waiting=states.count(State.WAITING),
        running=states.count(State.RUNNING),
        done=states.count(State.DONE),
        failed=states.count(State.FAILED),
        young=len(young),
        young_states={**{str(state): young.count(state) for state in reported}, "unclaimed": young.count(None)},
        open_records=_count(snapshot),
        messages=messages,
        findings=findings,
    )
