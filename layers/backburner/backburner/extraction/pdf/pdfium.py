"""The part of PDFium that is used here; only this module and `objects` use its C API (`pypdfium2_raw`, untyped).

Pages are opened one at a time and closed before the next, so that their memory is freed.
"""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from types import TracebackType
from typing import Any, Self

import pypdfium2_raw as c  # type: ignore[import-untyped]

from backburner.extraction.pdf.annotations import Annotation
from backburner.extraction.pdf.characters import Characters
from backburner.extraction.pdf.drawing import Drawing
from backburner.extraction.pdf.listed import Listed
from backburner.extraction.pdf.objects import draw, leaves, on_page

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
        listed = Listed(self._text)
        return Characters(
            text=listed.text(),
            boxes=listed.boxes(),
            unmapped=listed.unmapped(),
            style=listed.style,
            drawn_in=listed.drawn_in,
            font=lambda index: self._font(listed.drawn_in(index)),
            is_invisible=listed.count > 0 and _is_invisible(listed.drawn_in(0)),
        )

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
        return on_page(self.handle)

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
            return Characters.none()
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
