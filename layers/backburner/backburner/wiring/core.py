"""The core as the two functions run it."""

from dataclasses import dataclass

from backburner.capacity.first_polls import FirstPolls
from backburner.capacity.governor import Governor
from backburner.further_ticks import FurtherTicks
from backburner.jobs.carry_out import Retrier
from backburner.jobs.check import Checker
from backburner.jobs.create import GenerationCreator
from backburner.jobs.inputs import InputMaker
from backburner.jobs.poll import GenerationPoller
from backburner.jobs.quotes import QuoteChecker
from backburner.jobs.replay import Replayer
from backburner.jobs.reuse import Reuser
from backburner.jobs.setbacks import Setbacks
from backburner.jobs.start import Starter
from backburner.jobs.submit import Submitter
from backburner.ledger.journal import Journal
from backburner.ledger.ledger import Ledger
from backburner.maintenance.sweep import Sweeper
from backburner.memory.drawing import DrawingTurns
from backburner.notifications.folders import Folders
from backburner.notifications.notifier import Notifier
from backburner.outcome.cancel import Canceller
from backburner.outcome.current_job import CurrentJobs
from backburner.ports import Bucket
from backburner.settings import Settings
from backburner.tick import Tick
from backburner.wiring.foundation import Foundation, Ports
from backburner.wiring.large import parent_runner, segment_runner


@dataclass(frozen=True, kw_only=True)
class Core:
    """What the two functions run, and what the operator's commands use."""

    submitter: Submitter
    tick: Tick
    further_ticks: FurtherTicks
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


class _Builder(Foundation):
    """Builds the core on its foundation."""

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
            further_ticks=FurtherTicks(queue=self.ports.ticks, per_minute=self.settings.ticks_per_minute),
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

    def _creator(self, retrier: Retrier) -> GenerationCreator:
        return GenerationCreator(
            ledger=self.ledger,
            finisher=self.finisher,
            governor=self.governor,
            durations=self.durations,
            pauses=self.pauses,
            generator=self.ports.generator,
            messenger=self.messenger,
            retrier=retrier,
            reader=self.reader,
            sent_texts=self.sent_texts,
            inputs=InputMaker(
                bucket=self.ports.bucket, parts=self.parts, extractor=self.ports.extractor, memory=self.ports.memory
            ),
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
            durations=self.durations,
            pauses=self.pauses,
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
            segment_runner=segment_runner(self),
            parent_runner=parent_runner(self),
            generator=self.ports.generator,
            drawing=DrawingTurns(self.ports.memory, self.ports.clock),
            dead=self.ports.dead,
            first_polls=FirstPolls(governor=self.governor, durations=self.durations, clock=self.ports.clock),
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
            notifier=self._notifier(),
            setbacks=setbacks,
            journal=self.journal,
            pending=self.pending,
            backlog=self.backlog,
            clock=self.ports.clock,
            polls_per_second=self.settings.polls_per_second,
            first_polls=checker.first_polls,
            ticks_per_minute=self.settings.ticks_per_minute,
        )

    def _notifier(self) -> Notifier:
        return Notifier(
            bucket=self.ports.bucket,
            clock=self.ports.clock,
            channels=self.ports.channels,
            notify=self.settings.notify,
            folders=Folders(bucket=self.ports.bucket, name=self.settings.bucket),
        )
