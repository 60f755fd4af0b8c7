"""A process is killed before and after each of its effects, at every step of a job's life: one result, no leftovers.

Each test lets one process complete a step and compares its effects with the promised order. Then, for each of these
effects, another document is brought to the same step and its process dies there. The event of a document that died
before an effect is delivered again; the others continue by themselves. Seen from outside, the state after one effect
is the state before the next, so the quick run takes each such gap once: all that only this step has, and a selection
of those that it shares.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from signal import SIGKILL
from typing import Any, get_args

from crashes.conftest import NewStage
from support.deployment import Deployment
from support.depth import is_deep, thinned
from support.effects import Fate, Moment, Point, points_of
from support.forked_deployment import TIMER, ForkedDeployment

MOMENTS: tuple[Moment, ...] = get_args(Moment)
ALIVE = "inbox/nobody dies.txt"
_MAX_TICKS = 5
Death = tuple[Point, Moment]
START = [
    *("put open record submitting", "create", "put note", "send id to pending", "put open record running"),
]
SUBMIT = ["send to pending", "put governor", *START]
FAIL = ["send to pending", "put error record", "delete open record", "put journal"]
END = ["delete open record", "delete message", "delete response", "put journal"]
COMMIT = ["retrieve", "put result", "put run record", "put governor", *END]
PUT_BACK = [
    *("retrieve", "send to backlog", "put open record waiting", "put governor", "delete message", "delete response"),
]
TAKE_OVER = ["send to pending", *START, "delete message"]
START_AGAIN = ["put governor", "send to pending", *START, "put governor", "delete message"]
SHARED = {*START, "send to pending", "delete message", "put governor"}
"""Effects that several steps have."""


@dataclass
class Step:
    """A step of a job's life: the function that takes it, and how documents are brought to it."""

    stage: ForkedDeployment
    function: str
    bring: Callable[[str], None] = lambda _: None
    """Brings one document, just before its turn."""
    bring_all: Callable[[list[str]], None] = lambda _: None
    """Brings many at once, whose messages stay hidden until their turn."""
    last_swaps: tuple[int, ...] = (2,)
    """Which swap of the counters may be the tick's last."""
    void_messages: int = 0
    """Messages of earlier steps, which are deleted at any time."""
    unnamed: set[str] = field(default_factory=set)
    """Documents whose process died where it is unknown whether a generation was started."""

    def die_at_every_effect(self, order: list[str] | None = None, *, least: int = 1, one_in: int = 4) -> None:
        """Let a process complete the step, then die at each of its effects, each time with another document."""
        whole = Fate()
        self.bring_all([ALIVE])
        assert self._take(ALIVE, whole) == 0
        own = whole.seen.copy()
        for _ in range(self.void_messages):
            own.remove("delete message")
        assert order in (None, own), own
        points = points_of(whole.seen)
        assert len(points) >= least, whole.seen
        deaths: list[Death] = [(point, moment) for point in points for moment in MOMENTS]
        if not is_deep():
            deaths = thinned(_gaps(points), one_in, kind=_kind)
        fates = {_key(*death): Fate(*death) for death in deaths}
        self.bring_all(list(fates))
        for key, fate in fates.items():
            code = self._take(key, fate)
            assert code == -SIGKILL or _may_not_come(fate, self.last_swaps), (key, fate.seen)
            if fate.is_dead and _is_unnamed(fate):
                self.unnamed.add(key)

    def _take(self, key: str, fate: Fate) -> int:
        """Let one document take the step alone; the messages of all the others are hidden."""
        if not self.stage.keys(key):
            self.stage.upload(key)
        self.stage.hide()
        self.bring(key)
        self.stage.due(key)
        event: Any = TIMER if self.function == "checker" else self.stage.event(key)
        for _ in range(_MAX_TICKS):
            code = self.stage.run(self.function, event, fate)
            if code or fate.seen:
                break  # otherwise the tick's second was over before it had a message: the machine is busy
        return code

    def send_again(self) -> None:
        """Deliver the events of those that died before an effect again, as a trigger does after a failed call."""
        assert self.stage.run("submit", self.stage.event(*self.stage.keys("inbox/before "))) == 0

    def check_the_end(self, needed: int = 1, died_before: int = 0) -> None:
        """Run ticks and sweeps, then check that every document has one result and that its orphans are counted."""
        stage = self.stage
        self.send_again()
        stage.settle()
        assert stage.problems() == []
        for key in stage.keys("inbox/"):
            counted = stage.run_record(key)["suspected_orphans"]
            assert counted == (key in self.unnamed) + died_before, key
            assert stage.superfluous(key, needed) <= counted, key


def _gaps(points: list[Point]) -> list[Death]:
    """The gap before the first effect and the one after each."""
    return [(points[0], "before"), *((point, "after") for point in points)]


def _kind(death: Death) -> str:
    """The effect, if only this step has it."""
    (effect, _), _ = death
    return "shared" if effect in SHARED else effect


def _key(point: Point, moment: Moment) -> str:
    return f"inbox/{moment} {point[0]} {point[1]}.txt"


def _may_not_come(fate: Fate, last_swaps: tuple[int, ...]) -> bool:
    """Whether a tick's last swap, which notes that no job waits, may be missing: noted before, or out of time."""
    effect, number = fate.point or ("", 0)
    return effect == "put governor" and number in last_swaps and fate.seen.count(effect) == number - 1


def _is_unnamed(fate: Fate) -> bool:
    """Whether the process died between its `submitting` record and the message with the generation's id."""
    done = fate.seen if fate.moment == "after" else fate.seen[:-1]
    return "put open record submitting" in done and "send id to pending" not in done


def _swept_already(stage: ForkedDeployment) -> ForkedDeployment:
    """Run a tick, so that the empty bucket has had its first sweep."""
    assert stage.run("checker") == 0
    return stage


def _submit(stage: ForkedDeployment, keys: list[str], **settings: str) -> list[str]:
    """Upload and submit in a process that lives, hide the messages, and return the effects."""
    for key in keys:
        stage.upload(key)
    fate = Fate()
    assert stage.run("submit", stage.event(*keys), fate, **settings) == 0
    stage.age("ledger/open/", 5)
    stage.hide()
    return fate.seen


def test_submit(stage: ForkedDeployment) -> None:
    """A submit dies anywhere from the guard to the `running` record."""
    step = Step(_swept_already(stage), "submit")
    step.die_at_every_effect(SUBMIT)
    step.check_the_end()


def test_a_submit_that_fails_a_document(stage: ForkedDeployment) -> None:
    """The error record is there, once, and no generation is started."""
    stage.recipe("default", "modle: x")
    step = Step(_swept_already(stage), "submit")
    step.die_at_every_effect(FAIL)
    step.send_again()
    stage.settle()
    assert Deployment.problems(stage) == []
    assert {stage.error_record(key)["reason"] for key in stage.keys("inbox/")} == {"invalid_recipe"}
    assert stage.creates() == []


def test_a_tick_that_commits(stage: ForkedDeployment) -> None:
    """A tick dies anywhere from the retrieve to the journal: whatever is repeated, nothing is started again."""
    step = Step(_swept_already(stage), "checker", bring_all=lambda keys: _submit(stage, keys))
    step.die_at_every_effect(COMMIT)
    step.check_the_end()
    assert step.unnamed == set()


def test_a_tick_that_puts_a_run_back(new_stage: NewStage) -> None:
    """After an empty answer, a tick dies anywhere from the retrieve to the backlog: there is no third generation."""
    stage = _swept_already(new_stage(BACKBURNER_MODEL="stand-in/completed-empty:1"))
    step = Step(stage, "checker", bring_all=lambda keys: _submit(stage, keys))
    step.die_at_every_effect(PUT_BACK)
    step.check_the_end(needed=2)


def test_a_tick_that_starts_the_next_attempt(new_stage: NewStage) -> None:
    """After a refused create, a tick dies anywhere from the backlog to the `running` record."""
    stage = _swept_already(new_stage(BACKBURNER_MODEL="stand-in/create-503:1"))

    def refuse(key: str) -> None:
        assert "put open record waiting" in _submit(stage, [key])
        stage.lift_pauses(bad_creates=1)  # so many in one bucket would pause the provider

    step = Step(stage, "checker", bring=refuse, void_messages=1)
    step.die_at_every_effect(START_AGAIN)
    step.check_the_end()


def test_a_tick_that_takes_over(stage: ForkedDeployment) -> None:
    """A submit died after its claim, and so does the tick that takes its run over: no further attempt is made."""

    def die(key: str) -> None:
        assert stage.run("submit", stage.event(key), Fate(("create", 1), "before")) == -SIGKILL

    step = Step(_swept_already(stage), "checker", bring=die)
    step.die_at_every_effect(TAKE_OVER)
    step.check_the_end(needed=1, died_before=1)


def test_a_tick_that_drains_the_backlog(stage: ForkedDeployment) -> None:
    """For a job that waited for capacity, a tick dies anywhere from its reservation to the `running` record."""
    _submit(_swept_already(stage), ["inbox/takes the only place there is.txt"])

    def wait(keys: list[str]) -> None:
        effects = _submit(stage, keys, BACKBURNER_MAX_IN_FLIGHT="1")
        assert effects.count("put open record waiting") == len(keys)

    step = Step(stage, "checker", bring_all=wait)
    step.die_at_every_effect(least=7)
    step.check_the_end()


def test_a_tick_that_sweeps(stage: ForkedDeployment) -> None:
    """For a document whose event was lost, a tick dies anywhere from finding it to the end of the sweep."""
    _swept_already(stage)

    def forget(key: str) -> None:
        stage.age("inbox/", -3600)  # what was swept before is too young to be checked
        stage.age(key, 7200)
        stage.forget_the_last_sweep()

    step = Step(stage, "checker", bring=forget, last_swaps=(2, 3))
    step.die_at_every_effect(least=7)
    step.check_the_end()
