"""The records of a job, field by field as DESIGN section 6 fixes them. JSON in the bucket; times RFC 3339 in UTC."""

from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from backburner.capacity.limits import Reservation
from backburner.documents.pictures import Pages
from backburner.documents.recipes import Price
from backburner.errors import Reason
from backburner.ledger.keys import OutputLocation, output_location
from backburner.ledger.messages import Message, new_ticket
from backburner.ledger.segment_state import Segment
from backburner.provider.answers import Generation, Usage

VERSION = 1
MAX_QUOTES = 500
"""Quotes whose places a record lists; all of them are checked."""
LOST, UNKNOWN = "lost", "unknown"
"""Statuses that no provider gives: for a generation that is gone, and for one whose end was never told."""


class State(StrEnum):
    """Where a run stands."""

    WAITING = "waiting"
    SUBMITTING = "submitting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SUPERSEDED = "superseded"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """The document as it was claimed; `size` in bytes, `last_modified` by the store's clock."""

    bucket: str
    key: str
    etag: str
    size: int
    last_modified: datetime
    notes: list[str] = []
    """What of it could not be read, and where: "page 3: no text, probably a scan"."""
    pages: Pages | msgspec.UnsetType = msgspec.UNSET
    """How each page was sent; absent unless pages may have gone out as pictures."""


class RecipeRef(msgspec.Struct, frozen=True, kw_only=True):
    """Which recipe, and which version of it ("" for one that has no file)."""

    name: str
    sha256: str


class ProviderRef(msgspec.Struct, frozen=True, kw_only=True):
    """Which provider was asked, where, and for which model."""

    profile: str
    base_url: str
    model: str


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """One generation that was started, as last seen."""

    id: str
    attempt: int
    status: str
    model: str | None = None
    usage: Usage | None = None
    error: dict[str, str] | None = None
    incomplete_details: dict[str, str] | None = None
    created_at: datetime | None = None
    completed_at: datetime | None = None


class JobRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What all records share. Counters and money are of this run: all its attempts together.

    Of a batch that was replayed, `usage` and `cost` count also what its earlier runs used, since its lines are theirs.
    """

    version: int = VERSION
    job_id: str
    run: int
    state: State
    source: Source
    recipe: RecipeRef
    provider: ProviderRef
    responses: list[Response] = []
    usage: Usage = Usage()
    cost: float | None = None
    kept_usage: Usage = Usage()
    kept_cost: float | None = None
    """The share of `usage` and `cost` that earlier runs of a batch used: this run has kept the lines they finished."""
    suspected_orphans: int = 0
    polls: int = 0
    uploaded_at: datetime
    submitted_at: datetime | None = None
    finished_at: datetime | None = None
    nonce: str = ""
    """Set anew with each write, so that a writer whose answer was lost recognises its own."""

    @property
    def location(self) -> OutputLocation:
        """Where its outputs stand."""
        return output_location(self.source.key)

    @property
    def name(self) -> str:
        """The name of its run: `<job_id>.<run>`."""
        return f"{self.job_id}.{self.run}"

    @property
    def own_usage(self) -> Usage:
        """What its own generations used, without those of its parts."""
        parts: list[PartEnd] = getattr(self, "parts", None) or []
        return sum((part.usage for part in parts if not part.is_reused), Usage()).subtracted_from(self.usage)

    @property
    def response_ids(self) -> set[str]:
        """The ids of every generation it knows of."""
        return {response.id for response in self.responses}


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """Where a quote of an answer stands: characters [first, last) of the document's extracted text."""

    pointer: str
    """JSON pointer into the result; cut where it is very long."""
    first: int
    last: int
    page: int | None = None
    """Counted from 1; None for a format without pages."""
    part: int | None = None
    """Counted from 1; None for a document that went out whole."""


class Quotes(msgspec.Struct, frozen=True, kw_only=True):
    """The quotes of an answer, all of them found; `places` has the first `MAX_QUOTES`."""

    checked: int
    places: list[Quote] = []


class Reused(msgspec.Struct, frozen=True, kw_only=True):
    """Whose answer a run has taken over, and what that run used: so much was saved."""

    job_id: str
    run: int
    key: str
    """Of the document that it was generated for."""
    usage: Usage = Usage()
    cost: float | None = None


class LineCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of a batch; `total` is `completed` and `failed` together."""

    total: int
    completed: int
    failed: int


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a document, or what joins some of them: a job of its own, whose document is the object at `key`."""

    key: str
    etag: str
    run: int = 1
    """The run of its job; a replay counts on for the parts that failed."""
    is_reused: bool = False
    """Finished by an earlier run."""
    first: int = 0
    """Where its text begins in that of the document, in characters; only of a part of level 0."""


class Division(msgspec.Struct, frozen=True, kw_only=True):
    """A document in parts: level 0 has the parts, each further level what joins those of the level before."""

    levels: list[list[Part]]
    opened: bool = False
    """Whether every part of the last level has been sent its message."""
    is_batch: bool = False
    """Whether its parts are segments of lines."""
    is_stopping: bool = False
    """No part is opened any more: the run ends as soon as those under way have."""
    pages: list[int] = []
    """Where the pages of the document begin, as `Extracted` has it; only where quotes are checked."""


class OpenRecord(JobRecord, frozen=True, kw_only=True):
    """A run that is not over. `attempt` counts the generations begun, the one under way included."""

    attempt: int = 0
    ticket: str
    waiting_for: str | None = None
    setbacks: int = 0
    """Unexpected exceptions so far; after a few of them it fails as `internal_error`."""
    waits: int = 0
    """How often in a row it went back to waiting without a generation: delays the next try."""
    recipe_text: str = ""
    """The recipe it was claimed with, which it keeps."""
    output: str = "md"
    price: Price | None = None
    enlarged_cap: int | None = None
    """Cap of output tokens after a truncated answer; None while the recipe's own applies."""
    partial_text: str | None = None
    cancelled_for: Reason | None = None
    """Set before the provider is asked to cancel."""
    elapsed_before_write_s: float = msgspec.field(default=0.0, name="ran_s")
    """Seconds that its generation had been running when the record was written again, by the store's clock."""
    reservation: Reservation | None = msgspec.field(default=None, name="wants")
    """What it reserves at the governor for each attempt; None until it may start at all."""
    counted: Reservation | None = None
    """What the governor counts for it, as far as this record knows; None: nothing yet (ADR 15)."""
    committed_at_claim: list[str] = msgspec.field(default_factory=list, name="stood_at_place")
    """ETags of the run and error record that stood at its output location when it was claimed."""
    shows_overwrites: bool = False
    """Whether its document was read in a later second than it was uploaded in: an overwrite then shows in its time."""
    part_of: str | None = None
    """`<job_id>.<run>` of the run that it is a part of."""
    division: Division | None = None
    """Its parts, once it has been cut: it has no generation of its own then."""
    parts: list["PartEnd"] | None = None
    """What became of its parts, when it ends."""
    segment: Segment | None = None
    """The lines of a batch that it runs; it has many generations then, and no list of them."""
    lines: LineCounts | None = None
    context_overflows: int = msgspec.field(default=0, name="refusals")
    """How often the provider called it too long, or the document that it was cut from."""
    sent_chars: int = 0
    """Characters that the generation under way was sent: with its usage they tell how many make a token."""
    sent_picture_tokens: int = 0
    """What the pictures that it was sent were taken to be in tokens."""
    answer: Generation | None = None
    """How the generation under way ended, where its create was answered with the end already."""
    absent_s: float | None = None
    """Seconds that its generation had been running when the provider first said that there is none, if it does."""
    untold: int = 0
    """How many lines of a batch ended without a word about what they used."""
    correction: str | None = None
    """What the next attempt is told about quotes of the last one that do not stand in the document."""
    quotes: Quotes | None = None
    """Where the quotes of its answer stand, when it ends."""
    answer_key: str | None = None
    """Where its answer is noted for others to take over, if its recipe lets them."""
    reuses: Reused | None = None
    """Whose answer it is to take over, instead of a generation of its own."""

    @property
    def response_id(self) -> str | None:
        """The generation that is under way, as far as it is known."""
        return self.responses[-1].id if self.state is State.RUNNING and self.responses else None

    @property
    def resume(self) -> "Resume | None":
        """What it leaves to the next run; None if that starts from the beginning."""
        is_undivided = self.division is None and self.segment is None
        return None if is_undivided else Resume(division=self.division, segment=self.segment)

    @property
    def reserves(self) -> bool:
        """Whether the governor must hold a slot for it."""
        is_one = self.division is None and self.segment is None
        return self.reservation is not None and self.state is not State.WAITING and is_one

    def message(self, response_id: str | None = None) -> Message:
        """A message for its next step, under a fresh ticket; with the id of a generation, once there is one."""
        return Message(
            job=self.job_id,
            run=self.run,
            key=self.source.key,
            ticket=new_ticket(),
            follows=self.ticket or None,
            response_id=response_id,
            attempt=None if response_id is None else self.attempt,
            part_of=self.part_of,
        )


class Replaced(msgspec.Struct, frozen=True, kw_only=True):
    """What a run record found at its output location; removed once the record stands."""

    result_key: str | None = None
    error_etag: str | None = None
    errors_key: str | None = None
    """The file of failed lines of a batch that stood there; kept if this run has written it anew."""


class PartEnd(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one part: as a run or error record tells it of a document that was cut."""

    level: int
    """0: a part of the document; above: what joined those below."""
    number: int
    job_id: str
    run: int
    state: State
    reason: Reason | None = None
    responses: list[str] = []
    submitted_at: datetime | None = None
    usage: Usage = Usage()
    cost: float | None = None
    kept_usage: Usage = Usage()
    kept_cost: float | None = None
    suspected_orphans: int = 0
    polls: int = 0
    lines: LineCounts | None = None
    is_reused: bool = False
    """Finished by an earlier run. Its usage is not in the record's but for a batch, where it is in `kept_usage` too."""


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay goes on with: the parts and lines that are done stay done."""

    division: Division | None = None
    segment: Segment | None = None


class RunRecord(JobRecord, frozen=True, kw_only=True):
    """A finished run. `parts` is null for a document that went out whole."""

    result_key: str
    result_etag: str
    parts: list[PartEnd] | None = None
    lines: LineCounts | None = None
    resume: Resume | None = None
    """What a replay goes on with, of a batch in which lines failed."""
    replaces: Replaced = Replaced()
    quotes: Quotes | None = None
    """None where the recipe asks for none."""
    reused: Reused | None = None
    """Whose answer it is; None for one that was generated for this document."""


class ErrorRecord(JobRecord, frozen=True, kw_only=True):
    """A run that failed for good. `replay` says how to try again."""

    reason: Reason
    message: str
    partial_text: str | None = None
    parts: list[PartEnd] | None = None
    lines: LineCounts | None = None
    resume: Resume | None = None
    replay: str


class SupersededRecord(JobRecord, frozen=True, kw_only=True):
    """A run whose document or recipe was replaced meanwhile, with its text if there is one."""

    text: str | None = None
    parts: list[PartEnd] | None = None
    """What had become of its parts; what they used is in `usage` and was booked by themselves."""


R = TypeVar("R", bound=JobRecord)
_SHARED = JobRecord.__struct_fields__


def encode(record: JobRecord) -> bytes:
    """Indented, because people read them."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def decode(body: bytes, kind: type[R]) -> R:
    """Read a record; unknown fields, a later version's, are passed over. Raises `msgspec.DecodeError`."""
    return msgspec.json.decode(body, type=kind)


def shared(record: JobRecord) -> dict[str, Any]:
    """The fields that every kind of record has, to make another kind from."""
    return {name: getattr(record, name) for name in _SHARED}


def log_keys(record: JobRecord) -> dict[str, object]:
    """What every log line about a job says of it; never a word of its text."""
    last = record.responses[-1].id if record.responses else None
    return {"job_id": record.job_id, "run": record.run, "key": record.source.key, "response_id": last}
