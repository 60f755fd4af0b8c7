"""How the core fits together over its ports: the functions put adapters in, the tests put fakes in."""

from dataclasses import dataclass, field

from backburner.batch.checkpoint import Checkpointer
from backburner.batch.create_lines import LineCreator
from backburner.batch.poll_lines import LinePoller
from backburner.batch.runner import SegmentRunner
from backburner.batch.segmenter import Segmenter
from backburner.capacity.governor import Governor
from backburner.capacity.limits import Limits
from backburner.capacity.shared_counters import SharedCounters
from backburner.capacity.timing import Pace
from backburner.jobs.check import Checker
from backburner.jobs.setbacks import Setbacks
from backburner.jobs.start import Starter
from backburner.jobs.submit import Submitter
from backburner.ledger.journal import Journal
from backburner.ledger.keys import GOVERNOR
from backburner.ledger.ledger import Ledger
from backburner.maintenance.governor_rebuild import look_at_record, rebuilt_counters
from backburner.maintenance.sweep import Sweeper
from backburner.memory.budget import MemoryBudget
from backburner.outcome.cancel import Canceller
from backburner.outcome.current import CurrentJobs
from backburner.outcome.finish import Finisher
from backburner.ports import Bucket, Clock, Extractor, Generator, Queue
from backburner.settings import Settings
from backburner.split.parent import ParentRuns
from backburner.tick import Tick, WatchedQueue


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The outside world."""

    bucket: Bucket
    pending: Queue
    backlog: Queue
    dead: Queue
    generator: Generator
    extractor: Extractor
    clock: Clock
    memory: MemoryBudget = field(default_factory=MemoryBudget)
    """No port, but bounded from outside as they are."""


@dataclass(frozen=True, kw_only=True)
class Core:
    """What the two functions run."""

    submitter: Submitter
    tick: Tick
    journal: Journal
    governor: Governor
    bucket: Bucket


def assemble(settings: Settings, ports: Ports, *, create_limit_s: float, swap_tries: int) -> Core:
    """Put the core together; reaches nothing yet. `swap_tries`: how long to insist on the governor."""
    pending = WatchedQueue(queue=ports.pending, clock=ports.clock)
    backlog = WatchedQueue(queue=ports.backlog, clock=ports.clock)
    ledger = Ledger(ports.bucket)
    inbox = CurrentJobs(
        bucket=ports.bucket,
        ledger=ledger,
        bucket_name=settings.bucket,
        profile=settings.profile,
        project=settings.project,
        default_model=settings.model,
    )
    governor = Governor(
        shared=SharedCounters(
            bucket=ports.bucket,
            key=GOVERNOR,
            clock=ports.clock,
            rebuild=rebuilt_counters,
            look=look_at_record,
            tries=swap_tries,
        ),
        limits=Limits(
            max_in_flight=min(settings.max_in_flight, settings.profile.most_looked_after(settings.polls_per_second)),
            submits_per_minute=settings.submits_per_minute,
            daily_tokens=settings.daily_tokens,
            daily_cost=settings.daily_cost,
        ),
    )
    journal = Journal(bucket=ports.bucket, clock=ports.clock)
    finisher = Finisher(
        bucket=ports.bucket,
        ledger=ledger,
        inbox=inbox,
        governor=governor,
        journal=journal,
        pending=pending,
        clock=ports.clock,
    )
    batches = Segmenter(bucket=ports.bucket, finisher=finisher, memory=ports.memory)
    parent_runs = ParentRuns(
        bucket=ports.bucket,
        ledger=ledger,
        inbox=inbox,
        finisher=finisher,
        governor=governor,
        canceller=Canceller(ledger=ledger, pending=pending),
        extractor=ports.extractor,
        batches=batches,
        pending=pending,
        backlog=backlog,
        windows=settings.windows,
        memory=ports.memory,
    )
    starter = Starter(
        bucket=ports.bucket,
        ledger=ledger,
        finisher=finisher,
        governor=governor,
        generator=ports.generator,
        extractor=ports.extractor,
        parent_runs=parent_runs,
        pending=pending,
        backlog=backlog,
        clock=ports.clock,
        memory=ports.memory,
        profile=settings.profile,
        lease_s=settings.lease_s,
        max_attempts=settings.max_attempts,
        create_limit_s=create_limit_s,
    )
    pace = Pace(settings.polls_per_second, ports.clock)
    checkpointer = Checkpointer(
        bucket=ports.bucket,
        ledger=ledger,
        generator=ports.generator,
        pending=pending,
        clock=ports.clock,
        forgets=settings.profile.deletes,
    )
    collector = LinePoller(
        governor=governor,
        generator=ports.generator,
        clock=ports.clock,
        pace=pace,
        memory=ports.memory,
        max_attempts=settings.max_attempts,
        deadline_s=settings.deadline_s,
    )
    line_starter = LineCreator(
        bucket=ports.bucket,
        governor=governor,
        generator=ports.generator,
        checkpointer=checkpointer,
        clock=ports.clock,
        pace=pace,
        memory=ports.memory,
        profile=settings.profile,
        project=settings.project,
        line_parameters=settings.line_parameters,
        slots=starter.slots,
        lease_s=settings.lease_s,
        max_attempts=settings.max_attempts,
        create_limit_s=create_limit_s,
    )
    segments = SegmentRunner(
        bucket=ports.bucket,
        ledger=ledger,
        inbox=inbox,
        finisher=finisher,
        generator=ports.generator,
        pending=pending,
        clock=ports.clock,
        pace=pace,
        collector=collector,
        starter=line_starter,
        checkpointer=checkpointer,
        memory=ports.memory,
    )
    submitter = Submitter(
        bucket=ports.bucket,
        ledger=ledger,
        inbox=inbox,
        starter=starter,
        finisher=finisher,
        parent_runs=parent_runs,
        batches=batches,
        segments=segments,
        extractor=ports.extractor,
        governor=governor,
        memory=ports.memory,
        provider_name=settings.provider,
        base_url=settings.base_url,
    )
    checker = Checker(
        ledger=ledger,
        submitter=submitter,
        starter=starter,
        finisher=finisher,
        generator=ports.generator,
        pending=pending,
        dead=ports.dead,
        clock=ports.clock,
        profile=settings.profile,
        pace=pace,
        governor=governor,
        parent_runs=parent_runs,
        segments=segments,
        memory=ports.memory,
        deadline_s=settings.deadline_s,
    )
    sweeper = Sweeper(
        bucket=ports.bucket,
        ledger=ledger,
        governor=governor,
        submitter=submitter,
        pending=pending,
        backlog=backlog,
        clock=ports.clock,
        every_s=settings.sweep_every_s,
    )
    tick = Tick(
        checker=checker,
        governor=governor,
        sweeper=sweeper,
        setbacks=Setbacks(ledger=ledger, starter=starter, submitter=submitter, generator=ports.generator),
        journal=journal,
        pending=pending,
        backlog=backlog,
        clock=ports.clock,
        polls_per_second=settings.polls_per_second,
    )
    return Core(submitter=submitter, tick=tick, journal=journal, governor=governor, bucket=ports.bucket)
