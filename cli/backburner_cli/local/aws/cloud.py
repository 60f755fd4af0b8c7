"""Runs Backburner on this machine, on a local AWS, and removes it again."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backburner_cli.local.aws.bundle import function_archive, installed_dependencies, layer_archive
from backburner_cli.local.aws.clients import Clients, clients_of
from backburner_cli.local.aws.errors import LocalCloudError
from backburner_cli.local.aws.server import REGION, running_server
from backburner_cli.local.aws.stack import deploy, locate_code, upload_code
from backburner_cli.local.aws.template import load_template, place_settings

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

CHECKOUT = Path(__file__).resolve().parents[4]
_PROVIDER = (
    ("BACKBURNER_MODEL", "Model"),
    ("BACKBURNER_PROVIDER", "Provider"),
    ("OPENAI_BASE_URL", "BaseUrl"),
    ("OPENAI_ORG_ID", "OrgId"),
    ("OPENAI_PROJECT_ID", "ProjectId"),
)
_KEY_SECRET = "backburner-provider-key"  # noqa: S105 - its name


def _silent(_message: str) -> None:
    """Report no progress."""


@dataclass(frozen=True, kw_only=True)
class LocalCloud:
    """A deployed stack: its outputs, its provider's settings, and clients that reach it as the account's root."""

    clients: Clients
    outputs: Mapping[str, str]
    provider: Mapping[str, str]
    """The functions' settings of the provider, without the key, and their further variables."""

    @property
    def endpoint(self) -> str:
        """The address of every service."""
        return self.clients.server.endpoint

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.outputs["BucketName"]

    @property
    def pending_queue_url(self) -> str:
        """The queue of generations under way."""
        return self.outputs["PendingQueueUrl"]

    @property
    def backlog_queue_url(self) -> str:
        """The queue of jobs that wait."""
        return self.outputs["BacklogQueueUrl"]

    @property
    def dead_queue_url(self) -> str:
        """The queue of dead letters."""
        return self.outputs["DeadQueueUrl"]

    @property
    def ticks_queue_url(self) -> str | None:
        """The queue whose messages start ticks, if there is more than one a minute."""
        return self.outputs.get("TicksQueueUrl")

    @property
    def submit_function(self) -> str:
        """The name of the function that uploads trigger."""
        return self.outputs["SubmitFunctionName"]

    @property
    def checker_function(self) -> str:
        """The name of the function that the timer triggers."""
        return self.outputs["CheckerFunctionName"]

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which boto3, the AWS CLI and Backburner itself reach this cloud."""
        server = self.clients.server
        return {
            "AWS_ACCESS_KEY_ID": server.access_key_id,
            "AWS_CA_BUNDLE": str(server.ca_bundle),
            "AWS_ENDPOINT_URL": server.endpoint,
            "AWS_REGION": REGION,
            "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
            "BACKBURNER_BACKLOG_QUEUE_URL": self.backlog_queue_url,
            "BACKBURNER_BUCKET": self.bucket,
            "BACKBURNER_DEAD_QUEUE_URL": self.dead_queue_url,
            "BACKBURNER_PENDING_QUEUE_URL": self.pending_queue_url,
            **({"BACKBURNER_TICKS_QUEUE_URL": self.ticks_queue_url} if self.ticks_queue_url else {}),
            **self.provider,
        }

    def s3(self) -> "S3Client":
        """A client for the bucket."""
        return self.clients.get("s3")  # type: ignore[no-any-return]

    def sqs(self) -> "SQSClient":
        """A client for the queues."""
        return self.clients.get("sqs")  # type: ignore[no-any-return]

    def client(self, service: str) -> Any:
        """A boto3 client of any other service."""
        return self.clients.get(service)

    def invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        """Run a function, wait for it, and return its result. Raises `LocalCloudError` if it raised."""
        client: LambdaClient = self.client("lambda")
        answer = client.invoke(FunctionName=function, Payload=json.dumps(event).encode())
        result = json.loads(answer["Payload"].read() or b"null")
        if answer.get("FunctionError"):
            raise LocalCloudError(f"{function} raised: {json.dumps(result)}")
        return result

    def logs(self, function: str) -> list[str]:
        """Every line that a function has logged so far, oldest first."""
        pages = self.client("logs").get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function}")
        return [event["message"] for page in pages for event in page["events"]]


@contextlib.contextmanager
def local_cloud(
    *,
    provider_base_url: str,
    api_key: str,
    model: str,
    provider_profile: str = "generic",
    parameters: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
    stack_name: str = "backburner",
    state: Path | None = None,
    port: int = 0,
    workers: int | None = None,
    checkout: Path = CHECKOUT,
    progress: Callable[[str], None] = _silent,
) -> Iterator[LocalCloud]:
    """Deploy this checkout's template to a MiniStack of its own, which runs until the block ends.

    `parameters` are further parameters of the template, `settings` further variables of its functions. `state` is a
    folder that keeps everything between runs (then name a `port` too, as the queues' addresses contain it); without it
    nothing is kept. `workers` limits the processes per function.
    """
    python = ministack_python(checkout)
    dependencies = installed_dependencies(
        checkout / "layers/backburner/requirements.txt", python, checkout / ".build", progress
    )
    progress("Starting the local cloud …")
    workers = workers or max(2, os.cpu_count() or 1)
    with running_server(python, port=port, state=state, workers=workers) as server, clients_of(server) as clients:
        progress("Deploying template.yaml …")
        _keep_secret(clients, api_key)
        given = {
            "ApiKeySecret": _KEY_SECRET,
            "BaseUrl": provider_base_url,
            "Model": model,
            "Provider": provider_profile,
            **(parameters or {}),
        }
        template = load_template(checkout / "template.yaml")
        given |= place_settings(template, settings or {})
        outputs = _deploy(clients, checkout, dependencies, template, stack_name=stack_name, parameters=given)
        progress(f"The local cloud runs at {server.endpoint}.")
        provider = _provider_environment(given) | dict(settings or {})
        yield LocalCloud(clients=clients, outputs=outputs, provider=provider)


def _provider_environment(parameters: Mapping[str, str]) -> dict[str, str]:
    """The template's parameters for the provider, by the variables that the functions read."""
    return {name: parameters[parameter] for name, parameter in _PROVIDER if parameters.get(parameter)}


def ministack_python(checkout: Path) -> Path:
    """MiniStack's interpreter. Raises `LocalCloudError` if it is missing, or this is not a checkout."""
    python = checkout / ".tools/ministack/bin/python"
    if not (checkout / "template.yaml").is_file():
        raise LocalCloudError(f"{checkout} has no template.yaml: the local cloud runs from a checkout of the project")
    if not python.exists():
        raise LocalCloudError(f"MiniStack is not installed ({python} is missing): run `make setup`")
    return python


def _deploy(
    clients: Clients,
    checkout: Path,
    dependencies: Path,
    template: Mapping[str, Any],
    *,
    stack_name: str,
    parameters: Mapping[str, str],
) -> dict[str, str]:
    archives = {
        "functions/submit/": function_archive(checkout / "functions/submit"),
        "functions/checker/": function_archive(checkout / "functions/checker"),
        "layers/backburner/": layer_archive(checkout / "layers/backburner/backburner", dependencies),
    }
    addresses = upload_code(clients.get("s3"), archives)
    cloudformation: CloudFormationClient = clients.get("cloudformation")
    return deploy(cloudformation, stack_name, locate_code(template, addresses.__getitem__), parameters)


def _keep_secret(clients: Clients, api_key: str) -> None:
    """Put the key into the secret store, as the template expects; functions never have it in their environment."""
    secrets = clients.get("secretsmanager")
    try:
        secrets.create_secret(Name=_KEY_SECRET, SecretString=api_key)
    except secrets.exceptions.ResourceExistsException:
        secrets.put_secret_value(SecretId=_KEY_SECRET, SecretString=api_key)
