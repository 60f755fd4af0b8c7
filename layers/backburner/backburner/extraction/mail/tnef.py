"""TNEF: the file `winmail.dat` in which Outlook wraps text and attachments for other Outlooks ([MS-OXTNEF])."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.mail import mapi
from backburner.extraction.mail.blocks import (
    FIRST_LEVEL,
    Block,
    Pictures,
    Read,
    attachment_block,
    compose,
    nested,
    note_block,
    unread_attachment,
)
from backburner.extraction.mail.mapi import Properties
from backburner.extraction.mail.mapi_mail import mail_blocks
from backburner.extraction.markdown import heading

SIGNATURE = b"\x78\x9f\x3e\x22"
MAX_NESTED = 20
_ATTRIBUTE = struct.Struct("<BHHI")
_HEADER_BYTES, _CHECK_BYTES = 6, 2
_CODE_PAGE, _SUBJECT, _BODY, _PROPERTIES = 0x9007, 0x8004, 0x800C, 0x9003
_BEGIN, _NAME, _DATA, _ATTACHED_PROPERTIES = 0x9002, 0x8010, 0x800F, 0x9005
_MESSAGE = bytes.fromhex("0703020000000000c000000000000046")
_FIXED = {2: 4, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 10: 4, 11: 4, 20: 8, 64: 8, 72: 16}
_NAMED, _MANY = 0x8000, 0x1000


@dataclass
class _Attachment:
    name: str = ""
    data: bytes = b""
    properties: Properties = field(default_factory=lambda: Properties({}))


@dataclass
class _File:
    """The contents of a file, as far as it can be read."""

    code_page: int = 0
    values: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    attachments: list[_Attachment] = field(default_factory=list)
    is_whole: bool = True


def read_tnef(body: bytes, inner: Read) -> Extracted:
    """The text and the attachments in the file. Raises `JobError` if there are none."""
    extracted = compose(_blocks(body, inner, FIRST_LEVEL, 0))
    if not extracted.text.strip():
        raise JobError(Reason.EMPTY_DOCUMENT, "a TNEF file (winmail.dat) with neither text nor attachments")
    return extracted


def _blocks(body: bytes, inner: Read, level: int, depth: int) -> list[Block]:
    file = _parsed(body)
    pictures = Pictures()
    blocks = mail_blocks(Properties(file.values, file.code_page), [], pictures, inner)
    for one in file.attachments:
        blocks += _attachment(one, inner, level, depth)
    if not file.is_whole:
        blocks.append(note_block("a truncated or damaged TNEF file (winmail.dat): the rest is missing"))
    return pictures.finished(blocks)


def _attachment(one: _Attachment, inner: Read, level: int, depth: int) -> Iterator[Block]:
    names = (mapi.ATTACH_LONG_FILENAME, mapi.ATTACH_FILENAME, mapi.DISPLAY_NAME)
    name = next((text for number in names if (text := one.properties.text(number).strip())), one.name)
    kind, data = one.properties.values.get(mapi.ATTACH_DATA, (0, b""))
    if kind != mapi.OBJECT:
        content_id = one.properties.text(mapi.ATTACH_CONTENT_ID).strip("<> ")
        block = attachment_block(name, one.data or data, inner, level)
        yield block.as_picture(name, content_id) if content_id else block
    elif not data.startswith(_MESSAGE):
        yield unread_attachment(name or "object", "not read, an embedded object (OLE)", level)
    elif depth >= MAX_NESTED:
        yield note_block(f"mails nested deeper than {MAX_NESTED}: not read, upload them by themselves")
    else:
        yield Block(heading(level, f"Attachment: {name}" if name else "Attached mail"))
        yield from nested(name or "attached mail", _blocks(data[len(_MESSAGE) :], inner, level + 1, depth + 1))


def _parsed(body: bytes) -> _File:
    file = _File()
    offset = _HEADER_BYTES
    while offset + _ATTRIBUTE.size <= len(body) and body[offset] in (1, 2):
        _, number, _, length = _ATTRIBUTE.unpack_from(body, offset)
        offset += _ATTRIBUTE.size
        value = body[offset : offset + length]
        offset += length + _CHECK_BYTES
        try:
            _take(file, number, value)
        except (struct.error, IndexError):
            file.is_whole = False
    file.is_whole = file.is_whole and offset <= len(body) + _CHECK_BYTES
    return file


def _take(file: _File, number: int, value: bytes) -> None:
    match number:
        case 0x9007:
            file.code_page = struct.unpack_from("<I", value)[0]
        case 0x8004:
            file.values.setdefault(mapi.SUBJECT, (mapi.STRING8, value))
        case 0x800C:
            file.values.setdefault(mapi.BODY, (mapi.STRING8, value))
        case 0x9003:
            file.values.update(_values(value))
        case 0x9002:
            file.attachments.append(_Attachment())
        case 0x8010 | 0x800F | 0x9005:
            _take_attached(file, number, value)
        case _:
            pass  # times, senders and the like, which are in the mail's own headers


def _take_attached(file: _File, number: int, value: bytes) -> None:
    if not file.attachments:
        file.attachments.append(_Attachment())
    one = file.attachments[-1]
    if number == _NAME:
        one.name = Properties({_NAME: (mapi.STRING8, value)}, file.code_page).text(_NAME)
    elif number == _DATA:
        one.data = value
    else:
        one.properties = Properties(dict(_values(value)), file.code_page)


def _values(body: bytes) -> Iterator[tuple[int, tuple[int, bytes]]]:
    """The properties packed into an attribute."""
    offset = 4
    for _ in range(min(struct.unpack_from("<I", body)[0], len(body))):
        kind, number = struct.unpack_from("<HH", body, offset)
        offset = _after_name(body, offset + 4) if number >= _NAMED else offset + 4
        is_many, kind = bool(kind & _MANY), kind & ~_MANY
        size = _FIXED.get(kind)
        many = 1
        if is_many or size is None:
            many = struct.unpack_from("<I", body, offset)[0]
            offset += 4
        for number_of_value in range(min(many, len(body))):
            length = size
            if length is None:
                length = struct.unpack_from("<I", body, offset)[0]
                offset += 4
            if not number_of_value and number < _NAMED:
                yield number, (kind, body[offset : offset + length])
            offset += length + -length % 4


def _after_name(body: bytes, offset: int) -> int:
    """The offset after the name of a named property: a GUID, and a number or a string."""
    kind, length = struct.unpack_from("<II", body, offset + 16)
    return offset + 24 + (length + -length % 4 if kind else 0)
