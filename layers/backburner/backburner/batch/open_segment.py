"""Opens a run of a segment, with the lines in its description or those that an earlier run left to do."""

import msgspec
from msgspec.structs import replace

from backburner.capacity.estimates import estimated
from backburner.capacity.limits import Reservation
from backburner.documents.recipes import parse
from backburner.documents.tokens import line_tokens
from backburner.ledger.ledger import Committed
from backburner.ledger.records import OpenRecord
from backburner.ledger.segment_state import Segment
from backburner.outcome.current_job import CurrentJob


def with_segment(record: OpenRecord, current: CurrentJob, committed: Committed) -> OpenRecord:
    """The record of a segment's run, with the lines that it is to run and the usage of its earlier runs."""
    segment = msgspec.json.decode(current.source.body, type=Segment)
    output = current.parent.output if current.parent else record.output
    before = [held.record for held in (committed.run, committed.error) if held]
    for earlier in sorted(before, key=lambda each: each.run):
        if earlier.job_id == record.job_id and earlier.resume and earlier.resume.segment:
            segment = earlier.resume.segment.again()
            record = replace(
                record,
                usage=earlier.usage,
                cost=earlier.cost,
                kept_usage=earlier.usage,
                kept_cost=earlier.cost,
            )
    return replace(record, output=output, segment=segment, reservation=_for_one_line(record, segment))


def _for_one_line(record: OpenRecord, segment: Segment) -> Reservation:
    """What a line of average length reserves."""
    recipe = parse(record.recipe_text)
    size_bytes = (segment.end_byte - segment.first_byte) // max(1, segment.count)
    tokens = line_tokens(size_bytes, recipe.max_output_tokens)
    return estimated(recipe.price, *tokens).reservation(record.provider.model)
