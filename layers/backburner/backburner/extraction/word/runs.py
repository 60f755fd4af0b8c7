"""The pieces of a paragraph with their formatting, and its Markdown."""

from collections.abc import Iterable
from itertools import groupby

BOLD, ITALIC, STRUCK, ABOVE, BELOW, HIDDEN = 1, 2, 4, 8, 16, 32
EMPHASIS = BOLD | ITALIC

Piece = tuple[str, int]
"""Text, and its formatting as a sum of the above."""


def with_marks(pieces: Iterable[Piece], formatting: int = ~0) -> str:
    """The pieces in order, with the wanted formatting: **bold**, *italic*, ~~struck~~, 10^6^, H~2~O.

    Emphasis is only put around whole words, so that no marks appear inside a word.
    """
    groups = [
        ("".join(text for text, _ in group), kind)
        for kind, group in groupby(pieces, lambda piece: piece[1] & formatting)
    ]
    if len(groups) == 1 and not groups[0][1]:
        return groups[0][0]
    shown: list[str] = []
    for index, (text, kind) in enumerate(groups):
        inner = text.strip()
        if not kind or not inner:
            shown.append(text)
            continue
        before, _, after = text.partition(inner)
        follows = after or (groups[index + 1][0] if index + 1 < len(groups) else "")
        last = before or (shown[-1] if shown else "")
        is_torn = last[-1:].isalnum() or follows[:1].isalnum()
        shown.append(f"{before}{_marked(inner, kind & ~EMPHASIS if is_torn else kind)}{after}")
    return "".join(shown)


def _marked(text: str, kind: int) -> str:
    for formatting, begin, end in (
        (ABOVE, "^", "^"), (BELOW, "~", "~"), (STRUCK, "~~", "~~"), (ITALIC, "*", "*"), (BOLD, "**", "**"),
        (HIDDEN, "[hidden text: ", "]"),
    ):  # fmt: skip
        if kind & formatting:
            text = f"{begin}{text}{end}"
    return text


def linked(text: str, address: str) -> str:
    """A link, if it leads outside the document and its text is not already the address."""
    shown = text.strip()
    is_outside = address.lower().startswith(("http://", "https://", "mailto:", "ftp://"))
    if not shown or "\n" in shown or not is_outside or shown in (address, address.partition(":")[2].lstrip("/")):
        return text
    target = address.replace(" ", "%20").replace("(", "%28").replace(")", "%29")
    return text.replace(shown, f"[{shown}]({target})", 1)
