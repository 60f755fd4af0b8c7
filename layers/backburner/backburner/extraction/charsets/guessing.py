"""Guesses the encoding of a text that is not Unicode and declares none."""

import math
from collections import Counter
from dataclasses import dataclass, field

from backburner.errors import JobError, Reason
from backburner.extraction.charsets.decoding import Decoding, beyond_ascii
from backburner.extraction.charsets.labels import codec_of
from backburner.extraction.charsets.legacy import decode_legacy
from backburner.extraction.charsets.spelling import has_only_symbols, oddness

SAMPLE_BYTES = 200_000
"""How much of a long text is examined to find its encoding."""
MAX_ALPHABET = 100
"""Cyrillic has 66 letters, Arabic and Vietnamese fewer than 90 with diacritics; DOS frames and symbols add some."""
MAX_ODDNESS = 0.3
"""Above it, none of the encodings tried is right."""
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r"))
"""They say nothing about letters."""
_FEW = 8
_SOME = 16
_MAX_OF_OTHER_CASE = 0.1
_MAX_COMPARED = 16
_WEIGHT_OF_ODDNESS = 1.5
_TRIED = (
    "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "iso-8859-1",
    "iso-8859-2", "iso-8859-3", "iso-8859-4", "iso-8859-5", "iso-8859-6", "iso-8859-7", "iso-8859-8", "iso-8859-9",
    "iso-8859-10", "iso-8859-13", "iso-8859-14", "iso-8859-15", "iso-8859-16", "cp874", "tis-620", "koi8-r", "koi8-u",
    "cp437", "cp737", "cp775", "cp850", "cp852", "cp855", "cp857", "cp862", "cp866", "mac-roman", "mac-cyrillic",
    "mac-greek", "mac-latin2", "mac-turkish", "cp932", "euc-jp", "euc-kr", "cp949", "johab", "gb18030", "big5",
    "big5hkscs",
)  # fmt: skip
_RARE = frozenset(
    {
        "iso8859-3", "iso8859-4", "iso8859-10", "iso8859-14", "iso8859-16", "cp1258", "macturkish", "macgreek",
        "cp862", "cp775", "cp857", "cp737", "ibm855",
    }
)  # fmt: skip
_SELDOM = ("mac", "cp4", "cp8", "ibm", "johab")
_ROMANIAN = {"\u0218": "\u015e", "\u0219": "\u015f", "\u021a": "\u0162", "\u021b": "\u0163"}
"""Comma or cedilla below: older encodings do not tell them apart, so the difference leaves no doubt."""
_PRIORS = {"rare": 0.7, "seldom": 0.85}
"""How much less likely an encoding is when there are few letters to go by."""


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """The sample as decoded by one or more encodings, and how likely that is."""

    text: str = field(repr=False)
    encodings: list[str]
    likelihood: float
    oddness: float


def guessed(body: bytes) -> str:
    """The text, by the frequency of its letters and letter pairs.

    Raises `JobError` if no encoding fits, or several do: it names them.
    """
    sample = body[:SAMPLE_BYTES].translate(None, _CONTROLS)
    western = sample.decode("cp1252", "replace")
    if has_only_symbols(western):
        return body.decode("cp1252", "replace")
    readings = _readings(sample)
    if not readings or readings[0].oddness > MAX_ODDNESS or _is_character_table(readings[0].text, len(sample)):
        raise unknown()
    best = readings[0]
    if len(readings) > 1 and readings[1].likelihood > _doubtful_share(best.text) * best.likelihood:
        raise _ambiguous(best.encodings[0], readings[1].encodings[0])
    if _is_lower_case(best.text):
        capitals = next((other for other in readings[1:] if other.oddness <= MAX_ODDNESS and _is_capitals(other)), None)
        if capitals is not None:
            raise _ambiguous(best.encodings[0], capitals.encodings[0])
    return decode_legacy(body, codec_of(best.encodings[0]) or best.encodings[0]).text


def _is_lower_case(text: str) -> bool:
    """Whether letters beyond ASCII are Greek or Cyrillic in lower case, the first one as well.

    They may be capitals read as lower case: KOI8 and Windows-1251 swap them.
    """
    letters = _letters(text)
    if not letters or min(letters) < "\u0370":
        return False
    first = next(char for char in text if char in letters)
    large = sum(count for char, count in letters.items() if char.isupper())
    return first.islower() and large <= _MAX_OF_OTHER_CASE * letters.total()


def _is_capitals(reading: _Reading) -> bool:
    """Whether letters beyond ASCII are Cyrillic capitals."""
    letters = _letters(reading.text)
    large = sum(count for char, count in letters.items() if "\u0400" <= char < "\u0430")
    return bool(letters) and large >= (1 - _MAX_OF_OTHER_CASE) * letters.total()


def _letters(text: str) -> Counter[str]:
    """How often each letter beyond ASCII occurs."""
    return Counter({char: count for char, count in Counter(text).items() if char > "\x7f" and char.isalpha()})


def _is_character_table(text: str, size_bytes: int) -> bool:
    """Whether a one-byte text has more different characters than any alphabet: binary data."""
    return len(text) == size_bytes and sum(char > "\x7f" for char in set(text)) > MAX_ALPHABET


def unknown() -> JobError:
    """What to say if no encoding fits."""
    return JobError(Reason.UNREADABLE_DOCUMENT, "text in an unknown encoding: save it as UTF-8 and upload it again")


def _ambiguous(one: str, other: str) -> JobError:
    return JobError(
        Reason.UNREADABLE_DOCUMENT,
        f"text whose encoding may be {one} or {other}, which disagree about it: save it as UTF-8 and upload it again",
    )


def _readings(sample: bytes) -> list[_Reading]:
    """What the sample may say, likeliest first; encodings that decode it to the same text share a reading."""
    import chardet  # noqa: PLC0415 - few children have to guess, and it is a fifth of what the others would import

    texts: dict[str, tuple[str, list[tuple[str, float]]]] = {}
    for found in chardet.detect_all(sample, ignore_threshold=True, include_encodings=_TRIED):
        encoding = found["encoding"]
        if encoding is None:
            continue
        decoding = _decoding(sample, encoding)
        if decoding is not None:
            same = texts.setdefault(_without_commas(decoding.text), (decoding.text, []))
            same[1].append((encoding, found["confidence"]))
        if len(texts) >= _MAX_COMPARED:
            break
    readings = [_reading(text, found) for text, found in texts.values()]
    return sorted(readings, key=lambda one: one.likelihood, reverse=True)


def _without_commas(text: str) -> str:
    for below, instead in _ROMANIAN.items():
        text = text.replace(below, instead)
    return text


def _decoding(sample: bytes, encoding: str) -> Decoding | None:
    """The sample in an encoding that fits it; a character cut off at the end of the sample does not count."""
    found = decode_legacy(sample, codec_of(encoding) or encoding)
    return found if found.bad <= (len(sample) == SAMPLE_BYTES) else None


def _reading(text: str, found: list[tuple[str, float]]) -> _Reading:
    odd = oddness(text)
    few = beyond_ascii(text) <= _FEW
    confidence = max(share * (_prior(encoding) if few else 1.0) for encoding, share in found)
    likelihood = confidence * math.exp(-_WEIGHT_OF_ODDNESS * odd)
    return _Reading(text=text, encodings=[encoding for encoding, _ in found], likelihood=likelihood, oddness=odd)


def _prior(encoding: str) -> float:
    name = encoding.lower()
    if name in _RARE:
        return _PRIORS["rare"]
    if name.startswith(_SELDOM) and name not in {"cp874", "cp932", "cp949"}:
        return _PRIORS["seldom"]
    return 1.0


def _doubtful_share(text: str) -> float:
    """How close to the best another reading must come to raise doubt; the more letters, the closer."""
    letters = beyond_ascii(text)
    if letters <= _FEW:
        return 0.85
    return 0.95 if letters <= _SOME else 0.999
