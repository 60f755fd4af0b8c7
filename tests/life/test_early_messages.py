"""A message that is sent before its record is written is kept until its sender must be dead."""

import dataclasses

import pytest

from backburner.capacity.timing import TickState
from backburner.ledger.messages import decode
from support.system import System

KEY = "inbox/a.txt"
LEASE_S = 120


@pytest.mark.parametrize(
    ("receives", "age_s", "is_kept"), [(3, 5.0, True), (2, LEASE_S + 1, True), (3, LEASE_S, False)]
)
def test_a_message_ahead_of_its_record_is_kept_for_a_lease(receives, age_s, is_kept):
    """However often the queue delivers it meanwhile: it may become the one message of the run."""
    system = System()
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    [message] = [each for each in system.pending.messages if decode(each.body).response_id]
    written = decode(message.body)
    checker, queue = system.parts().tick.checker, system.pending
    ahead = type(written)(job=written.job, run=written.run, key=KEY, ticket="t" * 24, follows=written.ticket)
    system.run(queue.send(ahead.encode(), 0))
    [received] = [each for each in system.run(queue.receive(10, 0)) if decode(each.body).ticket == ahead.ticket]
    system.run(
        checker.handle(queue, dataclasses.replace(received, receives=receives, age_s=age_s), TickState(until=1e9))
    )
    left = [decode(each.body).ticket for each in queue.messages]
    assert (ahead.ticket in left) is is_kept
    assert written.ticket in left
