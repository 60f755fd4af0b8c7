"""Whether the extracted text can be the document's text: the same checks for every format.

A reader that meets fonts without a character map, a wrong encoding or pictures of text does not fail: it yields
replacement characters, private-use characters, or next to nothing. That must never pass for the document.
"""

import re
from dataclasses import replace

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason

MAX_UNREADABLE_SHARE = 0.3
"""Share of unknown characters, not counting white space, beyond which the document is refused."""
_UNREADABLE = re.compile("[\ufffd\ue000-\uf8ff\U000f0000-\U0010ffff]")
"""The replacement character and the private use areas."""


def plausible(extracted: Extracted, what: str) -> Extracted:
    """The text, with a note if some characters are unreadable. Raises `JobError` if too many are."""
    printed = sum(map(len, extracted.text.split()))
    unreadable = 0 if extracted.text.isascii() else sum(1 for _ in _UNREADABLE.finditer(extracted.text))
    if printed and unreadable > MAX_UNREADABLE_SHARE * printed:
        raise JobError(
            Reason.UNREADABLE_DOCUMENT,
            f"{what} with {unreadable} of {printed} characters unreadable, probably because a font or an encoding does "
            "not say what they are: save it again as PDF/A or as UTF-8, or run it through OCR",
        )
    if not unreadable:
        return extracted
    note = f"{unreadable} of {printed} characters could not be read"
    return replace(extracted, notes=(*extracted.notes, note))
