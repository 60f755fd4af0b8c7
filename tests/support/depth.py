"""How deep the tests go: the quick run takes a fixed selection of what the deep run (`--deep`) takes in full.

The selection is the same in every run and on every machine: it depends only on the names of the cases.
"""

import os
import zlib
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

T = TypeVar("T")
VARIABLE = "BACKBURNER_TESTS"
"""Set to `deep` by `--deep`, before the tests are collected."""


def is_deep() -> bool:
    """Whether this is the deep run."""
    return os.environ.get(VARIABLE) == "deep"


def depth(quick: int, deep: int) -> int:
    """How many examples, histories or blocks to take."""
    return deep if is_deep() else quick


def thinned(cases: Iterable[T], one_in: int, kind: Callable[[T], Hashable] = lambda _: "any") -> list[T]:
    """About one case in `one_in`, in order, and at least one of each kind; all of them in the deep run."""
    cases = list(cases)
    if is_deep():
        return cases
    chosen = [zlib.crc32(repr(case).encode()) % one_in == 0 for case in cases]
    met = {kind(case) for case, is_chosen in zip(cases, chosen, strict=True) if is_chosen}
    for place, case in enumerate(cases):
        if kind(case) not in met:
            met.add(kind(case))
            chosen[place] = True
    return [case for case, is_chosen in zip(cases, chosen, strict=True) if is_chosen]
