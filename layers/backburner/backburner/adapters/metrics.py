"""Metrics for CloudWatch (DESIGN section 10), printed in its embedded format; on other clouds nothing is printed."""

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

from backburner.ledger.journal import EndedRuns
from backburner.maintenance.health import Health, alarms, measure
from backburner.notifications.delivery import Deliveries
from backburner.settings import Settings
from backburner.tick import TickReport
from backburner.wiring.core import Core

if TYPE_CHECKING:
    import logging

    from aws_lambda_powertools import Logger

NAMESPACE = "Backburner"


async def report(core: Core, tick: TickReport, settings: Settings, logger: "Logger | logging.Logger") -> None:
    """Publish what a tick did and what is under way; log the health and the raised alarms."""
    health = await measure(core.bucket, core.governor)
    publish(tick.ended, health=health, notifications=tick.notifications)
    logger.info("health", extra=asdict(health))
    for name in alarms(health, deadline_s=settings.deadline_s, results_kept_s=settings.profile.results_kept_s):
        logger.error("alarm", extra={"alarm": name, "see": f"docs/runbook.md#{name}"})


def publish(
    ended: EndedRuns,
    *,
    accepted: int = 0,
    health: Health | None = None,
    notifications: Deliveries | None = None,
) -> None:
    """Print the metrics of one function call on Lambda; the dimension `service` is the function's name."""
    service = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
    if service is None:
        return
    from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit  # noqa: PLC0415 - only on Lambda

    metrics = EphemeralMetrics(namespace=NAMESPACE, service=service)
    values = _counts(ended, accepted) | (_gauges(health) if health else {})
    values |= _notifications(notifications) if notifications else {}
    for name, value in values.items():
        unit = MetricUnit.Seconds if name in ("OldestOpenAge", "ResultLag") else MetricUnit.Count
        metrics.add_metric(name=name, unit=unit, value=value)
    if metrics.metric_set:
        metrics.flush_metrics()
    for reason, number in ended.failed.items():
        metrics = EphemeralMetrics(namespace=NAMESPACE, service=service)
        metrics.add_dimension(name="reason", value=reason)
        metrics.add_metric(name="JobsFailed", unit=MetricUnit.Count, value=number)
        metrics.flush_metrics()


def _counts(ended: EndedRuns, accepted: int) -> dict[str, float]:
    """The counts that are not zero."""
    counts: dict[str, float] = {
        "JobsAccepted": accepted,
        "JobsDone": ended.done,
        "JobsFailed": ended.failed.total(),
        "Polls": ended.polls,
        "ResultLag": ended.longest_lag_s,
        "TokensIn": ended.usage.input_tokens,
        "TokensOut": ended.usage.output_tokens,
        "Cost": ended.cost,
        "SuspectedOrphans": ended.suspected_orphans,
    }
    return {name: value for name, value in counts.items() if value}


def _notifications(made: Deliveries) -> dict[str, float]:
    """The counts of notifications that are not zero."""
    counts = {"NotificationsSent": made.sent, "NotificationsOwed": made.owed, "NotificationsLost": made.lost}
    return {name: float(value) for name, value in counts.items() if value}


def _gauges(health: Health) -> dict[str, float]:
    return {
        "JobsWaiting": health.waiting,
        "JobsRunning": health.running,
        "OldestOpenAge": health.oldest_s,
        "ProviderPaused": health.paused,
        "BudgetUsed": round(health.budget_used * 100, 2),
    }
