"""Files attached to a PDF: read if possible, always named."""

from collections.abc import Callable, Iterable

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError
from backburner.extraction import markdown

_MAX_FILES = 100


def attached(
    files: Iterable[tuple[str, bytes]], inner: Callable[[bytes, str], Extracted]
) -> tuple[list[str], list[str]]:
    """A section for each file, under its name, and a note for each one that could not be read."""
    parts: list[str] = []
    notes: list[str] = []
    listed = list(files)
    for name, body in listed[:_MAX_FILES]:
        title = " ".join(name.split())
        try:
            read = inner(body, title)
        except JobError as error:
            note = f"attachment {title}: not read: {error.reason}"
            notes.append(note)
            parts.append(f"{markdown.heading(2, f'Attachment: {title}')}\n\n{markdown.missing(note)}")
        else:
            notes += [f"attachment {title}: {note}" for note in read.notes]
            parts.append(f"{markdown.heading(2, f'Attachment: {title}')}\n\n{read.text.strip()}")
    if len(listed) > _MAX_FILES:
        note = f"{len(listed) - _MAX_FILES} more attachments: not read"
        notes.append(note)
        parts.append(markdown.missing(note))
    return parts, notes
