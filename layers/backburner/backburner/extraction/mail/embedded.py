"""Files between the lines of a plain text (uuencode, yEnc, PGP), as old programs sent attachments."""

import re
from collections.abc import Iterator
from dataclasses import replace

from backburner.extraction.mail.blocks import FIRST_LEVEL, Block, Read, attachment_block, note_block, unread_attachment
from backburner.extraction.mail.transfer import from_base64, from_uu

_BEGIN = re.compile(
    r"^(?:begin [0-7]{3,4} (?P<uu>[^\n]+)|begin-base64 [0-7]{3,4} (?P<base64>[^\n]+)"
    r"|=ybegin [^\n]*?name=(?P<yenc>[^\n]+)|(?P<pgp>-----BEGIN PGP MESSAGE-----)[ \t]*)$",
    re.MULTILINE,
)
_ENDS = {
    "uu": re.compile(r"^end[ \t]*$", re.MULTILINE),
    "base64": re.compile(r"^====[ \t]*$", re.MULTILINE),
    "yenc": re.compile(r"^=yend[^\n]*$", re.MULTILINE),
    "pgp": re.compile(r"^-----END PGP MESSAGE-----[ \t]*$", re.MULTILINE),
}
_UU_LINE = re.compile(r"[ -`]{1,90}")
_SAMPLE_CHARS = 400
"""How much is examined to tell uuencoded lines from a sentence that begins like them."""


def split(text: str, read: Read, level: int = FIRST_LEVEL) -> Iterator[Block]:
    """The text without such files, and each file in its place."""
    position = 0
    ends = dict.fromkeys(_ENDS, (0, 0))
    for found in _BEGIN.finditer(text):
        kind = found.lastgroup or ""
        if found.start() < position or not _is_file(kind, text, found.end() + 1):
            continue
        if ends[kind][0] < found.end():
            end = _ENDS[kind].search(text, found.end())
            ends[kind] = end.span() if end else (len(text), len(text))
        last, after = ends[kind]
        yield Block(text[position : found.start()], form="plain")
        block = _block(kind, found[kind], text[found.end() : last], read, level)
        yield block if last < after else _truncated(block)
        position = after
    yield Block(text[position:], form="plain")


def _is_file(kind: str, text: str, start: int) -> bool:
    lines = text[start : start + _SAMPLE_CHARS].split("\n")[:3]
    return kind != "uu" or all(_UU_LINE.fullmatch(line) for line in lines[:1])


def _block(kind: str, name: str, lines: str, read: Read, level: int) -> Block:
    if kind == "pgp":
        return note_block("encrypted text (PGP): not read, decrypt it and upload it again", is_unread=True)
    if kind == "yenc":
        return unread_attachment(name, "not read, its encoding (yEnc) is not supported: upload it by itself", level)
    body, damage = (from_uu if kind == "uu" else from_base64)(lines.encode("latin-1", "replace"))
    block = attachment_block(name, body, read, level)
    return _noted(block, f"attachment {name}: {damage}") if damage else block


def _truncated(block: Block) -> Block:
    return _noted(block, "the mail ends in the middle of this attachment: it may have been cut off")


def _noted(block: Block, note: str) -> Block:
    addition = note_block(note)
    return replace(block, text=f"{block.text}\n\n{addition.text}", notes=(*block.notes, *addition.notes))
