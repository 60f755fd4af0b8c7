"""A bucket, queues and a provider behind proxies, and the real handlers that reach them from processes of their own.

    stage.upload("inbox/a.txt", TEXT)
    stage.run("submit", stage.event("inbox/a.txt"), Fate(point=("create", 1), moment="after"))   # dies there
    stage.settle()                                                                              # ticks, then sweeps
    assert stage.problems() == []

Time passes at the store and the queues alone, and only where a test says so: `due` lets the messages of one document,
or of all, show now, `age` makes objects older. Nothing of the code under test is touched, and nobody waits for a lease.
"""

import itertools
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.sqs.models import sqs_backends

from backburner.ledger.keys import output_location
from backburner_cli.standin import Running
from backburner_cli.standin.extract import summarise
from crashes.effects import Fate, operation_of
from support import forks
from support.proxy import CUT, Proxy, Request, Rule

REGION = "eu-central-1"
TIMER = json.loads((Path(__file__).parents[2] / "events/aws/eventbridge-schedule.json").read_text())
_S3_PUT = (Path(__file__).parents[2] / "events/aws/s3-put.json").read_text()
_LIMIT_S = 60
_MINUTE_S = 60
_TICK_S, _HURRIED_TICK_S = 1.0, 3.0
_POLL_S = 0.1
_MAX_TICKS = 30
_numbers = itertools.count()


def text_of(key: str) -> str:
    """A document of its own for each key."""
    return f"The harbour of Veldt keeps a book about {key}. It has 4200 lines. The council reads it on 2031-05-17."


@dataclass
class Stage:
    """One bucket, its queues and a provider. `rule` may interfere with whatever goes through the proxies."""

    s3: Any
    sqs: Any
    cloud: Proxy
    cloud_url: str
    provider: Proxy
    running: Running
    log: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    expected: Callable[[str], str] = summarise
    """What a document's text must become."""
    hurries: bool = False
    """Whether what is to wait for seconds shows at once: a whole life in one tick."""
    rule: Rule = lambda _: None
    fate: Fate = field(default_factory=Fate)

    def __post_init__(self) -> None:
        """Make the bucket and the queues, and stand between them and the handlers."""
        self.bucket = f"stage-{next(_numbers)}"
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.queues = {name: self._queue(name) for name in ("pending", "backlog", "dead")}
        self.cloud.rule = lambda request: self._judge(request, self.cloud_url)
        self.provider.rule = lambda request: self._judge(request, self.running.base_url)
        urls = {name: url.replace(self.cloud_url, self.cloud.url) for name, url in self.queues.items()}
        self.environment = {
            "AWS_ENDPOINT_URL": self.cloud.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "BACKBURNER_BUCKET": self.bucket,
            "BACKBURNER_PROVIDER": "openai",
            "BACKBURNER_MODEL": "stand-in",
            "BACKBURNER_LEASE_S": "900",
            "OPENAI_BASE_URL": f"{self.provider.url}/v1",
            "OPENAI_API_KEY": "key-of-a-test",
            **{f"BACKBURNER_{name.upper()}_QUEUE_URL": url for name, url in urls.items()},
            **self.settings,
        }

    def _queue(self, name: str) -> str:
        visible = {"VisibilityTimeout": "600"}
        url: str = self.sqs.create_queue(QueueName=f"{self.bucket}-{name}", Attributes=visible)["QueueUrl"]
        return url

    def _judge(self, request: Request, upstream: str) -> Any:
        if (act := self.rule(request)) is not None:
            return act
        fate = self.fate
        if self.hurries:
            request = _hurried(request)
        if operation_of(request) == "receivemessage":
            shortened = _shortened(request)
            return CUT if fate.is_dead else shortened  # else the dead would take what is meant for the next
        return fate.meets(request, upstream) or (request if self.hurries else None)

    # What users, clouds and time do.

    def upload(self, key: str, text: str | None = None) -> None:
        """Put a document."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=(text_of(key) if text is None else text).encode())

    def event(self, *keys: str) -> Any:
        """The S3 notification about some documents."""
        event = json.loads(_S3_PUT)
        records = [json.loads(json.dumps(event["Records"][0])) for _ in keys]
        for record, key in zip(records, keys, strict=True):
            record["s3"]["bucket"]["name"] = self.bucket
            record["s3"]["object"]["key"] = quote_plus(key, safe="/")
        return {"Records": records}

    def start(self, function: str, event: Any = TIMER, **settings: str) -> BaseProcess:
        """Begin one call of a handler in a process of its own."""
        seconds = _HURRIED_TICK_S if self.hurries else _TICK_S
        return forks.start(function, event, self.environment | settings, seconds=seconds, log=str(self.log))

    def run(self, function: str, event: Any = TIMER, fate: Fate | None = None, **settings: str) -> int:
        """One call of a handler, to its end or its death: the process's exit code."""
        self.fate = Fate()  # what comes late from an earlier process meets no fate
        fate = self.fate = fate or self.fate
        fate.process = self.start(function, event, **settings)
        return ended(fate.process)

    def due(self, key: str | None = None) -> None:
        """Let the messages of a document show now, also those that are in the hands of the dead; all if None.

        A message that brings an id shows before the others of its run: the guard comes a lease later.
        """
        told = [(json.loads(message.body), message) for name in self.queues for message in list(self._messages(name))]
        with_ids = {(body["job"], body["run"]) for body, _ in told if "response_id" in body}
        for body, message in told:
            is_first = "response_id" in body or (body["job"], body["run"]) not in with_ids
            if is_first and (key is None or key == self._document_of(body)):
                message.visible_at = message.delayed_until = 0

    def _document_of(self, message: Any) -> Any:
        """The document that a message is about, also where it drives one of its parts."""
        if "part_of" not in message:
            return message["key"]
        whole = self.json(f"ledger/open/{message['part_of']}.json")
        return whole and whole["source"]["key"]

    def hide(self) -> None:
        """Let no message show before it is due by `due`."""
        for name in self.queues:
            for message in list(self._messages(name)):
                message.delayed_until = float("inf")

    def age(self, prefix: str, seconds: float) -> None:
        """Make objects older."""
        for key, stored in self._stored().items():
            if key.startswith(prefix):
                stored.last_modified -= timedelta(seconds=seconds)

    def settle(self) -> None:
        """Ticks until both queues are empty, then two sweeps. Raises `AssertionError` where that never comes."""
        self._empty()
        for _ in range(2):
            self.forget_the_last_sweep()
            for _ in range(_MAX_TICKS):
                assert self.run("checker") == 0
                if self.json("ledger/governor.json")["sweep_cursor"] == "":
                    break
        self._empty()

    def _empty(self) -> None:
        for _ in range(_MAX_TICKS):
            if not self.messages("pending") and not self.messages("backlog"):
                return
            self.age("ledger/open/", 5)
            self.due()
            assert self.run("checker") == 0
        raise AssertionError(f"after {_MAX_TICKS} ticks: {self.messages('pending')}, {self.messages('backlog')}")

    def forget_the_last_sweep(self) -> None:
        """Let the last sweep be long ago: its time stands in an object."""
        state = self.json("ledger/governor.json") | {"last_sweep": "2026-01-01T00:00:00Z", "sweep_cursor": ""}
        self.s3.put_object(Bucket=self.bucket, Key="ledger/governor.json", Body=json.dumps(state).encode())

    # What stands.

    def messages(self, name: str) -> list[Any]:
        """The messages in a queue, visible or not."""
        return [json.loads(message.body) for message in list(self._messages(name))]

    def keys(self, prefix: str = "") -> list[str]:
        """All keys below a prefix."""
        return sorted(key for key in self._stored() if key.startswith(prefix))

    def text(self, key: str) -> str | None:
        """An object's text, None where there is none."""
        stored = self._stored().get(key)
        return None if stored is None else stored.value.decode()

    def json(self, key: str) -> Any:
        """An object's JSON, None where there is none."""
        text = self.text(key)
        return None if text is None else json.loads(text)

    def run_record(self, key: str) -> Any:
        """The run record at a document's place, None where there is none."""
        return self.json(output_location(key).run_record_key)

    def made(self, key: str) -> list[str]:
        """The ids of the generations that were started for a document, as the provider knows them."""
        return [one.id for one in self.running.stand_in.generations if one.input == self.text(key)]

    def superfluous(self, key: str, needed: int = 1) -> int:
        """How many generations were started for a document beyond those that it needed."""
        return len(self.made(key)) - needed

    def problems(self) -> list[str]:
        """What contradicts the promise at rest: one result each, the right text, nothing left over, all booked once."""
        governor = self.json("ledger/governor.json")
        records = {key: self.run_record(key) for key in self.keys("inbox/")}
        found = [f"left over: {key}" for key in self.keys("ledger/open/")]
        found += [f"reserved: {name}" for name in governor["reserved"]]
        found += [f"a message in {name}: {one}" for name in self.queues for one in self.messages(name)]
        found += [f"failed: {key}" for key in self.keys("failed/")]
        found += [f"open at the provider: {self.running.stand_in.open}"] * bool(self.running.stand_in.open)
        for key, record in records.items():
            if record is None or record["source"]["etag"] != self._stored()[key].etag.strip('"'):
                found.append(f"lost: {key}")
            elif self.text(record["result_key"]) != self.expected(self.text(key) or ""):
                found.append(f"another text: {key}")
        booked = sum(record["usage"]["total_tokens"] for record in records.values() if record)
        if governor["tokens"] != booked:
            found.append(f"{governor['tokens']} tokens are booked, {booked} were used")
        return found

    def _stored(self) -> dict[str, Any]:
        return dict(s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[self.bucket].keys.items())

    def _messages(self, name: str) -> list[Any]:
        queues = sqs_backends[DEFAULT_ACCOUNT_ID][REGION].queues
        messages: list[Any] = queues[self.queues[name].rsplit("/", 1)[1]]._messages
        return messages


def ended(process: BaseProcess) -> int:
    """Wait for a process's end: its exit code."""
    process.join(_LIMIT_S)
    assert process.exitcode is not None, "a handler did not end"
    return process.exitcode


def _hurried(request: Request) -> Request:
    """A message that is delayed, or hidden again, by less than a minute: by nothing."""
    fields = {"sendmessagebatch": "DelaySeconds", "changemessagevisibilitybatch": "VisibilityTimeout"}
    field_name = fields.get(operation_of(request))
    if field_name is None:
        return request
    body = json.loads(request.body)
    for entry in body["Entries"]:
        if int(entry.get(field_name, 0)) < _MINUTE_S:
            entry[field_name] = 0
    return replace(request, body=json.dumps(body).encode())


def _shortened(request: Request) -> Request:
    """A receive that waits a moment instead of a second: no test waits for what does not come."""
    threading.Event().wait(_POLL_S)
    body = json.loads(request.body) | {"WaitTimeSeconds": 0}
    return replace(request, body=json.dumps(body).encode())
