"""Imports of large libraries that leave out what costs much and serves nothing here."""

import contextlib
import gc
import os
from collections.abc import Iterator

_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


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


@contextlib.contextmanager
def no_certificates() -> Iterator[None]:
    """Without reading the system's certificates, for a library that does so when it is imported.

    Only for one that is always told what to trust: by itself it trusts nobody. Not beside other threads.
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
