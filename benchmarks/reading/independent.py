"""Readers that share no code with the project's own: those that are installed on this machine."""

import io
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path

import openpyxl  # type: ignore[import-untyped]
from lxml import etree

LIMIT_S = 60.0
"""For one document; a reader that takes longer has no opinion on it."""
_SHOWN_PARTS = ("word/document", "word/footnotes", "word/endnotes", "ppt/slides/slide", "content.xml")
_BREAKS = frozenset({"p", "h", "tr", "tc", "br", "tab"})
_PIECES = frozenset({"t", "p", "h", "span", "a"})
_OPEN_PIECES = frozenset({"span", "a", "s", "tab", "line-break", "note"})
"""Elements of OpenDocument that are in the middle of a text."""


@dataclass(frozen=True)
class Reader:
    """Reads documents by their suffix. `program` must be on the PATH; `package` is the Debian package that has it."""

    name: str
    suffixes: frozenset[str]
    read: Callable[[Path], str]
    program: str | None = None
    package: str | None = None

    @property
    def is_here(self) -> bool:
        """Whether this machine has it."""
        return self.program is None or shutil.which(self.program) is not None


def readers_here() -> tuple[list[Reader], list[Reader]]:
    """The readers that this machine has, and those that it lacks."""
    return [reader for reader in READERS if reader.is_here], [reader for reader in READERS if not reader.is_here]


def _output(command: Sequence[str | Path]) -> str:
    done = subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=True)
    return done.stdout.decode("utf-8", "replace")


def _pdftotext(path: Path) -> str:
    return _output(["pdftotext", "-enc", "UTF-8", path, "-"])


def _pandoc(path: Path) -> str:
    return _output(["pandoc", "--to=plain", "--wrap=none", "--sandbox", path])


def _libreoffice(path: Path) -> str:
    """Through a PDF for slides and sheets, as text for the rest."""
    with tempfile.TemporaryDirectory() as folder:
        target = "pdf" if path.suffix.lower() in _BY_WAY_OF_PDF else "txt:Text (encoded):UTF8"
        profile = f"-env:UserInstallation=file://{folder}/profile"
        _output(["soffice", profile, "--headless", "--convert-to", target, "--outdir", folder, path])
        made = next(Path(folder).glob(f"*.{target[:3]}"))
        return _pdftotext(made) if target == "pdf" else made.read_text(encoding="utf-8", errors="replace")


def _openpyxl(path: Path) -> str:
    book = openpyxl.load_workbook(io.BytesIO(path.read_bytes()), read_only=True, data_only=True)
    rows = (row for sheet in book.worksheets for row in sheet.iter_rows(values_only=True))
    return "\n".join(" ".join(str(value) for value in row if isinstance(value, str | int)) for row in rows)


def _xml_walk(path: Path) -> str:
    """Every piece of text in the parts of a package that are shown, paragraph by paragraph."""
    with zipfile.ZipFile(path) as package:
        names = sorted(name for name in package.namelist() if name.startswith(_SHOWN_PARTS) and name.endswith(".xml"))
        return "\n".join(_walked(io.BytesIO(package.read(name))) for name in names)


def _walked(part: io.BytesIO) -> str:
    found = list[str]()
    for _, element in etree.iterparse(part, resolve_entities=False):
        name = etree.QName(element).localname
        if name in _BREAKS:
            found.append("\n")
        elif name in _PIECES and element.text:
            found.append(element.text)
        if name in _OPEN_PIECES:
            found.append(element.tail or "")
    return "".join(found)


def _mail_walk(path: Path) -> str:
    """Every part that is plain text, and the names of the attachments."""
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    found = [str(message.get("subject", ""))]
    for part in message.walk():
        if part.get_content_type() == "text/plain":
            found.append(str(part.get_content()))
        if name := part.get_filename():
            found.append(name)
    return "\n".join(found)


def _plain(path: Path) -> str:
    """Unicode only: this reader has no opinion on other encodings."""
    return path.read_bytes().decode("utf-8-sig")


_BY_WAY_OF_PDF = frozenset({".ppt", ".pptx", ".pps", ".ppsx", ".odp", ".xls", ".xlsb", ".ods", ".key"})
READERS: tuple[Reader, ...] = (
    Reader("pdftotext", frozenset({".pdf"}), _pdftotext, "pdftotext", "poppler-utils"),
    Reader(
        "pandoc",
        frozenset({".docx", ".odt", ".rtf", ".epub", ".html", ".htm", ".xhtml", ".fb2"}),
        _pandoc,
        "pandoc",
        "pandoc",
    ),
    Reader(
        "LibreOffice",
        frozenset({".doc", ".docx", ".rtf", ".odt", ".fodt"}) | _BY_WAY_OF_PDF,
        _libreoffice,
        "soffice",
        "libreoffice",
    ),
    Reader("openpyxl", frozenset({".xlsx", ".xlsm"}), _openpyxl),
    Reader("XML walk", frozenset({".docx", ".pptx", ".odt", ".odp"}), _xml_walk),
    Reader("mail walk", frozenset({".eml"}), _mail_walk),
    Reader("UTF-8", frozenset({".txt", ".md", ".csv", ".tsv", ".log", ".json"}), _plain),
)
