"""One instance of a function: does what Cloud Functions' runtime does.

`instance.py` runs this file; only the standard library may be imported here. Arguments: the file descriptors of
requests, answers and the parent's lifeline, the entrypoint, and the folders for `sys.path`.
"""

import asyncio
import importlib
import inspect
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any


class Context:
    """The second argument of a handler, with what the service documents and nothing else that Lambda has."""

    deadline_ms: int

    def __init__(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            setattr(self, name, value)

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the call's timeout."""
        return max(0, self.deadline_ms - int(time.time() * 1000))


def main() -> None:
    """Answer calls one by one until there are no more."""
    requests, answers, lifeline = map(int, sys.argv[1:4])
    entrypoint, folders = sys.argv[4], sys.argv[5:]
    threading.Thread(target=_end_with_parent, args=(lifeline,), daemon=True).start()
    sys.path[:0] = folders
    module, _, name = entrypoint.rpartition(".")
    handler = None
    with os.fdopen(requests, encoding="utf-8") as calls, os.fdopen(answers, "w", encoding="utf-8") as out:
        for line in calls:
            try:
                handler = handler or getattr(importlib.import_module(module), name)
                answer = {"result": _run(handler, json.loads(line))}
                text = json.dumps(answer)
            except BaseException as error:  # noqa: BLE001 - any error of a handler is an answer
                traceback.print_exc()
                text = json.dumps({"error": {"errorMessage": str(error), "errorType": type(error).__name__}})
            sys.stdout.flush()
            sys.stderr.flush()
            out.write(text + "\n")
            out.flush()


def _run(handler: Callable[[Any, Context], Any], call: dict[str, Any]) -> Any:
    result = handler(call["event"], Context(call["context"]))
    return asyncio.run(result) if inspect.iscoroutine(result) else result


def _end_with_parent(lifeline: int) -> None:
    """Exit when the pipe closes, which happens when the parent dies, however it dies."""
    os.read(lifeline, 1)
    os._exit(1)


if __name__ == "__main__":
    main()
