"""The executable model (docs/protocol_model): random histories keep the promises, and each rule is needed for that."""

import dataclasses

import pytest

from protocol_model.histories import History, first_failure
from protocol_model.protocol import Rules

HISTORIES = 400
FAILS_WITHIN = {
    "message_before_record": range(100),
    "own_the_record": range(200),
    "early_messages_wait": range(100),
    "unclaimed_messages_wait": range(200),
    "look_again_after_claim": range(200),
    "look_again_after_superseding": range(200, 300),
    "commit_on_condition": range(3050, 3150),
    "assume_only_what_was_untouched": range(300, 400),
    "claim_knows_nothing": range(1750, 1850),
    "looks_follow_a_read": range(100),
    "notes_move_the_ticket": range(100, 200),
    "overtaken_runs_are_superseded": range(8890, 8900),
}
"""Seeds among which a history goes wrong without the rule; some rules guard against rare coincidences."""


def test_random_histories_keep_every_promise():
    """With enough faults to matter, nothing is lost, stuck, paid twice, or called done that is not."""
    histories = [History(seed) for seed in range(HISTORIES)]
    wrong = {history.seed: found for history in histories if (found := history.run())}
    assert wrong == {}
    assert sum(history.world.kills for history in histories) > HISTORIES


@pytest.mark.parametrize("rule", [rule.name for rule in dataclasses.fields(Rules)])
def test_without_any_one_rule_a_promise_breaks(rule):
    """A planted bug, such as a record written before its message, is found; with the rule the promise holds."""
    found = first_failure(Rules(**{rule: False}), FAILS_WITHIN[rule])
    assert found is not None
    seed, _ = found
    assert History(seed).run() is None
