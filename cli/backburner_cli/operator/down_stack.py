"""Deletes an AWS stack, through CloudFormation."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import yaml
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from backburner_cli.errors import CommandError
from backburner_cli.operator.down import Counts, Removal, of_jobs
from backburner_cli.operator.stack import session_in
from backburner_cli.terminal import count_of, err

if TYPE_CHECKING:
    from collections.abc import Iterator

    from boto3.session import Session
    from mypy_boto3_cloudformation import CloudFormationClient

_BUCKET = "AWS::S3::Bucket"
_RETAINING = ("Retain", "RetainExceptOnCreate")


@dataclass(frozen=True)
class StackTaker:
    """A stack. What its template retains stays; a bucket that it does not retain must be empty."""

    name: str
    region: str | None

    @cached_property
    def _session(self) -> Session:
        return session_in(self.region)

    @cached_property
    def _client(self) -> CloudFormationClient:
        return self._session.client("cloudformation")

    def removal(self, counts: Counts | None) -> Removal:
        """The number of resources of each kind; buckets by name."""
        with _plain_errors(self.name):
            listed = self._client.describe_stack_resources(StackName=self.name)["StackResources"]
            kept = self._retained()
        stays = [each for each in listed if each["LogicalResourceId"] in kept]
        goes = [each for each in listed if each["LogicalResourceId"] not in kept]
        kinds = Counter(each["ResourceType"] for each in goes)
        full = [
            bucket
            for each in goes
            if each["ResourceType"] == _BUCKET and self._has_objects(bucket := each.get("PhysicalResourceId", ""))
        ]
        return Removal(
            goes=[f"{count} {kind}" for kind, count in sorted(kinds.items())],
            stays=[_kept(each, counts) for each in stays],
            warnings=of_jobs(counts),
            command=f"aws cloudformation delete-stack --stack-name {self.name}",
            refused=_refusal(full),
        )

    def carry_out(self) -> None:
        """Delete the stack, and wait until it is gone."""
        with _plain_errors(self.name):
            stack = self._client.describe_stacks(StackName=self.name)["Stacks"][0]["StackId"]
            self._client.delete_stack(StackName=self.name)
            try:
                with err.status("CloudFormation deletes the stack; Ctrl-C stops only the waiting"):
                    self._client.get_waiter("stack_delete_complete").wait(StackName=stack)
            except WaiterError as error:
                raise CommandError(
                    f"CloudFormation could not delete everything: {self._why(stack)}; fix that, and run this again"
                ) from error

    def _retained(self) -> set[str]:
        body: Any = self._client.get_template(StackName=self.name, TemplateStage="Processed")["TemplateBody"]
        template = body if isinstance(body, dict) else _parsed(str(body))
        resources: dict[str, Any] = template.get("Resources", {})
        return {name for name, each in resources.items() if each.get("DeletionPolicy") in _RETAINING}

    def _has_objects(self, bucket: str) -> bool:
        try:
            found = self._session.client("s3").list_object_versions(Bucket=bucket, MaxKeys=1)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchBucket", "404"):
                return False
            raise
        return bool(found.get("Versions") or found.get("DeleteMarkers"))

    def _why(self, stack: str) -> str:
        events = self._client.describe_stack_events(StackName=stack)["StackEvents"]
        failed = [each for each in events if each.get("ResourceStatus") == "DELETE_FAILED"]
        reasons = [
            f"{each['LogicalResourceId']}: {each.get('ResourceStatusReason', 'no reason given')}" for each in failed
        ]
        return "; ".join(dict.fromkeys(reasons)) or "it gives no reason"


class _Loader(yaml.SafeLoader):
    """Reads YAML and ignores CloudFormation's tags."""


_Loader.add_multi_constructor("!", lambda _loader, _tag, _node: None)


def _parsed(body: str) -> dict[str, Any]:
    try:
        return dict(json.loads(body))
    except ValueError:
        return dict(yaml.load(body, _Loader))  # noqa: S506 - a SafeLoader


def _kept(each: Any, counts: Counts | None) -> str:
    name = each.get("PhysicalResourceId", each["LogicalResourceId"])
    if each["ResourceType"] != _BUCKET:
        return f"{each['ResourceType']} {name}"
    holds = ""
    if counts and counts.bucket == name:
        holds = f", with {count_of(counts.documents, 'document')} and all results"
    return (
        f"the bucket {name}{holds}; aws s3 rb --force s3://{name} removes it. While it exists, no stack of this name "
        "can be created"
    )


def _refusal(full: list[str]) -> str:
    if not full:
        return ""
    named = ", ".join(full)
    return (
        f"the template does not retain the bucket {named}, which is not empty, and CloudFormation deletes only empty "
        f"ones: fetch what you need (backburner results --to DIR), empty it (aws s3 rm --recursive s3://{full[0]}), "
        "and run this again"
    )


@contextmanager
def _plain_errors(name: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        answer = error.response["Error"]
        raise CommandError(
            f"the stack {name!r} was left alone: {answer.get('Message', answer['Code'])}; check its name, --region, "
            "your permissions (cloudformation:DeleteStack), and whether termination protection is on"
        ) from error
    except BotoCoreError as error:
        raise CommandError(f"the stack {name!r} was left alone: {error} Set AWS credentials, and --region.") from error
