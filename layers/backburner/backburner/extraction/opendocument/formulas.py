"""Formulas in MathML, written in a line: (a)/(b), x^(2)."""

from backburner.extraction.opendocument.names import name_of
from backburner.extraction.xmltree import Element

_WRAPPED = {"math:msqrt": ("√(", ")"), "math:mroot": ("√(", ")"), "math:mtr": ("", "; "), "math:mtd": ("", " ")}
_PARTS = {
    ("math:mfrac", 0): ("(", ")"), ("math:mfrac", 1): ("/(", ")"),
    ("math:msup", 1): ("^(", ")"), ("math:msub", 1): ("_(", ")"),
    ("math:msubsup", 1): ("_(", ")"), ("math:msubsup", 2): ("^(", ")"),
    ("math:munder", 1): ("_(", ")"), ("math:mover", 1): ("^(", ")"),
    ("math:munderover", 1): ("_(", ")"), ("math:munderover", 2): ("^(", ")"),
    ("math:mroot", 1): (", root ", ""),
}  # fmt: skip


def formula_signs(name: str, element: Element) -> tuple[str, str]:
    """What stands before and behind a part of a formula."""
    parent = element.getparent()
    within = name_of(parent) if parent is not None else ""
    place = parent.index(element) if parent is not None and within in _SPLIT else 0
    before, behind = _PARTS.get((within, place), ("", ""))
    own_before, own_behind = _WRAPPED.get(name, ("", ""))
    return before + own_before, own_behind + behind


_SPLIT = frozenset(within for within, _ in _PARTS)
