"""A deployment for the operator's commands: a bucket and queues in the local cloud, and the command over them."""

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
        """The command, run to its end."""
        as_text = ["--text"] if arguments and not {"--json", "--help"} & {*arguments} else []
        return commands.run(*arguments, *as_text, **(self.environment | more))

    def call(self, *arguments, **more):
        """The command in this process: quicker, and where no terminal is needed the same."""
        removed = {name: None for name in os.environ if name.startswith(("AWS_", "OPENAI_", "BACK"))}
        given = removed | commands.environment(self.environment | more)
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
            put(BUCKET, key, stored.body, stored.metadata)
        for key, there in objects(BUCKET).items():
            if key.startswith(old):
                there.last_modified -= timedelta(hours=1)
        for queue in (system.pending, system.backlog):
            for message in queue.messages:
                self.send(queue.name, message.body)
