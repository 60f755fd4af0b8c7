"""The network loses the answer to a request that succeeded: no process gives up because of its own write."""

from collections import Counter
from typing import Any

import pytest

from support.effects import effect_of
from support.proxy import CUT, LOSE, once, serve_proxy
from support.warm_deployment import WarmDeployment

from .conftest import NewWorld

KEY = "inbox/letter.txt"
WRITES = [
    "send to pending",
    "put open record submitting",
    "send id to pending",
    "put open record running",
    "put result",
    "put run record",
    "delete open record",
    "delete message",
]


def _process(new_world: NewWorld, wrong: Any, which: str, *effects: str) -> tuple[WarmDeployment, Counter[str | None]]:
    """Process a document behind a proxy that mishandles the first of each effect; return what was sent."""
    world = new_world()
    server = world.endpoint if which == "cloud" else world.running.base_url.removesuffix("/v1")
    with serve_proxy(server) as proxy, pytest.MonkeyPatch.context() as patch:
        rules = [once(lambda request, effect=effect: effect_of(request) == effect, wrong) for effect in effects]
        proxy.rule = lambda request: next((act for rule in rules if (act := rule(request))), None)
        for name, value in world.environment.items():
            if value.startswith(server):
                patch.setenv(name, value.replace(server, proxy.url))
        world.process(KEY)
        return world, Counter(map(effect_of, proxy.requests))


@pytest.mark.parametrize("wrong", [LOSE, CUT], ids=["answer lost", "request lost"])
def test_a_write_whose_answer_was_lost_changes_nothing(new_world: NewWorld, wrong: Any) -> None:
    """Each repeated write meets what its first try wrote: one create, one result, no orphan, nothing cancelled."""
    world, sent = _process(new_world, wrong, "cloud", *WRITES)
    assert [effect for effect in WRITES if sent[effect] < 2] == []
    assert world.problems() == []
    record = world.run_record(KEY)
    assert (record["run"], record["state"], record["suspected_orphans"]) == (1, "done", 0)
    assert len(world.creates()) == 1
    assert not [one for one in world.stand_in.requests if one.path.endswith("/cancel")]
    assert world.superseded() == []


@pytest.mark.parametrize(("wrong", "started"), [(LOSE, 2), (CUT, 1)], ids=["answer lost", "request lost"])
def test_a_lost_create_is_never_repeated_by_the_network(new_world: NewWorld, wrong: Any, started: int) -> None:
    """Whether it started a generation is unknown, so it counts as a suspected orphan and another attempt follows."""
    world, sent = _process(new_world, wrong, "provider", "create")
    assert (sent["create"], len(world.stand_in.generations)) == (2, started)
    record = world.run_record(KEY)
    assert (record["state"], record["suspected_orphans"], len(record["responses"])) == ("done", 1, 1)
    assert world.problems() == []


def test_other_calls_to_the_provider_may_be_lost(new_world: NewWorld) -> None:
    """A poll is repeated, and a response that could not be deleted does no harm."""
    world, sent = _process(new_world, LOSE, "provider", "retrieve", "delete response")
    assert sent["retrieve"] >= 2
    assert world.problems() == []
    assert (len(world.creates()), world.run_record(KEY)["suspected_orphans"]) == (1, 0)
