"""Deployments for the operator's commands. Jobs run over the fakes; what they leave is put into real services."""

import itertools

import pytest

from support.command_deployment import DONE, FAILED, OPEN, Cloud
from support.fakes import Plan
from support.system import BUCKET, System

_NAMES = itertools.count()


@pytest.fixture
def empty(endpoint, cloud_clients):
    """An empty bucket, and three queues."""
    access = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "eu-central-1"}
    s3, sqs = cloud_clients
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    number = next(_NAMES)
    urls = {name: sqs.create_queue(QueueName=f"{name}-{number}")["QueueUrl"] for name in ("pending", "backlog", "dead")}
    environment = {f"BACKBURNER_{name.upper()}_QUEUE_URL": url for name, url in urls.items()} | {
        "AWS_ENDPOINT_URL": endpoint,
        "BACKBURNER_BUCKET": BUCKET,
        "BACKBURNER_PROVIDER": "openai",
        "BACKBURNER_MODEL": "model-1",
    }
    yield Cloud(s3, sqs, urls, environment | access)
    if left := [{"Key": item["Key"]} for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]:
        s3.delete_objects(Bucket=BUCKET, Delete={"Objects": left})
    s3.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def cloud(empty):
    """A bucket with one document that is done, one that failed, and one whose generation is running."""
    system = System()
    system.process(DONE, "done")
    system.process(FAILED, "failed")
    system.generator.default = Plan(runs_s=1e6)
    system.upload(OPEN, "open")
    system.run(system.submit(OPEN))
    empty.settle_in(system, old=("inbox/", "results/", "failed/"))
    return empty
