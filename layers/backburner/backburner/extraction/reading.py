"""From bytes to text, in any format. Raises `JobError` saying what is wrong and what to do about it."""

from functools import partial

from backburner.documents.pictures import TEXT_ONLY, Show, Wish
from backburner.documents.plain_text import MAIL_HEAD_CHARS, Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.encodings import head_of
from backburner.extraction.formats import Format, packed_format, written_format
from backburner.extraction.pictures.kinds import picture_format
from backburner.extraction.plausibility import plausible
from backburner.extraction.readers import read_as

MAX_NESTED = 6
"""How deep documents may be nested: attachments of attached mails, for example."""
_NAMES = {
    Format.TEXT: "text",
    Format.HTML: "HTML page",
    Format.MHTML: "web archive",
    Format.CARDS: "calendar or address card",
    Format.MARKUP: "XML document",
    Format.MAIL: "mail",
    Format.MSG: "mail",
    Format.MBOX: "mailbox",
    Format.SIGNED: "signed document",
    Format.FLAT_DOCX: "DOCX",
    Format.FODT: "flat OpenDocument file",
}
_SPOKEN_AS_VOWEL = frozenset("AEFHILMNORSXaeiou")
_MAY_BE_SCANS = frozenset({Format.PDF, Format.PPTX, Format.DOCX})


def read(body: bytes, name: str, depth: int = 0, wish: Wish = TEXT_ONLY) -> Extracted:
    """The text of a document: Markdown if its format has structure, verbatim if it is text.

    With a `wish` pages of PDFs are left to be shown, and a picture is a document; what is inside another is read.
    """
    if depth > MAX_NESTED:
        raise JobError(Reason.DOCUMENT_TOO_LARGE, f"nested deeper than {MAX_NESTED} documents: upload it by itself")
    if wish.show is not Show.NONE and (format_ := picture_format(body)):
        from backburner.extraction.pictures.measuring import measured  # noqa: PLC0415 - a child reads one document

        return measured(body, format_, wish)
    kind = packed_format(body) or written_format(head_of(body, MAIL_HEAD_CHARS), name)
    extracted = plausible(read_as(kind, body, name, partial(read, depth=depth + 1), wish), _named(kind))
    if not extracted.text.strip() and not extracted.pictures:
        raise _empty(kind, len(body))
    return extracted


def _empty(kind: Format, size_bytes: int) -> JobError:
    """What to say about a document without text."""
    if kind in _MAY_BE_SCANS:
        what = f"{_named(kind)} without text, probably a scan: run it through OCR and upload the result"
        return JobError(Reason.UNREADABLE_DOCUMENT, what)
    what = f"{_named(kind)} without text in its {size_bytes} bytes"
    return JobError(Reason.EMPTY_DOCUMENT, f"{what}; upload the document again")


def _named(kind: Format) -> str:
    """A format's name in messages, with its article: an XLSX, an HTML page, a PDF."""
    name = _NAMES.get(kind, kind.name)
    return f"{'an' if name[0] in _SPOKEN_AS_VOWEL else 'a'} {name}"
