"""The records of a job, field by field as DESIGN section 6 fixes them. JSON in the bucket; times RFC 3339 in UTC."""

from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from backburner.capacity.limits import Reservation
from backburner.documents.pictures import Pages
from backburner.documents.price import Price
from backburner.errors import Reason
from backburner.ledger.keys import OutputLocation, output_location
from backburner.ledger.messages import Message, new_ticket
from backburner.ledger.segment_state import Segment
from backburner.provider.answers import Generation, Usage

VERSION = 1
MAX_QUOTES = 500
"""How many places of quotes a record lists; all quotes are checked."""
LOST, UNKNOWN = "lost", "unknown"
"""Our own statuses: for a generation that is gone, and for one whose end the provider never reported."""


class State(StrEnum):
    """The state of a run."""

    WAITING = "waiting"
    SUBMITTING = "submitting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SUPERSEDED = "superseded"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """The document at the time of the claim; `size` is in bytes, `last_modified` by the store's clock."""

    bucket: str
    key: str
    etag: str
    size: int
    last_modified: datetime
    notes: list[str] = []
    """What could not be read, and where, such as "page 3: no text, probably a scan"."""
    pages: Pages | msgspec.UnsetType = msgspec.UNSET
    """How each page was sent; absent unless pages may have been sent as pictures."""


class RecipeRef(msgspec.Struct, frozen=True, kw_only=True):
    """A recipe and its version ("" for one without a file)."""

    name: str
    sha256: str


class ProviderRef(msgspec.Struct, frozen=True, kw_only=True):
    """The provider, its address and the model."""

    profile: str
    base_url: str
    model: str


class Looks(msgspec.Struct, frozen=True, kw_only=True):
    """How often a generation was polled, and when first and last: in seconds since it was recorded as running."""

    count: int
    first_s: float
    last_s: float


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """A generation that was started, as last polled."""

    id: str
    attempt: int
    status: str
    model: str | None = None
    usage: Usage | None = None
    error: dict[str, str] | None = None
    incomplete_details: dict[str, str] | None = None
    created_at: datetime | None = None
    completed_at: datetime | None = None
    looks: Looks | None = None
    """None until the record is written after a poll, or if the answer to the create already said how it ended."""


class JobRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of all records. Counters and cost are those of this run, for all its attempts together.

    For a replayed batch, `usage` and `cost` include its earlier runs, since the result contains their lines.
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
    """The share of `usage` and `cost` that earlier runs of a batch used for lines that this run has kept."""
    suspected_orphans: int = 0
    polls: int = 0
    waited: dict[str, float] = {}
    """Seconds that it waited, by what it waited for."""
    uploaded_at: datetime
    submitted_at: datetime | None = None
    finished_at: datetime | None = None
    nonce: str = ""
    """New with each write, so that a writer whose answer was lost recognises its own record."""

    @property
    def location(self) -> OutputLocation:
        """The output location."""
        return output_location(self.source.key)

    @property
    def name(self) -> str:
        """The name of its run: `<job_id>.<run>`."""
        return f"{self.job_id}.{self.run}"

    @property
    def own_usage(self) -> Usage:
        """What its own generations used, without its parts'."""
        parts: list[PartEnd] = getattr(self, "parts", None) or []
        return sum((part.usage for part in parts if not part.is_reused), Usage()).subtracted_from(self.usage)

    @property
    def response_ids(self) -> set[str]:
        """The ids of all generations it knows."""
        return {response.id for response in self.responses}


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """Where a quote of an answer was found: characters [first, last) of the document's extracted text."""

    pointer: str
    """JSON pointer into the result; shortened if it is very long."""
    first: int
    last: int
    page: int | None = None
    """Counted from 1; None for a format without pages."""
    part: int | None = None
    """Counted from 1; None for a document that was sent whole."""


class Quotes(msgspec.Struct, frozen=True, kw_only=True):
    """The quotes of an answer, all found in the document; `places` lists the first `MAX_QUOTES`."""

    checked: int
    places: list[Quote] = []


class Reused(msgspec.Struct, frozen=True, kw_only=True):
    """The answer that a run has taken over, and what the other run used for it, which is what was saved."""

    job_id: str
    run: int
    key: str
    """The key of the document that it was generated for."""
    usage: Usage = Usage()
    cost: float | None = None


class LineCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of a batch's lines; `total` is `completed` plus `failed`."""

    total: int
    completed: int
    failed: int


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a document, or a merge of parts: a job of its own, whose document is the object at `key`."""

    key: str
    etag: str
    run: int = 1
    """The run of its job; for parts that failed, a replay uses the next run."""
    is_reused: bool = False
    """Finished by an earlier run."""
    first: int = 0
    """Where its text begins in the document's, in characters; only for parts of level 0."""


class Division(msgspec.Struct, frozen=True, kw_only=True):
    """A document in parts: level 0 has the parts, each further level the merges of the level before."""

    levels: list[list[Part]]
    opened: bool = False
    """Whether every part of the last level has been sent its message."""
    is_batch: bool = False
    """Whether its parts are segments of lines."""
    is_stopping: bool = False
    """No more parts are opened; the run ends once those in progress have ended."""
    pages: list[int] = []
    """Where the document's pages begin, as in `Extracted`; only if quotes are checked."""


class OpenRecord(JobRecord, frozen=True, kw_only=True):
    """A run that is not over. `attempt` counts the generations begun, including the one in progress."""

    attempt: int = 0
    ticket: str
    waiting_for: str | None = None
    setbacks: int = 0
    """Unexpected exceptions so far; after a few, the run fails as `internal_error`."""
    waits: int = 0
    """How often in a row it went back to waiting without a generation; each time delays the next try."""
    recipe_text: str = ""
    """The recipe that it was claimed with and keeps."""
    output: str = "md"
    price: Price | None = None
    enlarged_cap: int | None = None
    """Cap of output tokens after a truncated answer; None while the recipe's cap applies."""
    partial_text: str | None = None
    cancelled_for: Reason | None = None
    """Why it is being cancelled; set before the provider is asked to cancel."""
    elapsed_before_write_s: float = msgspec.field(default=0.0, name="ran_s")
    """The generation's age in seconds when the record was last written again, by the store's clock."""
    reservation: Reservation | None = msgspec.field(default=None, name="wants")
    """What it reserves at the governor for each attempt; None until it may start."""
    counted: Reservation | None = None
    """What the governor counts for it, as far as this record knows; None if nothing yet (ADR 15)."""
    committed_at_claim: list[str] = msgspec.field(default_factory=list, name="stood_at_place")
    """ETags of the run and error record that were at its output location when it was claimed."""
    shows_overwrites: bool = False
    """Whether its document was read at least a second after the upload, so that `last_modified` shows an overwrite."""
    part_of: str | None = None
    """`<job_id>.<run>` of the parent's run."""
    division: Division | None = None
    """Its parts, once it has been cut; then it has no generation of its own."""
    parts: list["PartEnd"] | None = None
    """How its parts ended; set when it ends."""
    segment: Segment | None = None
    """The lines of a batch that it runs; then it has many generations and does not list them."""
    lines: LineCounts | None = None
    context_overflows: int = msgspec.field(default=0, name="refusals")
    """How often the provider called it, or the document that it was cut from, too long."""
    sent_chars: int = 0
    """Characters sent to the current generation; with its usage, they give the characters per token."""
    sent_picture_tokens: int = 0
    """The estimated tokens of the pictures sent to it."""
    answer: Generation | None = None
    """How the current generation ended, if the answer to its create already said so."""
    absent_s: float | None = None
    """The generation's age in seconds when the provider first reported it as absent, if it still does."""
    lines_without_usage: int = msgspec.field(default=0, name="untold")
    """How many lines of a batch ended without reporting their usage."""
    correction: str | None = None
    """What the next attempt's instructions say about the last one's quotes that are not in the document."""
    quotes: Quotes | None = None
    """Where its answer's quotes were found; set when it ends."""
    answer_key: str | None = None
    """The key under which its answer is noted for reuse, if its recipe allows that."""
    reuses: Reused | None = None
    """The answer that it is to take over, instead of a generation of its own."""

    @property
    def has_begun(self) -> bool:
        """Whether it, or one of its parts, may have generated something."""
        return bool(self.responses or self.suspected_orphans or self.submitted_at or self.division)

    @property
    def response_id(self) -> str | None:
        """The id of the current generation, if it is known."""
        return self.responses[-1].id if self.state is State.RUNNING and self.responses else None

    @property
    def resume(self) -> "Resume | None":
        """What the next run can continue with; None if it starts from the beginning."""
        is_undivided = self.division is None and self.segment is None
        return None if is_undivided else Resume(division=self.division, segment=self.segment)

    @property
    def reserves(self) -> bool:
        """Whether the governor must hold a slot for it."""
        is_one = self.division is None and self.segment is None
        return self.reservation is not None and self.state is not State.WAITING and is_one

    def message(self, response_id: str | None = None) -> Message:
        """A message for its next step, with a new ticket, and with the id of its generation once there is one."""
        return Message(
            job=self.job_id,
            run=self.run,
            key=self.source.key,
            ticket=new_ticket(),
            follows=self.ticket,
            response_id=response_id,
            attempt=None if response_id is None else self.attempt,
            part_of=self.part_of,
        )


class Replaced(msgspec.Struct, frozen=True, kw_only=True):
    """What was at the output location before a run record; removed once the record is written."""

    result_key: str | None = None
    error_etag: str | None = None
    errors_key: str | None = None
    """The batch's older file of failed lines; kept if this run has overwritten it."""


class PartEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How one part ended, as listed in the run or error record of a document that was cut."""

    level: int
    """0 for a part of the document; higher for a merge of the level below."""
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
    """Finished by an earlier run. The record's usage excludes its own, except in a batch, where `kept_usage` has it."""


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay continues with: parts and lines that are done stay done."""

    division: Division | None = None
    segment: Segment | None = None


class RunRecord(JobRecord, frozen=True, kw_only=True):
    """A finished run. `parts` is null for a document that was sent whole."""

    result_key: str
    result_etag: str
    parts: list[PartEnd] | None = None
    lines: LineCounts | None = None
    resume: Resume | None = None
    """What a replay continues with, for a batch with failed lines."""
    replaces: Replaced = Replaced()
    quotes: Quotes | None = None
    """None if the recipe asks for none."""
    reused: Reused | None = None
    """The answer that was taken over; None if it was generated for this document."""


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
    """A run whose document or recipe was replaced, or that a later run overtook, with its text if there is one."""

    text: str | None = None
    parts: list[PartEnd] | None = None
    """How its parts ended; `usage` includes what they used, which they booked themselves."""


R = TypeVar("R", bound=JobRecord)
_SHARED = JobRecord.__struct_fields__


def encode(record: JobRecord) -> bytes:
    """A record as JSON, indented because people read it."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def decode(body: bytes, kind: type[R]) -> R:
    """Read a record; unknown fields, from a later version, are ignored. Raises `msgspec.DecodeError`."""
    return msgspec.json.decode(body, type=kind)


def shared(record: JobRecord) -> dict[str, Any]:
    """The fields that all kinds of records have, to make another kind from."""
    return {name: getattr(record, name) for name in _SHARED}


def log_keys(record: JobRecord) -> dict[str, object]:
    """The keys of every log line about a job; never any of its text."""
    last = record.responses[-1].id if record.responses else None
    return {"job_id": record.job_id, "run": record.run, "key": record.source.key, "response_id": last}
