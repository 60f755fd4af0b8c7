"""The part of PDFium that is used here; only this module and `objects` use its C API (`pypdfium2_raw`, untyped).

Pages are opened one at a time and closed before the next, so that their memory is freed.
"""

import ctypes
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import repeat
from types import TracebackType
from typing import Any, Self

import pypdfium2_raw as c  # type: ignore[import-untyped]

from backburner.extraction.pdf.annotations import Annotation
from backburner.extraction.pdf.characters import Characters, Style
from backburner.extraction.pdf.drawing import Drawing
from backburner.extraction.pdf.objects import draw, leaves

_MAX_FIELDS_BYTES = 1 << 20
_END_BYTES = 2
"""PDFium's strings are UTF-16 with a terminating zero."""


class LockedError(Exception):
    """A document that needs a password."""


class ForeignSecurityError(Exception):
    """A document protected by something other than passwords: DRM."""


class BrokenError(Exception):
    """A document, or a page, that cannot be opened."""


@cache
def _fast() -> dict[str, Any]:
    """The functions called for each character, taking plain addresses as arguments, which takes a third of the time."""
    handle, index, at = ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p
    kinds = {
        "FPDFText_GetUnicode": (ctypes.c_uint, handle, index),
        "FPDFText_HasUnicodeMapError": (ctypes.c_int, handle, index),
        "FPDFText_GetLooseCharBox": (ctypes.c_int, handle, index, at),
        "FPDFText_GetTextObject": (ctypes.c_void_p, handle, index),
    }
    return {
        name: ctypes.CFUNCTYPE(*kind)(ctypes.cast(getattr(c, name), ctypes.c_void_p).value or 0)
        for name, kind in kinds.items()
    }


@cache
def _start() -> None:
    c.FPDF_InitLibrary()


class Document:
    """An open document. Raises `LockedError`, `ForeignSecurityError` or `BrokenError` if it cannot be opened."""

    def __init__(self, body: bytes) -> None:
        _start()
        self._body = body  # PDFium reads from it as long as the document is open
        self._handle = c.FPDF_LoadMemDocument64(body, len(body), None)
        if not self._handle:
            match c.FPDF_GetLastError():
                case c.FPDF_ERR_PASSWORD:
                    raise LockedError
                case c.FPDF_ERR_SECURITY:
                    raise ForeignSecurityError
            raise BrokenError
        self.pages: int = c.FPDF_GetPageCount(self._handle)
        self._form_info = c.FPDF_FORMFILLINFO(version=2)
        self._form: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._form:
            c.FPDFDOC_ExitFormFillEnvironment(self._form)
        c.FPDF_CloseDocument(self._handle)

    @property
    def is_xfa(self) -> bool:
        """Whether it contains an XFA form."""
        return bool(c.FPDF_GetFormType(self._handle) in (c.FORMTYPE_XFA_FULL, c.FORMTYPE_XFA_FOREGROUND))

    @property
    def is_shell(self) -> bool:
        """Whether its pages are only a shell around an XFA form."""
        return bool(c.FPDF_GetFormType(self._handle) == c.FORMTYPE_XFA_FULL)

    @property
    def form(self) -> Any:
        """The form environment, which gives field values; scripts are not run."""
        if self._form is None and c.FPDF_GetFormType(self._handle) != c.FORMTYPE_NONE:
            self._form = c.FPDFDOC_InitFormFillEnvironment(self._handle, self._form_info)
        return self._form

    @contextmanager
    def page(self, number: int) -> Iterator["Page"]:
        """A page by its number, from 0. Raises `BrokenError`."""
        handle = c.FPDF_LoadPage(self._handle, number)
        if not handle:
            raise BrokenError
        text = c.FPDFText_LoadPage(handle)
        try:
            yield Page(handle, text, self, number)
        finally:
            if text:
                c.FPDFText_ClosePage(text)
            c.FPDF_ClosePage(handle)

    def attachments(self) -> Iterator[tuple[str, bytes]]:
        """The attached files, by name."""
        for number in range(c.FPDFDoc_GetAttachmentCount(self._handle)):
            attachment = c.FPDFDoc_GetAttachment(self._handle, number)
            if attachment:
                yield _attached(attachment)

    def xfa(self) -> Iterator[tuple[str, bytes]]:
        """The packets of the XFA form."""
        for number in range(c.FPDF_GetXFAPacketCount(self._handle)):
            size = c.FPDF_GetXFAPacketName(self._handle, number, None, 0)
            name = ctypes.create_string_buffer(size)
            c.FPDF_GetXFAPacketName(self._handle, number, name, size)
            yield (
                name.value.decode("utf-8", "replace"),
                _bytes(lambda *to, number=number: c.FPDF_GetXFAPacketContent(self._handle, number, *to)),
            )


@dataclass
class Page:
    """An open page of a document; `handle` is PDFium's."""

    handle: Any
    _text: Any
    document: Document
    _number: int
    _fonts: dict[int, int] = field(default_factory=dict)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top of the visible area."""
        box = c.FS_RECTF()
        c.FPDF_GetPageBoundingBox(self.handle, box)
        return box.left, box.bottom, box.right, box.top

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in points, as it is turned for reading."""
        return c.FPDF_GetPageWidthF(self.handle), c.FPDF_GetPageHeightF(self.handle)

    def characters(self) -> Characters:
        """All characters, including hidden ones."""
        count = max(c.FPDFText_CountChars(self._text), 0) if self._text else 0
        handle = ctypes.cast(self._text, ctypes.c_void_p).value
        fast = _fast()
        rectangles = (ctypes.c_float * (4 * count))()
        first = ctypes.addressof(rectangles)
        addresses = range(first, first + 16 * count, 16)
        for _ in map(fast["FPDFText_GetLooseCharBox"], repeat(handle), range(count), addresses):
            pass
        drawn = fast["FPDFText_GetTextObject"]
        return Characters(
            text=self._letters(handle, count),
            boxes=rectangles[:],
            unmapped=self._unmapped(handle, count),
            style=self._style,
            drawn_in=lambda index: drawn(handle, index) or 0,
            font=lambda index: self._font(drawn(handle, index)),
            is_invisible=count > 0 and _is_invisible(drawn(handle, 0)),
        )

    def _letters(self, handle: int | None, count: int) -> list[str]:
        """All at once if every character is printable, else one by one."""
        buffer = (ctypes.c_ushort * (count + 1))()
        if count and c.FPDFText_GetText(self._text, 0, count, buffer) == count + 1:
            text = bytes(buffer)[: 2 * count].decode("utf-16-le", "surrogatepass").replace("\ufffe", "\x02")
            if len(text) == count:
                return list(text)
        return list(map(chr, map(_fast()["FPDFText_GetUnicode"], repeat(handle), range(count))))

    @staticmethod
    def _unmapped(handle: int | None, count: int) -> list[int]:
        """Check every fifth character first: a font without a map affects every word."""
        ask = _fast()["FPDFText_HasUnicodeMapError"]
        if 1 not in map(ask, repeat(handle), range(0, count, 5)):
            return [0] * count
        return list(map(ask, repeat(handle), range(count)))

    def _style(self, index: int) -> Style:
        x, y, matrix = ctypes.c_double(), ctypes.c_double(), c.FS_MATRIX()
        c.FPDFText_GetCharOrigin(self._text, index, x, y)
        c.FPDFText_GetMatrix(self._text, index, matrix)
        height = abs(complex(matrix.c, matrix.d)) or 1.0
        size = abs(c.FPDFText_GetFontSize(self._text, index) * height)
        return Style(x.value, y.value, size, math.atan2(matrix.b, matrix.a))

    def _font(self, drawn: int | None) -> int:
        if not drawn:
            return 0
        if drawn not in self._fonts:
            font = c.FPDFTextObj_GetFont(ctypes.cast(drawn, c.FPDF_PAGEOBJECT))
            self._fonts[drawn] = ctypes.cast(font, ctypes.c_void_p).value or 0
        return self._fonts[drawn]

    def drawing(self) -> Drawing:
        """Rules and pictures, including those in form XObjects."""
        found = Drawing()
        draw(self.objects(), found)
        return found

    def objects(self) -> Iterator[Any]:
        """What is on the page, as PDFium's handles."""
        return (c.FPDFPage_GetObject(self.handle, at) for at in range(c.FPDFPage_CountObjects(self.handle)))

    def annotations(self) -> Iterator[Annotation]:
        """The page's annotations."""
        for number in range(c.FPDFPage_GetAnnotCount(self.handle)):
            handle = c.FPDFPage_GetAnnot(self.handle, number)
            if handle:
                try:
                    yield self._annotation(handle)
                finally:
                    c.FPDFPage_CloseAnnot(handle)

    def _annotation(self, handle: Any) -> Annotation:
        kind = _KINDS.get(c.FPDFAnnot_GetSubtype(handle), "other")
        box, form = c.FS_RECTF(), self.document.form
        c.FPDFAnnot_GetRect(handle, box)
        text, checked = _string(handle, b"Contents"), None
        if kind == "widget":
            kind = _FIELDS.get(c.FPDFAnnot_GetFormFieldType(form, handle), "field") if form else "field"
            if kind in ("check box", "radio button"):
                checked = _string(handle, b"AS") not in ("", "Off")
            elif form:
                text = _utf16(lambda *to: c.FPDFAnnot_GetFormFieldValue(form, handle, *to))
        attached = c.FPDFAnnot_GetFileAttachment(handle) if kind == "attachment" else None
        return Annotation(
            kind=kind,
            box=(box.left, box.bottom, box.right, box.top),
            text=text,
            author=_string(handle, b"T") if kind == "comment" else "",
            is_drawn=kind not in ("link", "popup") and self._is_drawn(handle),
            is_hidden=bool(c.FPDFAnnot_GetFlags(handle) & (c.FPDF_ANNOT_FLAG_HIDDEN | c.FPDF_ANNOT_FLAG_NOVIEW)),
            is_checked=checked,
            attachment=_attached(attached) if attached else None,
        )

    @staticmethod
    def _is_drawn(handle: Any) -> bool:
        objects = (c.FPDFAnnot_GetObject(handle, at) for at in range(c.FPDFAnnot_GetObjectCount(handle)))
        return any(c.FPDFPageObj_GetType(one) == c.FPDF_PAGEOBJ_TEXT for one in leaves(objects))

    def drawn_on_top(self) -> Characters:
        """The characters in annotations' appearances. This makes them part of the page's content, so call it last."""
        before = c.FPDFPage_CountObjects(self.handle)
        if c.FPDFPage_Flatten(self.handle, c.FLAT_NORMALDISPLAY) != c.FLATTEN_SUCCESS:
            return Characters([], [], [], self._style, lambda _: 0, lambda _: 0)
        with self.document.page(self._number) as page:
            count = c.FPDFPage_CountObjects(page.handle)
            objects = (c.FPDFPage_GetObject(page.handle, at) for at in range(before, count))
            drawn = {ctypes.cast(one, ctypes.c_void_p).value for one in leaves(objects)}
            return page.characters().only(drawn)


_KINDS = {
    c.FPDF_ANNOT_FREETEXT: "free text",
    c.FPDF_ANNOT_STAMP: "stamp",
    c.FPDF_ANNOT_WATERMARK: "stamp",
    c.FPDF_ANNOT_WIDGET: "widget",
    c.FPDF_ANNOT_FILEATTACHMENT: "attachment",
    c.FPDF_ANNOT_LINK: "link",
    c.FPDF_ANNOT_POPUP: "popup",
    c.FPDF_ANNOT_REDACT: "redaction",
} | dict.fromkeys(
    (
        c.FPDF_ANNOT_TEXT, c.FPDF_ANNOT_HIGHLIGHT, c.FPDF_ANNOT_UNDERLINE, c.FPDF_ANNOT_SQUIGGLY,
        c.FPDF_ANNOT_STRIKEOUT, c.FPDF_ANNOT_CARET, c.FPDF_ANNOT_INK, c.FPDF_ANNOT_LINE, c.FPDF_ANNOT_SQUARE,
        c.FPDF_ANNOT_CIRCLE, c.FPDF_ANNOT_POLYGON, c.FPDF_ANNOT_POLYLINE,
    ),
    "comment",
)  # fmt: skip
_FIELDS = {
    c.FPDF_FORMFIELD_TEXTFIELD: "field",
    c.FPDF_FORMFIELD_COMBOBOX: "field",
    c.FPDF_FORMFIELD_LISTBOX: "field",
    c.FPDF_FORMFIELD_CHECKBOX: "check box",
    c.FPDF_FORMFIELD_RADIOBUTTON: "radio button",
    c.FPDF_FORMFIELD_PUSHBUTTON: "button",
    c.FPDF_FORMFIELD_SIGNATURE: "signature",
}


def _is_invisible(drawn: int | None) -> bool:
    mode = c.FPDFTextObj_GetTextRenderMode(ctypes.cast(drawn, c.FPDF_PAGEOBJECT)) if drawn else None
    return bool(mode == c.FPDF_TEXTRENDERMODE_INVISIBLE)


def _attached(handle: Any) -> tuple[str, bytes]:
    name = _utf16(lambda *to: c.FPDFAttachment_GetName(handle, *to))
    return name or "unnamed", _bytes(lambda *to: c.FPDFAttachment_GetFile(handle, *to))


def _string(annotation: Any, key: bytes) -> str:
    return _utf16(lambda *to: c.FPDFAnnot_GetStringValue(annotation, key, *to))


def _utf16(get: Callable[..., int]) -> str:
    """The result of a function that fills a UTF-16 buffer and returns its size in bytes."""
    size = min(get(None, 0), _MAX_FIELDS_BYTES)
    if size <= _END_BYTES:
        return ""
    buffer = (c.FPDF_WCHAR * (size // 2 + 1))()
    get(buffer, size)
    return bytes(buffer)[: size - _END_BYTES].decode("utf-16-le", "replace").rstrip("\x00")


def _bytes(get: Callable[..., int]) -> bytes:
    """The result of a function that fills a buffer and returns its size through a pointer."""
    size = ctypes.c_ulong()
    if not get(None, 0, size) or not size.value:
        return b""
    buffer = ctypes.create_string_buffer(size.value)
    return buffer.raw if get(buffer, size.value, size) else b""
