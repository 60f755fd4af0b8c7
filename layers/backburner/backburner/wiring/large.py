"""Builds the runners of documents in parts and of batches."""

from backburner.batch.checkpoint import Checkpointer
from backburner.batch.create_lines import LineCreator
from backburner.batch.poll_lines import LinePoller
from backburner.batch.prepare_lines import LinePreparer
from backburner.batch.segment_runner import SegmentRunner
from backburner.batch.stop_lines import LineStopper
from backburner.batch.turns import Turns
from backburner.split.merge import Merger
from backburner.split.parent import ParentRunner
from backburner.split.part_quotes import PartQuotes
from backburner.wiring.foundation import Foundation


def parent_runner(base: Foundation) -> ParentRunner:
    """The runner of a document in parts, or of a batch in segments."""
    merger = Merger(
        ledger=base.ledger,
        finisher=base.finisher,
        batch_finisher=base.batch_finisher,
        divider=base.divider,
        parts=base.parts,
        part_quotes=PartQuotes(base.ledger),
        memory=base.ports.memory,
    )
    return ParentRunner(
        ledger=base.ledger,
        current_jobs=base.current_jobs,
        finisher=base.finisher,
        batch_finisher=base.batch_finisher,
        governor=base.governor,
        canceller=base.canceller,
        messenger=base.messenger,
        merger=merger,
        parts=base.parts,
    )


def segment_runner(base: Foundation) -> SegmentRunner:
    """The runner of a segment's lines."""
    ports, settings, checkpointer, turns = base.ports, base.settings, _checkpointer(base), Turns()
    poller = LinePoller(
        governor=base.governor,
        durations=base.durations,
        pauses=base.pauses,
        generator=ports.generator,
        clock=ports.clock,
        pace=base.pace,
        memory=ports.memory,
        settings=settings,
    )
    stopper = LineStopper(
        generator=ports.generator,
        segment_reader=base.segment_reader,
        pace=base.pace,
        memory=ports.memory,
        settings=settings,
    )
    return SegmentRunner(
        current_jobs=base.current_jobs,
        finisher=base.finisher,
        generator=ports.generator,
        clock=ports.clock,
        turns=turns,
        poller=poller,
        creator=_line_creator(base, checkpointer, turns),
        stopper=stopper,
        segment_reader=base.segment_reader,
        checkpointer=checkpointer,
        memory=ports.memory,
    )


def _line_creator(base: Foundation, checkpointer: Checkpointer, turns: Turns) -> LineCreator:
    return LineCreator(
        governor=base.governor,
        durations=base.durations,
        pauses=base.pauses,
        generator=base.ports.generator,
        segment_reader=base.segment_reader,
        preparer=LinePreparer(governor=base.governor, settings=base.settings),
        checkpointer=checkpointer,
        clock=base.ports.clock,
        memory=base.ports.memory,
        settings=base.settings,
        slots=base.slots,
        create_limit_s=base.create_limit_s,
        turns=turns,
    )


def _checkpointer(base: Foundation) -> Checkpointer:
    return Checkpointer(
        bucket=base.ports.bucket,
        ledger=base.ledger,
        generator=base.ports.generator,
        messenger=base.messenger,
        clock=base.ports.clock,
        forgets=base.settings.profile.deletes,
    )
