"""A process is killed before and after each of its effects, wherever in a job's life: one result, nothing left over.

Each test lets one process live through a step and takes down its effects; then, for every one of these, another
document is brought to the same step and its process dies there. A new effect in the code is a new point by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from signal import SIGKILL
from typing import Any, get_args

from crashes.conftest import NewStage
from crashes.effects import Fate, Moment, Point, points_of
from crashes.stage import TIMER, Stage

MOMENTS: tuple[Moment, ...] = get_args(Moment)
ALIVE = "inbox/nobody dies.txt"


@dataclass
class Step:
    """A step of a job's life: the function that takes it, and how documents are brought to it."""

    stage: Stage
    function: str
    bring: Callable[[str], None] = lambda _: None
    """Brings one document, just before its turn."""
    bring_all: Callable[[list[str]], None] = lambda _: None
    """Brings many at once, whose messages are hidden till their turn."""
    unnamed: set[str] = field(default_factory=set)
    """Documents whose process died where nobody can tell whether a generation was started."""

    def dies_everywhere(self, least: int) -> None:
        """Let a process live, then die at each of its effects, each time with a document of its own."""
        whole = Fate()
        self.bring_all([ALIVE])
        assert self._take(ALIVE, whole) == 0
        points = points_of(whole.seen)
        assert len(points) >= least, whole.seen
        fates = {_key(point, moment): Fate(point, moment) for point in points for moment in MOMENTS}
        self.bring_all(list(fates))
        for key, fate in fates.items():
            code = self._take(key, fate)
            assert code == -SIGKILL or _may_not_come(fate), (key, fate.seen)
            if fate.is_dead and _is_unnamed(fate):
                self.unnamed.add(key)

    def _take(self, key: str, fate: Fate) -> int:
        """One document takes the step, alone: what the others left is in the hands of the dead."""
        if not self.stage.keys(key):
            self.stage.upload(key)
        self.stage.hide()
        self.bring(key)
        self.stage.due(key)
        event: Any = TIMER if self.function == "checker" else self.stage.event(key)
        return self.stage.run(self.function, event, fate)

    def all_end_well(self, needed: int = 1, died_before: int = 0) -> None:
        """The events once more, ticks and sweeps; and every document has its one result, its orphans counted."""
        stage = self.stage
        assert stage.run("submit", stage.event(*stage.keys("inbox/"))) == 0
        stage.settle()
        assert stage.problems() == []
        for key in stage.keys("inbox/"):
            counted = stage.run_record(key)["suspected_orphans"]
            assert counted == (key in self.unnamed) + died_before, key
            assert stage.superfluous(key, needed) <= counted, key


def _key(point: Point, moment: Moment) -> str:
    return f"inbox/{moment} {point[0]} {point[1]}.txt"


def _may_not_come(fate: Fate) -> bool:
    """A tick's second swap says that nobody waits any more: there is none if it was said already, or time is up."""
    return fate.point == ("put governor", 2) and fate.seen.count("put governor") == 1


def _is_unnamed(fate: Fate) -> bool:
    """Whether a process died between its record `submitting` and the message that brings the generation's id."""
    done = fate.seen if fate.moment == "after" else fate.seen[:-1]
    return "put open record submitting" in done and "send id to pending" not in done


def _swept_already(stage: Stage) -> Stage:
    """No sweep is due: the empty bucket had its first."""
    assert stage.run("checker") == 0
    return stage


def _submit(stage: Stage, keys: list[str], **settings: str) -> list[str]:
    """Upload and submit in a process that lives; its effects. No message shows before its document's turn."""
    for key in keys:
        stage.upload(key)
    fate = Fate()
    assert stage.run("submit", stage.event(*keys), fate, **settings) == 0
    stage.age("ledger/open/", 5)
    stage.hide()
    return fate.seen


def test_submit(stage: Stage) -> None:
    """From the guard to the record `running`."""
    step = Step(stage, "submit")
    step.dies_everywhere(least=6)
    step.all_end_well()


def test_a_tick_that_commits(stage: Stage) -> None:
    """From the retrieve to the journal: nothing is started again, whatever is done twice."""
    step = Step(_swept_already(stage), "checker", bring_all=lambda keys: _submit(stage, keys))
    step.dies_everywhere(least=7)
    step.all_end_well()
    assert step.unnamed == set()


def test_a_tick_that_puts_a_run_back(new_stage: NewStage) -> None:
    """After an empty answer, from its retrieve to the backlog: the second generation is needed, a third is not."""
    stage = _swept_already(new_stage(BACKBURNER_MODEL="stand-in/completed-empty:1"))
    step = Step(stage, "checker", bring_all=lambda keys: _submit(stage, keys))
    step.dies_everywhere(least=5)
    step.all_end_well(needed=2)


def test_a_tick_that_takes_over(stage: Stage) -> None:
    """A submit died after its claim, and the tick that takes its run over dies as well: no attempt but these."""

    def die(key: str) -> None:
        assert stage.run("submit", stage.event(key), Fate(("create", 1), "before")) == -SIGKILL

    step = Step(_swept_already(stage), "checker", bring=die)
    step.dies_everywhere(least=6)
    step.all_end_well(needed=1, died_before=1)


def test_a_tick_that_drains_the_backlog(stage: Stage) -> None:
    """A job that waited for capacity, from its reservation to the record `running`."""
    _submit(_swept_already(stage), ["inbox/takes the only place there is.txt"])

    def wait(keys: list[str]) -> None:
        effects = _submit(stage, keys, BACKBURNER_MAX_IN_FLIGHT="1")
        assert effects.count("put open record waiting") == len(keys)

    step = Step(stage, "checker", bring_all=wait)
    step.dies_everywhere(least=7)
    step.all_end_well()


def test_a_tick_that_sweeps(stage: Stage) -> None:
    """A document whose event was lost, from the sweep that finds it to the end of that sweep."""
    _swept_already(stage)

    def forget(key: str) -> None:
        stage.age("inbox/", -3600)  # what was swept before is too young to be looked at
        stage.age(key, 7200)
        stage.forget_the_last_sweep()

    step = Step(stage, "checker", bring=forget)
    step.dies_everywhere(least=7)
    step.all_end_well()
