"""Writes finished lines in the OpenAI Batch API's output format, for the result and for the file of failed lines."""

import hashlib
import json
from typing import Any

import msgspec

from backburner.errors import Reason
from backburner.provider.answers import Answer, Generation

_LINE_ENDS = {end.encode(): b"\\u%04x" % ord(end) for end in "\u0085\u2028\u2029"}
"""Characters that JSON allows in strings, and at which `str.splitlines` and others would break a line in two."""
CANCELLED_LINE = "cancelled with its batch before it was done: a replay runs it"
_OK = 200


def succeeded(number: int, custom_id: str, answer: Generation) -> bytes:
    """The output line for a request that was answered."""
    return _written(
        {
            "id": _request_id(number, custom_id, answer.id),
            "custom_id": custom_id,
            "response": {"status_code": _OK, "request_id": answer.id, "body": answer.body},
            "error": None,
        }
    )


def failed(
    number: int,
    custom_id: str | None,
    code: str | Reason,
    message: str,
    answer: Answer | None = None,
    *,
    param: str | None = None,
) -> bytes:
    """The error line for a request that failed, with the response if there is one.

    Its status code is null: 200 would look like success to a program that reads only this field.
    """
    body = answer.body if isinstance(answer, Generation) else None
    request_id = answer.id if isinstance(answer, Generation) else ""
    return _written(
        {
            "id": _request_id(number, custom_id or "", request_id),
            "custom_id": custom_id,
            "response": {"status_code": None, "request_id": request_id, "body": body} if body else None,
            "error": {"code": str(code), "message": message, "param": param, "line": number},
        }
    )


def number_of(written: bytes) -> int:
    """The number of the input line that an error line is about; 0 for an output line."""
    error = msgspec.json.decode(written, type=_Written).error
    return 0 if error is None else error.line


class _Error(msgspec.Struct, frozen=True):
    line: int


class _Written(msgspec.Struct, frozen=True):
    error: _Error | None = None


def _request_id(number: int, custom_id: str, response_id: str) -> str:
    return "batch_req_" + hashlib.sha256(f"{number}\0{custom_id}\0{response_id}".encode()).hexdigest()[:32]


def _written(line: dict[str, Any]) -> bytes:
    try:
        written = msgspec.json.encode(line)
    except (UnicodeEncodeError, OverflowError):  # a lone surrogate, or a number of more than 64 bits, in an answer
        written = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    for end, escaped in _LINE_ENDS.items():
        written = written.replace(end, escaped)
    return written + b"\n"
