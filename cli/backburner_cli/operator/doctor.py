"""The command `doctor`: checks a live deployment, and gives a remedy for each problem."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3.session
import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from backburner.adapters.connect import Cloud, reach
from backburner.capacity.limits import ALL_MODELS, Counters
from backburner.documents.recipes import parse, source_text
from backburner.errors import BackburnerError, ConfigError, JobError
from backburner.ledger.keys import GOVERNOR, INBOX, RECIPES, WORK
from backburner.ports import ABSENT, ConflictError
from backburner.settings import Settings, from_env
from backburner_cli.operator.deployment import EXPORTED, HOW_TO_NAME
from backburner_cli.operator.findings import Finding, Level
from backburner_cli.operator.provider_check import provider_findings
from backburner_cli.operator.queue_check import FUNCTION_LIMIT_S, queue_findings
from backburner_cli.operator.quota_check import limit_findings, quota_findings, version_findings
from backburner_cli.terminal import err, out, print_json, reach_remedy

if TYPE_CHECKING:
    from backburner.adapters.queues import SqsQueue

_SKEW_WARNING_S, _SKEW_PROBLEM_S = 30, 300


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
        out.print(f"{problems} problems, {warnings} warnings" if problems or warnings else "No problems found.")
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
    for name, level, message, remedy in await provider_findings(settings, generates=generates):
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
    """Make a check; if it fails, that is a finding, and the other checks go on."""
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
        """Whether conditional writes are honoured, tested with one small object; and whether the clocks agree."""
        bucket, key = self.cloud.bucket, f"{WORK}doctor-{secrets.token_hex(8)}"
        broken = []
        try:
            etag = await bucket.put(key, b"doctor", match=ABSENT, content_type="text/plain")
            stored = await bucket.head(key)
            for match, what in ((ABSENT, "If-None-Match: *"), ("0" * 32, "If-Match")):
                try:
                    await bucket.put(key, b"again", match=match, content_type="text/plain")
                    broken.append(what)
                except ConflictError:
                    continue
            if not broken:
                await bucket.put(key, b"once more", match=etag, content_type="text/plain")
        except ConflictError:
            broken.append("a put on the right ETag")
        finally:
            await bucket.delete(key)
        if broken:
            remedy = "this store cannot be used, as jobs would be paid twice: use one with conditional writes"
            message = f"not honoured: {', '.join(broken)}"
            return [Finding(check="conditional writes", level=Level.PROBLEM, message=message, remedy=remedy)]
        honoured = Finding(check="conditional writes", level=Level.OK, message="honoured")
        return [honoured, *([] if stored is None else [_skew(stored.read_at)])]

    async def trigger(self) -> list[Finding]:
        """Whether uploads below inbox/ reach the submit function."""
        region = self.cloud.bucket.calls.account.region
        try:
            client = boto3.session.Session(region_name=region).client("s3")
            configured: Any = await asyncio.to_thread(
                client.get_bucket_notification_configuration, Bucket=self.settings.bucket
            )
        except ClientError as error:
            code = error.response["Error"].get("Code")
            remedy = "check in the cloud's console that a trigger on new objects below inbox/ calls submit"
            return [Finding(check="trigger", level=Level.SKIPPED, message=f"cannot be read ({code})", remedy=remedy)]
        wired = [one for one in configured.get("LambdaFunctionConfigurations", ()) if _is_for_inbox(one)]
        if wired or "EventBridgeConfiguration" in configured:
            return [Finding(check="trigger", level=Level.OK, message="uploads below inbox/ send events")]
        if self.is_yandex:
            remedy = "triggers of Yandex Cloud cannot be read through S3: yc serverless trigger list shows them"
            return [Finding(check="trigger", level=Level.SKIPPED, message="cannot be read from here", remedy=remedy)]
        message = f"uploads below {INBOX} send no events: documents start only when the sweep finds them"
        remedy = "deploy the template again, and let nothing else write the bucket's notifications"
        return [Finding(check="trigger", level=Level.WARNING, message=message, remedy=remedy)]

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
        stored = await self.cloud.bucket.get(GOVERNOR)
        if stored is None:
            remedy = "wait a minute after deploying; then check whether the checker's schedule is enabled"
            message = "the checker has never run here"
            return [Finding(check="checker", level=Level.WARNING, message=message, remedy=remedy)]
        try:
            counters = msgspec.json.decode(stored.body, type=Counters)
        except msgspec.DecodeError as error:
            remedy = "nothing: the next tick rebuilds it from the open records"
            return [Finding(check="checker", level=Level.WARNING, message=f"{GOVERNOR}: {error}", remedy=remedy)]
        found = [
            Finding(
                check="pause",
                level=Level.WARNING,
                message=f"{'the provider' if name == ALL_MODELS else name}: {pause.why}",
                remedy="fix what it says; the next probe then lifts the pause",
            )
            for name, pause in counters.pauses.items()
        ]
        swept = counters.last_sweep
        age_s = (stored.read_at - swept).total_seconds() if swept else 0
        if swept and age_s > 3 * self.settings.sweep_every_s:
            message = f"the last sweep was {age_s / 3600:.1f} h ago: the checker does not run"
            remedy = "check whether its schedule is enabled, and read its log"
            found.append(Finding(check="checker", level=Level.PROBLEM, message=message, remedy=remedy))
        return found or [Finding(check="checker", level=Level.OK, message="nothing is paused")]

    async def queues(self) -> list[Finding]:
        """Whether the queues can be reached, and whether their limits fit the functions'."""
        found = []
        for name in ("pending", "backlog", "dead"):
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


def _skew(store_time: datetime) -> Finding:
    off_s = abs((datetime.now(UTC) - store_time).total_seconds())
    if off_s < _SKEW_WARNING_S:
        return Finding(check="clock", level=Level.OK, message="agrees with the store's")
    level = Level.PROBLEM if off_s > _SKEW_PROBLEM_S else Level.WARNING
    message = f"this machine's clock is {off_s:.0f} s off the store's"
    remedy = "set this machine's clock (NTP): signed requests are refused at 15 minutes; the functions use the store's"
    return Finding(check="clock", level=level, message=message, remedy=remedy)


def _is_for_inbox(configuration: Mapping[str, Any]) -> bool:
    rules = configuration.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    prefixes = [rule["Value"] for rule in rules if rule["Name"].lower() == "prefix"]
    creates = any("ObjectCreated" in event for event in configuration.get("Events", ()))
    return creates and all(INBOX.startswith(prefix) for prefix in prefixes)
