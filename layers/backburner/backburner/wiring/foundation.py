"""What several packages of the core use, built once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from backburner.batch.finish_batch import BatchFinisher
from backburner.batch.segment_reader import SegmentReader
from backburner.batch.segmenter import Segmenter
from backburner.capacity.durations import Durations
from backburner.capacity.governor import Governor
from backburner.capacity.limits import Limits
from backburner.capacity.provider_pauses import ProviderPauses
from backburner.capacity.shared_counters import SharedCounters
from backburner.capacity.timing import Pace
from backburner.jobs.plan import Planner
from backburner.jobs.sent_text import SentTexts
from backburner.jobs.text import DocumentReader
from backburner.ledger.journal import Journal
from backburner.ledger.keys import GOVERNOR
from backburner.ledger.ledger import Ledger
from backburner.ledger.messenger import Messenger
from backburner.maintenance.governor_rebuild import read_record_state, rebuilt_counters
from backburner.memory.budget import MemoryBudget
from backburner.notifications.announce import Announcer
from backburner.outcome.answers import Answers
from backburner.outcome.cancel import Canceller
from backburner.outcome.clear_up import Cleaner
from backburner.outcome.current_job import CurrentJobs
from backburner.outcome.finish import Finisher
from backburner.ports import Bucket, Channel, Clock, Extractor, Generator, Queue
from backburner.settings import Settings
from backburner.split.divide import Divider
from backburner.split.part_store import PartStore
from backburner.watched_queue import WatchedQueue

MAX_CREATES = 32
"""How many creates one process runs at once, so at most this many ids are lost if it dies (DESIGN section 1)."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The adapters that the core works with."""

    bucket: Bucket
    pending: Queue
    backlog: Queue
    dead: Queue
    generator: Generator
    extractor: Extractor
    clock: Clock
    memory: MemoryBudget = field(default_factory=MemoryBudget)
    """Not a port, but it too depends on where the core runs."""
    channels: Sequence[Channel] = ()
    """Where notifications are sent."""
    ticks: Queue | None = None
    """The queue whose messages start ticks, where the timer's are not all."""


class Foundation:
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
        self.durations = Durations(shared=self.governor.shared)
        self.pauses = ProviderPauses(shared=self.governor.shared)
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

    def _governor(self, swap_tries: int) -> Governor:
        settings = self.settings
        return Governor(
            shared=SharedCounters(
                bucket=self.ports.bucket,
                key=GOVERNOR,
                clock=self.ports.clock,
                rebuild=rebuilt_counters,
                read_record=read_record_state,
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
