"""Formulas (OMML) on one line, as people write them in plain text: (a+b)/2, x^2, √(y), ∑_(i=1)^n x_i."""

# ruff: noqa: RUF001 - accents and mathematical symbols are what this is about

import unicodedata
from collections.abc import Callable

from backburner.extraction.xmltree import Element, attribute, local_name

_MAX_NESTED = 80
"""How deep fractions may be nested; deeper text has no structure."""
_DROPPED = ("del", "moveFrom", "delText")
_BAR_BELOW, _BAR_ABOVE = "\u0332", "\u0305"
_COMBINING = {
    "^": "\u0302", "ˆ": "\u0302", "~": "\u0303", "˜": "\u0303", "¯": "\u0304", "˙": "\u0307", "¨": "\u0308",
    "ˇ": "\u030c", "´": "\u0301", "`": "\u0300", "˘": "\u0306", "→": "\u20d7",
}  # fmt: skip
"""Accents, and the combining characters for them."""


def formula_lines(element: Element) -> list[str]:
    """A formula (`m:oMath`) on one line, or a block of formulas (`m:oMathPara`) on one line each."""
    is_block = local_name(element) == "oMathPara"
    formulas = [one for one in element if local_name(one) == "oMath"] if is_block else [element]
    lines = (" ".join(_inside(formula, 0).split()) for formula in formulas)
    return [line for line in lines if line]


def _inside(element: Element, depth: int) -> str:
    """The contents of an element, in order."""
    if depth > _MAX_NESTED:
        return "".join(one.text or "" for one in element.iter() if local_name(one) == "t")
    return "".join(_one(child, depth + 1) for child in element)


def _one(element: Element, depth: int) -> str:
    name = local_name(element)
    if name == "t":
        return element.text or ""
    if name in ("br", "tab", "cr"):
        return " "
    if name in _DROPPED or name.endswith("Pr"):
        return ""
    shape = _SHAPES.get(name)
    return shape(element, depth) if shape else _inside(element, depth)


def _part(element: Element, name: str, depth: int) -> str:
    found = next((child for child in element if local_name(child) == name), None)
    return "" if found is None else _inside(found, depth)


def _property(element: Element, name: str) -> str | None:
    """The value of a property in `m:…Pr`."""
    for properties in element:
        if local_name(properties).endswith("Pr"):
            for one in properties:
                if local_name(one) == name:
                    return attribute(one, "val") or ""
    return None


def _grouped(text: str) -> str:
    """In parentheses, unless it is a number, a letter or a word in capitals, or already has them."""
    text = text.strip()
    is_plain = text.replace(".", "").replace(",", "").isdigit() or (
        text.isalpha() and (len(text) == 1 or text.isupper())
    )
    return text if not text or is_plain or len(text) == 1 or _is_enclosed(text) else f"({text})"


def _is_enclosed(text: str) -> bool:
    if not (text.startswith("(") and text.endswith(")")):
        return False
    open_ones = 0
    for index, char in enumerate(text):
        open_ones += (char == "(") - (char == ")")
        if open_ones == 0:
            return index == len(text) - 1
    return False


def _fraction(element: Element, depth: int) -> str:
    above, below = _part(element, "num", depth), _part(element, "den", depth)
    if _property(element, "type") == "noBar":
        return f"({above} over {below})"
    return f"{_grouped(above)}/{_grouped(below)}"


def _scripted(element: Element, depth: int) -> str:
    base = _part(element, "e", depth)
    base = _grouped(base) if any(char in base.strip()[1:] for char in "+-−=/ ^_") else base
    return base + _scripts(element, depth)


def _before(element: Element, depth: int) -> str:
    return _scripts(element, depth) + _part(element, "e", depth)


def _scripts(element: Element, depth: int) -> str:
    below, above = _part(element, "sub", depth), _part(element, "sup", depth)
    return (f"_{_grouped(below)}" if below.strip() else "") + (f"^{_grouped(above)}" if above.strip() else "")


def _radical(element: Element, depth: int) -> str:
    degree = _part(element, "deg", depth).strip()
    inside = f"({_part(element, 'e', depth).strip()})"
    return {"": "√", "2": "√", "3": "∛", "4": "∜"}.get(degree, f"√[{degree}]") + inside


def _nary(element: Element, depth: int) -> str:
    symbol = _property(element, "chr")
    return f"{'∫' if symbol is None else symbol}{_scripts(element, depth)} {_grouped(_part(element, 'e', depth))}"


def _delimited(element: Element, depth: int) -> str:
    begin, separator, end = (_property(element, name) for name in ("begChr", "sepChr", "endChr"))
    parts = (_inside(child, depth) for child in element if local_name(child) == "e")
    inside = ("|" if separator is None else separator).join(parts)
    return f"{'(' if begin is None else begin}{inside}{')' if end is None else end}"


def _matrix(element: Element, depth: int) -> str:
    rows = (
        ", ".join(_inside(cell, depth) for cell in row if local_name(cell) == "e")
        for row in element
        if local_name(row) == "mr"
    )
    return f"[{'; '.join(rows)}]"


def _equations(element: Element, depth: int) -> str:
    return "; ".join(_inside(child, depth).replace("&", "") for child in element if local_name(child) == "e")


def _function(element: Element, depth: int) -> str:
    return f"{_part(element, 'fName', depth).strip()} {_grouped(_part(element, 'e', depth))}"


def _limit_below(element: Element, depth: int) -> str:
    return f"{_part(element, 'e', depth)}_{_grouped(_part(element, 'lim', depth))}"


def _limit_above(element: Element, depth: int) -> str:
    return f"{_part(element, 'e', depth)}^{_grouped(_part(element, 'lim', depth))}"


def _accented(element: Element, depth: int) -> str:
    accent = _property(element, "chr")
    return _over(_part(element, "e", depth), "\u0302" if accent is None else _COMBINING.get(accent, accent))


def _barred(element: Element, depth: int) -> str:
    return _over(_part(element, "e", depth), _BAR_ABOVE if _property(element, "pos") == "top" else _BAR_BELOW)


def _bracketed(element: Element, depth: int) -> str:
    """Something under or over a brace or an arrow; an arrow is written after it."""
    symbol, inside = _property(element, "chr"), _part(element, "e", depth)
    return inside if symbol in (None, "⏟", "⏞", "") else f"{inside}{symbol}"


def _over(text: str, mark: str) -> str:
    """A single letter combined with its accent; longer text in parentheses, followed by the accent."""
    text = text.strip()
    if len(text) == 1 and len(mark) == 1 and unicodedata.combining(mark):
        return unicodedata.normalize("NFC", text + mark)
    return f"{_grouped(text)}{mark}" if text else ""


_SHAPES: dict[str, Callable[[Element, int], str]] = {
    "f": _fraction,
    "sSup": _scripted,
    "sSub": _scripted,
    "sSubSup": _scripted,
    "sPre": _before,
    "rad": _radical,
    "nary": _nary,
    "d": _delimited,
    "m": _matrix,
    "eqArr": _equations,
    "func": _function,
    "limLow": _limit_below,
    "limUpp": _limit_above,
    "acc": _accented,
    "bar": _barred,
    "groupChr": _bracketed,
}
