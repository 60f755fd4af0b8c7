"""Builds the core over its ports, which are adapters in the functions and fakes in the tests."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from backburner.batch.checkpoint import Checkpointer
from backburner.batch.create_lines import LineCreator, Turn
from backburner.batch.finish_batch import BatchFinisher
from backburner.batch.poll_lines import LinePoller
from backburner.batch.prepare_lines import LinePreparer
from backburner.batch.segment_reader import SegmentReader
from backburner.batch.segment_runner import SegmentRunner
from backburner.batch.segmenter import Segmenter
from backburner.batch.stop_lines import LineStopper
from backburner.capacity.governor import Governor
from backburner.capacity.limits import Limits
from backburner.capacity.shared_counters import SharedCounters
from backburner.capacity.timing import Pace
from backburner.jobs.carry_out import Retrier
from backburner.jobs.check import Checker
from backburner.jobs.create import GenerationCreator
from backburner.jobs.inputs import InputMaker
from backburner.jobs.plan import Planner
from backburner.jobs.poll import GenerationPoller
from backburner.jobs.quotes import QuoteChecker
from backburner.jobs.replay import Replayer
from backburner.jobs.reuse import Reuser
from backburner.jobs.sent_text import SentTexts
from backburner.jobs.setbacks import Setbacks
from backburner.jobs.start import Starter
from backburner.jobs.submit import Submitter
from backburner.jobs.text import DocumentReader
from backburner.ledger.journal import Journal
from backburner.ledger.keys import GOVERNOR
from backburner.ledger.ledger import Ledger
from backburner.ledger.messenger import Messenger
from backburner.maintenance.governor_rebuild import look_at_record, rebuilt_counters
from backburner.maintenance.sweep import Sweeper
from backburner.memory.budget import MemoryBudget
from backburner.memory.drawing import DrawingTurns
from backburner.notifications.announce import Announcer
from backburner.notifications.folders import Folders
from backburner.notifications.tell import Teller
from backburner.outcome.answers import Answers
from backburner.outcome.cancel import Canceller
from backburner.outcome.clear_up import Cleaner
from backburner.outcome.current_job import CurrentJobs
from backburner.outcome.finish import Finisher
from backburner.ports import Bucket, Channel, Clock, Extractor, Generator, Queue
from backburner.settings import Settings
from backburner.split.divide import Divider
from backburner.split.join import Joiner
from backburner.split.parent import ParentRunner
from backburner.split.part_quotes import PartQuotes
from backburner.split.part_store import PartStore
from backburner.tick import Tick, WatchedQueue

MAX_CREATES = 32
"""How many creates one process runs at once, so at most this many ids are lost if it dies (DESIGN section 1)."""


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
    """Not a port, but like them it depends on the surroundings."""
    channels: Sequence[Channel] = ()
    """Where notifications are sent."""


@dataclass(frozen=True, kw_only=True)
class Core:
    """What the two functions run, and what the operator's commands use."""

    submitter: Submitter
    tick: Tick
    canceller: Canceller
    replayer: Replayer
    ledger: Ledger
    current_jobs: CurrentJobs
    journal: Journal
    governor: Governor
    bucket: Bucket


def assemble(settings: Settings, ports: Ports, *, create_limit_s: float, swap_tries: int) -> Core:
    """Build the core, without any call yet. `swap_tries` says how often to try a swap of the governor's counters."""
    return _Builder(settings, ports, create_limit_s, swap_tries).core()


class _Builder:
    """Builds the packages from the bottom up; what several of them use is an attribute."""

    def __init__(self, settings: Settings, ports: Ports, create_limit_s: float, swap_tries: int) -> None:
        self.settings, self.ports, self.create_limit_s = settings, ports, create_limit_s
        self.pending = WatchedQueue(queue=ports.pending, clock=ports.clock)
        self.backlog = WatchedQueue(queue=ports.backlog, clock=ports.clock)
        self.messenger = Messenger(pending=self.pending, backlog=self.backlog, lease_s=settings.lease_s)
        self.ledger, self.journal = Ledger(ports.bucket), Journal(bucket=ports.bucket, clock=ports.clock)
        self.pace = Pace(settings.polls_per_second, ports.clock)
        self.slots = asyncio.Semaphore(MAX_CREATES)
        self.governor = self._governor(swap_tries)
        self.answers = Answers(ports.bucket, self.ledger)
        self.current_jobs, self.finisher = self._outcome()
        self.canceller = Canceller(ledger=self.ledger, messenger=self.messenger)
        self.segment_reader = SegmentReader(bucket=ports.bucket, clock=ports.clock)
        self.batch_finisher = BatchFinisher(
            bucket=ports.bucket,
            ledger=self.ledger,
            finisher=self.finisher,
            segment_reader=self.segment_reader,
            memory=ports.memory,
        )
        self.parts = PartStore(ports.bucket, self.ledger)
        self.segmenter = Segmenter(ports.bucket)
        self.divider = Divider(
            segmenter=self.segmenter,
            extractor=ports.extractor,
            governor=self.governor,
            parts=self.parts,
            windows=settings.windows,
        )
        self.reader = DocumentReader(
            bucket=ports.bucket, extractor=ports.extractor, memory=ports.memory, sighted=settings.sighted
        )
        self.planner = Planner(
            segmenter=self.segmenter,
            answers=self.answers,
            divider=self.divider,
            reader=self.reader,
            limits=self.governor.limits,
        )
        self.sent_texts = SentTexts(bucket=ports.bucket, reader=self.reader)

    def core(self) -> Core:
        retrier = Retrier(
            ledger=self.ledger,
            finisher=self.finisher,
            governor=self.governor,
            messenger=self.messenger,
            divider=self.divider,
            reader=self.reader,
            memory=self.ports.memory,
        )
        creator = self._creator(retrier)
        submitter = self._submitter(creator)
        return Core(
            submitter=submitter,
            tick=self._tick(submitter, self._checker(submitter, creator, retrier)),
            canceller=self.canceller,
            replayer=Replayer(
                bucket=self.ports.bucket,
                ledger=self.ledger,
                current_jobs=self.current_jobs,
                messenger=self.messenger,
            ),
            ledger=self.ledger,
            current_jobs=self.current_jobs,
            journal=self.journal,
            governor=self.governor,
            bucket=self.ports.bucket,
        )

    def _governor(self, swap_tries: int) -> Governor:
        settings = self.settings
        return Governor(
            shared=SharedCounters(
                bucket=self.ports.bucket,
                key=GOVERNOR,
                clock=self.ports.clock,
                rebuild=rebuilt_counters,
                look=look_at_record,
                tries=swap_tries,
            ),
            limits=Limits(
                max_in_flight=min(settings.max_in_flight, settings.profile.max_watched(settings.polls_per_second)),
                submits_per_minute=settings.submits_per_minute,
                daily_tokens=settings.daily_tokens,
                daily_cost=settings.daily_cost,
            ),
        )

    def _outcome(self) -> tuple[CurrentJobs, Finisher]:
        bucket, ledger = self.ports.bucket, self.ledger
        current_jobs = CurrentJobs(bucket=bucket, ledger=ledger, settings=self.settings, clock=self.ports.clock)
        cleaner = Cleaner(
            bucket=bucket,
            ledger=ledger,
            current_jobs=current_jobs,
            governor=self.governor,
            messenger=self.messenger,
            answers=self.answers,
        )
        return current_jobs, Finisher(
            bucket=bucket,
            ledger=ledger,
            current_jobs=current_jobs,
            cleaner=cleaner,
            journal=self.journal,
            announcer=Announcer(bucket=bucket, is_on=self.settings.notify.is_on),
            clock=self.ports.clock,
        )

    def _line_creator(self, checkpointer: Checkpointer) -> LineCreator:
        return LineCreator(
            governor=self.governor,
            generator=self.ports.generator,
            segment_reader=self.segment_reader,
            preparer=LinePreparer(governor=self.governor, settings=self.settings),
            checkpointer=checkpointer,
            clock=self.ports.clock,
            memory=self.ports.memory,
            settings=self.settings,
            slots=self.slots,
            create_limit_s=self.create_limit_s,
            turn=Turn(),
        )

    def _checkpointer(self) -> Checkpointer:
        return Checkpointer(
            bucket=self.ports.bucket,
            ledger=self.ledger,
            generator=self.ports.generator,
            messenger=self.messenger,
            clock=self.ports.clock,
            forgets=self.settings.profile.deletes,
        )

    def _segment_runner(self) -> SegmentRunner:
        ports, settings, checkpointer = self.ports, self.settings, self._checkpointer()
        poller = LinePoller(
            governor=self.governor,
            generator=ports.generator,
            clock=ports.clock,
            pace=self.pace,
            memory=ports.memory,
            settings=settings,
        )
        stopper = LineStopper(
            generator=ports.generator,
            segment_reader=self.segment_reader,
            pace=self.pace,
            memory=ports.memory,
            settings=settings,
        )
        return SegmentRunner(
            current_jobs=self.current_jobs,
            finisher=self.finisher,
            generator=ports.generator,
            clock=ports.clock,
            pace=self.pace,
            poller=poller,
            creator=self._line_creator(checkpointer),
            stopper=stopper,
            segment_reader=self.segment_reader,
            checkpointer=checkpointer,
            memory=ports.memory,
        )

    def _parent_runner(self) -> ParentRunner:
        joiner = Joiner(
            ledger=self.ledger,
            finisher=self.finisher,
            batch_finisher=self.batch_finisher,
            divider=self.divider,
            parts=self.parts,
            part_quotes=PartQuotes(self.ledger),
            memory=self.ports.memory,
        )
        return ParentRunner(
            ledger=self.ledger,
            current_jobs=self.current_jobs,
            finisher=self.finisher,
            batch_finisher=self.batch_finisher,
            governor=self.governor,
            canceller=self.canceller,
            messenger=self.messenger,
            joiner=joiner,
            parts=self.parts,
        )

    def _creator(self, retrier: Retrier) -> GenerationCreator:
        return GenerationCreator(
            ledger=self.ledger,
            finisher=self.finisher,
            governor=self.governor,
            generator=self.ports.generator,
            messenger=self.messenger,
            retrier=retrier,
            reader=self.reader,
            sent_texts=self.sent_texts,
            inputs=InputMaker(bucket=self.ports.bucket, extractor=self.ports.extractor, memory=self.ports.memory),
            clock=self.ports.clock,
            memory=self.ports.memory,
            settings=self.settings,
            create_limit_s=self.create_limit_s,
            slots=self.slots,
        )

    def _submitter(self, creator: GenerationCreator) -> Submitter:
        return Submitter(
            bucket=self.ports.bucket,
            ledger=self.ledger,
            current_jobs=self.current_jobs,
            messenger=self.messenger,
            planner=self.planner,
            governor=self.governor,
            creator=creator,
            finisher=self.finisher,
            memory=self.ports.memory,
            clock=self.ports.clock,
            settings=self.settings,
        )

    def _poller(self, retrier: Retrier) -> GenerationPoller:
        return GenerationPoller(
            ledger=self.ledger,
            finisher=self.finisher,
            retrier=retrier,
            governor=self.governor,
            generator=self.ports.generator,
            messenger=self.messenger,
            pace=self.pace,
            quote_checker=QuoteChecker(
                bucket=self.ports.bucket,
                sent_texts=self.sent_texts,
                current_jobs=self.current_jobs,
                extractor=self.ports.extractor,
                parts=self.parts,
                memory=self.ports.memory,
            ),
            memory=self.ports.memory,
            settings=self.settings,
        )

    def _checker(self, submitter: Submitter, creator: GenerationCreator, retrier: Retrier) -> Checker:
        starter = Starter(
            ledger=self.ledger,
            finisher=self.finisher,
            governor=self.governor,
            messenger=self.messenger,
            creator=creator,
            reuser=Reuser(
                ledger=self.ledger,
                answers=self.answers,
                finisher=self.finisher,
                messenger=self.messenger,
                planner=self.planner,
                reader=self.reader,
                memory=self.ports.memory,
            ),
            max_attempts=self.settings.max_attempts,
        )
        return Checker(
            ledger=self.ledger,
            governor=self.governor,
            messenger=self.messenger,
            submitter=submitter,
            starter=starter,
            poller=self._poller(retrier),
            segment_runner=self._segment_runner(),
            parent_runner=self._parent_runner(),
            generator=self.ports.generator,
            drawing=DrawingTurns(self.ports.memory, self.ports.clock),
            dead=self.ports.dead,
            memory=self.ports.memory,
            clock=self.ports.clock,
            settings=self.settings,
        )

    def _tick(self, submitter: Submitter, checker: Checker) -> Tick:
        sweeper = Sweeper(
            bucket=self.ports.bucket,
            ledger=self.ledger,
            governor=self.governor,
            submitter=submitter,
            messenger=self.messenger,
            clock=self.ports.clock,
            every_s=self.settings.sweep_every_s,
        )
        setbacks = Setbacks(
            ledger=self.ledger, finisher=self.finisher, submitter=submitter, generator=self.ports.generator
        )
        return Tick(
            checker=checker,
            governor=self.governor,
            sweeper=sweeper,
            teller=self._teller(sweeper),
            setbacks=setbacks,
            journal=self.journal,
            pending=self.pending,
            backlog=self.backlog,
            clock=self.ports.clock,
            polls_per_second=self.settings.polls_per_second,
        )

    def _teller(self, sweeper: Sweeper) -> Teller:
        return Teller(
            bucket=self.ports.bucket,
            clock=self.ports.clock,
            channels=self.ports.channels,
            notify=self.settings.notify,
            folders=Folders(bucket=self.ports.bucket, name=self.settings.bucket, states_of=sweeper.window),
        )
