"""The Python codecs for the charsets of RTF fonts and for Windows code pages."""

import codecs
from functools import cache

_DEFAULT = "cp1252"
ANSI_CHARSET, SYMBOL_CHARSET = 0, 2
_CODE_PAGES = {
    77: 10_000, 78: 10_001, 79: 10_003, 80: 10_008, 81: 10_002, 83: 10_005, 84: 10_004, 85: 10_006, 86: 10_081,
    87: 10_021, 88: 10_029, 89: 10_007, 128: 932, 129: 949, 130: 1361, 134: 936, 136: 950, 161: 1253, 162: 1254,
    163: 1258, 177: 1255, 178: 1256, 179: 1256, 180: 1256, 181: 1255, 186: 1257, 204: 1251, 222: 874, 238: 1250,
    254: 437, 255: 850,
}  # fmt: skip
_CODECS = {
    708: "iso8859-6", 709: "iso8859-6", 710: "cp864", 711: "cp864", 819: "latin-1", 932: "cp932", 936: "gb18030",
    949: "cp949", 950: "cp950", 1200: "utf-16-le", 1361: "johab", 10_000: "mac_roman", 10_001: "shift_jis",
    10_002: "big5", 10_003: "euc_kr", 10_004: "mac_arabic", 10_005: "hebrew", 10_006: "mac_greek",
    10_007: "mac_cyrillic", 10_008: "gb2312", 10_021: "iso8859-11", 10_029: "mac_latin2", 10_081: "mac_turkish",
    20_866: "koi8-r", 21_866: "koi8-u", 20_936: "gb2312", 51_949: "euc_kr", 54_936: "gb18030", 65_000: "utf-7",
    65_001: "utf-8",
}  # fmt: skip
_ISO_FIRST, _ISO_LAST = 28_591, 28_606


def code_page_of(charset: int) -> int | None:
    """The code page of a Windows charset; None for those that mean the system's own and symbols."""
    return _CODE_PAGES.get(charset)


@cache
def codec(code_page: int) -> str:
    """The codec of a code page; Windows-1252 if there is none."""
    name = _CODECS.get(code_page) or (
        f"iso8859-{code_page - _ISO_FIRST + 1}" if _ISO_FIRST <= code_page < _ISO_LAST else f"cp{code_page}"
    )
    try:
        return codecs.lookup(name).name
    except LookupError:
        return _DEFAULT
