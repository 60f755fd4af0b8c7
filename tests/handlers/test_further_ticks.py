"""The checker's handler knows what started it: the timer's tick sends for the further ones, and those send nothing."""

import json
import logging

import pytest

from backburner.errors import UnknownEventError
from backburner.events import TICK
from support.events import TICK_MESSAGES, TIMERS
from support.warm_deployment import WarmDeployment

from .conftest import NewWorld


def ticking(new_world: NewWorld, per_minute: int = 2) -> tuple[WarmDeployment, str]:
    """A deployment with this many ticks a minute, and its ticks queue's URL; the queue is set up as in the template."""
    world = new_world()
    life = {"MessageRetentionPeriod": "60", "VisibilityTimeout": "120"}
    url = world.sqs.create_queue(QueueName=f"{world.bucket}-ticks", Attributes=life)["QueueUrl"]
    return new_world(BACKBURNER_TICKS_PER_MINUTE=str(per_minute), BACKBURNER_TICKS_QUEUE_URL=url), url


def delayed(world: WarmDeployment, url: str) -> int:
    """How many messages in a queue have yet to show."""
    name = "ApproximateNumberOfMessagesDelayed"
    return int(world.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])


@pytest.mark.parametrize("cloud", TIMERS)
def test_only_a_tick_of_the_timer_sends_for_further_ones(new_world: NewWorld, cloud: str) -> None:
    """So if the timer stops, all ticks stop, and the alarm says so; and no chain is longer than two."""
    world, url = ticking(new_world, per_minute=3)
    checker = world.app("checker")
    for _ in range(2):  # delivered twice
        checker.handler(TICK_MESSAGES[cloud], None)
    assert delayed(world, url) == 0
    checker.handler(TIMERS[cloud], None)
    assert delayed(world, url) == 2


@pytest.mark.parametrize("cloud", TICK_MESSAGES)
def test_a_tick_started_by_a_message_is_a_whole_one(new_world: NewWorld, cloud: str) -> None:
    """It collects what has finished."""
    world, _ = ticking(new_world)
    world.upload("inbox/a.txt")
    world.submit("inbox/a.txt")
    world.later(130)
    world.app("checker").handler(TICK_MESSAGES[cloud], None)
    assert world.result("inbox/a.txt")
    assert world.problems() == []


def test_a_tick_goes_on_if_the_ticks_queue_is_gone(new_world: NewWorld, caplog: pytest.LogCaptureFixture) -> None:
    """It logs this once, and collects what has finished."""
    world, url = ticking(new_world, per_minute=4)
    world.sqs.delete_queue(QueueUrl=url)
    world.upload("inbox/a.txt")
    world.submit("inbox/a.txt")
    world.later(130)
    world.connect()
    package = logging.getLogger("backburner")  # it does not propagate
    package.addHandler(caplog.handler)
    try:
        world.app("checker").handler(TIMERS["aws"], None)
    finally:
        package.removeHandler(caplog.handler)
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings == ["further ticks not sent"]
    assert world.result("inbox/a.txt")


@pytest.mark.parametrize("cloud", TICK_MESSAGES)
def test_a_trigger_on_another_queue_is_refused(world: WarmDeployment, cloud: str) -> None:
    """A message of the pending queue would be deleted after a tick that succeeds."""
    foreign = json.loads(json.dumps(TICK_MESSAGES[cloud]).replace(f'"{TICK}"', '"a job"'))
    with pytest.raises(UnknownEventError):
        world.app("checker").handler(foreign, None)
