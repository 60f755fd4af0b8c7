"""Checks the queues' attributes for the doctor, against the functions' time limit."""

import json
from collections.abc import Mapping

from backburner_cli.operator.findings import Finding, Level
from backburner_cli.terminal import count_of

FUNCTION_LIMIT_S = 100
"""The functions' time limit in the template and in the Terraform files."""
MIN_RECEIVES = 600
"""The least `maxReceiveCount`: waiting messages are received often, and replaced only after 500 receives."""
TICKS_KEPT_S = 60
"""How long the ticks queue keeps a message: the timer's next tick has begun by then."""


def queue_findings(name: str, attributes: Mapping[str, str]) -> list[Finding]:
    """Check a queue's attributes."""
    check, waiting = f"{name} queue", int(attributes.get("ApproximateNumberOfMessages", 0))
    if name == "dead":
        if not waiting:
            return [Finding(check=check, level=Level.OK, message="empty")]
        remedy = "backburner dead-letters shows them, backburner replay --dead runs their documents again"
        about = f"about {count_of(waiting, 'dead letter')}"
        return [Finding(check=check, level=Level.WARNING, message=about, remedy=remedy)]
    if name == "ticks":
        return [_ticks_finding(check, attributes)]
    found = []
    visibility_s = int(attributes.get("VisibilityTimeout", 30))
    if visibility_s <= FUNCTION_LIMIT_S:
        message = f"visibility {visibility_s} s, functions run up to {FUNCTION_LIMIT_S} s: two ticks get one message"
        remedy = f"set its visibility timeout to {FUNCTION_LIMIT_S + 20} s, as the template does"
        found.append(Finding(check=check, level=Level.PROBLEM, message=message, remedy=remedy))
    receives = json.loads(attributes.get("RedrivePolicy") or "{}").get("maxReceiveCount")
    if receives is not None and int(receives) < MIN_RECEIVES:
        message = f"messages become dead letters after {receives} receives, though waiting is not a failure"
        remedy = "set maxReceiveCount to 1000, as the template does"
        found.append(Finding(check=check, level=Level.PROBLEM, message=message, remedy=remedy))
    if receives is None:
        remedy = "give it a redrive policy to the dead-letter queue with maxReceiveCount 1000"
        found.append(Finding(check=check, level=Level.WARNING, message="has no dead-letter queue", remedy=remedy))
    return found or [Finding(check=check, level=Level.OK, message=f"about {count_of(waiting, 'message')}")]


def _ticks_finding(check: str, attributes: Mapping[str, str]) -> Finding:
    kept_s = int(attributes.get("MessageRetentionPeriod", 345_600))
    if kept_s <= 2 * TICKS_KEPT_S:
        return Finding(check=check, level=Level.OK, message=f"drops what is older than {kept_s} s")
    message = f"keeps messages for {kept_s} s: after an outage they start many ticks at once"
    remedy = f"set its retention period to {TICKS_KEPT_S} s, as the template does"
    return Finding(check=check, level=Level.WARNING, message=message, remedy=remedy)
