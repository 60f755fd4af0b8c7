"""Office, OpenDocument and EPUB files are ZIP archives: looked at before anything is unpacked."""

import io
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import IO

from backburner.errors import JobError, Reason

MAX_UNPACKED_BYTES = 256 * 1024 * 1024
"""By the archive's own list; what lies meets the bound on memory."""
MAX_RATIO = 200
"""Unpacked to packed bytes; Office's own XML stays far below 100."""
SMALL_BYTES = 16 * 1024 * 1024
"""What unpacks to less is no bomb whatever its ratio."""
MAX_FILES = 20_000
_TYPE_BYTES = 256
_MANIFEST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Package:
    """An archive's list of files. Raises `JobError` where it has none, or where it would unpack to too much."""

    body: bytes = field(repr=False)
    _archive: zipfile.ZipFile = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read the list and judge it."""
        try:
            archive = zipfile.ZipFile(io.BytesIO(self.body))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, RecursionError) as error:
            raise JobError(
                Reason.UNREADABLE_DOCUMENT, "a damaged or truncated Office document or archive: upload it again, whole"
            ) from error
        object.__setattr__(self, "_archive", archive)
        self._refuse_bombs()

    @property
    def names(self) -> list[str]:
        """The files' names."""
        return self._archive.namelist()

    @property
    def infos(self) -> list[zipfile.ZipInfo]:
        """What the list says of each file."""
        return self._archive.infolist()

    def open(self, info: zipfile.ZipInfo) -> IO[bytes]:
        """A file to be unpacked piece by piece; `zipfile` raises where it is damaged or encrypted."""
        return self._archive.open(info)

    @property
    def declared_type(self) -> str | None:
        """The media type that OpenDocument and EPUB files say in their first member."""
        said = self._read("mimetype", _TYPE_BYTES)
        return said.decode("ascii", "replace").strip() if said else None

    @property
    def content_types(self) -> bytes:
        """What an Office file says of the types of its parts, as XML."""
        return self._read("[Content_Types].xml", _MANIFEST_BYTES)

    @property
    def is_encrypted(self) -> bool:
        """Whether its text cannot be read without a password or a licence."""
        return (
            any(info.flag_bits & 1 for info in self._archive.infolist())
            or b"encryption-data" in self._read("META-INF/manifest.xml", _MANIFEST_BYTES)
            or "META-INF/rights.xml" in self.names
        )

    def count(self, folder: str) -> int:
        """How many XML files stand directly in a folder."""
        return sum(
            name.startswith(folder) and name.endswith(".xml") and "/" not in name[len(folder) :] for name in self.names
        )

    def _read(self, name: str, most_bytes: int) -> bytes:
        if name not in self.names:
            return b""
        try:
            with self._archive.open(name) as file:
                return file.read(most_bytes)
        except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, ValueError):
            return b""  # encrypted or damaged: the reader will say so

    def _refuse_bombs(self) -> None:
        infos = self._archive.infolist()
        unpacked = sum(info.file_size for info in infos)
        if len(infos) > MAX_FILES:
            raise JobError(
                Reason.DOCUMENT_TOO_LARGE, f"{len(infos)} files in it, at most {MAX_FILES} are read: cut it up"
            )
        is_bomb = unpacked > SMALL_BYTES and unpacked > MAX_RATIO * len(self.body)
        if unpacked > MAX_UNPACKED_BYTES or is_bomb:
            raise JobError(
                Reason.DOCUMENT_TOO_LARGE,
                f"{len(self.body)} bytes that unpack to {unpacked}; at most {MAX_UNPACKED_BYTES}, and {MAX_RATIO} for "
                "each packed byte, are read: cut it up",
            )
