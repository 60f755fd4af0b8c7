"""MAPI properties of Exchange and Outlook, in MSG files and in TNEF alike ([MS-OXPROPS])."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from backburner.extraction.mail.characters import text_of_bytes
from backburner.extraction.rtf.charsets import codec

STRING8, UNICODE, BINARY, OBJECT, TIME = 0x001E, 0x001F, 0x0102, 0x000D, 0x0040
MESSAGE_CLASS, SUBJECT, CLIENT_SUBMIT_TIME, TRANSPORT_HEADERS = 0x001A, 0x0037, 0x0039, 0x007D
START_DATE, END_DATE = 0x0060, 0x0061
SENT_FOR_NAME, SENT_FOR_ADDRESS, SENT_FOR_SMTP = 0x0042, 0x0065, 0x5D02
SENDER_NAME, SENDER_ADDRESS, SENDER_SMTP = 0x0C1A, 0x0C1F, 0x5D01
RECIPIENT_TYPE, DISPLAY_BCC, DISPLAY_CC, DISPLAY_TO, DELIVERY_TIME = 0x0C15, 0x0E02, 0x0E03, 0x0E04, 0x0E06
BODY, RTF, HTML = 0x1000, 0x1009, 0x1013
DISPLAY_NAME, ADDRESS, SMTP = 0x3001, 0x3003, 0x39FE
ATTACH_DATA, ATTACH_EXTENSION, ATTACH_FILENAME, ATTACH_METHOD = 0x3701, 0x3703, 0x3704, 0x3705
ATTACH_LONG_FILENAME, ATTACH_PATHNAME, ATTACH_LONG_PATHNAME = 0x3707, 0x3708, 0x370D
ATTACH_MIME_TAG, ATTACH_CONTENT_ID = 0x370E, 0x3712
INTERNET_CODE_PAGE, MESSAGE_CODE_PAGE = 0x3FDE, 0x3FFD
_UNICODE_PAGES = (1200, 1201)
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_MICROSECONDS = 10


@dataclass(frozen=True)
class Properties:
    """The properties of a mail, a recipient or an attachment: type and bytes by number."""

    values: Mapping[int, tuple[int, bytes]]
    code_page: int = field(default=0)
    """The code page of 8-bit strings, if the properties do not give one."""

    def text(self, number: int) -> str:
        """A string; "" if there is none."""
        kind, value = self.values.get(number, (0, b""))
        if kind == UNICODE:
            return value.decode("utf-16-le", "replace").rstrip("\0")
        if kind not in (STRING8, BINARY):
            return ""
        return text_of_bytes(value.rstrip(b"\0"), self.charset(MESSAGE_CODE_PAGE, INTERNET_CODE_PAGE))

    def bytes(self, number: int) -> bytes:
        """Binary data."""
        return self.values.get(number, (0, b""))[1]

    def number(self, number: int) -> int | None:
        """An integer."""
        value = self.values.get(number, (0, b""))[1]
        return struct.unpack_from("<i", value)[0] if len(value) >= struct.calcsize("<i") else None

    def time(self, number: int) -> str:
        """A time as in a mail header; "" if there is none."""
        kind, value = self.values.get(number, (0, b""))
        if kind != TIME or len(value) < struct.calcsize("<Q"):
            return ""
        try:
            return format_datetime(_EPOCH + timedelta(microseconds=struct.unpack("<Q", value[:8])[0] // _MICROSECONDS))
        except (OverflowError, ValueError):
            return ""

    def charset(self, *numbers: int) -> str | None:
        """The codec of the first of these code pages that is set."""
        code_pages = (self.number(number) or 0 for number in numbers)
        code_page = next((page for page in code_pages if page and page not in _UNICODE_PAGES), self.code_page)
        return codec(code_page) if code_page else None
