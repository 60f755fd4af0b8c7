"""Parts put together: their answers joined or grouped, what became of them, what they cost in all."""

import json
from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from backburner.ledger import Standing
from backburner.records import ErrorRecord, OpenRecord, Part, PartEnd, RunRecord

BETWEEN = "\n\n"
"""What stands between two answers."""
_LEAST_GROUP = 2


def join(texts: Iterable[str], output: str) -> str:
    """Answers one after the other: paragraphs of text, or the items of a JSON array."""
    return "".join(pieces(texts, output))


def pieces(texts: Iterable[str], output: str) -> Iterator[str]:
    """The same, piece by piece: for answers that are not in memory together."""
    begin, between, end = ("[\n", ",\n", "\n]\n") if output == "json" else ("", BETWEEN, "\n")
    yield begin
    for number, text in enumerate(texts):
        yield between if number else ""
        yield _item(text) if output == "json" else text.strip("\n")
    yield end


def groups(texts: Sequence[str], most_chars: int | None) -> list[str]:
    """Answers joined for the generations that merge them: as many together as fit, at least two, so that it ends."""
    return [BETWEEN.join(texts[number] for number in group) for group in together([*map(len, texts)], most_chars)]


def together(sizes: Sequence[int], most_chars: int | None) -> list[range]:
    """Which answers are one group, by the characters that each has."""
    found: list[range] = []
    for number, size in enumerate(sizes):
        last = found[-1] if found else range(0)
        has_room = most_chars is None or sum(sizes[each] for each in last) + size <= most_chars
        if found and (has_room or len(last) < _LEAST_GROUP):
            found[-1] = range(last.start, number + 1)
        else:
            found.append(range(number, number + 1))
    if len(found) > 1 and len(found[-1]) < _LEAST_GROUP:
        single = found.pop()
        found[-1] = range(found[-1].start, single.stop)
    return found


def end_of(level: int, number: int, part: Part, standing: Standing) -> PartEnd | None:
    """What became of a part, None if it has not ended."""
    ends: list[RunRecord | ErrorRecord] = [held.record for held in (standing.run, standing.error) if held]
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
        suspected_orphans=ended.suspected_orphans,
        polls=ended.polls,
        lines=ended.lines,
        is_reused=part.is_reused,
    )


def total(record: OpenRecord, ends: list[PartEnd]) -> OpenRecord:
    """The record with its parts; usage, cost and doubts are the sum of its own and theirs, but for what is reused.

    It was submitted when the first of them was.
    """
    paid = [end for end in ends if not end.is_reused]
    submitted = [at for at in (record.submitted_at, *(end.submitted_at for end in paid)) if at is not None]
    costs = [cost for cost in (record.cost, *(end.cost for end in paid)) if cost is not None]
    return replace(
        record,
        parts=ends,
        submitted_at=min(submitted, default=None),
        usage=sum((end.usage for end in paid), record.usage),
        cost=round(sum(costs), 9) if costs or record.price else None,
        suspected_orphans=record.suspected_orphans + sum(end.suspected_orphans for end in paid),
        polls=record.polls + sum(end.polls for end in paid),
    )


def _item(text: str) -> str:
    """An answer as it came, if it is JSON; else as a string."""
    try:
        json.loads(text, parse_constant=_no_json)
    except (ValueError, RecursionError):
        return json.dumps(text, ensure_ascii=False)
    return text.strip()


def _no_json(name: str) -> object:
    raise ValueError(f"{name} is no JSON")
