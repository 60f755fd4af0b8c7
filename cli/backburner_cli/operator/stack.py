"""Reads a deployed stack's environment from its outputs and parameters, so that nobody has to copy it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from backburner_cli.errors import CommandError
from backburner_cli.operator.deployment import CHECKER_FUNCTION, DEPLOYED_VERSION, SUBMIT_FUNCTION

if TYPE_CHECKING:
    from collections.abc import Mapping

OUTPUTS = {
    "BucketName": "BACKBURNER_BUCKET",
    "PendingQueueUrl": "BACKBURNER_PENDING_QUEUE_URL",
    "BacklogQueueUrl": "BACKBURNER_BACKLOG_QUEUE_URL",
    "DeadQueueUrl": "BACKBURNER_DEAD_QUEUE_URL",
}
OPTIONAL_OUTPUTS = {"TicksQueueUrl": "BACKBURNER_TICKS_QUEUE_URL"}
FUNCTIONS = {"SubmitFunctionName": SUBMIT_FUNCTION, "CheckerFunctionName": CHECKER_FUNCTION}
PARAMETERS = {
    "Provider": "BACKBURNER_PROVIDER",
    "BaseUrl": "OPENAI_BASE_URL",
    "ProjectId": "OPENAI_PROJECT_ID",
    "OrgId": "OPENAI_ORG_ID",
    "ApiKeySecret": "BACKBURNER_API_KEY_SECRET",
    "ApiKeyStore": "BACKBURNER_API_KEY_STORE",
    "Model": "BACKBURNER_MODEL",
    "ContextTokens": "BACKBURNER_CONTEXT_TOKENS",
    "VisionModels": "BACKBURNER_VISION_MODELS",
    "LineParameters": "BACKBURNER_LINE_PARAMETERS",
    "MaxInFlight": "BACKBURNER_MAX_IN_FLIGHT",
    "SubmitsPerMinute": "BACKBURNER_SUBMITS_PER_MINUTE",
    "PollsPerSecond": "BACKBURNER_POLLS_PER_SECOND",
    "TicksPerMinute": "BACKBURNER_TICKS_PER_MINUTE",
    "DailyTokens": "BACKBURNER_DAILY_TOKENS",
    "DailyCost": "BACKBURNER_DAILY_COST",
    "DeadlineSeconds": "BACKBURNER_DEADLINE_S",
    "LeaseSeconds": "BACKBURNER_LEASE_S",
    "SweepEverySeconds": "BACKBURNER_SWEEP_EVERY_S",
    "MaxAttempts": "BACKBURNER_MAX_ATTEMPTS",
    "Notify": "BACKBURNER_NOTIFY",
    "NotifyTopicArn": "BACKBURNER_NOTIFY_TOPIC_ARN",
    "NotifyEventBusArn": "BACKBURNER_NOTIFY_EVENT_BUS",
    "NotifyWebhookUrl": "BACKBURNER_NOTIFY_WEBHOOK_URL",
    "NotifyWebhookSecret": "BACKBURNER_NOTIFY_WEBHOOK_SECRET_NAME",
}
"""The template's parameters, and the variables that its functions get from them."""
CHANNELS = {"BACKBURNER_NOTIFY_TOPIC_ARN", "BACKBURNER_NOTIFY_EVENT_BUS", "BACKBURNER_NOTIFY_WEBHOOK_URL"}


def session_in(region: str | None) -> boto3.session.Session:
    """A boto3 session in a region, or in that of the environment; boto3 itself does not read `AWS_REGION`."""
    return boto3.session.Session(region_name=region or os.environ.get("AWS_REGION"))


def environment_of_stack(name: str, region: str | None) -> dict[str, str]:
    """The environment of a stack's functions. Raises `CommandError` with the remedy."""
    try:
        client = session_in(region).client("cloudformation")
        stack: Any = client.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        answer = error.response["Error"]
        if answer["Code"] == "ValidationError":
            where = region or "the region of your AWS settings"
            raise CommandError(f"there is no stack {name!r} in {where}: check the name, or give --region") from error
        raise CommandError(
            f"the stack {name!r} cannot be read ({answer['Code']}): this needs credentials with the permission "
            "cloudformation:DescribeStacks; check AWS_PROFILE, or log in again"
        ) from error
    except BotoCoreError as error:
        raise CommandError(f"the stack {name!r} cannot be read: {error} Set AWS credentials, and --region.") from error
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
    if missing := sorted(OUTPUTS.keys() - outputs.keys()):
        raise CommandError(
            f"the stack {name!r} ({stack['StackStatus']}) has no outputs {', '.join(missing)}: is it one of "
            "Backburner's, and has it been deployed to the end?"
        )
    parameters = {each["ParameterKey"]: each.get("ParameterValue", "") for each in stack.get("Parameters", ())}
    found = _renamed(OUTPUTS | OPTIONAL_OUTPUTS | FUNCTIONS, outputs) | _renamed(PARAMETERS, parameters)
    if not CHANNELS & found.keys():
        found.pop("BACKBURNER_NOTIFY", None)  # as in the template: without a channel there are no notifications
    found[DEPLOYED_VERSION] = outputs.get("Version", "")
    return found | ({"AWS_REGION": region} if region else {})


def _renamed(names: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    return {variable: values[name] for name, variable in names.items() if values.get(name)}
