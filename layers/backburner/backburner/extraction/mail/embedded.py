"""Files that stand between the lines of a plain text: uuencode, yEnc, PGP. Old programs sent attachments so."""

import re
from collections.abc import Iterator
from dataclasses import replace

from backburner.extraction.mail.blocks import FIRST_LEVEL, Block, Read, attachment, gone, unread
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
_LOOKED_AT = 400
"""Characters of uuencoded lines by which they are told from a sentence that begins like them."""


def split(text: str, read: Read, level: int = FIRST_LEVEL) -> Iterator[Block]:
    """The text without such files, and each of them where it stood."""
    place = 0
    ends = dict.fromkeys(_ENDS, (0, 0))
    for found in _BEGIN.finditer(text):
        kind = found.lastgroup or ""
        if found.start() < place or not _is_file(kind, text, found.end() + 1):
            continue
        if ends[kind][0] < found.end():
            end = _ENDS[kind].search(text, found.end())
            ends[kind] = end.span() if end else (len(text), len(text))
        last, after = ends[kind]
        yield Block(text[place : found.start()], form="plain")
        block = _block(kind, found[kind], text[found.end() : last], read, level)
        yield block if last < after else _cut(block)
        place = after
    yield Block(text[place:], form="plain")


def _is_file(kind: str, text: str, begin: int) -> bool:
    lines = text[begin : begin + _LOOKED_AT].split("\n")[:3]
    return kind != "uu" or all(_UU_LINE.fullmatch(line) for line in lines[:1])


def _block(kind: str, name: str, lines: str, read: Read, level: int) -> Block:
    if kind == "pgp":
        return gone("encrypted text (PGP): not read, decrypt it and upload it again", is_unread=True)
    if kind == "yenc":
        return unread(name, "not read, its encoding (yEnc) is not supported: upload it by itself", level)
    body, damage = (from_uu if kind == "uu" else from_base64)(lines.encode("latin-1", "replace"))
    block = attachment(name, body, read, level)
    return _noted(block, f"attachment {name}: {damage}") if damage else block


def _cut(block: Block) -> Block:
    return _noted(block, "the mail ends before this attachment does: it may have been cut off")


def _noted(block: Block, note: str) -> Block:
    said = gone(note)
    return replace(block, text=f"{block.text}\n\n{said.text}", notes=(*block.notes, *said.notes))
