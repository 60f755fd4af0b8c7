"""Office, OpenDocument and EPUB files are ZIP archives: inspected before anything is unpacked."""

import io
import re
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import IO

from backburner.errors import JobError, Reason

MAX_UNPACKED_BYTES = 256 * 1024 * 1024
"""According to the archive's directory; one that lies hits the memory limit."""
MAX_RATIO = 200
"""The ratio of unpacked to packed bytes; Office's own XML stays far below 100."""
SMALL_BYTES = 16 * 1024 * 1024
"""What unpacks to less is never a bomb, whatever its ratio."""
MAX_FILES = 20_000
_TYPE_BYTES = 256
_MANIFEST_BYTES = 4 * 1024 * 1024
_ROOT_TYPE = re.compile(
    rb"""full-path="/"[^<>]*?media-type="([^"]+)"|media-type="([^"]+)"[^<>]*?full-path="/\"""",
)


@dataclass(frozen=True)
class Package:
    """An archive's directory. Raises `JobError` if it has none, or would unpack to too much."""

    body: bytes = field(repr=False)
    _archive: zipfile.ZipFile = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read the directory and check it."""
        try:
            archive = zipfile.ZipFile(io.BytesIO(self.body))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, RecursionError) as error:
            raise JobError(
                Reason.UNREADABLE_DOCUMENT,
                "a damaged or truncated Office file or archive: upload the complete file",
            ) from error
        object.__setattr__(self, "_archive", archive)
        self._refuse_bombs()

    @property
    def names(self) -> list[str]:
        """The names of the files."""
        return self._archive.namelist()

    @property
    def infos(self) -> list[zipfile.ZipInfo]:
        """The directory's entries."""
        return self._archive.infolist()

    def open(self, info: zipfile.ZipInfo) -> IO[bytes]:
        """A file, to be unpacked as it is read; `zipfile` raises if it is damaged or encrypted."""
        return self._archive.open(info)

    @property
    def declared_type(self) -> str | None:
        """The media type that OpenDocument and EPUB files declare in their first member."""
        declared = self._read("mimetype", _TYPE_BYTES)
        return declared.decode("ascii", "replace").strip() if declared else None

    @property
    def manifest_type(self) -> str | None:
        """The media type in an OpenDocument's manifest, for files that were repacked without the first member."""
        found = _ROOT_TYPE.search(self._read("META-INF/manifest.xml", _MANIFEST_BYTES))
        return (found[1] or found[2]).decode("ascii", "replace") if found else None

    @property
    def content_types(self) -> bytes:
        """An Office file's list of its parts' content types, as XML."""
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
        """How many XML files are directly in a folder."""
        return sum(
            name.startswith(folder) and name.endswith(".xml") and "/" not in name[len(folder) :] for name in self.names
        )

    def _read(self, name: str, max_bytes: int) -> bytes:
        if name not in self.names:
            return b""
        try:
            with self._archive.open(name) as file:
                return file.read(max_bytes)
        except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, ValueError):
            return b""  # encrypted or damaged: its reader will say so

    def _refuse_bombs(self) -> None:
        infos = self._archive.infolist()
        unpacked = sum(info.file_size for info in infos)
        if len(infos) > MAX_FILES:
            raise JobError(
                Reason.DOCUMENT_TOO_LARGE,
                f"an archive of {len(infos)} files; at most {MAX_FILES} are read: split it up",
            )
        is_bomb = unpacked > SMALL_BYTES and unpacked > MAX_RATIO * len(self.body)
        if unpacked > MAX_UNPACKED_BYTES or is_bomb:
            raise JobError(
                Reason.DOCUMENT_TOO_LARGE,
                f"{len(self.body)} bytes that unpack to {unpacked}; at most {MAX_UNPACKED_BYTES}, and {MAX_RATIO} per "
                "packed byte, are read: split it up",
            )
