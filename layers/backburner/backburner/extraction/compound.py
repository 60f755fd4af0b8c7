"""The container of the old Office formats (OLE): streams with names, opened with care."""

import io
import struct

import olefile

from backburner.errors import JobError, Reason

DAMAGED = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, struct.error, RecursionError)
"""What a reader of binary data meets in a file that is cut off or made up."""


class Compound:
    """A container. Raises `JobError` where it is none, or a damaged one."""

    def __init__(self, body: bytes) -> None:
        try:
            self._file = olefile.OleFileIO(io.BytesIO(body))
        except DAMAGED as error:
            raise damaged() from error

    @property
    def names(self) -> set[str]:
        """The names of streams and storages at its top."""
        return {entry[0] for entry in self._file.listdir(streams=True, storages=True)}

    def read(self, name: str) -> bytes:
        """A stream; nothing if there is none."""
        if not self._file.exists(name):
            return b""
        try:
            return bytes(self._file.openstream(name).read())
        except DAMAGED as error:
            raise damaged() from error

    @property
    def class_id(self) -> str:
        """The program that the whole belongs to, as it says."""
        root = self._file.root
        return str(root.clsid).lower() if root is not None else ""


def damaged() -> JobError:
    """What to say of a file whose structure does not hold."""
    return JobError(
        Reason.UNREADABLE_DOCUMENT,
        "a damaged or truncated old Office document: open it, save it as DOCX, PPTX or XLSX, and upload that",
    )
