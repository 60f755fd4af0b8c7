"""A document's story, source and result, as the page shows them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from backburner.errors import JobError
from backburner.ledger.keys import FAILED, INBOX, RESULTS
from backburner.ledger.records import ErrorRecord, OpenRecord, RunRecord
from backburner.ports import TooLargeError
from backburner_cli.errors import CommandError
from backburner_cli.operator.quotes import in_source
from backburner_cli.operator.remedies import REMEDIES
from backburner_cli.operator.show import standing, story_of_document
from backburner_cli.operator.timeline import by_journal
from backburner_cli.operator.uploads import describe

if TYPE_CHECKING:
    from backburner.ports import Stored
    from backburner_cli.operator.job import Job
    from backburner_cli.operator.session import Records

MAX_TEXT_CHARS = 500_000
"""The page gets no more of a text than this; the whole text can be downloaded."""
MAX_READ_BYTES = 64 * 1024 * 1024
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
_WEBP = (b"RIFF", b"WEBP")
_SHOWN = (INBOX, RESULTS, FAILED)


class UnknownError(CommandError):
    """The bucket has no such object, or it is not shown."""


def media_type(body: bytes) -> str | None:
    """The media type of a picture or PDF, by its first bytes whatever its name; None for everything else."""
    for signature, kind in _SIGNATURES:
        if body.startswith(signature):
            return kind
    return "image/webp" if (body[:4], body[8:12]) == _WEBP else None


@dataclass(frozen=True, kw_only=True)
class Documents:
    """Reads what the bucket has on a document."""

    records: Records

    async def story(self, key: str) -> dict[str, Any]:
        """A document's timeline, and what its records say. Raises `CommandError` if nothing is known about it."""
        _require(key, (INBOX,))
        story = await story_of_document(self.records, key)
        timeline = [{"at": at.isoformat(), "what": what} for at, what in story.timeline()]
        answer = _empty(key) | {"timeline": timeline}
        for record in story.records:
            answer["notes"] = record.source.notes or answer["notes"]
            if isinstance(record, OpenRecord):
                answer["standing"] = standing(record)
            elif isinstance(record, RunRecord):
                answer["result_key"] = record.result_key
                answer["details"] |= {name: str(value) for name, value in describe(record).items()}
            elif isinstance(record, ErrorRecord):
                answer["failure"] = _failure(record)
                answer["details"] |= {name: str(value) for name, value in describe(record).items()}
        return answer

    async def quotes(self, key: str) -> dict[str, Any]:
        """The quotes of its result, and the source's text with them in it. Raises `CommandError` too."""
        _require(key, (INBOX,))
        story = await story_of_document(self.records, key)
        record = next((each for each in story.records if isinstance(each, RunRecord)), None)
        if record is None or record.quotes is None:
            return {"checked": 0, "quotes": [], "pieces": [], "problem": None}
        found = await in_source(self.records, record, MAX_TEXT_CHARS)
        return {
            "checked": record.quotes.checked,
            "quotes": [asdict(each) | {"where": each.where} for each in found.quotes],
            "pieces": found.pieces,
            "problem": found.problem or None,
        }

    async def failure(self, key: str) -> str | None:
        """The message of a document's error record; None if there is none, or it cannot be read."""
        _require(key, (INBOX,))
        story = await story_of_document(self.records, key)
        return next((record.message for record in story.records if isinstance(record, ErrorRecord)), None)

    async def shown(self, key: str) -> dict[str, Any]:
        """An object for the page: `kind` is picture, pdf, or text, which is extracted from all other formats.

        A long `text` is cut; `problem` says why there is none.
        """
        view: dict[str, Any] = {"key": key, "kind": "text", "text": None, "problem": None, "is_cut": False, "notes": []}
        try:
            stored = await self.stored(key)
        except TooLargeError as error:
            return view | {"problem": f"It has {error.size_bytes:,} bytes: too many to show here."}
        view |= {"size_bytes": stored.size_bytes, "etag": stored.etag}
        media = media_type(stored.body)
        if media is not None:
            return view | {"kind": "pdf" if media == "application/pdf" else "picture"}
        return view | (await self._text_of(key, stored))

    async def stored(self, key: str) -> Stored:
        """A document, a result or an error record. Raises `UnknownError`, or `TooLargeError`."""
        _require(key, _SHOWN)
        stored = await self.records.bucket.get(key, MAX_READ_BYTES)
        if stored is None:
            raise UnknownError(f"{key} is not in the bucket (any more)")
        return stored

    async def _text_of(self, key: str, stored: Stored) -> dict[str, Any]:
        """The text of an object: a result is UTF-8; a document is read as the functions read it."""
        notes: list[str] = []
        if key.startswith(INBOX):
            try:
                extracted = await self.records.extractor.extract(stored.body, key)
            except JobError as error:
                return {"problem": f"{error.reason}: {error}"}
            text, notes = extracted.text, list(extracted.notes)
        else:
            text = stored.body.decode(errors="replace")
        return {"text": text[:MAX_TEXT_CHARS], "is_cut": len(text) > MAX_TEXT_CHARS, "notes": notes}


def by_job(job: Job) -> dict[str, Any]:
    """The story of a document whose records are gone: what the journal says of its last run."""
    events = [(job.uploaded_at, "uploaded")]
    if job.finished_at is not None:
        events.append((job.finished_at, by_journal(job.run, job.shown_state, job.reason)))
    return _empty(job.key) | {"timeline": [{"at": at.isoformat(), "what": what} for at, what in events]}


def _empty(key: str) -> dict[str, Any]:
    return {
        "key": key,
        "timeline": [],
        "standing": None,
        "failure": None,
        "result_key": None,
        "notes": [],
        "details": {},
    }


def _failure(record: ErrorRecord) -> dict[str, Any]:
    return {
        "reason": str(record.reason),
        "message": record.message,
        "remedy": REMEDIES[record.reason],
        "partial_text": record.partial_text and record.partial_text[:MAX_TEXT_CHARS],
    }


def require_document(key: str) -> None:
    """Raise `UnknownError` unless it is the key of a document."""
    _require(key, (INBOX,))


def _require(key: str, prefixes: tuple[str, ...]) -> None:
    if not key.startswith(prefixes):
        raise UnknownError(f"{key!r} is not a key that is shown here: {', '.join(prefixes)}")
