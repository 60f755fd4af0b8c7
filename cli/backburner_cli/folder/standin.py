"""A stand-in that survives its process: it keeps its generations in a file, which several processes may share."""

import hashlib
import json
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any, Final

from backburner.adapters.folder.database import use_wal
from backburner_cli.standin.behaviours import GOOD, MODEL, Chosen, of_model, parse
from backburner_cli.standin.extract import count_tokens
from backburner_cli.standin.generations import Generation, compose
from backburner_cli.standin.provider import StandIn
from backburner_cli.standin.replies import Reply, refuse
from backburner_cli.standin.strictness import input_text
from backburner_cli.standin.timing import Timing

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS generations (
    id TEXT PRIMARY KEY, input_sha256 TEXT NOT NULL, behaviour TEXT NOT NULL, created_s REAL NOT NULL, body TEXT
)
"""


class KeptStandIn(StandIn):
    """Knows the generations of every process that used the same file. Accepts any model."""

    def __init__(self, path: Path, *, timing: Timing) -> None:
        """Open the file. Raises `sqlite3.Error`."""
        self._writing: Final = threading.Lock()
        self._file: Final = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        try:
            use_wal(self._file)
            self._file.execute("PRAGMA synchronous=NORMAL")
            self._file.execute(_TABLE)
        except sqlite3.Error:
            self._file.close()
            raise
        super().__init__(timing=timing, remembers=False)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def create(self, body: dict[str, Any]) -> Reply:
        """Start a generation; a model unknown to the stand-in is replaced by its well-behaved one."""
        model = body.get("model")
        is_known = isinstance(model, str) and of_model(model) is not None
        return super().create(body if is_known else body | {"model": MODEL})

    def delete(self, response_id: str) -> Reply:
        """Forget a generation, except that it was started."""
        reply = super().delete(response_id)
        self._asked("UPDATE generations SET body = NULL WHERE id = ?", response_id)
        with self._lock:
            self._generations.pop(response_id, None)
        return reply

    def _generation(self, body: dict[str, Any], text: str, sha256: str, tokens: int, chosen: Chosen) -> Generation:
        made = super()._generation(body, text, sha256, tokens, chosen)
        behaviour = "" if chosen.behaviour is GOOD else chosen.name
        sql = "INSERT INTO generations VALUES (?, ?, ?, ?, ?)"
        self._asked(sql, made.id, sha256, behaviour, time.time(), json.dumps(body))
        return made

    def _find(self, response_id: str) -> Generation:
        with self._lock:
            is_known = response_id in self._generations
        if not is_known and (kept := self._kept(response_id)):
            with self._lock:
                self._generations.setdefault(response_id, kept)
        return super()._find(response_id)

    def _kept(self, response_id: str) -> Generation | None:
        """A generation from the file, composed again, which gives the same text."""
        found = self._asked("SELECT behaviour, created_s, body FROM generations WHERE id = ?", response_id)
        if not found or found[0][2] is None:
            return None
        behaviour, created_s, request = found[0]
        body = json.loads(request)
        text = input_text(body)
        chosen = (parse(behaviour) if behaviour else None) or Chosen(name="", behaviour=GOOD, n=None)
        made = super()._generation(body, text, hashlib.sha256(text.encode()).hexdigest(), count_tokens(text), chosen)
        lasted_s = made.ends_at - made.created_at
        made.id, made.outcome = response_id, compose(body, text, chosen.behaviour.ending)
        made.created_at = made.runs_from = created_s - made.epoch
        made.ends_at = made.created_at + lasted_s
        return made

    def _asked(self, sql: str, *values: Any) -> list[Any]:
        try:
            with self._writing:
                return self._file.execute(sql, values).fetchall()
        except sqlite3.Error as failed:  # a full disk, say: reported to the run as any provider would
            raise refuse(f"the stand-in cannot use its file: {failed}", "server_error", status=500) from failed
