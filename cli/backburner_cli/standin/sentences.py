"""Splits plain text and Markdown into sentences, well enough for an extract and fast enough for thousands of lines.

Lines are first joined into paragraphs, so a sentence may be wrapped anywhere. At an ambiguous full stop the sentence
continues: a sentence that is too long reads better than half a sentence.
"""

import re
from collections.abc import Iterator
from typing import Final

_MAX: Final = 400
_MARK: Final = re.compile(
    r"\s*(?:(?P<heading>#{1,6})\s+|(?P<item>(?:[-*+•–]|\(?\d{1,3}[.)]|\(?[a-z]\))\s+)|(?P<row>\|)|(?P<quote>>[>\s]*))"
)
_RULE: Final = re.compile(r"[\s=_*~|:+-]*")
_CJK: Final = r"[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]"
_WRAP: Final = re.compile(rf"(?<={_CJK})\n(?={_CJK})")
"""A line's end within Chinese or Japanese text, which needs no space there."""

_END: Final = re.compile(
    r"(?:(?P<stop>\.)|[!?…।॥۔؟።])[\"'»”’)\]]* (?=\S)"
    r"|[。！？｡](?P<tight> ?)(?=[^\s。！？｡」』）”’])"
)
_ABBREVIATION: Final = re.compile(
    r"messrs|mrs?|ms|drs?|prof|st|mt|jr|sr|hon|rev|gen|capt|sgt|lt|col|cf|vs|ca|approx|incl|resp|e\.g|i\.e"
    r"|bzw|inkl|evtl|vgl|z\.b|d\.h|т\.е|т\.к|ул|им|проф"
)
_BEFORE_A_NUMBER: Final = re.compile(r"nos?|nr|vols?|chap|secs?|arts?|figs?|eqs?|pp?|paras?|abs|tel|рис|стр|табл|гл|ст")
_GERMAN_MONTH: Final = re.compile(r"J[aä]n|Feb|Mär|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez")
_OPENING: Final = "(\"'«“„["


def split(text: str) -> list[str]:
    """The sentences of a text in order, with blanks collapsed, none longer than a paragraph.

    List items are sentences of their own, without their marks. Headings are used only if there is nothing else.
    """
    found: dict[bool, list[str]] = {False: [], True: []}
    for paragraph, is_heading in _paragraphs(text):
        for sentence in _sentences(paragraph):
            found[is_heading] += _bounded(sentence)
    return found[False] or found[True]


def _paragraphs(text: str) -> Iterator[tuple[str, bool]]:
    """Paragraphs, list items, rows and headings, and whether each is a heading."""
    lines: list[str] = []
    for line in text.splitlines():
        mark = _MARK.match(line)
        body = (line[mark.end() :] if mark else line).strip("| \t" if mark and mark["row"] else None)
        is_rule = _RULE.fullmatch(line) is not None
        starts_anew = mark is not None and not mark["quote"]
        if lines and (is_rule or starts_anew):
            is_underlined = is_rule and len(lines) == 1 and line.strip().startswith(("==", "--"))
            yield "\n".join(lines), is_underlined
            lines = []
        if mark and mark["heading"]:
            yield body.rstrip("# "), True
        elif body and not is_rule:
            lines.append(body)
    if lines:
        yield "\n".join(lines), False


def _sentences(paragraph: str) -> Iterator[str]:
    joined = " ".join(_WRAP.sub("", paragraph).split())
    start = 0
    for end in _END.finditer(joined):
        if end["tight"] is None and not _ends(joined, end):
            continue
        yield joined[start : end.end()].rstrip()
        start = end.end()
    yield joined[start:]


def _ends(text: str, end: re.Match[str]) -> bool:
    """Whether a mark followed by a space ends a sentence."""
    following = text[end.end()]
    if following.islower():
        return False
    if not end["stop"]:
        return True
    at = end.start()
    begins = text.rfind(" ", 0, at) + 1
    word = text[begins:at].lstrip(_OPENING)
    is_initial = len(word) == 1 and word.isupper()
    if is_initial or _ABBREVIATION.fullmatch(word.casefold()):
        return False
    if word.isdecimal():  # a German date, such as "3. März"
        return not _GERMAN_MONTH.match(text, end.end())
    if word == "г":  # "town", but after a number it means "year"
        return text[max(0, begins - 2) : begins - 1].isdecimal()
    return not (following.isdecimal() and _BEFORE_A_NUMBER.fullmatch(word.casefold()))


def _bounded(sentence: str) -> list[str]:
    parts = []
    while len(sentence) > _MAX:
        space = sentence.rfind(" ", 0, _MAX)
        end = space if space > 0 else _MAX
        parts.append(sentence[:end])
        sentence = sentence[end:].lstrip()
    return [*parts, sentence] if sentence else parts
