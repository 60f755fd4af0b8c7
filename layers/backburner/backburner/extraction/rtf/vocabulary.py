"""Control words that need no code of their own."""

from backburner.extraction.composition import STRUCK, SUBSCRIPT, SUPERSCRIPT

CHARACTERS = {
    b"tab": "\t", b"line": "\n", b"lbr": "\n", b"emdash": "—", b"endash": "\u2013",
    b"lquote": "\u2018", b"rquote": "\u2019",
    b"ldblquote": "“", b"rdblquote": "”", b"bullet": "•", b"emspace": "\u2003", b"enspace": "\u2002",
    b"qmspace": "\u2005", b"zwj": "\u200d", b"zwnj": "\u200c", b"ltrmark": "\u200e", b"rtlmark": "\u200f",
}  # fmt: skip
SYMBOLS = {b"~": "\u00a0", b"_": "\u2011", b"\t": "\t"}
LITERALS = frozenset({b"\\", b"{", b"}"})
MARKS = {b"super": SUPERSCRIPT, b"sub": SUBSCRIPT, b"strike": STRUCK, b"striked": STRUCK}
NO_MARKS = frozenset({b"nosupersub", b"up", b"dn"})
CHARACTER_SETS = {b"ansi": 1252, b"mac": 10_000, b"pc": 437, b"pca": 850}
HEADERS = frozenset({b"header", b"headerl", b"headerr", b"headerf"})
FOOTERS = frozenset({b"footer", b"footerl", b"footerr", b"footerf"})
SKIPPED = frozenset({
    b"colortbl", b"info", b"nonshppict", b"pict", b"objdata", b"themedata", b"colorschememapping", b"datastore",
    b"latentstyles", b"xmlnstbl", b"generator", b"rsidtbl", b"filetbl", b"revtbl", b"listpicture", b"xe", b"tc",
    b"tcn", b"rxe", b"bxe", b"txe", b"private", b"pgptbl", b"template", b"nonesttables", b"ftnsep", b"ftnsepc",
    b"ftncn", b"aftnsep", b"aftnsepc", b"aftncn", b"userprops", b"falt", b"panose", b"atnid", b"atrfstart", b"atrfend",
    b"shprslt", b"keycode", b"mmathPr", b"mmathPict", b"fontemb", b"objalias", b"objname", b"objsect",
    b"objtime", b"pntxta", b"pntxtb", b"listname", b"levelnumbers", b"bkmkstart", b"bkmkend",
    b"background", b"fldtype", b"atntime", b"atndate", b"atnparent", b"atnref", b"atnicn",
    b"pnseclvl", b"wgrffmtfilter", b"hsv", b"docvar", b"mailmerge", b"oleclsid", b"blipuid", b"blipdata",
})  # fmt: skip
"""Groups that contain nothing that a page shows."""
LIST_PROPERTIES = frozenset({b"levelnfc", b"levelnfcn", b"levelstartat", b"levellegal", b"listid", b"ls"})
STYLE_PROPERTIES = frozenset({b"outlinelevel", b"ls", b"ilvl"})
MATH = {
    b"mnum": ("(", ")"), b"mden": ("/(", ")"), b"msup": ("^(", ")"), b"msub": ("_(", ")"), b"mrad": ("√(", ")"),
    b"md": ("(", ")"), b"mdeg": ("", " of "),
}  # fmt: skip
"""What encloses the parts of a formula written on one line."""
_PROPERTIES = frozenset({b"fcharset", b"cpg", b"ftnalt", b"fftype", b"ffres", b"ffdefres"})
KNOWN = (
    frozenset(CHARACTERS) | frozenset(MARKS) | NO_MARKS | frozenset(CHARACTER_SETS) | SKIPPED | LIST_PROPERTIES
    | STYLE_PROPERTIES | _PROPERTIES
)  # fmt: skip
"""The words with a meaning, besides those that the reader handles itself."""
