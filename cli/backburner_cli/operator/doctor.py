"""The command `doctor`: checks a live deployment, and gives a remedy for each problem."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from backburner.adapters.connect import Cloud, reach
from backburner.documents.recipes import parse, source_text
from backburner.errors import BackburnerError, ConfigError, JobError
from backburner.ledger.keys import GOVERNOR, INBOX, RECIPES
from backburner.settings import Settings, from_env
from backburner_cli.operator.deployment import EXPORTED, HOW_TO_NAME, LOCAL_CLOUD
from backburner_cli.operator.findings import Finding, Level
from backburner_cli.operator.provider_check import provider_findings
from backburner_cli.operator.queue_check import FUNCTION_LIMIT_S, queue_findings
from backburner_cli.operator.quota_check import (
    limit_findings,
    local_quota_findings,
    quota_findings,
    version_findings,
)
from backburner_cli.operator.store_check import governor_findings, write_findings
from backburner_cli.operator.trigger_check import aws_findings, local_yandex_findings, ticks_findings, yandex_findings
from backburner_cli.terminal import count_of, err, out, print_json, reach_remedy

if TYPE_CHECKING:
    from backburner.adapters.queues import SqsQueue

_COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "red", Level.SKIPPED: "dim"}
Check = Callable[[], Awaitable[list[Finding]]]


def doctor(environment: Mapping[str, str], described: str, *, generates: bool, as_json: bool) -> bool:
    """Check everything, print the findings, and return whether there is no problem."""
    found: list[Finding] = []

    async def all_checks() -> None:
        async for finding in _findings(environment, generates=generates):
            found.append(finding)
            if not as_json:
                _show(finding)

    if not as_json:
        out.print(f"Checking {described}", markup=False)
    with err.status("checking"):
        asyncio.run(all_checks())
    problems = sum(finding.level is Level.PROBLEM for finding in found)
    if as_json:
        findings = [asdict(finding) | {"level": str(finding.level)} for finding in found]
        print_json({"deployment": described, "problems": problems, "findings": findings})
    else:
        warnings = sum(finding.level is Level.WARNING for finding in found)
        counts = f"{count_of(problems, 'problem')}, {count_of(warnings, 'warning')}"
        out.print(counts if problems or warnings else "No problems found.")
    return not problems


def _show(finding: Finding) -> None:
    colour = _COLOURS[finding.level]
    out.print(f"[{colour}]{finding.level:8}[/]", end="")
    out.print(f" {finding.check}: {finding.message}", markup=False)
    if finding.remedy:
        out.print(f"         → {finding.remedy}", markup=False)


async def _findings(environment: Mapping[str, str], *, generates: bool) -> AsyncIterator[Finding]:
    try:
        settings = from_env(environment, needs_key=False)
        cloud = reach(settings, environment)
    except ConfigError as error:
        remedy = "correct these settings" if environment.get(EXPORTED) else HOW_TO_NAME
        yield Finding(check="settings", level=Level.PROBLEM, message=str(error), remedy=remedy)
        return
    yield Finding(check="settings", level=Level.OK, message=f"{settings.provider}, {settings.model}")
    for finding in version_findings(environment):
        yield finding
    try:
        async for finding in _cloud_findings(_Deployment(settings, cloud, environment)):
            yield finding
    finally:
        await cloud.drop_connections()
    for name, level, message, remedy in await provider_findings(
        settings, generates=generates, takes_key=LOCAL_CLOUD not in environment
    ):
        yield Finding(check=name, level=Level(level), message=message, remedy=remedy)


async def _cloud_findings(deployment: _Deployment) -> AsyncIterator[Finding]:
    bucket, environment = await deployment.bucket(), deployment.environment
    for finding in bucket:
        yield finding
    if bucket[-1].level is not Level.PROBLEM:
        for check in (deployment.conditional_writes, deployment.trigger, deployment.recipes, deployment.governor):
            for finding in await _guarded(check, environment):
                yield finding
    for check in (deployment.queues, deployment.lease, deployment.limits):
        for finding in await _guarded(check, environment):
            yield finding


async def _guarded(check: Check, environment: Mapping[str, str]) -> list[Finding]:
    """Make a check; if it fails, that is a finding, and the other checks continue."""
    try:
        return await check()
    except (BackburnerError, BotoCoreError, ClientError) as error:
        name = getattr(check, "__name__", "check").replace("_", " ")
        return [Finding(check=name, level=Level.PROBLEM, message=str(error), remedy=reach_remedy(environment))]


@dataclass(frozen=True)
class _Deployment:
    """The checks of bucket and queues."""

    settings: Settings
    cloud: Cloud
    environment: Mapping[str, str]

    @property
    def is_yandex(self) -> bool:
        """Whether it is in Yandex Cloud."""
        if local := self.environment.get(LOCAL_CLOUD):
            return local == "yandex"
        return self.settings.queue_protocol == "query" or "yandex" in (self.environment.get("AWS_ENDPOINT_URL") or "")

    async def bucket(self) -> list[Finding]:
        """Whether the bucket can be read and listed with these credentials."""
        name = self.settings.bucket
        try:
            await self.cloud.bucket.head(GOVERNOR)
            async for _ in self.cloud.bucket.listed(INBOX):
                break
        except BackburnerError as error:
            return [
                Finding(check="bucket", level=Level.PROBLEM, message=str(error), remedy=reach_remedy(self.environment))
            ]
        return [Finding(check="bucket", level=Level.OK, message=f"{name} can be read and listed")]

    async def conditional_writes(self) -> list[Finding]:
        """Whether conditional writes are honoured, and whether the clocks agree."""
        return await write_findings(self.cloud.bucket)

    async def trigger(self) -> list[Finding]:
        """Whether uploads below inbox/ call submit, and a timer the checker."""
        if self.is_yandex and LOCAL_CLOUD in self.environment:
            return local_yandex_findings(self.settings.ticks_per_minute)
        if self.is_yandex:
            found = await yandex_findings(self.settings.bucket, self.environment)
        else:
            region = self.cloud.bucket.calls.account.region
            found = await aws_findings(self.settings.bucket, region, self.environment)
        return [*found, *ticks_findings(self.settings.ticks_per_minute)]

    async def recipes(self) -> list[Finding]:
        """Whether every recipe can be used."""
        found, count = [], 0
        async for key, _ in self.cloud.bucket.listed(RECIPES):
            stored = await self.cloud.bucket.get(key) if key.endswith(".md") else None
            if stored is None:
                continue
            count += 1
            try:
                parse(source_text(key, stored.body))
            except JobError as error:
                remedy = "fix the file and upload it, or its documents fail"
                found.append(Finding(check="recipes", level=Level.PROBLEM, message=f"{key}: {error}", remedy=remedy))
        return found or [Finding(check="recipes", level=Level.OK, message=f"{count} can be used")]

    async def governor(self) -> list[Finding]:
        """Whether anything is paused, and whether the checker runs."""
        return governor_findings(await self.cloud.bucket.get(GOVERNOR), self.settings.sweep_every_s)

    async def queues(self) -> list[Finding]:
        """Whether the queues can be reached, and whether their limits fit the functions'."""
        found = []
        for name in ("pending", "backlog", "dead", *(["ticks"] if self.cloud.ticks else [])):
            queue: SqsQueue = getattr(self.cloud, name)
            try:
                attributes = await queue.attributes("All")
            except BackburnerError as error:
                remedy = f"is BACKBURNER_{name.upper()}_QUEUE_URL this deployment's? {reach_remedy(self.environment)}"
                found.append(Finding(check=f"{name} queue", level=Level.PROBLEM, message=str(error), remedy=remedy))
                continue
            found += queue_findings(name, attributes)
        return found

    async def limits(self) -> list[Finding]:
        """Against the quotas that are published, and those of the account."""
        if LOCAL_CLOUD in self.environment:
            return [*limit_findings(self.settings), *local_quota_findings()]
        region = self.cloud.bucket.calls.account.region
        return [*limit_findings(self.settings), *await quota_findings(region, is_yandex=self.is_yandex)]

    async def lease(self) -> list[Finding]:
        """Whether the lease is longer than a function may run."""
        lease_s = self.settings.lease_s
        if lease_s > FUNCTION_LIMIT_S:
            return [Finding(check="lease", level=Level.OK, message=f"{lease_s} s")]
        message = (
            f"{lease_s} s, but functions run up to {FUNCTION_LIMIT_S} s: jobs are taken over from running functions"
        )
        remedy = f"set BACKBURNER_LEASE_S above {FUNCTION_LIMIT_S}"
        return [Finding(check="lease", level=Level.PROBLEM, message=message, remedy=remedy)]
