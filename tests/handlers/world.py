"""A world for the real handlers: a bucket and queues at a local S3 and SQS, the stand-in provider, the environment.

    world = new_world()                          # the fixture of conftest.py; one bucket, three queues, one provider
    world.upload("inbox/a.txt", "text")          # what a user does: no event yet
    world.submit("inbox/a.txt")                  # the event, through functions/submit/app.py
    world.settle()                               # ticks of functions/checker/app.py until nothing is left
    world.result("inbox/a.txt"), world.run_record("inbox/a.txt")

Handlers are loaded by path, each time as a fresh module with caches of its own, as a new environment of a function is.
`world.later(s)` lets time pass for store and queues alone: what is delayed or in hand shows sooner, objects are older.
Nothing of the code under test is touched by it, and no test waits for what a minute would bring.
"""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import boto3
from botocore.config import Config
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.sqs.models import sqs_backends

from backburner.keys import place_of
from backburner_cli.standin import Received, Running, StandIn, Timing

from .loading import context_for_a_tick_of, load
from .shapes import SHAPES, TIMERS, s3_notification

REGION = "eu-central-1"
AT_ONCE = Timing(queued_s=0.05, running_s=0, per_1000_tokens_s=0, slow_s=0.3, drip_every_s=0.2)
"""A provider that is done by the first look, and answers creates as background mode does: `queued`."""
DOCUMENT = (
    "The harbour of Veldt moved 4200 containers in March. Most of them carried grain for the northern towns. "
    "The harbour master asked the council for 3 new cranes. The council will decide on 2031-05-17."
)
PENDING, BACKLOG, DEAD = "pending", "backlog", "dead"
_MOST_RECEIVES = 1000
_MOST_TICKS = 60
_numbers = itertools.count()


def unload(app: ModuleType) -> None:
    """Close what a handler's environment holds open."""
    if not app.connected.cache_info().currsize:
        return
    app.connected().close()


def client(service: str, url: str, region: str = REGION) -> Any:
    """A client of the local cloud."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(connect_timeout=5, read_timeout=20, max_pool_connections=32),
    )


@dataclass
class World:
    """One bucket, its queues and a provider. `environment` is what the handlers are started with."""

    s3: Any
    sqs: Any
    endpoint: str
    running: Running
    provider: str = "openai"
    settings: Mapping[str, str] = field(default_factory=dict)
    visibility_s: int = 120
    region: str = REGION
    apps: dict[str, ModuleType] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the bucket and the queues."""
        self.bucket = f"documents-{next(_numbers)}"
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": self.region})
        dead = self._queue(DEAD, {})
        arn = self.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": _MOST_RECEIVES})}
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
        """The provider, from inside."""
        return self.running.stand_in

    # What users and clouds do.

    def upload(self, key: str, body: str | bytes = DOCUMENT) -> None:
        """Put an object."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body.encode() if isinstance(body, str) else body)

    def recipe(self, name: str, front: str = "", instructions: str = "Summarise the document.") -> None:
        """Upload a recipe; `front` are lines of its front matter."""
        self.upload(f"recipes/{name}.md", f"---\n{front}\n---\n{instructions}\n" if front else instructions)

    def swept(self) -> None:
        """Let the last sweep have ended now, so that none is due for an hour."""
        self.upload("ledger/governor.json", json.dumps({"last_sweep": datetime.now(UTC).isoformat()}))

    def open_tap(self) -> None:
        """Forget the bad creates, and whatever was paused for them."""
        governor = json.loads(self.text("ledger/governor.json") or "{}")
        self.upload("ledger/governor.json", json.dumps(governor | {"bad_creates": 0, "pauses": {}}))

    def remove(self, key: str) -> None:
        """Delete an object."""
        self.s3.delete_object(Bucket=self.bucket, Key=key)

    def app(self, function: str) -> ModuleType:
        """A function's environment: the same one each time, as a cloud keeps it warm."""
        if function not in self.apps:
            self.apps[function] = load(function)
        return self.apps[function]

    def connect(self) -> None:
        """Let both functions read the environment now, while it is this world's."""
        for function in ("submit", "checker"):
            self.app(function).connected()

    def submit(self, *keys: str, shape: str = "s3") -> None:
        """Send upload events: an S3 notification holds all keys, the other shapes one each."""
        batch = shape == "s3"
        events = [s3_notification(self.bucket, keys)] if batch else [SHAPES[shape](self.bucket, key) for key in keys]
        for event in events:
            self.app("submit").handler(event, None)

    def tick(self, seconds: float = 1.0, timer: str = "aws") -> dict[str, int]:
        """One tick that stays for what falls due within so many seconds."""
        counts: dict[str, int] = self.app("checker").handler(TIMERS[timer], context_for_a_tick_of(seconds))
        return counts

    def settle(self, step_s: float = 130.0, most_ticks: int = _MOST_TICKS) -> None:
        """Tick, `step_s` of the store's time apart, until the queues are empty. Raises `AssertionError` if never."""
        for _ in range(most_ticks):
            self.later(step_s)
            self.tick()
            if not self.messages(PENDING) and not self.messages(BACKLOG):
                return
        raise AssertionError(f"after {most_ticks} ticks: {self.open_records()}, {self.messages(PENDING)}")

    def process(self, key: str, body: str | bytes = DOCUMENT) -> None:
        """The whole way of one document."""
        self.upload(key, body)
        self.submit(key)
        self.settle()

    def later(self, seconds: float) -> None:
        """Let time pass for the store and the queues."""
        for name in self.queues:
            for message in self._messages(name):
                message.visible_at -= seconds * 1000
                message.delayed_until -= seconds * 1000
                message.sent_timestamp -= round(seconds * 1000)
        for stored in self._stored().values():
            stored.last_modified -= timedelta(seconds=seconds)

    def put_off(self, seconds: float) -> None:
        """Hide every message for so long from now, as if somebody held it in hand; what is delayed, so much longer."""
        now_ms = datetime.now(UTC).timestamp() * 1000
        for name in self.queues:
            for message in self._messages(name):
                delay_s = max(0.0, message.delayed_until - now_ms) / 1000
                message.change_visibility(round(seconds + delay_s))
                message.delayed_until = 0

    # What stands in the bucket and the queues.

    def keys(self, prefix: str = "") -> list[str]:
        """All keys below a prefix."""
        return sorted(key for key in self._stored() if key.startswith(prefix))

    def text(self, key: str) -> str | None:
        """An object's text, None where there is none."""
        try:
            body: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except self.s3.exceptions.NoSuchKey:
            return None
        return body.decode()

    def modified(self, key: str) -> str:
        """When an object was last written, as records write it."""
        at: datetime = self.s3.head_object(Bucket=self.bucket, Key=key)["LastModified"]
        return at.astimezone(UTC).isoformat().replace("+00:00", "Z")

    def etag(self, key: str) -> str:
        """An object's ETag."""
        etag: str = self.s3.head_object(Bucket=self.bucket, Key=key)["ETag"]
        return etag.strip('"')

    def result(self, key: str, output: str = "md") -> str | None:
        """The text at a document's place."""
        return self.text(place_of(key).result_key(output))

    def run_record(self, key: str) -> Any:
        """The run record at a document's place, None where there is none."""
        return _json(self.text(place_of(key).run_record_key))

    def error_record(self, key: str) -> Any:
        """The error record at a document's place, None where there is none."""
        return _json(self.text(place_of(key).error_record_key))

    def open_records(self, key: str | None = None) -> list[Any]:
        """Open records, all or a document's."""
        return [one for one in self._records("ledger/open/") if key in (None, one["source"]["key"])]

    def superseded(self) -> list[Any]:
        """Superseded records."""
        return self._records("ledger/superseded/")

    def messages(self, name: str) -> list[Any]:
        """The messages in a queue, visible or not."""
        return [json.loads(message.body) for message in self._messages(name)]

    def creates(self, text: str | None = None) -> list[Received]:
        """The creates that reached the provider, all or a document's, whatever became of them."""
        posts = (one for one in self.stand_in.requests if (one.method, one.path) == ("POST", "/v1/responses"))
        return [one for one in posts if text is None or one.body["input"] == text]

    def problems(self) -> list[str]:
        """What contradicts the promise once everything is at rest: DESIGN section 1, promises 1 and 3."""
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
        return [record for key in self.keys(prefix) if (record := _json(self.text(key)))]

    def _messages(self, name: str) -> list[Any]:
        return list(sqs_backends[DEFAULT_ACCOUNT_ID][self.region].queues[self.queues[name].rsplit("/", 1)[1]]._messages)

    def _stored(self) -> dict[str, Any]:
        return dict(s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[self.bucket].keys.items())

    def close(self) -> None:
        """Close what the handlers hold open."""
        for app in self.apps.values():
            unload(app)


def _json(text: str | None) -> Any:
    return None if text is None else json.loads(text)
