"""The container of the old Office formats (OLE): named streams, opened with care."""

import io
import struct

import olefile

from backburner.errors import JobError, Reason

DAMAGED = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, struct.error, RecursionError)
"""What reading binary data raises if the file is truncated or forged."""

_SECTOR_BYTES = 512
_COUNTS_AT = (40, 44, 64, 72)


class Compound:
    """A container. Raises `JobError` if it is not one, or is damaged."""

    def __init__(self, body: bytes) -> None:
        self._size_bytes = len(body)
        if any(count > len(body) // _SECTOR_BYTES for count in _counts(body)):
            raise damaged()
        try:
            self._file = olefile.OleFileIO(io.BytesIO(body))
        except DAMAGED as error:
            raise damaged() from error

    @property
    def names(self) -> set[str]:
        """The names of the streams and storages at the top level."""
        root = self._file.root
        return {str(entry.name) for entry in getattr(root, "kids", ())}  # its type stubs do not know them

    def paths(self, *, storages: bool) -> list[list[str]]:
        """The paths of all streams, or of all storages."""
        try:
            return sorted(self._file.listdir(streams=not storages, storages=storages))
        except DAMAGED as error:
            raise damaged() from error

    @property
    def is_whole(self) -> bool:
        """Whether nothing has been found missing so far."""
        return not getattr(self._file, "parsing_issues", ())

    def read(self, name: str) -> bytes:
        """A stream by its name or path (`storage/stream`); empty if there is none."""
        if not self._file.exists(name):
            return b""
        try:
            if self._file.get_size(name) > self._size_bytes:
                raise damaged()
            return bytes(self._file.openstream(name).read())
        except DAMAGED as error:
            raise damaged() from error


def _counts(body: bytes) -> tuple[int, ...]:
    """The sizes in sectors that the header gives for the container's tables: forged ones would exhaust memory."""
    return tuple(int.from_bytes(body[offset : offset + 4], "little") for offset in _COUNTS_AT)


def damaged() -> JobError:
    """What to say about a file whose structure is broken."""
    return JobError(
        Reason.UNREADABLE_DOCUMENT,
        "a damaged or truncated old Office document: open it, save it as DOCX, PPTX or XLSX, and upload that",
    )
