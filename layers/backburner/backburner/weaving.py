"""Parts put together: their answers joined or grouped, what became of them, what they cost in all."""

import json
from collections.abc import Sequence

from msgspec.structs import replace

from backburner.ledger import Standing
from backburner.records import ErrorRecord, OpenRecord, Part, PartEnd, RunRecord

_BETWEEN = "\n\n"
_LEAST_GROUP = 2


def join(texts: Sequence[str], output: str) -> str:
    """Answers one after the other: paragraphs of text, or the items of a JSON array."""
    if output == "json":
        return "[\n" + ",\n".join(map(_item, texts)) + "\n]\n"
    return _BETWEEN.join(text.strip("\n") for text in texts) + "\n"


def groups(texts: Sequence[str], most_chars: int | None) -> list[str]:
    """Answers joined for the generations that merge them: as many together as fit, at least two, so that it ends."""
    found: list[list[str]] = []
    for text in texts:
        room = most_chars is None or sum(map(len, found[-1] if found else ())) + len(text) <= most_chars
        if found and (room or len(found[-1]) < _LEAST_GROUP):
            found[-1].append(text)
        else:
            found.append([text])
    if len(found) > 1 and len(found[-1]) < _LEAST_GROUP:
        single = found.pop()
        found[-1] += single
    return [_BETWEEN.join(group) for group in found]


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
        usage=ended.usage,
        cost=ended.cost,
        suspected_orphans=ended.suspected_orphans,
        polls=ended.polls,
        lines=ended.lines,
        is_reused=part.is_reused,
    )


def total(record: OpenRecord, ends: list[PartEnd]) -> OpenRecord:
    """The record with its parts; usage, cost and doubts are the sum of its own and theirs, but for what is reused."""
    paid = [end for end in ends if not end.is_reused]
    costs = [cost for cost in (record.cost, *(end.cost for end in paid)) if cost is not None]
    return replace(
        record,
        parts=ends,
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
