"""The engine's log while a folder runs: in a file, since the command itself reports what it does."""

import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_MAX_LOG_BYTES: Final = 5_000_000


class _ToFile(logging.FileHandler):
    """Leaves out a line that cannot be written, as on a full disk: the run itself says what stops it."""

    def handleError(self, _record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        pass


class _Json(logging.Formatter):
    """A line of JSON with the keys that a message has."""

    _usual: Final = frozenset(vars(logging.makeLogRecord({})))

    def format(self, record: logging.LogRecord) -> str:
        keys = {name: value for name, value in vars(record).items() if name not in self._usual}
        told = {"at": self.formatTime(record), "level": record.levelname, "message": record.getMessage()} | keys
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, default=str)


@contextlib.contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Write the log there while the block runs; a file that has grown large is renamed to `.old` first."""
    if path.exists() and path.stat().st_size > _MAX_LOG_BYTES:
        path.replace(path.with_suffix(".old"))
    handler = _ToFile(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(_Json())
    loggers: list[Any] = [logging.getLogger("backburner"), logging.getLogger("backburner_cli")]
    for one in loggers:
        one.addHandler(handler)
        one.propagate = False
    try:
        yield
    finally:
        for one in loggers:
            one.removeHandler(handler)
            one.propagate = True
        handler.close()
