"""The container of the old Office formats (OLE): streams with names, opened with care."""

import io
import struct

import olefile

from backburner.errors import JobError, Reason

DAMAGED = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, struct.error, RecursionError)
"""What a reader of binary data meets in a file that is cut off or made up."""

_SECTOR_BYTES = 512
_COUNTS_AT = (40, 44, 64, 72)


class Compound:
    """A container. Raises `JobError` where it is none, or a damaged one."""

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
        """The names of streams and storages at its top."""
        root = self._file.root
        return {str(entry.name) for entry in getattr(root, "kids", ())}  # its type stubs do not know them

    def paths(self, *, storages: bool) -> list[list[str]]:
        """The paths of all streams, or of all storages, in them."""
        try:
            return sorted(self._file.listdir(streams=not storages, storages=storages))
        except DAMAGED as error:
            raise damaged() from error

    @property
    def is_whole(self) -> bool:
        """Whether nothing was found to be missing in what was read so far."""
        return not getattr(self._file, "parsing_issues", ())

    def read(self, name: str) -> bytes:
        """A stream by its name or its path (`storage/stream`); nothing if there is none."""
        if not self._file.exists(name):
            return b""
        try:
            if self._file.get_size(name) > self._size_bytes:
                raise damaged()
            return bytes(self._file.openstream(name).read())
        except DAMAGED as error:
            raise damaged() from error

    @property
    def class_id(self) -> str:
        """The program that the whole belongs to, as it says."""
        root = self._file.root
        return str(root.clsid).lower() if root is not None else ""


def _counts(body: bytes) -> tuple[int, ...]:
    """Of how many sectors each of the container's own tables is, as its head says: false ones would fill the memory."""
    return tuple(int.from_bytes(body[place : place + 4], "little") for place in _COUNTS_AT)


def damaged() -> JobError:
    """What to say of a file whose structure does not hold."""
    return JobError(
        Reason.UNREADABLE_DOCUMENT,
        "a damaged or truncated old Office document: open it, save it as DOCX, PPTX or XLSX, and upload that",
    )
