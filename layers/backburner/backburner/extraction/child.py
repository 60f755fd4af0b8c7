"""The child process: limits and confines itself, reads a document, answers.

The answer is a line of JSON, `{"reason": null, "message": "", "size_bytes": n, "notes": []}`, followed by n bytes of
UTF-8, or of pictures where pages were to be drawn; or a reason of the contract with its message and nothing after it. A
child that answers nothing has died.
"""

import os
import resource
import sys
from collections.abc import Sequence
from typing import BinaryIO, NoReturn

import msgspec

from backburner.documents.pictures import TEXT_ONLY, PagePicture, Pages, Piece, Wish
from backburner.errors import JobError, Reason
from backburner.extraction.confinement import confine

MAX_TEXT_BYTES = 64 * 1024 * 1024
"""Longer texts are refused."""
MAX_NOTES = 100
"""How many notes about one document its record carries."""
MAX_NOTE_CHARS = 300
_HEADER_BYTES = 1_048_576
_MAX_FILES = 64


class Bounds(msgspec.Struct, frozen=True):
    """What the child may use, the document's name, and which pages to show or, if `pages` names some, to draw."""

    name: str
    memory_bytes: int
    cpu_s: int
    wish: Wish = TEXT_ONLY
    pieces: list[Piece] = []


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """One page among the bytes of an answer."""

    page: int
    media_type: str
    size_bytes: int


class Header(msgspec.Struct, frozen=True):
    """The outcome of reading a document."""

    reason: Reason | None = None
    message: str = ""
    size_bytes: int = 0
    notes: list[str] = []
    """What could not be read, and where."""
    page_starts: list[int] = []
    """Where pages begin, in characters."""
    pictures: list[PagePicture] = []
    """The pages that are to be shown instead of read."""
    pages: Pages | None = None
    drawn: list[Drawn] = []
    """The pages that follow instead of a text, in order."""


def main(arguments: list[str]) -> NoReturn:
    """Read standard input, answer, exit; whatever a library prints goes to standard error."""
    bounds = msgspec.json.decode(arguments[0], type=Bounds)
    _set_limits(bounds)
    confine()
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    header, text = _answer(sys.stdin.buffer, bounds)
    with answer:
        answer.write(msgspec.json.encode(header) + b"\n" + text)
    # A library's threads outlive the call, and one in ten interpreters crashed on them while cleaning up.
    os._exit(0)


def _answer(document: BinaryIO, bounds: Bounds) -> tuple[Header, bytes]:
    try:
        if bounds.pieces:
            return _drawing(document, bounds)
        # Imported after the limits are set, because it loads the libraries.
        from backburner.extraction.reading import read  # noqa: PLC0415

        extracted = read(document.read(), bounds.name, wish=bounds.wish)
        text = extracted.text.encode("utf-8", "replace")
    except JobError as error:
        return Header(reason=error.reason, message=str(error)), b""
    except MemoryError:
        return Header(reason=Reason.DOCUMENT_TOO_LARGE, message="it needs more memory than there is: split it up"), b""
    if len(text) > MAX_TEXT_BYTES:
        message = f"{len(text)} bytes of text, at most {MAX_TEXT_BYTES} are read: split it up"
        return Header(reason=Reason.DOCUMENT_TOO_LARGE, message=message), b""
    return Header(
        size_bytes=len(text),
        notes=_bounded(extracted.notes),
        page_starts=list(extracted.page_starts),
        pictures=list(extracted.pictures),
        pages=extracted.pages,
    ), text


def _drawing(document: BinaryIO, bounds: Bounds) -> tuple[Header, bytes]:
    """The named pages, drawn as pictures."""
    from backburner.extraction.pictures.rendering import rendered  # noqa: PLC0415

    pictures = list(rendered(document.read(), bounds.pieces, bounds.wish.max_side_px))
    drawn = [Drawn(page=one.page, media_type=one.media_type, size_bytes=len(one.body)) for one in pictures]
    return Header(size_bytes=sum(one.size_bytes for one in drawn), drawn=drawn), b"".join(one.body for one in pictures)


def _bounded(notes: Sequence[str]) -> list[str]:
    """As many notes as a record carries, each cut to its maximum length; the last one counts the rest."""
    kept = [note if len(note) <= MAX_NOTE_CHARS else note[: MAX_NOTE_CHARS - 1] + "…" for note in notes[:MAX_NOTES]]
    return kept if len(notes) <= MAX_NOTES else [*kept[:-1], f"and {len(notes) - MAX_NOTES + 1} more"]


def _set_limits(bounds: Bounds) -> None:
    """Set limits that hold even without a watching parent: memory, CPU time, output, open files, no core dump."""
    for kind, limit in (
        (resource.RLIMIT_DATA, bounds.memory_bytes),
        (resource.RLIMIT_CPU, bounds.cpu_s),
        (resource.RLIMIT_FSIZE, MAX_TEXT_BYTES + _HEADER_BYTES),
        (resource.RLIMIT_NOFILE, _MAX_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        soft, hard = resource.getrlimit(kind)
        lowest = min(one for one in (limit, soft, hard) if one != resource.RLIM_INFINITY)
        resource.setrlimit(kind, (lowest, lowest))
