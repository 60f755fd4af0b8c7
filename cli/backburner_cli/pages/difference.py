"""The difference between two texts."""

from collections.abc import Sequence
from difflib import SequenceMatcher


def pieces(old: Sequence[str], new: Sequence[str]) -> list[tuple[str, str]]:
    """Two lists of words merged into pieces, in order, each marked as "same", "gone" or "new"."""
    found = list[tuple[str, str]]()
    for what, first, last, begin, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            found.append(("same", "".join(old[first:last])))
            continue
        if first < last:
            found.append(("gone", "".join(old[first:last])))
        if begin < end:
            found.append(("new", "".join(new[begin:end])))
    return found
