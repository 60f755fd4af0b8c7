"""Imports of large libraries, without what costs much and is of no use here."""

import contextlib
import gc
import os
from collections.abc import Iterator

_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Run the block without the garbage collector, which would go through many thousands of new objects many times.

    What is there afterwards is never searched again: modules stay.
    """
    is_collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if is_collecting:
            gc.enable()


@contextlib.contextmanager
def no_certificates() -> Iterator[None]:
    """Run the block without reading the system's certificates, for a library that does so when it is imported.

    Only for a library that is always given what to trust: otherwise it trusts nobody. Not beside other threads.
    """
    before = {name: os.environ.get(name) for name in _CERTIFICATES}
    os.environ.update(dict.fromkeys(_CERTIFICATES, os.devnull))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
