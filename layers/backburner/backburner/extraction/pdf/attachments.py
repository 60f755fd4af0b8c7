"""Files that a PDF carries: read where they can be, named always."""

from collections.abc import Callable, Iterable

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError
from backburner.extraction import markdown

_MAX_FILES = 100


def attached(
    files: Iterable[tuple[str, bytes]], inner: Callable[[bytes, str], Extracted]
) -> tuple[list[str], list[str]]:
    """A part for each file, under its name, and a note for each that could not be read."""
    parts: list[str] = []
    notes: list[str] = []
    listed = list(files)
    for name, body in listed[:_MAX_FILES]:
        called = " ".join(name.split())
        try:
            read = inner(body, called)
        except JobError as error:
            note = f"attachment {called}: not read: {error.reason}"
            notes.append(note)
            parts.append(f"{markdown.heading(2, f'Attachment: {called}')}\n\n{markdown.missing(note)}")
        else:
            notes += [f"attachment {called}: {note}" for note in read.notes]
            parts.append(f"{markdown.heading(2, f'Attachment: {called}')}\n\n{read.text.strip()}")
    if len(listed) > _MAX_FILES:
        note = f"{len(listed) - _MAX_FILES} more attachments: not read"
        notes.append(note)
        parts.append(markdown.missing(note))
    return parts, notes
