"""Deploys the template: uploads the code, creates or updates the stack, and says why if that fails."""

import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, WaiterError

from backburner_cli.local.aws.errors import LocalCloudError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client

_CODE_PROPERTY = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}
_CODE_BUCKET = "backburner-code"
_WAIT = {"Delay": 1, "MaxAttempts": 120}


def locate_code(template: Mapping[str, Any], address: Callable[[str], str]) -> dict[str, Any]:
    """The template with each code folder replaced by the `s3://` address of its archive."""
    located = copy.deepcopy(dict(template))
    for resource in located["Resources"].values():
        if name := _CODE_PROPERTY.get(resource["Type"]):
            resource["Properties"][name] = address(resource["Properties"][name])
    return located


def upload_code(s3: "S3Client", archives: Mapping[str, bytes]) -> dict[str, str]:
    """Put the archives where CloudFormation finds them. Returns their addresses, by the folders they were made from."""
    s3.create_bucket(Bucket=_CODE_BUCKET)
    addresses = {}
    for folder, archive in archives.items():
        key = f"{hashlib.sha256(archive).hexdigest()}.zip"
        s3.put_object(Bucket=_CODE_BUCKET, Key=key, Body=archive)
        addresses[folder] = f"s3://{_CODE_BUCKET}/{key}"
    return addresses


def deploy(
    cloudformation: "CloudFormationClient", name: str, template: Mapping[str, Any], parameters: Mapping[str, str]
) -> dict[str, str]:
    """Create or update the stack, and return its outputs. Raises `LocalCloudError` with the failed resource."""
    exists = _exists(cloudformation, name)
    put = cloudformation.update_stack if exists else cloudformation.create_stack
    try:
        put(
            StackName=name,
            TemplateBody=json.dumps(template, separators=(",", ":")),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        if exists:
            cloudformation.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig=_WAIT)  # type: ignore[arg-type]
        else:
            cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=_WAIT)  # type: ignore[arg-type]
    except WaiterError as error:
        raise LocalCloudError(f"the stack {name} failed: {_reason(cloudformation, name)}") from error
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise LocalCloudError(f"the stack {name} was refused: {error}") from error
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _exists(cloudformation: "CloudFormationClient", name: str) -> bool:
    stacks = cloudformation.get_paginator("list_stacks").paginate()
    alive = (stack for page in stacks for stack in page["StackSummaries"] if stack["StackStatus"] != "DELETE_COMPLETE")
    return any(stack["StackName"] == name for stack in alive)


def _reason(cloudformation: "CloudFormationClient", name: str) -> str:
    """Why the deployment failed: the first failure, as later ones only come from the rollback."""
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    for event in reversed(events):
        if event.get("ResourceStatus", "").endswith("_FAILED"):
            return f"{event.get('LogicalResourceId')}: {event.get('ResourceStatusReason', 'no reason given')}"
    return "no event says why"
