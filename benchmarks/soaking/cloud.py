"""What the soak runs on: MiniStack's S3 and SQS in memory, over plain HTTP, and a client for each."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

REGION = "us-east-1"
BUCKET = "soak"
VISIBILITY_S = 30
"""For a soak: what a killed process held comes back soon."""
_START_LIMIT_S = 60
_GUEST = """
import os, runpy, shutil, signal, sys, threading

def end_with_parent():
    sys.stdin.buffer.read()
    shutil.rmtree(os.environ["HOME"], ignore_errors=True)
    os.kill(os.getpid(), signal.SIGKILL)

threading.Thread(target=end_with_parent, daemon=True).start()
sys.argv = ["hypercorn", "ministack.app:app", "--bind", "fd://" + sys.argv[1], "--workers", "0"]
sys.argv += ["--keep-alive", "75", "--log-level", "WARNING"]
runpy.run_module("hypercorn", run_name="__main__")
"""


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """A bucket and three queues. `environment` points a handler to them."""

    s3: Any
    sqs: Any
    pid: int
    queues: dict[str, str]
    environment: dict[str, str]

    def put(self, key: str, text: str) -> str:
        """Put an object; its ETag."""
        etag: str = self.s3.put_object(Bucket=BUCKET, Key=key, Body=text.encode(errors="surrogateescape"))["ETag"]
        return etag.strip('"')

    def get(self, key: str) -> bytes | None:
        """An object's bytes, or None if there is none."""
        try:
            body: bytes = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        except self.s3.exceptions.NoSuchKey:
            return None
        return body

    def listed(self, prefix: str) -> dict[str, str]:
        """The keys below a prefix, with their ETags."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return {item["Key"]: item["ETag"].strip('"') for page in pages for item in page.get("Contents", [])}

    def count_open(self, strays: Collection[str]) -> int:
        """How many jobs are not over, up to about a thousand."""
        page = self.s3.list_objects_v2(Bucket=BUCKET, Prefix="ledger/open/")
        return sum(item["Key"] not in strays for item in page.get("Contents", []))

    def count_messages(self, queue: str) -> int:
        """How many messages there are in a queue, visible or not."""
        names = [f"ApproximateNumberOfMessages{what}" for what in ("", "NotVisible", "Delayed")]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.queues[queue], AttributeNames=names)
        return sum(int(number) for number in answer["Attributes"].values())


@contextlib.contextmanager
def running_cloud(python: Path, visibility_s: int = VISIBILITY_S) -> Iterator[Cloud]:
    """Run it while the block runs; it ends with this process, however that ends. Raises `RuntimeError`."""
    folder = tempfile.mkdtemp(prefix="backburner-soak-")
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        port = listener.getsockname()[1]
        process = subprocess.Popen(
            [str(python), "-I", "-c", _GUEST, str(listener.fileno())],
            env=_server_environment(folder, port),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}")
        yield _furnished(f"http://127.0.0.1:{port}", process.pid, visibility_s)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdin is not None
        process.stdin.close()
        shutil.rmtree(folder, ignore_errors=True)


def _server_environment(folder: str, port: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": folder,
        "TMPDIR": folder,
        "DOCKER_HOST": f"unix://{folder}/none",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "SERVICES": "s3,sqs",
        "SFTP_ENABLED": "0",
    }


def _wait_for(endpoint: str) -> None:
    """Send one request, which is answered when the server is up: the socket is open already."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(f"{endpoint}/_ministack/health", timeout=_START_LIMIT_S).close()
    except (OSError, urllib.error.URLError) as error:
        raise RuntimeError(f"MiniStack did not start: {error}") from error


def _furnished(endpoint: str, pid: int, visibility_s: int) -> Cloud:
    keys: dict[str, Any] = {"aws_access_key_id": "soak", "aws_secret_access_key": "soak", "region_name": REGION}
    config = Config(proxies={}, max_pool_connections=16, retries={"mode": "standard", "max_attempts": 5})
    s3: Any = boto3.client("s3", endpoint_url=endpoint, config=config, **keys)
    sqs: Any = boto3.client("sqs", endpoint_url=endpoint, config=config, **keys)
    s3.create_bucket(Bucket=BUCKET)
    visible = {"VisibilityTimeout": str(visibility_s)}
    queues = {
        name: sqs.create_queue(QueueName=f"soak-{name}", Attributes=visible)["QueueUrl"]
        for name in ("pending", "backlog", "dead")
    }
    environment = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "soak",
        "AWS_SECRET_ACCESS_KEY": "soak",
        "BACKBURNER_BUCKET": BUCKET,
        "NO_PROXY": "127.0.0.1",
        **{f"BACKBURNER_{name.upper()}_QUEUE_URL": url for name, url in queues.items()},
    }
    return Cloud(s3=s3, sqs=sqs, pid=pid, queues=queues, environment=environment)
