"""What an audit may find, and how it judges a document by what is at its output location."""

from collections.abc import Container, Iterable
from enum import StrEnum

import msgspec

from backburner.ledger.keys import output_location
from backburner.ledger.records import State
from backburner.maintenance.snapshot import EndedRun, LocationState, OpenRun
from backburner.maintenance.sweep import OLD_ENOUGH_S, SILENT_S


class Kind(StrEnum):
    """What is wrong."""

    LOST = "lost"  # an upload without a record and without an open run
    UNREADABLE = "unreadable"  # a record that cannot be read, or is in the wrong place
    RESULT_WITHOUT_RECORD = "result_without_record"
    RECORD_WITHOUT_RESULT = "record_without_result"
    RESULT_CHANGED = "result_changed"  # the result is not the one that its run record names
    ERROR_BESIDE_RESULT = "error_beside_result"  # an error record that a later result of the same version replaced
    LEFTOVER = "leftover"  # an open record of a run that is over
    SILENT = "silent"  # an open record that has not been written for a day
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
    """`objects` counts the documents older than 15 minutes; `young` counts the others, which are not judged."""

    objects: int
    waiting: int
    running: int
    done: int
    failed: int
    young: int
    young_states: dict[str, int]
    """The young documents by state; `unclaimed` are those whose event has not been handled yet."""
    open_records: int
    messages: int
    findings: list[Finding]

    @property
    def balances(self) -> bool:
        """Whether `objects = waiting + running + done + failed`, and nothing else is wrong."""
        return not self.findings and self.objects == self.waiting + self.running + self.done + self.failed


def state_of(seen: LocationState) -> State | None:
    """The state of a document's current version; None if that has neither a record nor an open run."""
    working = [working.state for working in seen.working if working.source_etag == seen.etag]
    if working:
        return State.WAITING if set(working) == {State.WAITING} else State.RUNNING
    done = seen.done if seen.done and seen.done.source_etag == seen.etag else None
    failed = seen.failed if seen.failed and seen.failed.source_etag == seen.etag else None
    if done is not None and (failed is None or _outdated(failed, done)):
        return State.DONE
    return State.FAILED if failed is not None else None


def judge(
    key: str, seen: LocationState, superseded: Container[str] = (), unreadable: Container[str] = ()
) -> list[Finding]:
    """What is wrong with one document. It is not called lost if one of its records cannot be read."""
    location = output_location(key)
    is_hidden = location.run_record_key in unreadable or location.error_record_key in unreadable
    found = [
        *(_judged_open(key, seen, working, superseded) for working in seen.working),
        *(() if seen.working else _judged_at_rest(key, seen)),
        None
        if seen.etag is None or seen.age_s < OLD_ENOUGH_S or is_hidden or state_of(seen)
        else Finding(kind=Kind.LOST, key=key, what="neither an open record nor a record of this version"),
    ]
    return [finding for finding in found if finding]


def _judged_open(key: str, seen: LocationState, working: OpenRun, superseded: Container[str]) -> Finding | None:
    for ended in (seen.done, seen.failed):
        if ended and ended.job == working.job and ended.run >= working.run and ended.age_s >= OLD_ENOUGH_S:
            return Finding(kind=Kind.LEFTOVER, key=key, what=f"run {working.name} is over but has an open record")
    if working.name in superseded and working.silent_s >= OLD_ENOUGH_S:
        return Finding(kind=Kind.LEFTOVER, key=key, what=f"run {working.name} is superseded but has an open record")
    if working.silent_s >= SILENT_S:
        return Finding(kind=Kind.SILENT, key=key, what=f"{working.state} {working.name}: silent for more than a day")
    return None


def _judged_at_rest(key: str, seen: LocationState) -> Iterable[Finding]:
    done, failed = seen.done, seen.failed
    if done is None:
        return
    if seen.text is None:
        yield Finding(kind=Kind.RECORD_WITHOUT_RESULT, key=key, what=f"{done.result_key} is not there")
    elif seen.text != done.result_etag:
        yield Finding(kind=Kind.RESULT_CHANGED, key=key, what=f"{done.result_key} is not the text that was written")
    if failed is not None and failed.source_etag == done.source_etag and _outdated(failed, done):
        yield Finding(
            kind=Kind.ERROR_BESIDE_RESULT, key=key, what=f"{done.name} is done, yet {failed.name} has an error record"
        )


def _outdated(failed: EndedRun, done: EndedRun) -> bool:
    """Whether the result came after the failure."""
    if done.replaced_error == failed.etag:
        return True
    return done.run > failed.run if done.job == failed.job else done.written >= failed.written
