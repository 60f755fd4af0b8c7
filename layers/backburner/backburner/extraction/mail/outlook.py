"""Outlook's own files: MSG (a mail) and OFT (a template) ([MS-OXMSG])."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.compound import DAMAGED, Compound
from backburner.extraction.mail import mapi, signed
from backburner.extraction.mail.blocks import (
    FIRST_LEVEL,
    Block,
    Pictures,
    Read,
    attachment_block,
    compose,
    nested,
    note_block,
    refuse_unread,
    unread_attachment,
)
from backburner.extraction.mail.mapi import Properties
from backburner.extraction.mail.mapi_mail import mail_blocks
from backburner.extraction.markdown import heading

MAX_NESTED = 20
"""How deep mails may be nested."""
_PROPERTIES = "__properties_version1.0"
_STRING = "__substg1.0_"
_RECIPIENT, _ATTACHMENT = "__recip_version1.0_#", "__attach_version1.0_#"
_ROOT_HEADER, _INNER_HEADER, _ITEM_HEADER = 32, 24, 8
_ENTRY = struct.Struct("<HHI8s")
_OLE = 6
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".svg", ".emz", ".wmz")


def read_outlook(body: bytes, inner: Read) -> Extracted:
    """A mail's headers, text and attachments. Raises `JobError` if it is damaged, or encrypted as a whole."""
    compound = Compound(body)
    try:
        blocks = _message(_Storage(compound, _Index(compound)), inner, FIRST_LEVEL, 0)
    except (JobError, *DAMAGED) as error:
        raise JobError(
            Reason.UNREADABLE_DOCUMENT, "a damaged Outlook mail: save it again and upload it again"
        ) from error
    if not compound.is_whole:
        blocks.append(note_block("a truncated or damaged Outlook file: parts of it may be missing"))
    refuse_unread(blocks)
    return compose(blocks)


class _Index:
    """The names of the streams and storages inside each storage."""

    def __init__(self, compound: Compound) -> None:
        self.streams: dict[tuple[str, ...], list[str]] = {}
        self.storages: dict[tuple[str, ...], list[str]] = {}
        for found, is_storage in ((self.streams, False), (self.storages, True)):
            for *storage, name in compound.paths(storages=is_storage):
                found.setdefault(tuple(storage), []).append(name)


@dataclass(frozen=True)
class _Storage:
    """A storage of the container."""

    compound: Compound
    index: _Index
    path: tuple[str, ...] = ()

    @property
    def _streams(self) -> list[str]:
        return self.index.streams.get(self.path, [])

    @property
    def _storages(self) -> list[str]:
        return self.index.storages.get(self.path, [])

    @property
    def is_mail(self) -> bool:
        """Whether it holds a mail's properties."""
        return _PROPERTIES in self._streams

    def storages(self, prefix: str) -> Iterator["_Storage"]:
        """The storages whose names begin with `prefix`, in order of their numbers."""
        for name in self._storages:
            if name.startswith(prefix):
                yield _Storage(self.compound, self.index, (*self.path, name))

    def storage(self, name: str) -> "_Storage | None":
        """A storage by name."""
        return _Storage(self.compound, self.index, (*self.path, name)) if name in self._storages else None

    def properties(self, header_bytes: int, code_page: int = 0) -> Properties:
        """All properties of the object in this storage."""
        values = dict(self._fixed(header_bytes))
        for name in self._streams:
            tag = name.removeprefix(_STRING)
            if len(tag) == 8 and tag != name:  # noqa: PLR2004 - two four-digit numbers
                number, kind = int(tag[:4], 16), int(tag[4:], 16)
                if values.get(number, (0, b""))[0] != mapi.UNICODE and kind != mapi.OBJECT:
                    values[number] = kind, self._read(name)
        return Properties(values, code_page)

    def _fixed(self, header_bytes: int) -> Iterator[tuple[int, tuple[int, bytes]]]:
        body = self._read(_PROPERTIES)
        for offset in range(header_bytes, len(body) - _ENTRY.size + 1, _ENTRY.size):
            kind, number, _, value = _ENTRY.unpack_from(body, offset)
            if kind not in (mapi.STRING8, mapi.UNICODE, mapi.BINARY, mapi.OBJECT) and not kind & 0x1000:
                yield number, (kind, value)

    def _read(self, name: str) -> bytes:
        return self.compound.read("/".join((*self.path, name))) if name in self._streams else b""


def _message(storage: _Storage, inner: Read, level: int, depth: int) -> list[Block]:
    properties = storage.properties(_INNER_HEADER if depth else _ROOT_HEADER)
    code_page = properties.number(mapi.MESSAGE_CODE_PAGE) or properties.number(mapi.INTERNET_CODE_PAGE) or 0
    recipients = [one.properties(_ITEM_HEADER, code_page) for one in storage.storages(_RECIPIENT)]
    pictures = Pictures()
    blocks = mail_blocks(properties, recipients, pictures, inner)
    for one in storage.storages(_ATTACHMENT):
        blocks += _attachment(one, code_page, inner, level, depth)
    return pictures.finished(blocks)


def _attachment(storage: _Storage, code_page: int, inner: Read, level: int, depth: int) -> Iterator[Block]:
    properties = storage.properties(_ITEM_HEADER, code_page)
    names = (mapi.ATTACH_LONG_FILENAME, mapi.ATTACH_FILENAME, mapi.DISPLAY_NAME, mapi.ATTACH_LONG_PATHNAME)
    name = next((text for number in names if (text := properties.text(number).strip())), "")
    method, body = properties.number(mapi.ATTACH_METHOD), properties.bytes(mapi.ATTACH_DATA)
    mail = storage.storage(f"{_STRING}3701000D")
    path = properties.text(mapi.ATTACH_LONG_PATHNAME) or properties.text(mapi.ATTACH_PATHNAME)
    if mail is not None and mail.is_mail:
        yield from _attached_mail(mail, name, inner, level, depth)
    elif mail is not None or method == _OLE:
        yield unread_attachment(name or "object", "not read, an embedded object (OLE)", level)
    elif path and not body:
        yield unread_attachment(name, f"not in the mail but stored elsewhere ({path})", level)
    elif signed.is_envelope(body) and signed.is_encrypted(body):
        yield unread_attachment(
            name, "not read, encrypted (S/MIME): decrypt it and upload it again", level, is_unread=True
        )
    else:
        yield _file(properties, name, body, inner, level)


def _file(properties: Properties, name: str, body: bytes, inner: Read, level: int) -> Block:
    kind = properties.text(mapi.ATTACH_MIME_TAG).lower()
    inner_name = "signed.eml" if kind.startswith("multipart/") else name
    block = attachment_block(name, body, lambda inside, _: inner(inside, inner_name), level)
    content_id = properties.text(mapi.ATTACH_CONTENT_ID).strip("<> ")
    is_picture = kind.startswith("image/") or name.lower().endswith(_PICTURES)
    return block.as_picture(name, content_id) if content_id and is_picture else block


def _attached_mail(mail: _Storage, name: str, inner: Read, level: int, depth: int) -> Iterator[Block]:
    yield Block(heading(level, f"Attachment: {name}" if name else "Attached mail"))
    if depth >= MAX_NESTED:
        yield note_block(f"mails nested deeper than {MAX_NESTED}: not read, upload them by themselves")
        return
    yield from nested(name or "attached mail", _message(mail, inner, level + 1, depth + 1))
