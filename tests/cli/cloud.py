"""A deployment of the operator's commands: an S3 and SQS of its own, and the command over them."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from backburner_cli.main import app
from support.system import BUCKET

COMMAND = [str(Path(sys.executable).with_name("backburner"))]
EVENTS = Path(__file__).parents[2] / "events"
PLAIN = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"}
NOBODY = {"XDG_CONFIG_HOME": "/dev/null/no", "XDG_RUNTIME_DIR": "", "XDG_STATE_HOME": "/dev/null/no"}
"""No profile of this user is read, and no `backburner up` of theirs found."""
DONE, FAILED, OPEN, LOST = "inbox/done.txt", "inbox/nosuch/failed.txt", "inbox/open.txt", "inbox/lost ф.txt"


@dataclass(frozen=True)
class Cloud:
    """A bucket and three queues."""

    s3: Any
    sqs: Any
    urls: dict[str, str]
    environment: dict[str, str]

    def run(self, *arguments, **more):
        """The command, run to its end."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OPENAI_", "BACK"))
        }
        return subprocess.run(
            [*COMMAND, *arguments, *(["--text"] if arguments and not {"--json", "--help"} & {*arguments} else [])],
            env=inherited | PLAIN | NOBODY | self.environment | more,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def call(self, *arguments, **more):
        """The command in this process: quicker, and where no terminal is needed the same."""
        environment = {name: None for name in os.environ if name.startswith(("AWS_", "OPENAI_", "BACK"))}
        given = environment | PLAIN | NOBODY | self.environment | more
        return CliRunner().invoke(app, [*arguments], env=given, prog_name="backburner")

    def take(self, queue):
        """Every message of a queue, and remove it."""
        found = []
        while messages := self.sqs.receive_message(QueueUrl=self.urls[queue], MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(message["Body"])
                self.sqs.delete_message(QueueUrl=self.urls[queue], ReceiptHandle=message["ReceiptHandle"])
        return found

    def send(self, queue, body):
        """Make a message."""
        self.sqs.send_message(QueueUrl=self.urls[queue], MessageBody=body)

    def json(self, key):
        """An object's JSON."""
        return json.loads(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def keys(self, prefix):
        """All keys below a prefix."""
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]

    def settle_in(self, system, *, old):
        """Put in what a system holds; `old` are the prefixes that were written an hour ago."""
        for key, stored in system.bucket.objects.items():
            self.s3.put_object(Bucket=BUCKET, Key=key, Body=stored.body, Metadata=stored.metadata)
        for key, there in s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[BUCKET].keys.items():
            if key.startswith(old):
                there.last_modified -= timedelta(hours=1)
        for queue in (system.pending, system.backlog):
            for message in queue.messages:
                self.send(queue.name, message.body)
