"""Lines of a batch as they end, in the OpenAI Batch API's output format: of the result, and of the file of errors."""

import hashlib
import json
from typing import Any

import msgspec

from backburner.errors import Reason
from backburner.provider.answers import Answer, Generation

CANCELLED_LINE = "cancelled with its batch before it was done: a replay runs it"
_OK = 200


def succeeded(number: int, custom_id: str, answer: Generation) -> bytes:
    """The output line of a request that was answered."""
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
    """The error line of a request that was not; with the response, if there is one to show.

    Its status code is null: 200 would tell a program that reads only this field of a success.
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
    """The number of the input line that an error line is about; 0 for one that succeeded."""
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
        return msgspec.json.encode(line) + b"\n"
    except (UnicodeEncodeError, OverflowError):  # half a character, or a number of more than 64 bits, in an answer
        return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode(errors="replace") + b"\n"
