"""Imports of large libraries that leave out what costs much and serves nothing here."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Without the garbage collector, which would go through hundreds of thousands of new objects many times.

    It does not search what there is afterwards again: modules stay.
    """
    is_collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if is_collecting:
            gc.enable()
