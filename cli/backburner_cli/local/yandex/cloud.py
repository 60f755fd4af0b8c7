"""Runs Backburner on this machine, on a local Yandex Cloud, and removes it again."""

import contextlib
import io
import json
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from backburner.ledger.keys import INBOX
from backburner_cli.local.aws.bundle import installed_dependencies
from backburner_cli.local.aws.clients import clients_of
from backburner_cli.local.aws.cloud import CHECKOUT, ministack_python
from backburner_cli.local.aws.server import Server, running_server
from backburner_cli.local.provider import ChosenProvider
from backburner_cli.local.yandex.bundle import FUNCTIONS, package
from backburner_cli.local.yandex.functions import Function
from backburner_cli.local.yandex.instance import Runtime
from backburner_cli.local.yandex.storage import object_storage
from backburner_cli.local.yandex.triggers import Delivery, ObjectTrigger, QueueTrigger, Timer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REGION = "ru-central1"
BUCKET = "backburner-local"
_QUEUES = ("pending", "backlog", "dead")
_LIFE = {"MessageRetentionPeriod": "1209600", "VisibilityTimeout": "120"}
_TICKS_LIFE = {"MessageRetentionPeriod": "60", "VisibilityTimeout": "120"}
_MAX_RECEIVES = 1000


@dataclass(frozen=True, kw_only=True)
class YandexCloud:
    """A deployment: both functions with their triggers, a bucket and queues."""

    environment: Mapping[str, str]
    """The environment in which boto3 and Backburner reach bucket and queues."""
    bucket: str
    s3: "S3Client"
    functions: Mapping[str, Function]


@contextlib.contextmanager
def yandex_cloud(
    provider: ChosenProvider,
    *,
    progress: Callable[[str], None],
    settings: Mapping[str, str] | None = None,
    checkout: Path = CHECKOUT,
    timer_s: float = 60.0,
    retry_s: float = 30.0,
) -> Iterator[YandexCloud]:
    """Run the zip of this checkout over a local S3 and SQS, until the block ends.

    `settings` are further variables of the functions' environment.
    """
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(_running(checkout, progress))
        clients = stack.enter_context(clients_of(server, REGION))
        ticks_more = int((settings or {}).get("BACKBURNER_TICKS_PER_MINUTE", "1")) > 1
        urls = _queues(clients.get("sqs"), ticks_more=ticks_more)
        clients.get("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        uploads, timer = ObjectTrigger(prefix=INBOX), Timer(every_s=timer_s)
        bundle = str(server.ca_bundle)
        storage = stack.enter_context(object_storage(server.endpoint, uploads.tell, ca_bundle=bundle))
        environment = _environment(server, storage, urls, provider) | dict(settings or {})
        with_key = {
            **environment,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(Function.memory_mb),
            "OPENAI_API_KEY": provider.api_key,
        }
        code = server.folder / "code"  # gone with the server, also if this program is killed
        functions = stack.enter_context(_functions(checkout, code, with_key, progress))

        def give_up(event: dict[str, Any]) -> None:
            clients.get("sqs").send_message(QueueUrl=urls["dead"], MessageBody=json.dumps(event))

        # The tries are those of deploy/yandex/triggers.tf.
        submits = Delivery(function=functions["submit"], give_up=give_up, retries=5, interval_s=retry_s)
        ticks = Delivery(function=functions["checker"], give_up=give_up, retries=1, interval_s=retry_s)
        uploads.start(submits)
        timer.start(ticks)
        for ended in (uploads.stop, submits.ended.set, ticks.ended.set):
            stack.callback(ended)
        if ticks_more:
            sqs = clients.get("sqs")
            QueueTrigger(function=functions["checker"], sqs=sqs, url=urls["ticks"], ended=ticks.ended).start()
        progress(f"Object Storage is at {storage}, Message Queue at {server.endpoint}; both functions are ready.")
        s3 = _client(environment)
        stack.callback(s3.close)
        yield YandexCloud(environment=environment, bucket=BUCKET, s3=s3, functions=functions)


@contextlib.contextmanager
def _running(checkout: Path, progress: Callable[[str], None]) -> Iterator[Server]:
    python = ministack_python(checkout)
    progress("Starting bucket and queues …")
    with running_server(python, workers=1) as server:
        yield server


def _queues(sqs: Any, *, ticks_more: bool) -> dict[str, str]:
    """Make the queues as Terraform does, and return their addresses; one for ticks only if there are further ones."""
    dead = sqs.create_queue(QueueName="backburner-dead", Attributes=_LIFE)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": _MAX_RECEIVES})}
    urls = {
        name: sqs.create_queue(QueueName=f"backburner-{name}", Attributes={**_LIFE, **redrive})["QueueUrl"]
        for name in _QUEUES[:2]
    }
    if ticks_more:
        urls["ticks"] = sqs.create_queue(QueueName="backburner-ticks", Attributes=_TICKS_LIFE)["QueueUrl"]
    return urls | {"dead": dead}


def _environment(server: Server, storage: str, urls: Mapping[str, str], provider: ChosenProvider) -> dict[str, str]:
    own = (("OPENAI_PROJECT_ID", "ProjectId"), ("OPENAI_ORG_ID", "OrgId"))
    return {
        "AWS_ACCESS_KEY_ID": server.access_key_id,
        "AWS_CA_BUNDLE": str(server.ca_bundle),
        "AWS_ENDPOINT_URL_S3": storage,
        "AWS_ENDPOINT_URL_SQS": server.endpoint,
        "AWS_REGION": REGION,
        "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
        "BACKBURNER_BUCKET": BUCKET,
        "BACKBURNER_MODEL": provider.model,
        "BACKBURNER_PROVIDER": provider.profile,
        "OPENAI_BASE_URL": provider.base_url,
        **{f"BACKBURNER_{name.upper()}_QUEUE_URL": url for name, url in urls.items()},
        **{name: provider.parameters[parameter] for name, parameter in own if parameter in provider.parameters},
    }


@contextlib.contextmanager
def _functions(
    checkout: Path, code: Path, environment: Mapping[str, str], progress: Callable[[str], None]
) -> Iterator[dict[str, Function]]:
    """Both functions, from the zip that would be deployed, with its requirements installed."""
    with zipfile.ZipFile(io.BytesIO(package(checkout))) as archive:
        archive.extractall(code)
    interpreter = Path(sys.executable)
    dependencies = installed_dependencies(code / "requirements.txt", interpreter, checkout / ".build", progress)
    functions = {
        name: Function(
            name=name,
            runtime=Runtime(
                interpreter=interpreter,
                code=code,
                dependencies=dependencies,
                entrypoint=f"{name}.handler",
                environment=environment,
            ),
        )
        for name in FUNCTIONS
    }
    try:
        yield functions
    finally:
        for function in functions.values():
            function.close()


def _client(environment: Mapping[str, str]) -> "S3Client":
    return boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL_S3"],
        region_name=REGION,
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(proxies={}),
    )
