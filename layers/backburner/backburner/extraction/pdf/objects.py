"""The objects of a page, through PDFium's C interface (`pypdfium2_raw`, untyped)."""

import ctypes
from collections.abc import Iterator
from itertools import repeat
from typing import Any

import pypdfium2_raw as c  # type: ignore[import-untyped]

from backburner.extraction.pdf.drawing import Box, Drawing, Matrix, square
from backburner.extraction.pdf.listed import function, reference

_IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_MAX_FORM_DEPTH = 12
"""How deep form XObjects may be nested: drawings in deeper ones are ignored, their text is not."""


def leaves(objects: Iterator[Any], depth: int = 0) -> Iterator[Any]:
    """The objects, with form XObjects replaced by their contents."""
    for one in objects:
        if c.FPDFPageObj_GetType(one) != c.FPDF_PAGEOBJ_FORM:
            yield one
        elif depth < _MAX_FORM_DEPTH:
            count = c.FPDFFormObj_CountObjects(one)
            yield from leaves((c.FPDFFormObj_GetObject(one, at) for at in range(max(count, 0))), depth + 1)


def on_page(page: Any) -> Iterator[Any]:
    """The objects of a page."""
    count = c.FPDFPage_CountObjects(page)
    return map(function("FPDFPage_GetObject", c.FPDF_PAGEOBJECT), repeat(reference(page)), range(count))


def draw(objects: Iterator[Any], found: Drawing, matrix: Matrix = _IDENTITY, depth: int = 0) -> None:
    """Collect what is drawn, in page coordinates."""
    kind_of, text = function("FPDFPageObj_GetType", ctypes.c_int), c.FPDF_PAGEOBJ_TEXT
    for one in objects:
        if found.is_full:
            return
        kind = kind_of(one)
        if kind == text:  # most of them
            found.texts += 1
            continue
        match kind:
            case c.FPDF_PAGEOBJ_PATH:
                _draw_path(one, found.combined(_matrix(one), matrix), found)
            case c.FPDF_PAGEOBJ_IMAGE:
                found.picture(found.combined(_matrix(one), matrix))
            case c.FPDF_PAGEOBJ_FORM if depth < _MAX_FORM_DEPTH:
                inner = (c.FPDFFormObj_GetObject(one, at) for at in range(max(c.FPDFFormObj_CountObjects(one), 0)))
                draw(inner, found, found.combined(_matrix(one), matrix), depth + 1)


def pictures(objects: Iterator[Any], matrix: Matrix = _IDENTITY, depth: int = 0) -> Iterator[tuple[Any, Box]]:
    """Each image and its place, in page coordinates."""
    for one in objects:
        match c.FPDFPageObj_GetType(one):
            case c.FPDF_PAGEOBJ_IMAGE:
                yield one, square(Drawing.combined(_matrix(one), matrix))
            case c.FPDF_PAGEOBJ_FORM if depth < _MAX_FORM_DEPTH:
                inner = (c.FPDFFormObj_GetObject(one, at) for at in range(max(c.FPDFFormObj_CountObjects(one), 0)))
                yield from pictures(inner, Drawing.combined(_matrix(one), matrix), depth + 1)


def _draw_path(path: Any, matrix: Matrix, found: Drawing) -> None:
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    c.FPDFPath_GetDrawMode(path, fill, stroke)
    count = c.FPDFPath_CountSegments(path)
    if not (fill.value or stroke.value) or not found.accepts(count):
        return
    x, y = ctypes.c_float(), ctypes.c_float()
    for at in range(count):
        segment = c.FPDFPath_GetPathSegment(path, at)
        c.FPDFPathSegment_GetPoint(segment, x, y)
        kind = c.FPDFPathSegment_GetType(segment)
        point = x.value, y.value
        if kind == c.FPDF_SEGMENT_MOVETO:
            found.move(point, matrix)
        else:
            found.line(point, matrix, is_straight=kind == c.FPDF_SEGMENT_LINETO)
        if c.FPDFPathSegment_GetClose(segment):
            found.close(matrix)
    found.end_path(is_filled=bool(fill.value))


def _matrix(one: Any) -> Matrix:
    matrix = c.FS_MATRIX()
    c.FPDFPageObj_GetMatrix(one, matrix)
    return matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f
