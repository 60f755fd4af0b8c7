"""A bucket, queues and a provider as in a deployment, and the environment that connects its functions to them.

`later` lets time pass only for the store and the queues: delayed and received messages show sooner, objects are older.
The code under test is not touched, and no test waits for minutes.
"""

import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from backburner.ledger.keys import output_location
from backburner_cli.standin import Received, Running, StandIn, Timing
from support import cloud
from support.cloud import REGION

AT_ONCE = Timing(queued_s=0.05, running_s=0, per_1000_tokens_s=0, slow_s=0.3, drip_every_s=0.2)
"""A provider whose generations have ended by the first look; creates answer `queued`, as in background mode."""
DOCUMENT = (
    "The harbour of Veldt moved 4200 containers in March. Most of them carried grain for the northern towns. "
    "The harbour master asked the council for 3 new cranes. The council will decide on 2031-05-17."
)
FOREIGN = ("AWS_", "OPENAI_", "BACKBURNER_")
"""Variables of this machine that handlers would read."""
PENDING, BACKLOG, DEAD = "pending", "backlog", "dead"
_MAX_RECEIVES = 1000
_numbers = itertools.count()


@dataclass
class Deployment:
    """A bucket, its queues and a provider. `environment` is what handlers are started with."""

    s3: Any
    sqs: Any
    endpoint: str
    running: Running
    provider: str = "openai"
    settings: Mapping[str, str] = field(default_factory=dict)
    visibility_s: int = 120
    region: str = REGION

    def __post_init__(self) -> None:
        """Make the bucket and the queues."""
        self.bucket = f"documents-{next(_numbers)}"
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": self.region})
        dead = self._queue(DEAD, {})
        arn = self.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": _MAX_RECEIVES})}
        self.queues = {name: self._queue(name, redrive) for name in (PENDING, BACKLOG)} | {DEAD: dead}
        self.environment = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "BACKBURNER_BUCKET": self.bucket,
            "BACKBURNER_PROVIDER": self.provider,
            "BACKBURNER_MODEL": "stand-in",
            "OPENAI_BASE_URL": self.running.base_url,
            "OPENAI_PROJECT_ID": "folder",
            "OPENAI_API_KEY": "key-of-a-test",
            **{f"BACKBURNER_{name.upper()}_QUEUE_URL": url for name, url in self.queues.items()},
            **self.settings,
        }

    def _queue(self, name: str, attributes: dict[str, str]) -> str:
        visible = {"VisibilityTimeout": str(self.visibility_s), **attributes}
        url: str = self.sqs.create_queue(QueueName=f"{self.bucket}-{name}", Attributes=visible)["QueueUrl"]
        return url

    @property
    def stand_in(self) -> StandIn:
        """The provider from the inside."""
        return self.running.stand_in

    # What users and clouds do.

    def upload(self, key: str, body: str | bytes = DOCUMENT) -> None:
        """Put an object."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body.encode() if isinstance(body, str) else body)

    def recipe(self, name: str, front: str = "", instructions: str = "Summarise the document.") -> None:
        """Upload a recipe; `front` are lines of its front matter."""
        self.upload(f"recipes/{name}.md", f"---\n{front}\n---\n{instructions}\n" if front else instructions)

    def swept(self) -> None:
        """Let the last sweep be now, so that none is due for an hour."""
        self.upload("ledger/governor.json", json.dumps({"last_sweep": datetime.now(UTC).isoformat()}))

    def pauses(self) -> dict[str, Any]:
        """The pauses by model."""
        pauses: dict[str, Any] = json.loads(self.text("ledger/governor.json") or "{}").get("pauses", {})
        return pauses

    def pause(self, pauses: Mapping[str, Any]) -> None:
        """Restore these pauses."""
        governor = json.loads(self.text("ledger/governor.json") or "{}")
        self.upload("ledger/governor.json", json.dumps(governor | {"pauses": pauses}))

    def lift_pauses(self, bad_creates: int = 0) -> None:
        """Lift all pauses, and set the count of failed creates in a row."""
        governor = json.loads(self.text("ledger/governor.json") or "{}")
        self.upload("ledger/governor.json", json.dumps(governor | {"bad_creates": bad_creates, "pauses": {}}))

    def remove(self, key: str) -> None:
        """Delete an object."""
        self.s3.delete_object(Bucket=self.bucket, Key=key)

    def later(self, seconds: float) -> None:
        """Let time pass for the store and the queues."""
        for name in self.queues:
            for message in self._messages(name):
                message.visible_at -= seconds * 1000
                message.delayed_until -= seconds * 1000
                message.sent_timestamp -= round(seconds * 1000)
        for stored in self._stored().values():
            stored.last_modified -= timedelta(seconds=seconds)

    def next_second(self) -> None:
        """Wait for the store's next second: two uploads in the same second cannot be told apart."""
        time.sleep(1.01 - time.time() % 1)

    def put_off(self, seconds: float) -> None:
        """Hide every message for so long from now, as if it had just been received; delayed ones for so much longer."""
        now_ms = datetime.now(UTC).timestamp() * 1000
        for name in self.queues:
            for message in self._messages(name):
                delay_s = max(0.0, message.delayed_until - now_ms) / 1000
                message.change_visibility(round(seconds + delay_s))
                message.delayed_until = 0

    # What is in the bucket and the queues.

    def keys(self, prefix: str = "") -> list[str]:
        """All keys below a prefix."""
        return sorted(key for key in self._stored() if key.startswith(prefix))

    def text(self, key: str) -> str | None:
        """An object's text, or None."""
        stored = self._stored().get(key)
        return None if stored is None else stored.value.decode()

    def modified(self, key: str) -> str:
        """When an object was last written, in the format of records."""
        at: datetime = self.s3.head_object(Bucket=self.bucket, Key=key)["LastModified"]
        return at.astimezone(UTC).isoformat().replace("+00:00", "Z")

    def etag(self, key: str) -> str:
        """An object's ETag."""
        etag: str = self._stored()[key].etag
        return etag.strip('"')

    def result(self, key: str, output: str = "md") -> str | None:
        """The text at a document's output location."""
        return self.text(output_location(key).result_key(output))

    def json(self, key: str) -> Any:
        """An object's JSON, or None."""
        text = self.text(key)
        return None if text is None else json.loads(text)

    def run_record(self, key: str) -> Any:
        """The run record at a document's output location, or None."""
        return self.json(output_location(key).run_record_key)

    def error_record(self, key: str) -> Any:
        """The error record at a document's output location, or None."""
        return self.json(output_location(key).error_record_key)

    def open_records(self, key: str | None = None) -> list[Any]:
        """The open records, all or those of a document."""
        return [one for one in self._records("ledger/open/") if key in (None, one["source"]["key"])]

    def superseded(self) -> list[Any]:
        """The superseded records."""
        return self._records("ledger/superseded/")

    def messages(self, name: str) -> list[Any]:
        """The messages in a queue, visible or not."""
        return [json.loads(message.body) for message in self._messages(name)]

    def creates(self, text: str | None = None) -> list[Received]:
        """The creates that reached the provider, all or those of a document, whatever became of them."""
        posts = (one for one in self.stand_in.requests if (one.method, one.path) == ("POST", "/v1/responses"))
        return [one for one in posts if text is None or one.body["input"] == text]

    def problems(self) -> list[str]:
        """What contradicts promises 1 and 3 of DESIGN section 1 once everything is at rest."""
        found = [f"open: {key}" for key in self.keys("ledger/open/")]
        found += [f"a message in {name}: {one}" for name in self.queues for one in self.messages(name)]
        for key in self.keys("inbox/"):
            run, error, etag = self.run_record(key), self.error_record(key), self.etag(key)
            if run and run["source"]["etag"] == etag:
                if self.text(run["result_key"]) is None or self.etag(run["result_key"]) != run["result_etag"]:
                    found.append(f"{key}: its run record names another text than the one that stands there")
                found += [f"{key}: done, and an error record beside it"] * bool(error)
            elif not (error and error["source"]["etag"] == etag):
                found.append(f"{key}: lost")
        return found

    def _records(self, prefix: str) -> list[Any]:
        return [record for key in self.keys(prefix) if (record := self.json(key))]

    def _messages(self, name: str) -> list[Any]:
        return cloud.messages(self.queues[name], self.region)

    def _stored(self) -> dict[str, Any]:
        return cloud.objects(self.bucket)
