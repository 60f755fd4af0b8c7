"""What really happened, kept beside the records: the fake provider and every write are the truth.

A *life* is one open record from its claim to its end. A job may have several lives: its document was replaced and
restored, or it failed and was uploaded again.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from backburner.capacity.limits import Counters
from backburner.ledger.keys import output_location
from support.fakes import FakeBucket, FakeGenerator, Made
from support.system import System

OPEN, SUPERSEDED, GOVERNOR = "ledger/open/", "ledger/superseded/", "ledger/governor.json"
_OWNER = "backburner-run"


@dataclass
class Life:
    """One open record, from its claim on."""

    job: str
    orphans: int = 0
    responses: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class WatchedBucket(FakeBucket):
    """A bucket that remembers everything records ever said, even if they were overwritten since."""

    lives: dict[str, list[Life]] = field(default_factory=dict)
    """By `<job_id>.<run>`."""
    used: dict[str, int] = field(default_factory=dict)
    """Tokens of every generation that is in the record of an ended run."""
    booked: int = 0
    max_reserved: int = 0

    def upload(self, key: str, body: bytes | str, metadata: Mapping[str, str] | None = None) -> str:
        """Write, and note what was written."""
        before = self.objects.get(key)
        etag = super().upload(key, body, metadata)
        if key == GOVERNOR:
            self._governor(json.loads(before.body) if before else None, self.json(key))
        elif key.startswith((OPEN, SUPERSEDED)) or key.endswith((".run.json", ".error.json")):
            self._record(key, self.json(key), is_new=before is None)
        return etag

    def _governor(self, before: dict[str, Any] | None, after: dict[str, Any]) -> None:
        same_day = before is not None and before["day"] == after["day"]
        self.booked += after["tokens"] - (before["tokens"] if before and same_day else 0)
        self.max_reserved = max(self.max_reserved, msgspec.convert(after, Counters).held.slots)

    def _record(self, key: str, record: dict[str, Any], *, is_new: bool) -> None:
        lives = self.lives.setdefault(f"{record['job_id']}.{record['run']}", [])
        if key.startswith(OPEN) and is_new:
            lives.append(Life(record["job_id"]))
        for life in lives[-1:]:
            life.orphans = max(life.orphans, record["suspected_orphans"])
            life.responses = record["responses"] or life.responses
        if not key.startswith(OPEN):
            for response in record["responses"]:
                self.used[response["id"]] = (response["usage"] or {"total_tokens": 0})["total_tokens"]


@dataclass
class Truth:
    """Compares the records with what happened; every method returns the problems it finds."""

    system: System
    max_attempts: int
    max_in_flight: int

    @property
    def bucket(self) -> WatchedBucket:
        """The bucket, which remembers."""
        assert isinstance(self.system.bucket, WatchedBucket)
        return self.system.bucket

    def always(self) -> list[str]:
        """Problems that there must not be at any moment, whichever processes are between two effects."""
        return [*self._results(), *self._commits(), *self._flow(), *self._attempts()]

    def at_rest(self) -> list[str]:
        """Problems that there must not be once everything has ended."""
        wrong = [f"a generation that nobody looks at: {made}" for made in self.system.generator.open]
        wrong += [f"dead letter: {message.body}" for message in self.system.dead.messages]
        if self.bucket.booked != sum(self.bucket.used.values()):
            wrong.append(f"booked {self.bucket.booked} tokens, ended records say {sum(self.bucket.used.values())}")
        problems = [problem for problem in self.system.problems() if not self._is_later_failure(problem.split(":")[0])]
        return wrong + problems + self._orphans(unended={}) + self._mismatches()

    def between_steps(self) -> list[str]:
        """Problems that only a process between two effects, or a message yet to come, may excuse."""
        unended: dict[str, int] = {}
        for record in self.open_records():
            unended[record["job_id"]] = unended.get(record["job_id"], 0) + (record["state"] == "submitting")
        driven = {record["source"]["key"] for record in self.open_records()} | {
            json.loads(message.body)["key"] for message in self.system.pending.messages + self.system.backlog.messages
        }
        mismatches = [wrong for wrong in self._mismatches() if wrong.split("|")[0] not in driven]
        return self._orphans(unended) + mismatches

    def tickets(self) -> list[str]:
        """Open records whose ticket no message has, although the message is sent before the record."""
        messages = self.system.pending.messages + self.system.backlog.messages
        living = {json.loads(message.body)["ticket"] for message in messages}
        return [
            f"no message drives {record['source']['key']}"
            for record in self.open_records()
            if record["ticket"] not in living
        ]

    def orphans_counted(self) -> int:
        """The orphans counted by all lives."""
        return sum(life.orphans for life in self._lives())

    def open_records(self) -> list[dict[str, Any]]:
        """All open records as they are now."""
        return [self.bucket.json(key) for key in self.bucket.keys(OPEN)]

    def _is_later_failure(self, key: str) -> bool:
        """Whether both records exist because another job failed later, as after a change of recipe."""
        if not key.startswith("inbox/"):
            return False
        done, failed = (
            self.bucket.objects.get(place)
            for place in (output_location(key).run_record_key, output_location(key).error_record_key)
        )
        if done is None or failed is None:
            return False
        jobs = {json.loads(record.body)["job_id"] for record in (done, failed)}
        return len(jobs) > 1 and failed.last_modified >= done.last_modified

    def _results(self) -> list[str]:
        """Results that are not the text of a done and valid generation."""
        return [
            f"{key} is the text of no generation that ended well"
            for key in self.bucket.keys("results/")
            if not key.endswith(".run.json") and not self._sources_of(key) and not self._is_joined(key)
        ]

    def _is_joined(self, key: str) -> bool:
        """Whether it was merged from parts, its document having been called too long while it ran."""
        stored = self.bucket.objects[key]
        job, body = stored.metadata[_OWNER].partition(".")[0], stored.body.decode()
        if any(record["job_id"] == job and record["division"] for record in self.open_records()):
            return True  # its process died before the run record
        records = (self.bucket.json(other) for other in self.bucket.keys("results/") if other.endswith(".run.json"))
        parts = next((record["parts"] or [] for record in records if record["job_id"] == job), [])
        answers = [[_ended_well(self.system.generator, made) for made in self._made(part["job_id"])] for part in parts]
        return bool(parts) and all(any(text and text in body for text in texts) for texts in answers)

    def _sources_of(self, key: str) -> list[Made]:
        stored, generator = self.bucket.objects[key], self.system.generator
        job = stored.metadata[_OWNER].partition(".")[0]
        return [made for made in self._made(job) if _ended_well(generator, made) == stored.body.decode()]

    def _commits(self) -> list[str]:
        """Run records that do not name a successful generation of their own document."""
        wrong = []
        for key in self.bucket.keys("results/"):
            if not key.endswith(".run.json"):
                continue
            record = self.bucket.json(key)
            if not record["responses"] or record["parts"]:  # its parts have them
                continue
            made = self.system.generator.made[record["responses"][-1]["id"]]
            document = str(made.request["input"]).encode()
            if hashlib.md5(document, usedforsecurity=False).hexdigest() != record["source"]["etag"]:
                wrong.append(f"{key} names a generation of another document")
            if not _ended_well(self.system.generator, made):
                wrong.append(f"{key} names a generation that did not end well")
        return wrong

    def _flow(self) -> list[str]:
        wrong = []
        records = (record for record in self.open_records() if record["state"] == "running")
        running = {record["responses"][-1]["id"] for record in records if record["responses"]}  # one in parts has none
        known = running & set(self.system.generator.open)
        if len(known) > self.max_in_flight or self.bucket.max_reserved > self.max_in_flight:
            wrong.append(f"{len(known)} generations open, {self.bucket.max_reserved} reserved: too many")
        if self.bucket.booked > sum(self.bucket.used.values()):
            wrong.append("more tokens are booked than ended records account for")
        return wrong

    def _attempts(self) -> list[str]:
        """Jobs with more generations than attempts, or with another one after a success."""
        wrong = []
        for job in {life.job for life in self._lives()}:
            most = self.max_attempts * sum(life.job == job for life in self._lives())
            unpaid = sum(
                made.plan.ending is not None and made.plan.ending.error_code == "insufficient_quota"
                for made in self._made(job)
            )
            if len(self._made(job)) > most + unpaid:
                wrong.append(f"{len(self._made(job))} generations of {job}, {most} allowed")
        for life in self._lives():
            for response in life.responses[:-1]:
                made = self.system.generator.made[response["id"]]
                if _ended_well(self.system.generator, made) and not _denied(made):
                    wrong.append(f"another generation after {made.id}, which ended well")
        return wrong

    def _orphans(self, unended: Mapping[str, int]) -> list[str]:
        """Generations that are in no record and not counted, although their run has had its chance."""
        wrong = []
        for job in {str(made.request["metadata"]["job_id"]) for made in self.system.generator.made.values()}:
            lives = [life for life in self._lives() if life.job == job]
            known = {response["id"] for life in lives for response in life.responses}
            nameless = [made.id for made in self._made(job) if made.id not in known]
            if len(nameless) > sum(life.orphans for life in lives) + unended.get(job, 0):
                wrong.append(f"generations that nobody counted: {nameless}")
        return wrong

    def _mismatches(self) -> list[str]:
        """Run records that name another text than the one there, as `<document>|<what>`."""
        wrong = []
        for key in self.bucket.keys("results/"):
            if key.endswith(".run.json"):
                record = self.bucket.json(key)
                result = self.bucket.objects.get(record["result_key"])
                if result is None or result.etag != record["result_etag"]:
                    wrong.append(f"{record['source']['key']}|{key} names a text that does not stand there")
        return wrong

    def is_done(self, key: str, job: str) -> bool:
        """Whether a job's complete result is at its output location."""
        record = self.bucket.objects.get(output_location(key).run_record_key)
        if record is None or (found := json.loads(record.body))["job_id"] != job:
            return False
        result = self.bucket.objects.get(found["result_key"])
        return result is not None and result.etag == found["result_etag"]

    def _made(self, job: str) -> list[Made]:
        return [made for made in self.system.generator.made.values() if made.request["metadata"]["job_id"] == job]

    def _lives(self) -> list[Life]:
        return [life for lives in self.bucket.lives.values() for life in lives]


def _ended_well(generator: FakeGenerator, made: Made) -> str:
    """The text of a generation that is done and valid; "" for any other."""
    truth = generator._truth(made)
    fits = "text" not in made.request or truth.text.startswith("{")
    return truth.text if truth.status == "completed" and fits and not truth.refusal else ""


def _denied(made: Made) -> bool:
    """Whether the provider called it absent at least once, or never returned its id."""
    return made.plan.forgets or any(getattr(answer, "status", None) == 404 for answer in made.plan.retrieves)
