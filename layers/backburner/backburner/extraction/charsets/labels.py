"""What charset names mean, as browsers and mail programs read them.

The WHATWG Encoding Standard decides (https://encoding.spec.whatwg.org/#names-and-labels): a page or mail that declares
`iso-8859-1` is in Windows-1252, one that declares `gb2312` in GB18030, because that is what programs write. Python
knows most of the standard's labels but takes them literally; these tables hold the differences.
"""

import codecs

_AS_BROWSERS = {
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "cp950",
    "utf-16": "utf-16-le",
    "utf-32": "utf-32-le",
    "iso2022_jp_1": "iso2022_jp",
    "iso2022_jp_ext": "iso2022_jp",
}
"""Python's name for an encoding, and for the superset that is meant by it."""

_UNKNOWN_TO_PYTHON = {
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "csshiftjis": "cp932",
    "x-ms-cp932": "cp932",
    "x-euc-jp": "euc_jp",
    "cseucpkdfmtjapanese": "euc_jp",
    "cp51932": "euc_jp",
    "cp50220": "iso2022_jp",
    "cp50221": "iso2022_jp",
    "csiso2022jp": "iso2022_jp",
    "ks_c_5601-1989": "cp949",
    "ks_c_5601": "cp949",
    "ksc_5601": "cp949",
    "cseuckr": "cp949",
    "csksc56011987": "cp949",
    "iso-ir-149": "cp949",
    "korean": "cp949",
    "windows-949": "cp949",
    "x-windows-949": "cp949",
    "csiso58gb231280": "gb18030",
    "gb_2312-80": "gb18030",
    "gb_2312": "gb18030",
    "chinese": "gb18030",
    "x-gbk": "gb18030",
    "cn-gb": "gb18030",
    "euc-cn": "gb18030",
    "windows-936": "gb18030",
    "windows-54936": "gb18030",
    "cn-big5": "cp950",
    "x-x-big5": "cp950",
    "csbig5": "cp950",
    "windows-950": "cp950",
    "big5-eten": "cp950",
    "windows-874": "cp874",
    "dos-874": "cp874",
    "tis620": "cp874",
    "dos-866": "cp866",
    "csibm866": "cp866",
    "csmacintosh": "mac-roman",
    "mac": "mac-roman",
    "x-mac-roman": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic",
    "x-mac-ukrainian": "mac-cyrillic",
    "x-mac-ce": "mac-latin2",
    "x-mac-centraleurroman": "mac-latin2",
    "x-mac-greek": "mac-greek",
    "x-mac-turkish": "mac-turkish",
    "x-mac-japanese": "cp932",
    "x-mac-chinesesimp": "gb18030",
    "x-mac-chinesetrad": "cp950",
    "x-mac-korean": "cp949",
    "koi": "koi8-r",
    "koi8": "koi8-r",
    "koi8-ru": "koi8-u",
    "cskoi8r": "koi8-r",
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-8-e": "iso8859-8",
    "iso-8859-6-i": "iso8859-6",
    "iso-8859-6-e": "iso8859-6",
    "logical": "iso8859-8",
    "visual": "iso8859-8",
    "sun_eu_greek": "iso8859-7",
    "unicode": "utf-16-le",
    "ucs-2": "utf-16-le",
    "iso-10646-ucs-2": "utf-16-le",
    "csunicode": "utf-16-le",
    "unicodefeff": "utf-16-le",
    "unicodefffe": "utf-16-be",
    "unicode-1-1-utf-8": "utf-8",
    "unicode11utf8": "utf-8",
    "unicode20utf8": "utf-8",
    "x-unicode20utf8": "utf-8",
    "utf8mb4": "utf-8",
    "utf-8n": "utf-8",
    "x-ansi": "cp1252",
    "ansi": "cp1252",
    "iso88591": "cp1252",
    "iso88592": "iso8859-2",
    "iso88595": "iso8859-5",
    "iso885915": "iso8859-15",
}


def codec_of(label: str | None) -> str | None:
    """Python's name for the encoding that a declared charset means; None if it is unknown.

    `x-cp1251`, `"Windows-1251"`, `cp-1251` and `win1251` are understood.
    """
    name = (label or "").strip(" \t\r\n\f\"';").lower()
    for tried in _spellings(name):
        if tried in _UNKNOWN_TO_PYTHON:
            return _UNKNOWN_TO_PYTHON[tried]
        try:
            found = codecs.lookup(tried)
        except (LookupError, ValueError):
            continue
        if found._is_text_encoding:  # noqa: SLF001 - tells `hex` and `rot13` from text encodings
            return _AS_BROWSERS.get(found.name, found.name)
    return None


def _spellings(name: str) -> list[str]:
    """A label as written, and as it was probably meant."""
    if not name or not name.isascii():
        return []
    plain = name.removeprefix("x-")
    number = plain.replace("windows", "cp").replace("win", "cp").replace("ibm-", "cp").replace("-", "").replace("_", "")
    return [name, plain, name.replace("_", "-"), number]
