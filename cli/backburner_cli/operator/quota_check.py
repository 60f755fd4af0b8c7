"""The doctor's checks of quotas against the deployment's limits, and of what is deployed against this command."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import boto3.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from backburner_cli.operator.deployment import DEPLOYED_VERSION
from backburner_cli.operator.findings import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backburner.settings import Settings

MIN_CONCURRENCY = 20
"""An account begins with 10 or 1,000: ten uploads at once would leave nothing for the checker."""
MIN_FREE = 3
"""What must be left for a function that reserves nothing: ticks that overlap, and one more."""
QUEUE_IN_HAND = 120_000
"""How many messages of one queue may be in hand, in both clouds; each generation under way has one."""
_QUOTA = "L-B99A9384"
"""The code of Lambda's quota for concurrent executions."""
_LIMIT_S = 10


def own_version() -> str:
    """The version of this command."""
    return version("backburner")


def version_findings(environment: Mapping[str, str]) -> list[Finding]:
    """Whether the deployment has this command's version; its template and functions are deployed together."""
    deployed, own = environment.get(DEPLOYED_VERSION), own_version()
    if deployed is None:
        remedy = (
            "name the deployment by --stack, --terraform or --local: an exported environment does not say which it is"
        )
        return [Finding(check="version", level=Level.SKIPPED, message=f"this command is {own}", remedy=remedy)]
    if deployed == own:
        return [Finding(check="version", level=Level.OK, message=f"template, functions and this command are {own}")]
    remedy = f"deploy again from a checkout of {own}, or use the command of the version that is deployed"
    message = f"deployed is {deployed or 'a template that names none'}, this command is {own}"
    return [Finding(check="version", level=Level.WARNING, message=message, remedy=remedy)]


def limit_findings(settings: Settings) -> list[Finding]:
    """The deployment's limits against the quotas that are published."""
    found, profile = [], settings.profile
    if settings.max_in_flight > QUEUE_IN_HAND:
        message = f"{settings.max_in_flight:,} generations in flight, but a queue holds {QUEUE_IN_HAND:,} in hand"
        remedy = f"set BACKBURNER_MAX_IN_FLIGHT to {QUEUE_IN_HAND} at most"
        found.append(Finding(check="limits", level=Level.PROBLEM, message=message, remedy=remedy))
    for name, limit, published in (
        ("BACKBURNER_SUBMITS_PER_MINUTE", settings.submits_per_minute, profile.submits_per_minute),
        ("BACKBURNER_POLLS_PER_SECOND", settings.polls_per_second, profile.polls_per_second),
    ):
        if limit > published:
            message = f"{name} is {limit}, above the {published} of the profile {settings.provider}"
            remedy = f"set {name} to {published}, unless your provider grants more: what it rejects waits all the same"
            found.append(Finding(check="limits", level=Level.WARNING, message=message, remedy=remedy))
    return found or [Finding(check="limits", level=Level.OK, message="within the published quotas")]


def local_quota_findings() -> list[Finding]:
    """The finding for a `backburner up`, whose cloud has no account."""
    return [Finding(check="quotas", level=Level.OK, message="backburner up has none")]


async def quota_findings(region: str | None, *, is_yandex: bool) -> list[Finding]:
    """What the account may run at once, according to the cloud."""
    if is_yandex:
        remedy = (
            "compare them yourself: yc quota-manager quota-limit list, or Quotas in the console; docs/yandex.md#quotas"
        )
        message = "Yandex Cloud does not show them to a static key"
        return [Finding(check="quotas", level=Level.SKIPPED, message=message, remedy=remedy)]
    try:
        told: Any = await asyncio.to_thread(_account_settings, region)
        return concurrency_findings(told["AccountLimit"])
    except (BotoCoreError, ClientError, KeyError) as error:
        code = error.response["Error"].get("Code") if isinstance(error, ClientError) else type(error).__name__
        remedy = "allow lambda:GetAccountSettings to your credentials, or look in the console under Service Quotas"
        return [Finding(check="quotas", level=Level.SKIPPED, message=f"cannot be seen ({code})", remedy=remedy)]


def _account_settings(region: str | None) -> Any:
    config = Config(connect_timeout=_LIMIT_S, read_timeout=_LIMIT_S, retries={"total_max_attempts": 1})
    client = boto3.session.Session(region_name=region).client("lambda", config=config)
    try:
        return client.get_account_settings()
    finally:
        client.close()


def concurrency_findings(limit: Mapping[str, int]) -> list[Finding]:
    """Whether submit and checker can run beside each other, and beside whatever else the account runs."""
    all_of_it, free = limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]
    message = f"{all_of_it:,} concurrent executions in this region, {free:,} of them not reserved"
    if all_of_it < MIN_CONCURRENCY:
        remedy = (
            "until it is more, uploads in bursts wait and ticks are late: aws service-quotas "
            f"request-service-quota-increase --service-code lambda --quota-code {_QUOTA} --desired-value 1000"
        )
        return [Finding(check="quotas", level=Level.WARNING, message=message, remedy=remedy)]
    if free < MIN_FREE:
        remedy = "others have reserved nearly all: reserve 3 for the checker (CheckerConcurrency), or raise the quota"
        return [Finding(check="quotas", level=Level.PROBLEM, message=message, remedy=remedy)]
    return [Finding(check="quotas", level=Level.OK, message=message)]
