"""The doctor's checks of the queues: their limits against the functions'."""

import json
from collections.abc import Mapping

from backburner_cli.operator.findings import Finding, Level

FUNCTION_LIMIT_S = 100
"""How long a function may run, by the template and by the Terraform."""
LEAST_RECEIVES = 600
"""A message in hand is postponed by receiving it, and replaced at 500 receives: fewer make a dead letter of a job."""


def queue_findings(name: str, attributes: Mapping[str, str]) -> list[Finding]:
    """What a queue's attributes say."""
    check, waiting = f"{name} queue", int(attributes.get("ApproximateNumberOfMessages", 0))
    if name == "dead":
        if not waiting:
            return [Finding(check=check, level=Level.OK, message="empty")]
        remedy = "backburner dead-letters shows them, backburner replay --dead runs their documents again"
        return [Finding(check=check, level=Level.WARNING, message=f"about {waiting} dead letters", remedy=remedy)]
    found = []
    visibility_s = int(attributes.get("VisibilityTimeout", 30))
    if visibility_s <= FUNCTION_LIMIT_S:
        message = f"visibility {visibility_s} s, functions run up to {FUNCTION_LIMIT_S} s: two ticks handle one message"
        remedy = f"set its visibility time-out to {FUNCTION_LIMIT_S + 20} s, as the template does"
        found.append(Finding(check=check, level=Level.PROBLEM, message=message, remedy=remedy))
    receives = json.loads(attributes.get("RedrivePolicy") or "{}").get("maxReceiveCount")
    if receives is not None and int(receives) < LEAST_RECEIVES:
        message = f"after {receives} receives a message is a dead letter, though waiting is no failure"
        remedy = "set maxReceiveCount to 1000, as the template does"
        found.append(Finding(check=check, level=Level.PROBLEM, message=message, remedy=remedy))
    if receives is None:
        remedy = "give it a redrive policy to the dead-letter queue with maxReceiveCount 1000"
        found.append(Finding(check=check, level=Level.WARNING, message="has no dead-letter queue", remedy=remedy))
    return found or [Finding(check=check, level=Level.OK, message=f"about {waiting} messages")]
