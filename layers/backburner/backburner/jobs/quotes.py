"""Checks the quotes of an answer against the text that was sent (ADR 23). Writes nothing.

A part's quotes must be in that part; the quotes of an answer that joins other answers, in the whole document.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from backburner.documents.answer_schema import quotes_of
from backburner.documents.passages import MIN_CHARS, Passage, Unchecked, is_too_short
from backburner.documents.plain_text import Extracted
from backburner.documents.quote_schema import names_in
from backburner.documents.recipes import Recipe
from backburner.errors import JobError, Reason
from backburner.jobs.sent_text import SentTexts
from backburner.ledger.records import MAX_QUOTES, Division, OpenRecord, Quotes
from backburner.memory.budget import Hold, MemoryBudget
from backburner.outcome.current_job import CurrentJobs
from backburner.ports import Bucket, Extractor
from backburner.split.part_quotes import located, pointed
from backburner.split.part_store import PartStore, text_of

_MAX_MISSES = 5
_MAX_QUOTE_CHARS = 120
_MAX_POINTER_CHARS = 200


@dataclass(frozen=True, kw_only=True)
class Checked:
    """The places of an answer's quotes, or why the answer cannot count."""

    quotes: Quotes | None = None
    problem: str = ""
    """The quotes that were not found, with their text: for the error record only."""
    correction: str = ""
    """The same for the next attempt's instructions, without any word that may come from the document."""


@dataclass(frozen=True)
class _Miss:
    pointer: str
    text: str
    is_unchecked: bool = False
    """Whether it was given up before the document's end, rather than not found."""


@dataclass(frozen=True, kw_only=True)
class QuoteChecker:
    """Looks for the quotes of an answer in the text that was sent."""

    bucket: Bucket
    sent_texts: SentTexts
    current_jobs: CurrentJobs
    extractor: Extractor
    parts: PartStore
    memory: MemoryBudget

    async def check(self, record: OpenRecord, recipe: Recipe, answer: str) -> Checked:
        """Look for every quote of an answer; the answer fits its schema.

        Raises `JobError` if the text that must contain them is gone.
        """
        quotes = quotes_of(recipe, answer)
        if not quotes:
            return Checked(quotes=Quotes(checked=0))
        parent = await self.current_jobs.parent(record.part_of)
        if record.part_of is not None and (parent is None or parent.division is None):
            return Checked()  # the run that it is a part of is over, and so is this one
        division = parent.division if parent is not None and _joins(record, parent) else None
        async with self.memory.for_document(_size_bytes(record, parent, division)) as hold:
            document = await self._document(record, division, hold)
            passages = await self.extractor.find(document.text, [text for _, text in quotes])
        misses = [
            _Miss(pointer, text, is_unchecked=passage is Unchecked.UNCHECKED)
            for (pointer, text), passage in zip(quotes, passages, strict=True)
            if not isinstance(passage, Passage) or is_too_short(text)
        ]
        if misses:
            correction = _correction(misses, len(quotes), names_in(recipe.schema))
            return Checked(problem=_problem(misses, len(quotes)), correction=correction)
        places = [
            located(pointed(pointer), passage, document.page_starts, division)
            for (pointer, _), passage in zip(quotes[:MAX_QUOTES], passages, strict=False)
            if isinstance(passage, Passage)
        ]
        return Checked(quotes=Quotes(checked=len(quotes), places=places))

    async def _document(self, record: OpenRecord, division: Division | None, hold: Hold) -> Extracted:
        """The text that must contain the quotes. `division` is the parent's if the run joins its parts' answers."""
        if record.part_of is None:
            return await self.sent_texts.sent(record, hold)
        if division is not None:
            return Extracted(await self.parts.document_text(division.levels[0]), page_starts=tuple(division.pages))
        stored = await hold.document(self.bucket, record.source.key)
        if stored is None:
            raise JobError(Reason.LOST, f"{record.source.key}, the part that was quoted, is gone")
        return Extracted(text_of(record.source.key, stored.body))


def _joins(record: OpenRecord, parent: OpenRecord) -> bool:
    """Whether a run's input is answers to be joined rather than a part of the document."""
    return parent.division is not None and all(part.key != record.source.key for part in parent.division.levels[0])


def _size_bytes(record: OpenRecord, parent: OpenRecord | None, division: Division | None) -> int:
    """The size of the text that is searched, as far as it is known: a PDF's may be larger than the PDF."""
    if parent is None or division is None:
        return record.source.size
    return max(parent.source.size, division.levels[0][-1].first)


def _problem(misses: Sequence[_Miss], count: int) -> str:
    unchecked = [miss for miss in misses if miss.is_unchecked]
    absent = [miss for miss in misses if not miss.is_unchecked]
    said = [f"{len(absent)} of {count} quotes are not in the document: {_listed(absent)}"] if absent else []
    if unchecked:
        said.append(
            f"{len(unchecked)} of {count} quotes were not checked, since those of one answer may take only so much "
            f"comparing: {_listed(unchecked)}"
        )
    return "; ".join(said)


def _listed(misses: Sequence[_Miss]) -> str:
    listed = "; ".join(
        f"at {miss.pointer[:_MAX_POINTER_CHARS] or 'the top'}: {_shortened(miss.text)!r}"
        + (" (too short)" if is_too_short(miss.text) else "")
        for miss in misses[:_MAX_MISSES]
    )
    return listed + (f"; and {len(misses) - _MAX_MISSES} more" if len(misses) > _MAX_MISSES else "")


def _correction(misses: Sequence[_Miss], count: int, names: set[str]) -> str:
    absent = [miss for miss in misses if not miss.is_unchecked]
    said = []
    if absent:
        pointers = ", ".join(dict.fromkeys(_masked(miss.pointer, names) for miss in absent[:_MAX_MISSES]))
        said.append(
            f"An earlier answer was rejected: {len(absent)} of its {count} quotes are not in the document, among them "
            f"{pointers}. Copy every quote from the document word for word, in its own language, without omissions: "
            f"rather the whole sentence than a few words of it, at least {MIN_CHARS} letters. Where there is no such "
            "passage, do not make one up: leave the item out, or use null where the schema allows it."
        )
    if len(absent) < len(misses):
        said.append(
            f"An earlier answer was rejected: {len(misses) - len(absent)} of its {count} quotes could not be checked, "
            "since its quotes are too long or too many. Give fewer and shorter ones: one sentence each."
        )
    return " ".join(said)


def _masked(pointer: str, names: set[str]) -> str:
    """A pointer without any name that the model chose: names that are not in the schema become stars."""
    steps = pointer.split("/")[1:]
    plain = (step.replace("~1", "/").replace("~0", "~") for step in steps)
    shown = [step if (step.isdecimal() and len(step) < 10) or step in names else "*" for step in plain]  # noqa: PLR2004
    return ("/" + "/".join(shown))[:_MAX_POINTER_CHARS] if shown else "the whole answer"


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MAX_QUOTE_CHARS else f"{text[:_MAX_QUOTE_CHARS]}…"
