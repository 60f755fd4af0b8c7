"""What a mail becomes before it is one text: blocks in their order, each with its own notes."""

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
"""How an attachment or a page is read: its bytes and its name. Raises `JobError`."""
MAX_NAME_CHARS = 200
FIRST_LEVEL = 2
"""The level of an attachment's heading; attachments of attached mails lie deeper."""

_CONTENT_ID = re.compile(r"cid:([^\s\"'<>)&]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Block:
    """A piece of a mail's text, and the notes of what is missing from it."""

    text: str
    notes: tuple[str, ...] = ()
    form: Literal["", "plain", "rich"] = ""
    """Whether it is the mail's own text, and how it was written; "" for headers, attachments and notes."""
    picture: str = ""
    """The name of a picture that may only decorate the text, which is said in one note for all of them."""
    content_id: str = ""
    is_unread: bool = False
    """Whether it only says that the mail's own text, or all that is in the mail, could not be read."""

    def as_picture(self, name: str, content_id: str) -> "Block":
        """The same, if it may be a picture that the text shows."""
        return replace(self, picture=tidy(name), content_id=content_id)


@dataclass(frozen=True)
class Pictures:
    """The pictures that a mail's pages show: logos mostly, so one note is enough for all of them."""

    content_ids: set[str] = field(default_factory=set)

    def look(self, html: str) -> None:
        """Remember what a page shows."""
        self.content_ids.update(unquote(found) for found in _CONTENT_ID.findall(html))

    def finished(self, blocks: list[Block]) -> list[Block]:
        """The blocks, with the pictures that the text shows in one note at the end."""
        shown = dict.fromkeys(block.picture for block in blocks if self._is_shown(block))
        rest = [block for block in blocks if not self._is_shown(block)]
        return [*rest, gone(f"pictures in the text, not read: {', '.join(shown)}")] if shown else rest

    def _is_shown(self, block: Block) -> bool:
        return bool(block.picture) and block.content_id in self.content_ids


def gone(note: str, *, is_unread: bool = False) -> Block:
    """What stands in place of something that could not be read."""
    return Block(missing(note), (note,), is_unread=is_unread)


def attachment(name: str, body: bytes, read: Read, level: int = FIRST_LEVEL) -> Block:
    """An attachment under a heading with its name: its text, or why it was not read."""
    name = tidy(name)
    try:
        extracted = read(body, name)
    except JobError as error:
        return unread(name, why(error), level)
    notes = tuple(f"{name}: {note}" for note in extracted.notes)
    return Block(f"{heading(level, f'Attachment: {name}')}\n\n{extracted.text}", notes)


def unread(name: str, reason: str, level: int = FIRST_LEVEL, *, is_unread: bool = False) -> Block:
    """An attachment that is only named."""
    note = f"attachment {tidy(name)}: {reason}"
    text = f"{heading(level, f'Attachment: {tidy(name)}')}\n\n{missing(note)}"
    return Block(text, (note,), is_unread=is_unread)


def page(body: bytes, read: Read) -> Block:
    """The text of an HTML body."""
    return _body(body, "body.html", read, "HTML")


def rich_text(body: bytes, read: Read) -> Block:
    """The text of an RTF body."""
    return _body(body, "body.rtf", read, "RTF")


def _body(body: bytes, name: str, read: Read, what: str) -> Block:
    try:
        extracted = read(body, name)
    except JobError as error:
        if error.reason is Reason.EMPTY_DOCUMENT:
            return Block("", form="rich")
        return gone(f"{what} text of the mail: {why(error)}", is_unread=True)
    return Block(extracted.text, extracted.notes, form="rich")


def within(name: str, blocks: Iterable[Block]) -> list[Block]:
    """The blocks of an attached mail: their notes with its name in front, their text no longer the outer mail's."""
    return [
        replace(block, form="", notes=tuple(f"{tidy(name)}: {note}" for note in block.notes), is_unread=False)
        for block in blocks
    ]


def refuse_unread(blocks: list[Block]) -> None:
    """Raise `JobError` where nothing but the headers, which are the first block, could be read."""
    rest = [block for block in blocks[1:] if block.text.strip()]
    if rest and all(block.is_unread for block in rest):
        raise JobError(Reason.UNREADABLE_DOCUMENT, f"a mail of which only the headers can be read: {rest[0].notes[0]}")


def composed(blocks: Iterable[Block]) -> Extracted:
    """One text with all notes."""
    there = [block for block in blocks if block.text.strip()]
    text = "\n\n".join(block.text.strip("\n") for block in there) + "\n"
    return Extracted(text, tuple(note for block in there for note in block.notes))


def why(error: JobError) -> str:
    """A refusal as the reason of a note, without the list of what could be read instead."""
    if error.reason is Reason.EMPTY_DOCUMENT:
        return "no text in it"
    return f"not read, {str(error).replace(f'; {SUPPORTED}', '')}"


def tidy(name: str) -> str:
    """A name as it may stand in a heading: one line of printable characters, of bounded length."""
    plain = " ".join("".join(char if char.isprintable() else " " for char in name).split())
    return plain[:MAX_NAME_CHARS] or "without a name"
