"""MathML formulas written on one line: (a)/(b), x^(2)."""

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


def formula_marks(name: str, element: Element) -> tuple[str, str]:
    """What is written before and after a part of a formula."""
    parent = element.getparent()
    parent_name = name_of(parent) if parent is not None else ""
    index = parent.index(element) if parent is not None and parent_name in _POSITIONAL else 0
    before, after = _PARTS.get((parent_name, index), ("", ""))
    own_before, own_after = _WRAPPED.get(name, ("", ""))
    return before + own_before, own_after + after


_POSITIONAL = frozenset(parent_name for parent_name, _ in _PARTS)
