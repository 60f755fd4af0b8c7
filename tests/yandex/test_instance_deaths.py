"""Instances die in the middle of a call, at any of its effects: one result, and at most one more generation."""

import json
import time
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from backburner_cli.local.yandex.events import object_event, timer_event
from backburner_cli.local.yandex.instance import InstanceDiedError
from support.cloud import WAIT_S
from support.depth import is_deep
from support.effects import effect_of
from support.proxy import CUT, Request, deliver, serve_proxy
from support.yandex_deployment import YandexDeployment

from .conftest import NewWorld

Death = tuple[Literal["before", "after"], str]
HIDDEN_S = 3600.0
DEATHS: dict[str, list[Death]] = {
    "submit": [
        ("after", "send to pending"),
        ("after", "put open record submitting"),
        ("after", "create"),
        ("before", "put open record running"),
    ],
    "checker": [
        ("before", "put result"),
        ("before", "put run record"),
        ("after", "put run record"),
        ("after", "delete open record"),
    ],
}
SHARPEST: dict[str, list[Death]] = {"submit": [("after", "create")], "checker": [("after", "put run record")]}
"""Where money is spent, and where the outcome is written and nothing after it."""
NAMELESS = {("after", "put open record submitting"), ("after", "create")}
"""Where it is unknown whether a generation was started, so that it counts as a suspected orphan."""


@dataclass
class Reaper:
    """Kills the instances of a function at the first request with the given effect."""

    world: YandexDeployment
    function: str
    death: Death | None = None
    seen: list[str] = field(default_factory=list)

    def judge(self, request: Request, upstream: str) -> Any:
        """Pass the request on or not; the sender never gets an answer."""
        if self.death is None or effect_of(request) != self.death[1]:
            return None
        (moment, effect), self.death = self.death, None
        self.seen.append(effect)
        if moment == "after":
            deliver(request, upstream)
        for instance in self.world.function(self.function).instances:
            instance.kill()
        return CUT


def _key(death: Death) -> str:
    return f"inbox/{' '.join(death)}.txt"


def _show_ids(world: YandexDeployment) -> None:
    """Let messages with a response id show, while the guards of their runs still wait for the lease."""
    for name in world.queues:
        for message in world._messages(name):
            if "response_id" in json.loads(message.body):
                message.visible_at = message.delayed_until = 0


@pytest.mark.parametrize("function", DEATHS)
def test_an_instance_that_dies_loses_nothing(new_world: NewWorld, endpoint: str, function: str) -> None:
    """Each is killed before or after the server has a request; the trigger tries again, and later ticks take over."""
    world = new_world()
    world.swept()
    deaths = DEATHS[function] if is_deep() else SHARPEST[function]
    reaper, provider = Reaper(world, function), world.running.base_url.removesuffix("/v1")
    with serve_proxy(endpoint) as cloud, serve_proxy(provider) as outside:
        cloud.rule = lambda request: reaper.judge(request, endpoint)
        outside.rule = lambda request: reaper.judge(request, provider)
        through = {"AWS_ENDPOINT_URL_S3": cloud.url, "AWS_ENDPOINT_URL_SQS": cloud.url}
        dying = world.function(function, OPENAI_BASE_URL=f"{outside.url}/v1", **through)
        for death in deaths:
            world.upload(_key(death), f"The harbour of Veldt is where an instance dies {' '.join(death)}.")
            if function == "checker":
                world.submit(_key(death))
                world.later(4)
            reaper.death = death
            with pytest.raises(InstanceDiedError):
                dying.invoke(timer_event() if function == "checker" else object_event(world.bucket, [_key(death)]), 35)
            world.put_off(HIDDEN_S)
            time.sleep(2 * WAIT_S)  # a receive by the dead one, still under way, would take what is meant for the next
        assert reaper.seen == [effect for _, effect in deaths]
        _show_ids(world)
        world.tick()
        world.later(HIDDEN_S)
        world.submit(*map(_key, deaths))
        world.settle()
    assert world.problems() == []
    for death in deaths:
        record, text = world.run_record(_key(death)), world.text(_key(death))
        made = [one for one in world.stand_in.generations if one.input == text]
        assert record["suspected_orphans"] == (death in NAMELESS), death
        assert len(made) - 1 <= record["suspected_orphans"], death
