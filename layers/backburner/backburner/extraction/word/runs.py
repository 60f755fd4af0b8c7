"""Pieces of a paragraph with what is asked of their look, and how that stands in Markdown."""

from collections.abc import Iterable
from itertools import groupby

BOLD, ITALIC, STRUCK, ABOVE, BELOW, HIDDEN = 1, 2, 4, 8, 16, 32
EMPHASIS = BOLD | ITALIC

Piece = tuple[str, int]
"""Text, and its look as a sum of the above."""


def marked(pieces: Iterable[Piece], look: int = ~0) -> str:
    """The pieces in a row, as far as such a look is wanted: **bold**, *italic*, ~~struck~~, 10^6^, H~2~O.

    Emphasis stands around whole words only, so that no word is torn by its marks.
    """
    groups = [
        ("".join(text for text, _ in group), kind) for kind, group in groupby(pieces, lambda piece: piece[1] & look)
    ]
    if len(groups) == 1 and not groups[0][1]:
        return groups[0][0]
    shown: list[str] = []
    for place, (text, kind) in enumerate(groups):
        inner = text.strip()
        if not kind or not inner:
            shown.append(text)
            continue
        before, _, behind = text.partition(inner)
        follows = behind or (groups[place + 1][0] if place + 1 < len(groups) else "")
        last = before or (shown[-1] if shown else "")
        is_torn = last[-1:].isalnum() or follows[:1].isalnum()
        shown.append(f"{before}{_marked(inner, kind & ~EMPHASIS if is_torn else kind)}{behind}")
    return "".join(shown)


def _marked(text: str, kind: int) -> str:
    for look, begin, end in (
        (ABOVE, "^", "^"), (BELOW, "~", "~"), (STRUCK, "~~", "~~"), (ITALIC, "*", "*"), (BOLD, "**", "**"),
        (HIDDEN, "[hidden text: ", "]"),
    ):  # fmt: skip
        if kind & look:
            text = f"{begin}{text}{end}"
    return text


def linked(text: str, address: str) -> str:
    """A link, where it leads outside the document and does not itself say where."""
    shown = text.strip()
    is_outside = address.lower().startswith(("http://", "https://", "mailto:", "ftp://"))
    if not shown or "\n" in shown or not is_outside or shown in (address, address.partition(":")[2].lstrip("/")):
        return text
    target = address.replace(" ", "%20").replace("(", "%28").replace(")", "%29")
    return text.replace(shown, f"[{shown}]({target})", 1)
