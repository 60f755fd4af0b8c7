"""Single characters: which can be trusted, what they are in plain text, and their logical order."""

import re
import unicodedata
from collections import Counter

from backburner.extraction.pdf.characters import Characters

Glyph = tuple[float, float, str]
"""Start, end, character."""
UNREADABLE = "\ufffd"
_HYPHEN = "\x02"
"""What PDFium returns for a hyphen at the end of a line."""
_RTL = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_CONTROLS_OF_A_FONT = 3
"""A font with this many unmapped characters cannot be trusted beyond ASCII."""
_SYMBOLS = {
    "\uf0b7": "•", "\uf0a7": "▪", "\uf0d8": "➢", "\uf0fc": "✓", "\uf0a8": "☐", "\uf06f": "☐", "\uf0fe": "☒",
    "\uf078": "☒", "\uf0e0": "→", "\uf02d": "-", "\uf076": "❖", "\uf071": "☐", "\uf052": "☑", "\uf054": "☒",
    "\uf0a3": "≤", "\uf0b3": "≥", "\uf0b1": "±", "\uf0b0": "°", "\uf0b4": "\u00d7", "\uf0ae": "→", "\uf0de": "⇒",
}  # fmt: skip
"""Symbol and Wingdings characters that office programs write in the private use area."""


_TEX = {
    "\x0b": "\ufb00", "\x0c": "\ufb01", "\r": "\ufb02", "\x0e": "\ufb03", "\x0f": "\ufb04",
    "\x1b": "\ufb00", "\x1c": "\ufb01", "\x1d": "\ufb02", "\x1e": "\ufb03", "\x1f": "\ufb04",
}  # fmt: skip
"""Ligatures in the encodings of TeX fonts."""
_ACCENTS = {
    "\u00a8": "\u0308", "\u00b4": "\u0301", "\u02c6": "\u0302", "\u02dc": "\u0303", "\u02c7": "\u030c",
    "\u02da": "\u030a", "\u02dd": "\u030b", "\u02d8": "\u0306", "\u02d9": "\u0307", "\u02cb": "\u0300",
}  # fmt: skip
_ACCENTED = re.compile(f"([{''.join(_ACCENTS)}])([A-Za-z\u0131])")


def is_cjk(char: str) -> bool:
    """Whether a character's script has no spaces between words."""
    return "\u2e80" <= char <= "\u9fff" or "\uf900" <= char <= "\ufaff" or "\uff00" <= char <= "\uffef"


def is_rtl(text: str) -> bool:
    """Whether most letters of a text are read from the right."""
    if text.isascii() or not _RTL.search(text):
        return False
    kinds = Counter(unicodedata.bidirectional(char) for char in text)
    return kinds["R"] + kinds["AL"] > kinds["L"]


def replace_unreadable(characters: Characters) -> None:
    """Replace characters that a font does not map to Unicode by U+FFFD, since they would come out as other letters.

    TeX's bitmap fonts have no map either, but their codes are ASCII and read as words.
    """
    text, unmapped = characters.text, characters.unmapped
    if 1 not in unmapped:
        return
    unknown = [at for at, bad in enumerate(unmapped) if bad]
    is_ascii = _reads_as_words("".join(text[at] for at in unknown))
    controls = Counter(characters.font(at) for at in unknown if text[at] < " ")
    for at in unknown:
        code = _TEX.get(text[at], text[at])
        text[at] = code if is_ascii and (" " <= code <= "~" or text[at] in _TEX) else UNREADABLE
    if not is_ascii and max(controls.values(), default=0) >= _CONTROLS_OF_A_FONT:
        for at, char in enumerate(text):
            if char > "~" and controls[characters.font(at)] >= _CONTROLS_OF_A_FONT:
                text[at] = UNREADABLE


def _reads_as_words(text: str) -> bool:
    """Whether character codes are letters: mostly lower case, with vowels. Glyph numbers give capitals."""
    letters = [char for char in text if char.isascii() and char.isalpha()]
    small = [char for char in letters if char.islower()]
    return len(small) > 0.6 * len(letters) and sum(char in "aeiou" for char in small) > 0.2 * len(small)


def in_logical_order(glyphs: list[Glyph], *, rtl: bool) -> str:
    """A word in logical order, whichever side its letters are drawn or listed from.

    Combining marks stay after their letters. Letters that share a glyph are listed in reverse if the word is.
    """
    is_backward = glyphs[0][0] >= glyphs[-1][0]
    clusters: list[str] = []
    before: Glyph | None = None
    for glyph in glyphs:
        if before is not None and glyph[:2] == before[:2] and not unicodedata.combining(glyph[2]):
            clusters[-1] = glyph[2] + clusters[-1] if is_backward else clusters[-1] + glyph[2]
        elif clusters and unicodedata.combining(glyph[2]):
            clusters[-1] += glyph[2]
        else:
            clusters.append(glyph[2])
        before = glyph
    return "".join(clusters if is_backward == rtl else reversed(clusters))


def tidied(text: str) -> str:
    """Plain text: ligatures as letters, Arabic presentation forms as base letters, surrogates joined, no controls."""
    text = text.replace(_HYPHEN, "-")
    if any("\ud800" <= char <= "\udfff" for char in text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    letters = (
        unicodedata.normalize("NFKC", char) if "\ufb00" <= char <= "\ufdff" or "\ufe70" <= char <= "\ufefc" else char
        for char in text
    )
    text = "".join(_SYMBOLS.get(char, char) for char in letters)
    text = _ACCENTED.sub(_composed, text)
    return "".join(char if char >= " " else UNREADABLE for char in text if char not in "\u200b\u200e\u200f\ufeff")


def _composed(found: re.Match[str]) -> str:
    """A spacing accent and the letter after it, as one character if there is one."""
    letter = "i" if found[2] == "\u0131" else found[2]
    composed = unicodedata.normalize("NFC", letter + _ACCENTS[found[1]])
    return composed if len(composed) == 1 else found[0]
