"""The doctor's checks of what calls the functions: uploads must call submit, and a timer the checker.

Which functions are a deployment's own is known if it was named (a stack's outputs, Terraform's outputs); the cloud says
what really calls them.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final

import boto3.session
from botocore.exceptions import BotoCoreError, ClientError

from backburner.ledger.keys import INBOX
from backburner_cli.operator.deployment import CHECKER_FUNCTION, SUBMIT_FUNCTION
from backburner_cli.operator.findings import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HOW_OFTEN: Final = "once a minute", "twice a minute", "three times a minute", "four times a minute"
"""How often the checker starts, by the number of ticks a minute."""
_LIMIT_S: Final = 30
_DEPLOY_AGAIN: Final = "deploy the template again, and let nothing else write the bucket's notifications"
_APPLY: Final = "run terraform apply again; yc serverless trigger list shows the triggers"
_SWEEP: Final = "documents start only when the sweep finds them"
_ARN_NAME: Final = 6
_CREATED: Final = "OBJECT_STORAGE_EVENT_TYPE_CREATE_OBJECT"


async def aws_findings(bucket: str, region: str | None, environment: Mapping[str, str]) -> list[Finding]:
    """Ask S3 whom uploads call, and the scheduler who calls the checker."""
    session = boto3.session.Session(region_name=region)
    try:
        configured: Any = await asyncio.to_thread(
            session.client("s3").get_bucket_notification_configuration, Bucket=bucket
        )
        found = [notification_finding(configured, environment.get(SUBMIT_FUNCTION))]
    except ClientError as error:
        remedy = "check in the cloud's console that a trigger on new objects below inbox/ calls submit"
        found = [_finding("trigger", Level.SKIPPED, f"cannot be read ({_code(error)})", remedy)]
    checker = environment.get(CHECKER_FUNCTION)
    if checker is None:
        return found
    name = f"{checker.removesuffix('-checker')}-tick"
    try:
        told: Any = await asyncio.to_thread(session.client("scheduler").get_schedule, Name=name)
        return [*found, schedule_finding(told, checker)]
    except (ClientError, BotoCoreError) as error:
        if _code(error) == "ResourceNotFoundException":
            message = f"there is no schedule {name}: nothing calls the checker, and no result is collected"
            return [*found, _finding("schedule", Level.PROBLEM, message, "deploy the template again")]
        remedy = f"allow scheduler:GetSchedule to your credentials, or see in the console whether {name} is enabled"
        return [*found, _finding("schedule", Level.SKIPPED, f"cannot be read ({_code(error)})", remedy)]


def notification_finding(configured: Mapping[str, Any], submit: str | None) -> Finding:
    """Whether the bucket's notifications call `submit`, which is None if its name is not known."""
    wired = [one for one in configured.get("LambdaFunctionConfigurations", ()) if _is_for_inbox(one)]
    called = {_function_of(one["LambdaFunctionArn"]): _rule(one, "suffix") for one in wired}
    if not called and "EventBridgeConfiguration" in configured:
        remedy = "aws events list-rule-names-by-target --target-arn ARN-OF-SUBMIT must list a rule that is enabled"
        message = "events go to EventBridge, and whether a rule calls submit cannot be seen from here"
        return _finding("trigger", Level.SKIPPED, message, remedy)
    if not called:
        message = f"uploads below {INBOX} send no events: {_SWEEP}"
        return _finding("trigger", Level.WARNING, message, _DEPLOY_AGAIN)
    names = ", ".join(sorted(called))
    if submit is None:
        remedy = "is that this deployment's submit? named by --stack, it is compared"
        return _finding("trigger", Level.OK, f"uploads below {INBOX} call {names}", remedy)
    if submit not in called:
        message = f"uploads below {INBOX} call {names}, not {submit}: {_SWEEP}"
        return _finding("trigger", Level.PROBLEM, message, _DEPLOY_AGAIN)
    if suffix := called[submit]:
        message = f"only uploads whose names end in {suffix} call {submit}: of the others, {_SWEEP}"
        return _finding("trigger", Level.WARNING, message, _DEPLOY_AGAIN)
    return _finding("trigger", Level.OK, f"uploads below {INBOX} call {submit}")


def schedule_finding(told: Mapping[str, Any], checker: str) -> Finding:
    """Whether a schedule is enabled and calls `checker`."""
    name, called = told["Name"], _function_of(told["Target"]["Arn"])
    if told["State"] != "ENABLED":
        remedy = "enable it in the console under EventBridge Scheduler, or deploy the template again"
        message = f"the schedule {name} is disabled: no result is collected, and nothing that waits is started"
        return _finding("schedule", Level.PROBLEM, message, remedy)
    if called != checker:
        message = f"the schedule {name} calls {called}, not {checker}: no result is collected"
        return _finding("schedule", Level.PROBLEM, message, "deploy the template again")
    return _finding("schedule", Level.OK, f"{name} calls {checker}: {told['ScheduleExpression']}")


async def yandex_findings(bucket: str, environment: Mapping[str, str]) -> list[Finding]:
    """Ask `yc`, if it is installed and Terraform names the functions: S3 does not know the triggers."""
    submit, checker = environment.get(SUBMIT_FUNCTION), environment.get(CHECKER_FUNCTION)
    program = shutil.which("yc")
    if submit is None or checker is None or program is None:
        named = submit is not None and checker is not None
        remedy = (
            "install yc, and they are checked" if named else "with --terraform DIR, and yc installed, they are checked"
        )
        message = "triggers of Yandex Cloud cannot be read through S3"
        return [_finding("trigger", Level.SKIPPED, message, f"{remedy}; yc serverless trigger list shows them")]
    try:
        triggers = await asyncio.to_thread(_listed, program)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        said = str(getattr(error, "stderr", "") or error).strip().splitlines() or ["it does not say why"]
        remedy = "yc init logs in and sets the folder; then run doctor again"
        return [_finding("trigger", Level.SKIPPED, f"yc cannot list the triggers: {said[-1]}", remedy)]
    return [_upload_finding(triggers, bucket, submit), _timer_finding(triggers, checker)]


def local_yandex_findings(ticks_per_minute: int) -> list[Finding]:
    """The `backburner up` that was found calls the functions itself, for as long as its process lives."""
    return [
        _finding("trigger", Level.OK, f"backburner up calls submit for uploads below {INBOX}"),
        _finding("schedule", Level.OK, f"backburner up calls the checker {HOW_OFTEN[ticks_per_minute - 1]}"),
    ]


def ticks_findings(ticks_per_minute: int) -> list[Finding]:
    """How often the checker starts, if the timer's own rate does not say it."""
    often = f"the timer's tick starts the others: the checker runs {HOW_OFTEN[ticks_per_minute - 1]}"
    return [_finding("ticks", Level.OK, often)] if ticks_per_minute > 1 else []


def _listed(program: str) -> list[dict[str, Any]]:
    command = [program, "serverless", "trigger", "list", "--format", "json"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_LIMIT_S, check=True, stdin=subprocess.DEVNULL
    )
    return [one for one in json.loads(done.stdout) if isinstance(one, dict)]


def _upload_finding(triggers: Iterable[Mapping[str, Any]], bucket: str, submit: str) -> Finding:
    uploads = [(one, one.get("rule", {}).get("object_storage", {})) for one in triggers]
    mine = [
        (one, rule)
        for one, rule in uploads
        if rule.get("bucket_id") == bucket
        and INBOX.startswith(rule.get("prefix", ""))
        and _CREATED in rule.get("event_type", ())
    ]
    right = [(one, rule) for one, rule in mine if rule.get("invoke_function", {}).get("function_id") == submit]
    if not mine:
        message = f"no trigger of the folder that yc lists is for new objects below {INBOX}: {_SWEEP}"
        return _finding("trigger", Level.WARNING, message, _APPLY)
    if not right:
        called = ", ".join(str(rule.get("invoke_function", {}).get("function_id")) for _, rule in mine)
        message = f"uploads below {INBOX} call {called}, not submit ({submit}): {_SWEEP}"
        return _finding("trigger", Level.PROBLEM, message, _APPLY)
    if paused := _paused(one for one, _ in right):
        return _finding("trigger", Level.PROBLEM, f"the trigger {paused} is paused: {_SWEEP}", _resume(paused))
    return _finding("trigger", Level.OK, f"uploads below {INBOX} call submit ({submit})")


def _timer_finding(triggers: Iterable[Mapping[str, Any]], checker: str) -> Finding:
    timers = [(one, one.get("rule", {}).get("timer", {})) for one in triggers]
    mine = [
        (one, rule)
        for one, rule in timers
        if checker
        in {rule.get(how, {}).get("function_id") for how in ("invoke_function", "invoke_function_with_retry")}
    ]
    if not mine:
        message = f"no timer of the folder that yc lists calls the checker ({checker}): no result is collected"
        return _finding("schedule", Level.PROBLEM, message, _APPLY)
    if paused := _paused(one for one, _ in mine):
        message = f"the timer {paused} is paused: no result is collected, and nothing that waits is started"
        return _finding("schedule", Level.PROBLEM, message, _resume(paused))
    return _finding(
        "schedule", Level.OK, f"{mine[0][0].get('name')} calls the checker: {mine[0][1].get('cron_expression')}"
    )


def _paused(triggers: Iterable[Mapping[str, Any]]) -> str | None:
    """The name of one of these triggers, if none of them is active."""
    found = list(triggers)
    is_active = any(one.get("status", "ACTIVE") == "ACTIVE" for one in found)
    return None if is_active else str(found[0].get("name"))


def _resume(name: str) -> str:
    return f"yc serverless trigger resume {name}"


def _is_for_inbox(configuration: Mapping[str, Any]) -> bool:
    creates = any("ObjectCreated" in event for event in configuration.get("Events", ()))
    return creates and INBOX.startswith(_rule(configuration, "prefix"))


def _rule(configuration: Mapping[str, Any], kind: str) -> str:
    """The prefix or suffix of a notification's filter; "" if it has none."""
    rules = configuration.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    return next((str(rule["Value"]) for rule in rules if rule["Name"].lower() == kind), "")


def _function_of(arn: str) -> str:
    parts = arn.split(":")
    return parts[_ARN_NAME] if len(parts) > _ARN_NAME else arn


def _code(error: Exception) -> str:
    return str(error.response["Error"].get("Code")) if isinstance(error, ClientError) else type(error).__name__


def _finding(check: str, level: Level, message: str, remedy: str = "") -> Finding:
    return Finding(check=check, level=level, message=message, remedy=remedy)
