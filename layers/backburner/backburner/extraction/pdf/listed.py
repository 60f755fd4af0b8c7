"""The characters of a page, one call of PDFium each (`pypdfium2_raw`, untyped): most of the calls of all.

Prototypes that convert nothing and keep hold of the interpreter make a call cost a third of what it does otherwise.
"""

import ctypes
import math
from array import array
from collections import deque
from functools import cache
from itertools import repeat
from typing import Any

import pypdfium2_raw as c  # type: ignore[import-untyped]

from backburner.extraction.pdf.characters import Style

_BOXES = 1_024
"""So many are asked for before they are copied, so that the same references serve for all characters."""
_BOX_BYTES = 16
"""Four floats: left, top, right, bottom."""


class Listed:
    """The characters of a text page of PDFium's, in drawing order; none if it has no text page."""

    def __init__(self, page: Any) -> None:
        self.count: int = max(c.FPDFText_CountChars(page), 0) if page else 0
        self._page = page
        self._handle = reference(page)
        self._drawn = function("FPDFText_GetTextObject", ctypes.c_void_p)

    def text(self) -> list[str]:
        """One string each; all at once if every character is printable, else one by one."""
        count = self.count
        buffer = (ctypes.c_ushort * (count + 1))()
        if count and c.FPDFText_GetText(self._page, 0, count, buffer) == count + 1:
            text = bytes(buffer)[: 2 * count].decode("utf-16-le", "surrogatepass").replace("\ufffe", "\x02")
            if len(text) == count:
                return list(text)
        return list(map(chr, map(function("FPDFText_GetUnicode", ctypes.c_uint), repeat(self._handle), range(count))))

    def boxes(self) -> "array[float]":
        """Left, top, right and bottom of each, one after another: zeros for one that has no box."""
        ask = function("FPDFText_GetLooseCharBox", None)
        buffer, references = _buffer()
        boxes = array("f")
        for first in range(0, self.count, _BOXES):
            asked = range(first, min(first + _BOXES, self.count))
            ctypes.memset(buffer, 0, ctypes.sizeof(buffer))
            deque(map(ask, repeat(self._handle), asked, references), maxlen=0)
            boxes.frombytes(bytes(buffer)[: _BOX_BYTES * len(asked)])
        return boxes

    def unmapped(self) -> list[int]:
        """1 for each that its font does not map; every fifth is asked first: such a font affects every word."""
        ask = function("FPDFText_HasUnicodeMapError", ctypes.c_int)
        if 1 not in map(ask, repeat(self._handle), range(0, self.count, 5)):
            return [0] * self.count
        return list(map(ask, repeat(self._handle), range(self.count)))

    def style(self, index: int) -> Style:
        """The style of one."""
        x, y, matrix = ctypes.c_double(), ctypes.c_double(), c.FS_MATRIX()
        byref, handle = ctypes.byref, self._handle
        function("FPDFText_GetCharOrigin", ctypes.c_int)(handle, index, byref(x), byref(y))
        function("FPDFText_GetMatrix", ctypes.c_int)(handle, index, byref(matrix))
        height = abs(complex(matrix.c, matrix.d)) or 1.0
        size = abs(function("FPDFText_GetFontSize", ctypes.c_double)(handle, index) * height)
        return Style(x.value, y.value, size, math.atan2(matrix.b, matrix.a))

    def drawn_in(self, index: int) -> int:
        """The text object that drew one; 0 if none did."""
        return self._drawn(self._handle, index) or 0


def reference(handle: Any) -> Any:
    """A handle of PDFium's as these functions take it."""
    return ctypes.c_void_p.from_param(ctypes.cast(handle, ctypes.c_void_p).value)


@cache
def function(name: str, result: Any) -> Any:
    """A function of PDFium's that takes integers and references as they are."""
    return ctypes.PYFUNCTYPE(result)(ctypes.cast(getattr(c, name), ctypes.c_void_p).value or 0)


@cache
def _buffer() -> tuple[Any, list[Any]]:
    """Room for boxes, and a reference to each of them."""
    buffer = (ctypes.c_float * (4 * _BOXES))()
    return buffer, [ctypes.byref(buffer, at) for at in range(0, ctypes.sizeof(buffer), _BOX_BYTES)]
