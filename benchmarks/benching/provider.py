"""A Responses API in memory: it creates in the background, and every generation ends when the benchmark says so."""

import itertools
import json
import time
from collections import Counter
from typing import Any

from benching.wire import Answer, Request

_JSON = {"Content-Type": "application/json"}
_TEXT = "The council of Veldt buys three cranes. " * 20


class Provider:
    """All generations there are."""

    def __init__(self) -> None:
        self.generations: dict[str, dict[str, Any]] = {}
        self.calls: Counter[str] = Counter()
        self.is_finished = False
        self.most = 0
        """The most generations that there were at once: created, and not yet deleted."""
        self.created = 0
        self._numbers = itertools.count()

    def answer(self, request: Request) -> Answer:
        """Answer a call."""
        _, _, name = request.target.partition("/responses")
        if request.method == "POST" and not name:
            self.calls["create"] += 1
            return self._create(json.loads(request.body))
        verb = {"GET": "retrieve", "DELETE": "delete"}.get(request.method, "cancel")
        self.calls[verb] += 1
        response_id = name[1:].partition("/")[0]
        generation = self.generations.get(response_id)
        if generation is None:
            return 404, _JSON, b'{"error": {"code": "not_found", "message": "no such response"}}'
        if verb == "delete":
            del self.generations[response_id]
            return 200, _JSON, json.dumps({"id": response_id, "object": "response", "deleted": True}).encode()
        return 200, _JSON, self._told(generation)

    def _create(self, asked: dict[str, Any]) -> Answer:
        self.created += 1
        response_id = f"resp_{next(self._numbers):032x}"
        generation = {
            "id": response_id,
            "object": "response",
            "created_at": int(time.time()),
            "status": "queued",
            "background": True,
            "model": asked["model"],
            "metadata": asked.get("metadata") or {},
            "output": [],
            "error": None,
            "incomplete_details": None,
            "usage": None,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
        }
        self.generations[response_id] = generation
        self.most = max(self.most, len(self.generations))
        return 200, _JSON, json.dumps(generation).encode()

    def _told(self, generation: dict[str, Any]) -> bytes:
        if not self.is_finished:
            return json.dumps(generation | {"status": "in_progress"}).encode()
        text = {"type": "output_text", "text": _TEXT, "annotations": []}
        message = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
        usage = {"input_tokens": 60, "output_tokens": 160, "total_tokens": 220}
        ended = {"status": "completed", "completed_at": int(time.time()), "output": [message], "usage": usage}
        return json.dumps(generation | ended).encode()
