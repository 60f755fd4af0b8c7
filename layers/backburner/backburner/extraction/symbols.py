"""Fonts of symbols have signs where others have letters: which sign a code of Symbol or Wingdings shows."""

_REPLACEMENT = "\ufffd"
_PRIVATE = 0xF000
_FIRST, _LAST = "\uf000", "\uf0ff"
_SYMBOL_LOW = " !∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼"  # noqa: RUF001
_SYMBOL_HIGH = "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪€〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭"  # noqa: RUF001
_WINGDINGS = {
    0x21: "✏", 0x22: "✂", 0x28: "☎", 0x29: "✆", 0x2A: "✉", 0x36: "⌛", 0x37: "⌨", 0x3F: "✍", 0x41: "✌", 0x45: "☜",
    0x46: "☞", 0x47: "☝", 0x48: "☟", 0x4A: "☺", 0x4B: "😐", 0x4C: "☹", 0x54: "❄", 0x6C: "●", 0x6D: "❍", 0x6E: "■",
    0x6F: "□", 0x70: "□", 0x71: "❑", 0x72: "❒", 0x73: "◆", 0x74: "◆", 0x75: "◆", 0x76: "❖", 0x77: "◆", 0x78: "☒",
    0x9E: "·", 0x9F: "•", 0xA0: "▪", 0xA1: "○", 0xA2: "○", 0xA4: "◉", 0xA7: "▪", 0xA8: "☐", 0xAB: "★", 0xD8: "➢",
    0xDF: "←", 0xE0: "→", 0xE1: "↑", 0xE2: "↓", 0xE7: "←", 0xE8: "➔", 0xE9: "↑", 0xEA: "↓", 0xEF: "⇦", 0xF0: "⇨",
    0xF3: "⇔", 0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☑",
}  # fmt: skip
_CIRCLED_ZERO, _CIRCLED_TEN, _BLACK_ZERO, _BLACK_TEN = 0x80, 0x8A, 0x8B, 0x95


def symbol(code: int, font: str) -> str:
    """The sign of a code, which may be one of those in the private area; "\N{REPLACEMENT CHARACTER}" if unknown."""
    low = code - _PRIVATE if _PRIVATE <= code < _PRIVATE + 256 else code
    if low in (9, 10, 13, 32, 0xA0):
        return " "
    name = font.casefold()
    if "dings" not in name and "webd" not in name:
        return _of_symbol(low) if low < 256 else chr(code)  # noqa: PLR2004
    if _CIRCLED_ZERO <= low <= _CIRCLED_TEN:
        return "⓪①②③④⑤⑥⑦⑧⑨⑩"[low - _CIRCLED_ZERO]
    if _BLACK_ZERO <= low <= _BLACK_TEN:
        return "⓿❶❷❸❹❺❻❼❽❾❿"[low - _BLACK_ZERO]
    return _WINGDINGS.get(low, _REPLACEMENT)


def signs(text: str, font: str) -> str:
    """Text as a font shows it: where Word and LibreOffice have the signs of fonts in the private area."""
    if text.isascii() or not any(_FIRST <= char <= _LAST for char in text):
        return text
    return "".join(_sign(ord(char), font) if _FIRST <= char <= _LAST else char for char in text)


def _sign(code: int, font: str) -> str:
    """A font without signs has letters there, in the order of Windows-1252."""
    if not font or is_symbol_font(font):
        return symbol(code, font)
    return bytes([code - _PRIVATE]).decode("cp1252", "replace")


def is_symbol_font(font: str) -> bool:
    """Whether a font shows signs instead of letters. LibreOffice numbers fonts of one name."""
    name = font.casefold().rstrip("0123456789 ")
    return name == "symbol" or "wingdings" in name or name in ("webdings", "zapfdingbats", "zapf dingbats")


def _of_symbol(code: int) -> str:
    first, high = 0x20, 0xA0
    if first <= code < first + len(_SYMBOL_LOW):
        return _SYMBOL_LOW[code - first]
    if high <= code < high + len(_SYMBOL_HIGH):
        return _SYMBOL_HIGH[code - high]
    return _REPLACEMENT
