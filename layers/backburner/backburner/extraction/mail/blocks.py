"""The blocks of a mail, before they become one text, each with its own notes."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import unquote

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.formats import SUPPORTED
from backburner.extraction.markdown import heading, missing

Read = Callable[[bytes, str], Extracted]
"""Reads an attachment or a page from its bytes and name. Raises `JobError`."""
MAX_NAME_CHARS = 200
FIRST_LEVEL = 2
"""The level of an attachment's heading; attachments of attached mails are deeper."""

_CONTENT_ID = re.compile(r"cid:([^\s\"'<>)&]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Block:
    """A piece of a mail's text, with notes about what is missing from it."""

    text: str
    notes: tuple[str, ...] = ()
    form: Literal["", "plain", "rich"] = ""
    """How the mail's own text was written; "" for headers, attachments and notes."""
    picture: str = ""
    """The name of a picture that may only decorate the text; such pictures share one note."""
    content_id: str = ""
    is_unread: bool = False
    """Whether it only says that the mail's own text, or its whole content, could not be read."""

    def as_picture(self, name: str, content_id: str) -> "Block":
        """The same block, marked as a picture that the text may show."""
        return replace(self, picture=tidy_name(name), content_id=content_id)


@dataclass(frozen=True)
class Pictures:
    """The pictures shown by a mail's pages: mostly logos, so they share one note."""

    content_ids: set[str] = field(default_factory=set)

    def remember(self, html: str) -> None:
        """Remember the pictures that a page shows."""
        self.content_ids.update(unquote(found) for found in _CONTENT_ID.findall(html))

    def finished(self, blocks: list[Block]) -> list[Block]:
        """The blocks, with the pictures shown in the text replaced by one note at the end."""
        shown = dict.fromkeys(block.picture for block in blocks if self._is_shown(block))
        rest = [block for block in blocks if not self._is_shown(block)]
        return [*rest, note_block(f"pictures in the text, not read: {', '.join(shown)}")] if shown else rest

    def _is_shown(self, block: Block) -> bool:
        return bool(block.picture) and block.content_id in self.content_ids


def note_block(note: str, *, is_unread: bool = False) -> Block:
    """A note in place of something that could not be read."""
    return Block(missing(note), (note,), is_unread=is_unread)


def attachment_block(name: str, body: bytes, read: Read, level: int = FIRST_LEVEL) -> Block:
    """An attachment under a heading with its name: its text, or the reason why it was not read."""
    name = tidy_name(name)
    try:
        extracted = read(body, name)
    except JobError as error:
        return unread_attachment(name, reason_of(error), level)
    notes = tuple(f"{name}: {note}" for note in extracted.notes)
    return Block(f"{heading(level, f'Attachment: {name}')}\n\n{extracted.text}", notes)


def unread_attachment(name: str, reason: str, level: int = FIRST_LEVEL, *, is_unread: bool = False) -> Block:
    """An attachment that is named but not read."""
    note = f"attachment {tidy_name(name)}: {reason}"
    text = f"{heading(level, f'Attachment: {tidy_name(name)}')}\n\n{missing(note)}"
    return Block(text, (note,), is_unread=is_unread)


def html_body(body: bytes, read: Read) -> Block:
    """The text of an HTML body."""
    return _body(body, "body.html", read, "HTML")


def rtf_body(body: bytes, read: Read) -> Block:
    """The text of an RTF body."""
    return _body(body, "body.rtf", read, "RTF")


def _body(body: bytes, name: str, read: Read, what: str) -> Block:
    try:
        extracted = read(body, name)
    except JobError as error:
        if error.reason is Reason.EMPTY_DOCUMENT:
            return Block("", form="rich")
        return note_block(f"{what} text of the mail: {reason_of(error)}", is_unread=True)
    return Block(extracted.text, extracted.notes, form="rich")


def nested(name: str, blocks: Iterable[Block]) -> list[Block]:
    """The blocks of an attached mail, with its name before their notes; none of them is the outer mail's own text."""
    return [
        replace(block, form="", notes=tuple(f"{tidy_name(name)}: {note}" for note in block.notes), is_unread=False)
        for block in blocks
    ]


def refuse_unread(blocks: list[Block]) -> None:
    """Raise `JobError` if nothing but the headers, which are the first block, could be read."""
    rest = [block for block in blocks[1:] if block.text.strip()]
    if rest and all(block.is_unread for block in rest):
        raise JobError(Reason.UNREADABLE_DOCUMENT, f"only the headers of the mail can be read: {rest[0].notes[0]}")


def compose(blocks: Iterable[Block]) -> Extracted:
    """One text with all notes."""
    filled = [block for block in blocks if block.text.strip()]
    text = "\n\n".join(block.text.strip("\n") for block in filled) + "\n"
    return Extracted(text, tuple(note for block in filled for note in block.notes))


def reason_of(error: JobError) -> str:
    """An error as the reason in a note, without the list of supported formats."""
    if error.reason is Reason.EMPTY_DOCUMENT:
        return "no text in it"
    return f"not read, {str(error).replace(f'; {SUPPORTED}', '')}"


def tidy_name(name: str) -> str:
    """A name fit for a heading: one line of printable characters, of limited length."""
    plain = " ".join("".join(char if char.isprintable() else " " for char in name).split())
    return plain[:MAX_NAME_CHARS] or "unnamed"
