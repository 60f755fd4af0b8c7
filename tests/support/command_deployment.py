"""A deployment for the operator's commands: a bucket and queues in the local cloud, with commands run on it."""

import json
import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from backburner_cli.main import app
from support import commands
from support.cloud import objects, put
from support.system import BUCKET

EVENTS = Path(__file__).parents[2] / "events"
DONE, FAILED, OPEN, LOST = "inbox/done.txt", "inbox/nosuch/failed.txt", "inbox/open.txt", "inbox/lost ф.txt"


@dataclass(frozen=True)
class Cloud:
    """A bucket and three queues."""

    s3: Any
    sqs: Any
    urls: dict[str, str]
    environment: dict[str, str]

    def run(self, *arguments, **more):
        """Run the command to its end."""
        as_text = ["--text"] if arguments and not {"--json", "--help"} & {*arguments} else []
        return commands.run(*arguments, *as_text, **(self.environment | more))

    def call(self, *arguments, **more):
        """Run the command in this process, which is quicker and the same where no terminal is needed."""
        removed = {name: None for name in os.environ if name.startswith(("AWS_", "OPENAI_", "BACK"))}
        given = removed | commands.environment(self.environment | more)
        return CliRunner().invoke(app, [*arguments], env=given, prog_name="backburner")

    def take(self, queue):
        """Receive and delete every message of a queue."""
        found = []
        while messages := self.sqs.receive_message(QueueUrl=self.urls[queue], MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(message["Body"])
                self.sqs.delete_message(QueueUrl=self.urls[queue], ReceiptHandle=message["ReceiptHandle"])
        return found

    def send(self, queue, body):
        """Send a message."""
        self.sqs.send_message(QueueUrl=self.urls[queue], MessageBody=body)

    def json(self, key):
        """An object's JSON."""
        return json.loads(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def keys(self, prefix):
        """All keys below a prefix."""
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]

    def settle_in(self, system, *, old):
        """Copy what a system holds; objects below the prefixes `old` were written an hour ago."""
        for key, stored in system.bucket.objects.items():
            put(BUCKET, key, stored.body, stored.metadata)
        for key, there in objects(BUCKET).items():
            if key.startswith(old):
                there.last_modified -= timedelta(hours=1)
        for queue in (system.pending, system.backlog):
            for message in queue.messages:
                self.send(queue.name, message.body)
