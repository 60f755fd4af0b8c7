"""Puts parts together: joins or groups their answers, says how they ended, adds up what they cost."""

import json
from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from backburner.ledger.ledger import Committed
from backburner.ledger.records import ErrorRecord, OpenRecord, Part, PartEnd, RunRecord

BETWEEN = "\n\n"
"""The text between two answers."""
_MIN_GROUP = 2


def join(texts: Iterable[str], output: str) -> str:
    """Join answers in order: as paragraphs of text, or as the items of a JSON array."""
    return "".join(pieces(texts, output))


def pieces(texts: Iterable[str], output: str) -> Iterator[str]:
    """The same, piece by piece, for answers that are not all in memory."""
    begin, between, end = ("[\n", ",\n", "\n]\n") if output == "json" else ("", BETWEEN, "\n")
    yield begin
    for number, text in enumerate(texts):
        yield between if number else ""
        yield _item(text) if output == "json" else text.strip("\n")
    yield end


def groups(texts: Sequence[str], max_chars: int | None) -> list[str]:
    """Answers joined into inputs for merging: as many as fit, but at least two, so that the levels come to an end."""
    return [BETWEEN.join(texts[number] for number in group) for group in together([*map(len, texts)], max_chars)]


def together(sizes: Sequence[int], max_chars: int | None) -> list[range]:
    """Which answers form a group, by the number of characters of each."""
    found: list[range] = []
    for number, size in enumerate(sizes):
        last = found[-1] if found else range(0)
        has_room = max_chars is None or sum(sizes[each] for each in last) + size <= max_chars
        if found and (has_room or len(last) < _MIN_GROUP):
            found[-1] = range(last.start, number + 1)
        else:
            found.append(range(number, number + 1))
    if len(found) > 1 and len(found[-1]) < _MIN_GROUP:
        single = found.pop()
        found[-1] = range(found[-1].start, single.stop)
    return found


def end_of(level: int, number: int, part: Part, committed: Committed) -> PartEnd | None:
    """How a part ended; None if it has not."""
    ends: list[RunRecord | ErrorRecord] = [held.record for held in (committed.run, committed.error) if held]
    ends.sort(key=lambda end: end.run, reverse=True)
    ended = next((end for end in ends if part.is_reused or end.run >= part.run), None)
    if ended is None:
        return None
    return PartEnd(
        level=level,
        number=number,
        job_id=ended.job_id,
        run=ended.run,
        state=ended.state,
        reason=ended.reason if isinstance(ended, ErrorRecord) else None,
        responses=[response.id for response in ended.responses],
        submitted_at=ended.submitted_at,
        usage=ended.usage,
        cost=ended.cost,
        kept_usage=ended.kept_usage,
        kept_cost=ended.kept_cost,
        suspected_orphans=ended.suspected_orphans,
        polls=ended.polls,
        lines=ended.lines,
        is_reused=part.is_reused,
    )


def total(record: OpenRecord, ends: list[PartEnd]) -> OpenRecord:
    """The record with its parts; usage, cost and suspected orphans are its own plus theirs, except for reused parts.

    A batch's result has lines from all its runs, so there everything is added up, and the share of earlier runs is
    given separately. `submitted_at` is that of the first part.
    """
    is_batch = record.division is not None and record.division.is_batch
    own = [end for end in ends if not end.is_reused]
    reused = [end for end in ends if end.is_reused] if is_batch else []
    submitted = [at for at in (record.submitted_at, *(end.submitted_at for end in own)) if at is not None]
    return replace(
        record,
        parts=ends,
        submitted_at=min(submitted, default=None),
        usage=sum((end.usage for end in (*own, *reused)), record.usage),
        cost=_sum(record.cost, *(end.cost for end in (*own, *reused)), is_known=record.price is not None),
        kept_usage=sum((*(end.kept_usage for end in own), *(end.usage for end in reused)), record.kept_usage),
        kept_cost=_sum(record.kept_cost, *(end.kept_cost for end in own), *(end.cost for end in reused)),
        suspected_orphans=record.suspected_orphans + sum(end.suspected_orphans for end in own),
        polls=record.polls + sum(end.polls for end in own),
    )


def _sum(*costs: float | None, is_known: bool = False) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return round(sum(known), 9) if known or is_known else None


def _item(text: str) -> str:
    """An answer unchanged if it is JSON, otherwise as a JSON string."""
    try:
        json.loads(text, parse_constant=_no_json)
    except (ValueError, RecursionError):
        return json.dumps(text, ensure_ascii=False)
    return text.strip()


def _no_json(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
