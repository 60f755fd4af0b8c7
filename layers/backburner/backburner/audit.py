"""The audit: proves from the bucket's own lists that nothing is lost (DESIGN section 1, promise 1).

Work goes on while it reads, so whatever looks wrong is looked at once more at the end, and only what is wrong both
times is reported. What is under way is not judged: a place with an open record may be between any two effects.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import msgspec

from backburner.books import Books, Ended, Progress, Reader, Seen, Working, at_once, each_of
from backburner.governor import Governor
from backburner.journal import Journal, Line, line_of
from backburner.keys import place_of, superseded_key
from backburner.ledger import Ledger
from backburner.ports import Bucket
from backburner.records import ErrorRecord, JobRecord, RunRecord, State, SupersededRecord, decode
from backburner.sweep import OLD_ENOUGH_S, SILENT_S, Sweeper

_OUTPUTS = ("md", "txt", "json", "jsonl")
_MOST_LINES = 1000
_FOREVER = float("inf")


class Counted(Protocol):
    """A queue that can say about how many messages it holds, in hand and delayed ones included."""

    async def count(self) -> int:
        """All its messages; close to the truth, a minute late."""


class Kind(StrEnum):
    """What is wrong."""

    LOST = "lost"  # an upload that nothing answers and nobody works on
    UNREADABLE = "unreadable"  # a record that cannot be read, or that is not at its place
    RESULT_WITHOUT_RECORD = "result_without_record"
    RECORD_WITHOUT_RESULT = "record_without_result"
    RESULT_CHANGED = "result_changed"  # the text is not the one that its record names
    ERROR_BESIDE_RESULT = "error_beside_result"  # an error record that the result of the same version outdated
    LEFTOVER = "leftover"  # an open record of a run that is over
    SILENT = "silent"  # an open record that nobody has written for a day
    MESSAGES_MISSING = "messages_missing"  # fewer messages than open records
    RESERVED_FOR_NOTHING = "reserved_for_nothing"  # a reservation that no open record accounts for
    NOT_RESERVED = "not_reserved"  # a generation under way that the governor does not count
    JOURNAL_LINE_MISSING = "journal_line_missing"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong; `key` is the object that shows it."""

    kind: Kind
    key: str
    what: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """`objects` are those of the inbox older than 15 minutes, `young` the others, whatever became of them."""

    objects: int
    waiting: int
    running: int
    done: int
    failed: int
    young: int
    open_records: int
    messages: int
    findings: list[Finding]

    @property
    def balances(self) -> bool:
        """Whether `objects = waiting + running + done + failed`, and nothing else is wrong."""
        return not self.findings and self.objects == self.waiting + self.running + self.done + self.failed


def state_of(seen: Seen) -> State | None:
    """The one state of a document as it stands now; None if nothing answers it and nobody works on it."""
    working = [working.state for working in seen.working if working.source_etag == seen.etag]
    if working:
        return State.WAITING if set(working) == {State.WAITING} else State.RUNNING
    done = seen.done if seen.done and seen.done.source_etag == seen.etag else None
    failed = seen.failed if seen.failed and seen.failed.source_etag == seen.etag else None
    if done is not None and (failed is None or _outdated(failed, done)):
        return State.DONE
    return State.FAILED if failed is not None else None


def judge(key: str, seen: Seen, superseded: Container[str] = ()) -> list[Finding]:
    """What is wrong at one place."""
    found = [
        *(_judged_open(key, seen, working, superseded) for working in seen.working),
        *(() if seen.working else _judged_at_rest(key, seen)),
        None
        if seen.etag is None or seen.age_s < OLD_ENOUGH_S or state_of(seen)
        else Finding(kind=Kind.LOST, key=key, what="neither an open record nor a record of this version"),
    ]
    return [finding for finding in found if finding]


def _judged_open(key: str, seen: Seen, working: Working, superseded: Container[str]) -> Finding | None:
    for ended in (seen.done, seen.failed):
        if ended and ended.job == working.job and ended.run >= working.run and ended.age_s >= OLD_ENOUGH_S:
            return Finding(kind=Kind.LEFTOVER, key=key, what=f"run {working.name} is over, its open record stands")
    if working.name in superseded and working.silent_s >= OLD_ENOUGH_S:
        return Finding(kind=Kind.LEFTOVER, key=key, what=f"run {working.name} is superseded, its open record stands")
    if working.silent_s >= SILENT_S:
        return Finding(kind=Kind.SILENT, key=key, what=f"{working.state} {working.name}: silent for more than a day")
    return None


def _judged_at_rest(key: str, seen: Seen) -> Iterable[Finding]:
    done, failed = seen.done, seen.failed
    if done is None:
        return
    if seen.text is None:
        yield Finding(kind=Kind.RECORD_WITHOUT_RESULT, key=key, what=f"{done.result_key} is not there")
    elif seen.text != done.result_etag:
        yield Finding(kind=Kind.RESULT_CHANGED, key=key, what=f"{done.result_key} is not the text that was written")
    if failed is not None and failed.source_etag == done.source_etag and _outdated(failed, done):
        yield Finding(
            kind=Kind.ERROR_BESIDE_RESULT, key=key, what=f"done by {done.name}, and the error of {failed.name} stands"
        )


def _outdated(failed: Ended, done: Ended) -> bool:
    """Whether the result came after the failure."""
    if done.replaced_error == failed.etag:
        return True
    return done.run > failed.run if done.job == failed.job else done.written >= failed.written


@dataclass(frozen=True, kw_only=True)
class Auditor:
    """Audits a bucket in any state and of any size, while work goes on."""

    bucket: Bucket
    ledger: Ledger
    governor: Governor
    sweeper: Sweeper
    journal: Journal
    pending: Counted
    backlog: Counted
    progress: Progress = lambda _what, _count: None

    async def audit(self) -> Report:
        """Read everything, look at what is wrong once more, and report."""
        reader = Reader(bucket=self.bucket, progress=self.progress)
        messages = await self._messages()
        books = await reader.everything()
        under_way = sum(len(seen.working) for seen in books.places.values())
        suspects = [key for key, seen in books.places.items() if judge(key, seen, books.superseded)]
        texts = set(books.texts) - _expected(books)
        odd = await self._odd_reservations(books)
        if suspects or texts or odd or messages < under_way:
            self.progress("second look", len(suspects))
            now = Books()
            await reader.open_records(now)
            messages = max(messages, await self._messages())
            under_way = min(under_way, sum(len(seen.working) for seen in now.places.values()))
            await self._look_again(reader, books, now, suspects)
            texts = await self._orphans(reader, {text: books.texts[text] for text in texts}, now)
            odd = {name: why for name, why in (await self._odd_reservations(now)).items() if name in odd}
        found = [finding for key in suspects for finding in judge(key, books.places[key], books.superseded)]
        found += [Finding(kind=Kind.UNREADABLE, key=key, what=why) for key, why in books.unreadable.items()]
        found += [
            Finding(kind=Kind.RESULT_WITHOUT_RECORD, key=text, what="no run record names it") for text in sorted(texts)
        ]
        found += [Finding(kind=kind, key=f"ledger/open/{name}.json", what=what) for name, (kind, what) in odd.items()]
        if messages < under_way:
            what = f"about {messages} messages drive {under_way} open records; they are woken when silent for a day"
            found.append(Finding(kind=Kind.MESSAGES_MISSING, key="ledger/open/", what=what))
        return _report(books, messages, [*found, *await self._unwritten(reader, books)])

    async def repair(self, report: Report) -> Report:
        """Sweep from the start, submit what a report calls lost, rebuild the journal's lines, and audit again."""
        self.progress("sweep", 0)
        await self.sweeper.sweep(_FOREVER)
        for finding in report.findings:
            if finding.kind is Kind.LOST:  # a record of an older version, newer than the document, hides it from sweeps
                await self.sweeper.submitter.submit(finding.key)
        await self.journal.flush()
        lines: list[Line] = []

        async def rebuild(finding: Finding) -> None:
            if finding.kind is Kind.JOURNAL_LINE_MISSING and (record := await self._ended(finding.key)):
                lines.append(line_of(record))

        await at_once(each_of(report.findings), rebuild)
        for first in range(0, len(lines), _MOST_LINES):
            await self.journal.write(lines[first : first + _MOST_LINES])
        return await self.audit()

    async def _messages(self) -> int:
        return await self.pending.count() + await self.backlog.count()

    async def _look_again(self, reader: Reader, books: Books, now: Books, suspects: list[str]) -> None:
        async def look(key: str) -> None:
            books.places[key] = await reader.again(key, now.at(key).working)

        await at_once(each_of(suspects), look)

    async def _orphans(self, reader: Reader, texts: Mapping[str, str], now: Books) -> set[str]:
        """Results that no record names yet, are as they were, and that no run under way may have written."""
        orphans, expected, records = set[str](), _expected(now), Books()

        async def look(text: str) -> None:
            stored = await self.bucket.head(text)
            await reader.done(records, f"{text.rpartition('.')[0]}.run.json")
            if stored is not None and stored.etag == texts[text] and text not in expected:
                orphans.add(text)

        await at_once(each_of(texts), look)
        return orphans - {seen.done.result_key for seen in records.places.values() if seen.done}

    async def _odd_reservations(self, books: Books) -> dict[str, tuple[Kind, str]]:
        """Where the governor and the open records contradict each other, by the name of the run.

        A job that waits may still hold its reservation: it is given back with the job's next step.
        """
        reserved = set((await self.governor.counters())[0].reserved)
        under_way = {working.name: working for _, working in books.working()}
        nothing = reserved - set(under_way)
        missing = {name for name, working in under_way.items() if working.reserves} - reserved
        return {
            name: (Kind.RESERVED_FOR_NOTHING, f"{name} holds a reservation and is not open") for name in nothing
        } | {name: (Kind.NOT_RESERVED, f"{name} runs without a reservation") for name in missing}

    async def _unwritten(self, reader: Reader, books: Books) -> list[Finding]:
        """Runs that are over and in no line of the journal, if there is a journal at all."""
        missing = _over(books)
        is_there = False
        self.progress("journal", len(missing))
        async for job, run in reader.journal():
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


def _expected(books: Books) -> set[str]:
    """Where runs under way may have put a text whose record is still to come."""
    keys = {key for key, _ in books.working()}
    return {place_of(key).result_key(output) for key in keys for output in _OUTPUTS}


def _over(books: Books) -> dict[str, str]:
    """The records of runs that ended more than 15 minutes ago: their keys, by the name of the run."""
    over: dict[str, str] = {}
    for key, seen in books.places.items():
        if seen.done and seen.done.age_s >= OLD_ENOUGH_S:
            over[seen.done.name] = place_of(key).run_record_key
        if seen.failed and seen.failed.age_s >= OLD_ENOUGH_S:
            over[seen.failed.name] = place_of(key).error_record_key
    for name, age_s in books.superseded.items():
        job, _, run = name.rpartition(".")
        if age_s >= OLD_ENOUGH_S:
            over[name] = superseded_key(job, int(run))
    return over


def _report(books: Books, messages: int, findings: list[Finding]) -> Report:
    documents = [seen for seen in books.places.values() if seen.etag is not None]
    states = [state_of(seen) for seen in documents if seen.age_s >= OLD_ENOUGH_S]
    return Report(
        objects=len(states),
        waiting=states.count(State.WAITING),
        running=states.count(State.RUNNING),
        done=states.count(State.DONE),
        failed=states.count(State.FAILED),
        young=len(documents) - len(states),
        open_records=sum(len(seen.working) for seen in books.places.values()),
        messages=messages,
        findings=findings,
    )
