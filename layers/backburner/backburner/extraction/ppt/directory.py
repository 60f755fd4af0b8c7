"""Finds the newest version of each part: a presentation also keeps what earlier saves wrote."""

import struct

from backburner.errors import JobError, Reason
from backburner.extraction.compound import damaged
from backburner.extraction.ppt.records import Record, Type, record_at

_ENCRYPTED = 0xF3D1_C4DF
_ENCRYPTED_EDIT_BYTES = 32
_MAX_EDITS = 10_000
_NUMBER_BITS = 20


class Directory:
    """The parts of a presentation by number. Raises `JobError` if it is encrypted."""

    def __init__(self, document: bytes, current_user: bytes) -> None:
        self._document = document
        self._offsets: dict[int, int] = {}
        if len(current_user) < 20:  # noqa: PLR2004 - no header
            raise damaged()
        token, offset = struct.unpack_from("<II", current_user, 12)
        if token == _ENCRYPTED:
            raise encrypted()
        self._root = 0
        self._edits(offset)

    def document(self) -> Record:
        """The document record."""
        found = self.part(self._root)
        if found is None or found.type != Type.DOCUMENT:
            raise damaged()
        return found

    def part(self, number: int) -> Record | None:
        """A slide, a master or notes; None if there is none with this number."""
        offset = self._offsets.get(number)
        return record_at(self._document, offset) if offset is not None and offset < len(self._document) else None

    def _edits(self, offset: int) -> None:
        """Go from the newest save to the oldest: a part is current in the first one that has it."""
        seen: set[int] = set()
        while offset not in seen and len(seen) < _MAX_EDITS:
            seen.add(offset)
            edit = record_at(self._document, offset)
            if edit.type != Type.USER_EDIT:
                raise damaged()
            if edit.last - edit.first >= _ENCRYPTED_EDIT_BYTES and edit.number(28):
                raise encrypted()
            self._root = self._root or edit.number(16)
            self._entries(record_at(self._document, edit.number(12)))
            offset = edit.number(8)
            if not offset:
                return

    def _entries(self, directory: Record) -> None:
        offset = directory.first
        while offset + 4 <= directory.last:
            (head,) = struct.unpack_from("<I", self._document, offset)
            first, count = head & ((1 << _NUMBER_BITS) - 1), head >> _NUMBER_BITS
            offsets = struct.unpack_from(f"<{count}I", self._document, offset + 4)
            for number, part_offset in enumerate(offsets, first):
                self._offsets.setdefault(number, part_offset)
            offset += 4 + 4 * count


def encrypted() -> JobError:
    """What to say about a presentation that asks for a password."""
    return JobError(Reason.UNREADABLE_DOCUMENT, "an encrypted PPT: save it without a password")
