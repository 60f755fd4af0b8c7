"""A process that dies at any of its effects, before or after it: one result, and at most one generation more.

The effects of a life are compared with the list that is tested, so a new one cannot go untested. Real processes die
here, of SIGKILL, at real requests. The hidden messages of the dead come back by the store's time, not by waiting.
"""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from signal import SIGKILL
from typing import get_args

from .conftest import NewWorld
from .deaths import Moment, passage
from .shapes import TIMERS, s3_notification
from .world import World

START = ["send", "put open record submitting", "create", "put note", "send id", "put open record running"]
SUBMIT = [START[0], "put governor", *START[1:]]
END = ["delete open record", "forget", "delete response", "put journal"]
TICK = ["retrieve", "put result", "put run record", "put governor", *END]
RETRY = ["retrieve", "send", "put open record waiting", "put governor", "forget", "delete response"]
AGAIN = ["put governor", *START, "put governor", "forget"]
FAIL = ["send", "put error record", "delete open record", "put journal"]
HIDDEN_S = 3600.0
AT_ONCE = 3
NOTHING = "nothing"
Point = tuple[str, Moment]
MOMENTS: tuple[Moment, ...] = get_args(Moment)


def _document(point: str, moment: str) -> str:
    return f"inbox/{moment} {point}.txt"


def _text(point: str, moment: str) -> str:
    return f"The harbour of Veldt is where a process dies {moment} {point}."


def _all_end_well(world: World, most_orphans: int = 1, attempts: int = 1) -> None:
    """Each document has one result; at most one generation is beyond those that it needs, and it is counted."""
    world.settle()
    assert world.problems() == []
    for key in world.keys("inbox/"):
        record, text = world.run_record(key), world.text(key)
        made = [one for one in world.stand_in.generations if one.input == text]
        assert record["state"] == "done", key
        assert len(made) - attempts <= record["suspected_orphans"] <= most_orphans, key
        assert str(world.result(key)).startswith(str(text)), key


def _nothing(world: World, key: str) -> None:
    """Bring a document nowhere."""


def _running(world: World, key: str) -> None:
    """Bring a document to where its generation is looked at."""
    world.submit(key)
    world.later(4)


def _each_moment(whole: list[str]) -> list[Point]:
    """Before and after each effect."""
    return list(itertools.product(whole, MOMENTS))


def _each_gap(whole: list[str]) -> list[Point]:
    """Before the first effect and after each: what is after one is before the next, for all that stands outside."""
    return [(whole[0], "before"), *((point, "after") for point in whole)]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How documents come to a process that dies, what it would do if it lived, and what must hold in the end."""

    function: str
    whole: list[str]
    points: list[Point]
    after: Callable[[World], None]
    before: Callable[[World, str], None] = _nothing

    def carry_out(self, new_world: Callable[[], World]) -> None:
        """Several worlds at the same time, since a tick waits more than it works; the points are dealt out to them."""
        points, worlds = [(NOTHING, "before"), *self.points], []
        for _ in range(AT_ONCE):
            worlds.append(new_world())
            worlds[-1].connect()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            shares = [pool.submit(self._share, one, points[n::AT_ONCE]) for n, one in enumerate(worlds)]
            for share in shares:
                share.result()

    def _share(self, world: World, points: list[Point]) -> None:
        """One document is due at a time: the messages of the others are hidden, until all have been through."""
        with passage(world) as through:
            world.swept()
            for point, moment in points:
                key = _document(point, moment)
                world.upload(key, _text(point, moment))
                self.before(world, key)
                event = TIMERS["aws"] if self.function == "checker" else s3_notification(world.bucket, [key])
                if point == NOTHING:
                    assert through.run(self.function, event) == 0
                    assert through.seen == self.whole
                else:
                    ended = through.run(self.function, event, (point, moment))
                    assert (ended, through.seen[-1]) == (-SIGKILL, point), (moment, through.seen)
                world.put_off(HIDDEN_S)
        world.later(HIDDEN_S)
        world.tick()  # ids that were sent come before the guards of their runs
        self.after(world)


NAMELESS = {
    _document("put open record submitting", "after"),
    _document("create", "before"),
    _document("create", "after"),
    _document("put note", "before"),
    _document("put note", "after"),
    _document("send id", "before"),
}
"""Where nobody can tell whether a generation was started: each counts one."""


def _check_orphans(world: World) -> None:
    """Counted where a generation may be nameless, and nowhere else."""
    keys = world.keys("inbox/")
    assert {key for key in keys if world.run_record(key)["suspected_orphans"]} == NAMELESS & set(keys)


def test_a_submit_that_dies_anywhere_loses_nothing(new_world: NewWorld) -> None:
    """The guard, or the message with the id, takes over what was begun, whether or not the event comes again.

    It comes again for those that died before an effect; without it, the others drive themselves.
    """

    def after(world: World) -> None:
        world.submit(*(key for key in world.keys("inbox/") if "before" in key))
        _all_end_well(world)
        _check_orphans(world)

    Plan(function="submit", whole=SUBMIT, points=_each_moment(SUBMIT), after=after).carry_out(new_world)


def test_a_submit_that_dies_while_it_fails_a_document_loses_nothing(new_world: NewWorld) -> None:
    """The error record is there, once, and no generation is started."""

    def before(world: World, key: str) -> None:
        assert world.keys(key) == [key]
        world.recipe("default", "modle: x")

    def after(world: World) -> None:
        world.submit(*world.keys("inbox/"))
        world.settle()
        assert world.problems() == []
        assert {world.error_record(key)["reason"] for key in world.keys("inbox/")} == {"invalid_recipe"}
        assert world.creates() == []

    Plan(function="submit", whole=FAIL, points=_each_gap(FAIL), before=before, after=after).carry_out(new_world)


def test_a_tick_that_dies_anywhere_loses_nothing(new_world: NewWorld) -> None:
    """Its message shows again when its visibility ends; what stands already is not done twice, nothing is created."""
    after = partial(_all_end_well, most_orphans=0)
    points = _each_moment(TICK)
    Plan(function="checker", whole=TICK, points=points, before=_running, after=after).carry_out(new_world)


def test_a_tick_that_dies_while_it_puts_a_run_back_loses_nothing(new_world: NewWorld) -> None:
    """After an empty answer: the second attempt is made once, and is no orphan. After each effect that is new here."""
    empty = partial(new_world, BACKBURNER_MODEL="stand-in/completed-empty:1")
    after = partial(_all_end_well, most_orphans=0, attempts=2)
    points: list[Point] = [(point, "after") for point in RETRY[1:4]]
    Plan(function="checker", whole=RETRY, points=points, before=_running, after=after).carry_out(empty)


def test_a_tick_that_dies_while_it_starts_an_attempt_loses_nothing(new_world: NewWorld) -> None:
    """From the backlog to the next generation, it is as in submit; here after each effect only."""

    def after(world: World) -> None:
        _all_end_well(world)
        _check_orphans(world)

    busy = partial(new_world, BACKBURNER_MODEL="stand-in/create-503:1")
    points: list[Point] = [(point, "after") for point in dict.fromkeys(AGAIN)]
    Plan(function="checker", whole=AGAIN, points=points, before=_running, after=after).carry_out(busy)
