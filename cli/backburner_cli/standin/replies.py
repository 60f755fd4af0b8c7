"""The stand-in's answers: a body, and the manner in which it reaches the client or does not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Manner = Literal["whole", "slow", "drip", "drop"]
"""At once; after a pause; byte by byte over minutes; not at all, because the connection is closed."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One HTTP answer. In the table of behaviours, a `body` of None means the right answer."""

    status: int = 200
    body: dict[str, Any] | str | None = None
    altered: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the right answer that are replaced by other values."""
    headers: Mapping[str, str] = field(default_factory=dict)
    manner: Manner = "whole"


class RefusedError(Exception):
    """Ends a request with this reply."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def error(
    status: int,
    message: str,
    code: str | None = None,
    *,
    param: str | None = None,
    kind: str = "invalid_request_error",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Build an error in the API's own shape."""
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return Reply(status=status, body=body, headers=headers or {})


def refuse(message: str, code: str | None = None, *, param: str | None = None, status: int = 400) -> RefusedError:
    """Build the exception for an invalid request."""
    return RefusedError(error(status, message, code, param=param))
