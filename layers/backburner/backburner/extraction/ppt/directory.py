"""Where the newest version of each part stands: a presentation keeps what earlier savings wrote."""

import struct

from backburner.errors import JobError, Reason
from backburner.extraction.compound import damaged
from backburner.extraction.ppt.records import Record, Type, record_at

_ENCRYPTED = 0xF3D1_C4DF
_ENCRYPTED_EDIT_BYTES = 32
_MAX_EDITS = 10_000
_NUMBER_BITS = 20


class Directory:
    """The parts of a presentation by their numbers. Raises `JobError` where it is encrypted."""

    def __init__(self, document: bytes, current_user: bytes) -> None:
        self._document = document
        self._places: dict[int, int] = {}
        if len(current_user) < 20:  # noqa: PLR2004 - no head
            raise damaged()
        token, place = struct.unpack_from("<II", current_user, 12)
        if token == _ENCRYPTED:
            raise encrypted()
        self._root = 0
        self._edits(place)

    def document(self) -> Record:
        """The presentation itself."""
        found = self.part(self._root)
        if found is None or found.type != Type.DOCUMENT:
            raise damaged()
        return found

    def part(self, number: int) -> Record | None:
        """A slide, a master, notes; None if there is none of the number."""
        place = self._places.get(number)
        return record_at(self._document, place) if place is not None and place < len(self._document) else None

    def _edits(self, place: int) -> None:
        """From the newest saving to the oldest: the first that has a part has it as it is now."""
        seen: set[int] = set()
        while place not in seen and len(seen) < _MAX_EDITS:
            seen.add(place)
            edit = record_at(self._document, place)
            if edit.type != Type.USER_EDIT:
                raise damaged()
            if edit.last - edit.first >= _ENCRYPTED_EDIT_BYTES and edit.number(28):
                raise encrypted()
            self._root = self._root or edit.number(16)
            self._entries(record_at(self._document, edit.number(12)))
            place = edit.number(8)
            if not place:
                return

    def _entries(self, directory: Record) -> None:
        place = directory.first
        while place + 4 <= directory.last:
            (head,) = struct.unpack_from("<I", self._document, place)
            first, count = head & ((1 << _NUMBER_BITS) - 1), head >> _NUMBER_BITS
            places = struct.unpack_from(f"<{count}I", self._document, place + 4)
            for number, where in enumerate(places, first):
                self._places.setdefault(number, where)
            place += 4 + 4 * count


def encrypted() -> JobError:
    """What to say of a presentation that asks for a password."""
    return JobError(Reason.UNREADABLE_DOCUMENT, "an encrypted PPT: save it without a password")
