"""The messages that drive runs: their queue, when they become visible, and the ticket that the record must name."""

import msgspec
import pytest

from backburner.ledger.messages import decode
from backburner.ledger.messenger import Messenger
from backburner.ledger.records import OpenRecord, State
from support.fakes import FakeQueue, World

from .test_records import OPEN

LEASE_S = 120


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def messenger(world: World) -> Messenger:
    return Messenger(pending=FakeQueue(world, "pending"), backlog=FakeQueue(world, "backlog"), lease_s=LEASE_S)


def _sent(messenger: Messenger) -> list[tuple[str, float, str, str | None]]:
    """For each message: its queue, when it becomes visible, its ticket, and the generation that it names."""
    found = []
    for name in ("pending", "backlog"):
        for stored in getattr(messenger, name).messages:
            message = decode(stored.body)
            found.append((name, stored.shows_s, message.ticket, message.response_id))
    return found


def _waiting(record: OpenRecord) -> OpenRecord:
    return msgspec.structs.replace(record, state=State.WAITING)


def test_a_guard_becomes_visible_after_the_lease(world: World, messenger: Messenger) -> None:
    """It has a ticket of its own, which follows the record's."""
    ticket = world.run(messenger.guard(OPEN))
    assert _sent(messenger) == [("pending", LEASE_S, ticket, None)]
    assert decode(messenger.pending.messages[0].body).follows == OPEN.ticket != ticket


def test_waiting_jobs_go_to_the_backlog_and_all_others_to_pending(world: World, messenger: Messenger) -> None:
    """Only a message for a generation has an id; no delay exceeds a queue's limit."""
    checked = world.run(messenger.to_check(OPEN, 3.4, "r1"))
    started = world.run(messenger.to_start(OPEN, 5000.0))
    assert _sent(messenger) == [("pending", 3, checked, "r1"), ("backlog", 900, started, None)]


def test_a_message_is_replaced_on_the_queue_of_its_state(world: World, messenger: Messenger) -> None:
    """It has the id of the generation under way, if there is one."""
    waiting = world.run(messenger.renew(_waiting(OPEN)))
    running = world.run(messenger.renew(OPEN, 7.0))
    assert _sent(messenger) == [("pending", 7, running, OPEN.response_id), ("backlog", 0, waiting, None)]


def test_a_run_without_a_record_is_opened_at_once_and_a_part_takes_its_turn(world: World, messenger: Messenger) -> None:
    """A part's message names the run that it belongs to."""
    world.run(messenger.open_run("j", 2, "inbox/a.txt"))
    world.run(messenger.open_run("p", 1, "ledger/work/j.2/x/0-0001", part_of="j.2"))
    document, part = (decode(each.messages[0].body) for each in (messenger.pending, messenger.backlog))
    assert (document.job, document.run, document.part_of) == ("j", 2, None)
    assert (part.job, part.run, part.part_of) == ("p", 1, "j.2")
