"""Symbol fonts, which have symbols in place of letters: the Unicode character for each code, if there is one."""

# ruff: noqa: RUF001 - symbols and Greek letters are what this is about

_PRIVATE, _PAGE = 0xF000, 0x100
"""Word writes codes in the private use area, or as plain bytes."""
_BLANKS = frozenset({0x09, 0x0A, 0x0D, 0x20})
_UNKNOWN = "\ufffd"
_SYMBOL = (
    "!∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼",
    "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪\ufffd〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭",
)
_WINGDINGS = (
    "✏✂✁👓🔔📖🕯☎✆✉✉📪📫📬📭📁📂📄📄📑🗄⌛⌨🖱🖲💻🖴💾💾✇✍✎✌👌👍👎☜☞☝☟✋☺😐☹💣☠⚐⚑✈☼💧❄✝✞✝✠✡☪☯ॐ☸♈♉♊♋♌♍♎♏♐♑♒♓&&●❍■□□❑❒◆◆◆❖◆☒\ufffd⌘❀✿“”",
    "⓪①②③④⑤⑥⑦⑧⑨⑩⓿❶❷❸❹❺❻❼❽❾❿❦❧❦❧❧❦❧❦·•▪○◯◯◉◎○▪☐▲✦★✶✴✹✵⌖⌖✧✧✦✪✰🕐🕑🕒🕓🕔🕕🕖🕗🕘🕙🕚🕛↲↳↰↱↵↴↑↓❧❧❧❧❧❧❧❧❧❧⌫⌦➢➢➢➢←→↑↓←→↑↓↖↗↙↘←➔↑↓↖↗↙↘⇦⇨⇧⇩⇔⇕⇖⇗⇙⇘▭▫✘✔☒☑⊞",
)
_OTHERS = {
    "wingdings 2": {0x4F: "✘", 0x50: "✔", 0x51: "☒", 0x52: "☑", 0x53: "☒", 0x54: "☒", 0x96: "●", 0x97: "●", 0xA3: "☐"},
    "wingdings 3": {
        0x66: "←", 0x67: "→", 0x68: "↑", 0x69: "↓", 0x70: "▲", 0x71: "▼", 0x72: "△", 0x73: "▽", 0x74: "◀", 0x75: "▶",
        0x76: "◁", 0x77: "▷", 0x7D: "▶", 0x86: "▶",
    },
    "webdings": {
        0x33: "◀", 0x34: "▶", 0x35: "▲", 0x36: "▼", 0x61: "✔", 0x63: "☐", 0x67: "■", 0x69: "ℹ", 0x6E: "●", 0x72: "✘",
        0x79: "★", 0x9A: "📖", 0xA4: "💾", 0xC7: "📷", 0xC9: "☎",
    },
    "mt extra": {0x4B: "…", 0x4C: "⋯", 0x4D: "⋮", 0x4F: "⋱", 0x62: "∐", 0x68: "ℏ", 0x6C: "ℓ", 0x6D: "∓", 0x6F: "∘"},
}  # fmt: skip
_NAMES = {"symbol": "symbol", "symbol mt": "symbol", "wingdings": "wingdings", **{name: name for name in _OTHERS}}


def is_symbol_font(font: str) -> bool:
    """Whether a font has symbols in place of letters."""
    return font.casefold() in _NAMES


def symbol(code: int, font: str) -> str | None:
    """The symbol for a code of a font; None if unknown. In other fonts, the character itself."""
    low = code - _PRIVATE if _PRIVATE <= code < _PRIVATE + _PAGE else code
    if low in _BLANKS:
        return " "
    name = _NAMES.get(font.casefold())
    if name is None or low >= _PAGE:
        return None if low != code and font.casefold().endswith("dings") else chr(low)
    if name in _OTHERS:
        return _OTHERS[name].get(low)
    found = _row(low, _SYMBOL, 0xA0) if name == "symbol" else _row(low, _WINGDINGS, 0x80)
    return None if found == _UNKNOWN else found


def _row(code: int, rows: tuple[str, str], second: int) -> str:
    """A font's symbols, which start at 0x21 and at a second code."""
    row, index = (rows[1], code - second) if code >= second else (rows[0], code - 0x21)
    return row[index] if 0 <= index < len(row) else _UNKNOWN
