"""A mail's own text: unwrapped, stripped of old markup, and chosen if there are several versions of it."""

import re
from collections import Counter
from collections.abc import Iterator

from backburner.extraction.mail.blocks import Block

_TOLERATED_SHARE = 0.05
_TOLERATED_WORDS = 5
"""How many words may be missing from one version: a button, the words for a picture; but never a number."""
_SHORT_SHARE = 0.2
"""If the version that lacks words is the shorter one, they are at most this share."""
_PLACEHOLDER = re.compile(
    r"html|browser|mime|web-?\s?(?:page|version|mail)|online|navigat?eur|navegador|браузер|почтов|浏览器|ブラウザ|브라우저",
    re.IGNORECASE,
)
_MAX_PLACEHOLDER_CHARS = 400
_ADDRESS = re.compile(r"<?(?:https?://|mailto:|www\.|cid:)[^\s<>\"')\]]*>?", re.IGNORECASE)
_WORD = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_]+")
_QUOTES = re.compile(r">*")
_ENRICHED_TAG = re.compile(r"<(/?)([a-z0-9-]{1,60})>", re.IGNORECASE)


def unflowed(text: str, *, delete_space: bool) -> str:
    """The lines of `format=flowed` (RFC 3676) joined into paragraphs."""
    lines: list[str] = []
    open_quotes: str | None = None
    for line in text.split("\n"):
        quotes = _QUOTES.match(line)[0]  # type: ignore[index]  # it always matches
        rest = line[len(quotes) :].removeprefix(" ")
        is_signature = rest == "-- "
        if open_quotes == quotes and not is_signature:
            lines[-1] += rest
        else:
            lines.append(f"{quotes} {rest}" if quotes else rest)
        flows = rest.endswith(" ") and not is_signature
        if flows and delete_space:
            lines[-1] = lines[-1][:-1]
        open_quotes = quotes if flows else None
    return "\n".join(line if line == "-- " else line.rstrip(" ") for line in lines)


def unenriched(text: str) -> str:
    """`text/enriched` (RFC 1896) without markup: one line break is a space, two are one line break."""
    lines = re.sub(r"\n+", lambda ends: "\n" * (len(ends[0]) - 1) or " ", text.replace("<<", "\0"))
    kept, end, parameters = [], 0, 0
    for tag in _ENRICHED_TAG.finditer(lines):
        if not parameters:
            kept.append(lines[end : tag.start()])
        if tag[2].lower() == "param":
            parameters = max(parameters + (-1 if tag[1] else 1), 0)
        end = tag.end()
    return "".join([*kept, lines[end:]]).replace("\0", "<")


def chosen(options: list[list[Block]]) -> Iterator[Block]:
    """The blocks of `multipart/alternative`: one version of the text, and whatever else is in any version.

    The plain version, as the sender wrapped it, if it contains the words of the rich one; else the rich one, if it
    contains those of the plain one or the plain one only says where to read the mail; else both. Five words or a
    twentieth may be missing, but no number.
    """
    shown = _shown([_own(option) for option in options], [_is_plain(option) for option in options])
    seen: set[str] = set()
    for number, option in enumerate(options):
        for block in option:
            if (block.form and number not in shown) or (not block.form and block.text in seen):
                continue
            seen.add(block.text)
            yield block


def _shown(texts: list[str], plain: list[bool]) -> set[int]:
    words = {number: _words(text) for number, text in enumerate(texts)}
    order = [number for number in words if texts[number].strip()]
    shown: list[int] = []
    for number in sorted(order, key=lambda number: not plain[number]):
        if not any(_replaces(texts[one], words[one], words[number]) for one in shown):
            shown = [one for one in shown if not _is_redundant(texts[one], words[one], words[number])]
            shown.append(number)
    return set(shown)


def _replaces(text: str, words: Counter[str], others: Counter[str]) -> bool:
    """Whether a version that is shown makes another redundant."""
    return _holds(words, others) and not _is_placeholder(text)


def _is_redundant(text: str, words: Counter[str], others: Counter[str]) -> bool:
    """Whether another version makes one that is shown redundant."""
    return _holds(others, words) or (bool(others) and _is_placeholder(text))


def _holds(words: Counter[str], others: Counter[str]) -> bool:
    """Whether hardly any of the other words are missing, and no number."""
    missing = others - words
    is_number_missing = any(char.isdigit() for word in missing for char in word)
    is_longer = words.total() >= others.total()
    few = _TOLERATED_WORDS if is_longer else min(_TOLERATED_WORDS, _SHORT_SHARE * others.total())
    return missing.total() <= max(few, _TOLERATED_SHARE * others.total()) and not is_number_missing


def _is_placeholder(text: str) -> bool:
    """Whether a text says only that, or where, the mail can be read in another version."""
    text = " ".join(_ADDRESS.sub(" ", text).split())
    is_short = len(text) <= _MAX_PLACEHOLDER_CHARS
    return is_short and bool(_PLACEHOLDER.search(text)) and not any(char.isdigit() for char in text)


def _own(option: list[Block]) -> str:
    return "\n".join(block.text for block in option if block.form)


def _is_plain(option: list[Block]) -> bool:
    return all(block.form == "plain" for block in option if block.form)


def _words(text: str) -> Counter[str]:
    return Counter(word[0] for word in _WORD.finditer(_ADDRESS.sub(" ", text).lower()))
