"""What a provider answers: a generation in its current state, or a failed call. `verdicts.judge` judges both.

`reading.py` makes them from what was received; everything in them is bounded and can be written as JSON.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

_NOT_FOUND = 404
UNUSABLE_KEY = "unusable_key"
REPEATED_ID = "repeated_response_id"
UNSENDABLE = "unsendable_request"
OURS = frozenset({UNUSABLE_KEY, REPEATED_ID, UNSENDABLE})
"""Codes that come from Backburner itself, with its own messages."""
_HAS_USED = ("completed", "incomplete")
_OVER = ("completed", "incomplete", "failed", "cancelled")
_WORDS = {"canceled": "cancelled"}


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one generation, or of all generations of a job."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            total_tokens=self.total_tokens + other.total_tokens,
        )

    def subtracted_from(self, whole: "Usage") -> "Usage":
        """The rest of `whole` without this."""
        return Usage(
            input_tokens=whole.input_tokens - self.input_tokens,
            output_tokens=whole.output_tokens - self.output_tokens,
            total_tokens=whole.total_tokens - self.total_tokens,
        )


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """A response object, read without trusting it: anything missing or of another type is empty.

    `status` is verbatim and may be undocumented. Times are unix seconds by the provider's clock.
    """

    id: str
    status: str
    text: str = ""
    refusal: str = ""
    model: str | None = None
    usage: Usage | None = None
    error_code: str = ""
    error_message: str = ""
    incomplete_reason: str = ""
    is_cut_off: bool = False
    """Whether one of its messages is marked incomplete, whatever the status of the response."""
    job: str = ""
    """The `metadata.job_id` that was sent, if the provider returns it."""
    created_at: int | None = None
    completed_at: int | None = None
    poll_after_s: float | None = None
    body: Mapping[str, Any] = {}
    """The response itself, made valid JSON in UTF-8; batches pass it on whole. Empty until it is over."""

    def has_hit(self, cap: int | None) -> bool:
        """Whether it was cut off although it may be called completed, or took just the tokens that were its cap."""
        return self.is_cut_off or (cap is not None and self.usage is not None and self.usage.output_tokens == cap)

    @property
    def known_status(self) -> str:
        """The status in the API's documented spelling."""
        return known_status(self.status)

    @property
    def is_completed(self) -> bool:
        """Whether its status is `completed`."""
        return self.known_status == "completed"

    @property
    def is_over(self) -> bool:
        """Whether it has ended, by a documented status."""
        return is_over(self.status)

    @property
    def has_used(self) -> bool:
        """Whether it ended in a way that costs tokens, reported or not."""
        return costs(self.status)

    def took_s(self, waited_s: float) -> float:
        """How long it took, by the provider's times if they are plausible: never longer than we waited for it."""
        if self.created_at is not None and self.completed_at is not None:
            told_s = float(self.completed_at - self.created_at)
            waited_s = told_s if 0 <= told_s <= waited_s else waited_s
        return max(0.0, waited_s)

    @property
    def reports_usage(self) -> bool:
        """Whether it reports its tokens; some providers report nothing, or zero."""
        return self.usage is not None and self.usage.total_tokens > 0


class FailedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that brought no generation: an HTTP error (`status`), or no answer at all (`status` is None).

    `sent` is false only if the request certainly never reached the provider.
    """

    status: int | None
    sent: bool = True
    code: str = ""
    message: str = ""
    param: str = ""
    """The parameter that the error names, if any."""
    is_api_error: bool = True
    """False for a web page, or nothing, from an address without an API."""
    is_garbled: bool = False
    """Whether it was a successful answer that names no generation."""
    url: str = ""
    """The address that was called, which somebody may have to correct."""
    retry_after_s: float | None = None


Answer = Generation | FailedCall


def is_over(status: str) -> bool:
    """Whether a generation with this status has ended."""
    return known_status(status) in _OVER


@lru_cache(maxsize=64)
def known_status(status: str) -> str:
    """A status in the API's documented spelling; an undocumented word is returned unchanged."""
    word = re.sub(r"[\s-]+", "_", status.strip().casefold())
    return _WORDS.get(word, word)


def costs(status: str) -> bool:
    """Whether a generation that ended with this status has used tokens, reported or not."""
    return known_status(status) in _HAS_USED


def repeated(generation: Generation) -> FailedCall:
    """The answer to a create that was meant for another one; whether ours was started is not known."""
    why = (
        f"the response id {generation.id} was given before, to another create: does something in between cache answers?"
    )
    return FailedCall(status=None, code=REPEATED_ID, message=why)


def absent(why: str) -> FailedCall:
    """The answer to a retrieve that was not about the generation asked for."""
    return FailedCall(status=_NOT_FOUND, message=why)
