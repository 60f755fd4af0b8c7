"""Records and messages that an older version wrote are read, and written again with every field unchanged.

The samples in `old_records/` were recorded from the complete lives of jobs as commit 333174c wrote them, with as many
different fields, states and shapes of each type as there were; those of a reservation have the names that commit
c556d6b gave them. A field may be added to a record; none may change its name or its value.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backburner.capacity.limits import Counters, NotedReservation, Reservation
from backburner.ledger import messages
from backburner.ledger.journal import Line
from backburner.ledger.keys import open_run, output_location, superseded_key
from backburner.ledger.records import (
    ErrorRecord,
    JobRecord,
    OpenRecord,
    RunRecord,
    SupersededRecord,
    decode,
    encode,
)
from backburner.ledger.segment_state import Segment
from backburner.maintenance.dead_letters import understand

SAMPLES = Path(__file__).parent / "old_records"
RECORDS: dict[str, type[JobRecord]] = {
    "open": OpenRecord,
    "run": RunRecord,
    "error": ErrorRecord,
    "superseded": SupersededRecord,
}


def samples(kind: str) -> list[Any]:
    """The samples of one type, each with its origin."""
    found = json.loads((SAMPLES / f"{kind}.json").read_text(encoding="utf-8"))
    return [pytest.param(each["at"], each["body"], id=f"{kind}-{number}") for number, each in enumerate(found, 1)]


def _record(kind: type[JobRecord]) -> Callable[[bytes], bytes]:
    return lambda body: encode(decode(body, kind))


def _as(kind: type[Any]) -> Callable[[bytes], bytes]:
    return lambda body: msgspec.json.encode(msgspec.json.decode(body, type=kind))


def _counters(body: bytes) -> bytes:
    """The counters, with the defaults that reservations leave out: every version reads them so."""
    counters = json.loads(_as(Counters)(body))
    left_out = {
        field.encode_name: field.default for field in msgspec.structs.fields(NotedReservation) if not field.required
    }
    for noted in (counters["reserved"], counters["owed"]):
        noted |= {name: left_out | held for name, held in noted.items()}
    return json.dumps(counters).encode()


REWRITE: dict[str, Callable[[bytes], bytes]] = {
    **{kind: _record(record) for kind, record in RECORDS.items()},
    "governor": _counters,
    "reservation": _as(Reservation),
    "segment": _as(Segment),
    "message": lambda body: messages.decode(body.decode()).encode().encode(),
}


def _differences(before: Any, after: Any, path: str = "") -> list[str]:
    """Where the rewritten record differs from the original; fields that only the later version has do not count."""
    if isinstance(before, dict) and isinstance(after, dict):
        gone = [f"{path}/{name} is gone" for name in before if name not in after]
        inner = [_differences(before[name], after[name], f"{path}/{name}") for name in before if name in after]
        return [*gone, *(each for found in inner for each in found)]
    if isinstance(before, list) and isinstance(after, list):
        is_struct = not any(isinstance(each, dict | list) for each in before)  # a struct written as an array may grow
        if len(after) < len(before) or (len(after) > len(before) and not is_struct):
            return [f"{path}: {len(before)} items became {len(after)}"]
        return [
            each
            for number, (old, new) in enumerate(zip(before, after, strict=False))
            for each in _differences(old, new, f"{path}/{number}")
        ]
    return [] if before == after else [f"{path}: {before!r} became {after!r}"]


@pytest.mark.parametrize(
    ("kind", "at", "body"),
    [pytest.param(kind, *each.values, id=each.id) for kind in REWRITE for each in samples(kind)],
)
def test_an_old_record_is_rewritten_unchanged(kind: str, at: str, body: Any) -> None:
    """Every field is the same, at every depth."""
    assert at
    assert _differences(body, json.loads(REWRITE[kind](json.dumps(body).encode()))) == []


@pytest.mark.parametrize(("at", "lines"), samples("journal"))
def test_lines_of_the_journal_are_read_as_before(at: str, lines: list[Any]) -> None:
    """Each line is read by itself, as reports do."""
    assert at.startswith("ledger/journal/")
    rewritten = [json.loads(_as(Line)(json.dumps(line).encode())) for line in lines]
    assert _differences(lines, rewritten) == []


@pytest.mark.parametrize(
    ("kind", "at", "body"), [pytest.param(kind, *each.values, id=each.id) for kind in RECORDS for each in samples(kind)]
)
def test_a_record_keeps_its_key(kind: str, at: str, body: Any) -> None:
    """The key follows from the record's content."""
    record = decode(json.dumps(body).encode(), RECORDS[kind])
    location = output_location(record.source.key)
    match record:
        case OpenRecord():
            assert open_run(at) == (record.job_id, record.run)
        case RunRecord():
            assert at == location.run_record_key
        case ErrorRecord():
            assert at == location.error_record_key
        case _:
            assert at == superseded_key(record.job_id, record.run)


@pytest.mark.parametrize("sample", json.loads((SAMPLES / "dead_letter.json").read_text(encoding="utf-8")))
def test_a_dead_letter_is_understood_as_before(sample: Any) -> None:
    """Its type, reason, documents and time are the same."""
    letter = understand(json.dumps(sample["body"]))
    assert letter.at is not None
    found = {"kind": letter.kind, "why": letter.why, "keys": list(letter.keys), "at": letter.at.isoformat()}
    assert found == sample["understood"]


def test_the_samples_cover_what_is_hardest_to_read() -> None:
    """Reservations and what is owed, lines begun and under way, segments with pieces, divisions in levels."""
    counters = [msgspec.convert(body, Counters) for _, body in (each.values for each in samples("governor"))]
    assert any(each.reserved for each in counters)
    assert any(each.unsettled for each in counters)
    assert any(each.pauses for each in counters)
    assert any(each.unreadable for each in counters)
    records = [decode(json.dumps(body).encode(), OpenRecord) for _, body in (each.values for each in samples("open"))]
    segments = [record.segment for record in records if record.segment]
    assert any(segment.creating for segment in segments)
    assert any(segment.started for segment in segments)
    assert any(segment.pieces for segment in segments)
    divisions = [record.division for record in records if record.division]
    assert any(division.is_batch for division in divisions)
    assert any(len(division.levels) > 1 for division in divisions)
    assert any(division.is_stopping for division in divisions)
    assert any(record.reservation and record.elapsed_before_write_s for record in records)
    assert any(record.committed_at_claim for record in records)
    assert any(record.context_overflows for record in records)
