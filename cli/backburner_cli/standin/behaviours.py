"""All the ways in which the stand-in can misbehave, in one table, by name. The model's name in a request selects one.

`stand-in` behaves well; `stand-in/<behaviour>` misbehaves as in the table; `stand-in/<behaviour>:<n>` also says how
often, for how many seconds or below how many tokens. "How often" is counted separately for each input, so documents do
not affect each other; after that the same input is handled correctly.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from backburner_cli.standin.replies import Reply, error

MODEL: Final = "stand-in"
"""The name of the model that behaves well."""

TextKind = Literal["extract", "half", "none", "blank", "array", "refusal", "invented"]
"""The extract; its first half; no output at all; only white space; `[]`, which fits no object schema; a refusal; the
extract of another document."""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a generation ends."""

    status: str = "completed"
    text: TextKind = "extract"
    error_code: str | None = None
    reason: str | None = None
    has_usage: bool = True
    is_cut_off: bool = False
    """Whether its message is marked incomplete, whatever the response's status."""


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """One way to misbehave. A reply without a body means the right answer, sent in another manner."""

    description: str
    n: int | None = None
    """The number if the model's name gives none; None for no limit."""
    n_means: Literal["times", "seconds", "tokens"] = "times"
    instead_of_create: Reply | None = None
    """The answer to a create that starts nothing."""
    after_create: Reply | None = None
    """The answer to a create that did start a generation."""
    is_blind: bool = False
    """A create with a picture is refused."""
    answers_with_another: bool = False
    """A create is answered with the newest generation, as a cache would do, and starts nothing."""
    on_retrieve: Reply | None = None
    ending: Ending | None = None
    duration: Literal["usual", "none", "endless"] = "usual"
    cancel_completes: bool = False
    """A cancel is answered `cancelled`, but from then on the generation is `completed`."""


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A behaviour with the number that a model's name asks for."""

    name: str
    behaviour: Behaviour
    n: int | None


def _server_error(status: int, message: str = "The server had an error while processing your request.") -> Reply:
    return error(status, message, "server_error", kind="server_error")


def _failing(description: str, code: str) -> Behaviour:
    return Behaviour(description=description, ending=Ending(status="failed", text="none", error_code=code))


def _altering(description: str, **altered: object) -> Behaviour:
    return Behaviour(description=description, after_create=Reply(altered=altered), on_retrieve=Reply(altered=altered))


def _refusing(description: str, status: int, message: str, code: str | None = None) -> Behaviour:
    return Behaviour(description=description, instead_of_create=error(status, message, code))


_LIMITED: Final = error(
    429, "Rate limit reached.", "rate_limit_exceeded", kind="requests", headers={"Retry-After": "1"}
)
_QUOTA: Final = error(429, "You exceeded your current quota.", "insufficient_quota", kind="insufficient_quota")
_KEY: Final = error(401, "Incorrect API key provided.", "invalid_api_key")
_DENIED: Final = error(403, "This key has no access to the model.", "permission_denied", kind="permission_error")
_GONE: Final = error(404, "Response not found.", "not_found")
_HTML: Final = Reply(body="<html><body>It works!</body></html>", headers={"Content-Type": "text/html"})
_TOO_LONG: Final = "Your input exceeds the context window of this model. Please adjust your input and try again."
_CAPPED: Final = Ending(status="incomplete", text="half", reason="max_output_tokens")

_REFUSED: Final = error(400, "This request was refused.", "invalid_value")
_EARLY: Final = error(425, "Too early.")
_NOWHERE: Final = Reply(
    status=404, body="<html><body>404 Not Found</body></html>", headers={"Content-Type": "text/html"}
)
_TOO_LONG_WORDS: Final = error(
    400,
    "This model's maximum context length is 8192 tokens. However, you requested 0 output tokens and your prompt "
    "contains at least 8193 input tokens. Please reduce the length of the input prompt.",
    param="input_tokens",
    kind="BadRequestError",
)
_NEXT_DAY: Final = error(429, "Come back tomorrow.", "rate_limit_exceeded", headers={"Retry-After": "86400"})
_VALIDATING: Final = Reply(altered={"status": "validating", "output": [], "usage": None})
_NO_STORE: Final = error(
    501,
    "`store=True` (default) is not supported. Please set `store=False` in Responses API or set "
    "`VLLM_ENABLE_RESPONSES_API_STORE=1` in the env var when starting the vLLM server.",
    param="store",
)

CONTEXT_LENGTH_EXCEEDED: Final = error(400, _TOO_LONG, "context_length_exceeded", param="input")
UNAVAILABLE: Final = _server_error(503, "The server is overloaded or not ready yet.")

GOOD: Final = Behaviour(description="Summarises the input by extracting sentences from it; makes no mistakes.")

BEHAVIOURS: Final[Mapping[str, Behaviour]] = MappingProxyType(
    {
        # How a generation ends.
        "completed-empty": Behaviour(description="Completes without any output.", ending=Ending(text="none")),
        "completed-blank": Behaviour(description="Completes with white space.", ending=Ending(text="blank")),
        "completed-bad-schema": Behaviour(
            description="Completes with `[]`, which is valid against no object schema.", ending=Ending(text="array")
        ),
        "invented-quotes": Behaviour(
            description="Completes with passages that are not in the input.", ending=Ending(text="invented")
        ),
        "refusal": Behaviour(description="Completes with a refusal.", ending=Ending(text="refusal")),
        "no-usage": Behaviour(description="Completes with usage null.", ending=Ending(has_usage=False)),
        "incomplete-max-tokens": Behaviour(description="Is cut off whatever the cap.", ending=_CAPPED),
        "truncate-below": Behaviour(
            description="Is cut off while max_output_tokens is below n (truncate-below-<n>).",
            n=1000,
            n_means="tokens",
            ending=_CAPPED,
        ),
        "incomplete-content-filter": Behaviour(
            description="Is stopped by the content filter.",
            ending=Ending(status="incomplete", text="half", reason="content_filter"),
        ),
        "completed-cut-off": Behaviour(
            description="Completes with half a text, whose message has the status incomplete.",
            ending=Ending(text="half", is_cut_off=True),
        ),
        "failed-rate-limit": _failing("Fails with rate_limit_exceeded.", "rate_limit_exceeded"),
        "failed-server-error": _failing("Fails with server_error.", "server_error"),
        "failed-unknown-code": _failing("Fails with an unknown code.", "solar_flare"),
        "failed-invalid-prompt": _failing("Fails with invalid_prompt.", "invalid_prompt"),
        "failed-context-length": _failing("Fails with context_length_exceeded.", "context_length_exceeded"),
        "cancelled-by-provider": Behaviour(
            description="Ends cancelled though nobody asked.", ending=Ending(status="cancelled", text="none")
        ),
        "unknown-status": Behaviour(
            description="Ends with the status `paused`.", ending=Ending(status="paused", text="none")
        ),
        # Odd answers with the right text.
        "odd-usage": _altering(
            "Reports usage that is text, negative, or larger than any number type.",
            usage={"input_tokens": "12", "output_tokens": -5, "total_tokens": 1e308},
        ),
        "odd-numbers": _altering(
            "Reports whole numbers of 310 digits and floats near the largest.",
            created_at=10**310,
            completed_at=-1e308,
            max_output_tokens=10**310,
            temperature=1e308,
            usage={
                "input_tokens": 10**310,
                "output_tokens": 1e308,
                "output_tokens_details": {"reasoning_tokens": -1e308},
            },
        ),
        "odd-times": _altering(
            "Reports its times in milliseconds, and in the future.",
            created_at=1_999_999_999_999,
            completed_at=1_999_999_000_000,
        ),
        "odd-text": _altering(
            "Has half characters in every field except its answer.",
            model="\ud800",
            instructions="\udfff",
            service_tier="\ud83d",
            user="\udc00\ud800",
            reasoning={"\ud800": "\udfff"},
        ),
        "odd-spelling": Behaviour(description="Completes as `COMPLETED`.", ending=Ending(status="COMPLETED")),
        "odd-code": _failing("Fails with half a character as its code.", "\ud800"),
        # How long it takes.
        "already-completed": Behaviour(description="Is completed in the answer to its create.", duration="none"),
        "completed-at-once": Behaviour(
            description="Ignores `background`: completes in the answer to its create, and knows no retrieve (404).",
            duration="none",
            on_retrieve=_GONE,
        ),
        "never-ends": Behaviour(description="Stays in_progress until it is cancelled.", duration="endless"),
        "never-ends-cancel-completes": Behaviour(
            description="Stays in_progress; once cancelled, reads completed.", duration="endless", cancel_completes=True
        ),
        # How a retrieve is answered.
        "lost": Behaviour(description="Answers 404 to every retrieve.", on_retrieve=_GONE),
        "young-404": Behaviour(
            description="Answers 404 to retrieves for n seconds after the create.",
            n=5,
            n_means="seconds",
            on_retrieve=_GONE,
        ),
        "retrieve-400": Behaviour(description="Answers n retrieves with 400.", n=1, on_retrieve=_REFUSED),
        "retrieve-404": Behaviour(description="Answers n retrieves with 404.", n=1, on_retrieve=_GONE),
        "retrieve-425": Behaviour(description="Answers n retrieves with 425.", n=1, on_retrieve=_EARLY),
        "retrieve-401": Behaviour(description="Answers n retrieves with 401.", n=2, on_retrieve=_KEY),
        "retrieve-403": Behaviour(description="Answers n retrieves with 403.", n=2, on_retrieve=_DENIED),
        "retrieve-quota": Behaviour(description="Answers n retrieves: quota exhausted.", n=2, on_retrieve=_QUOTA),
        "retrieve-429": Behaviour(description="Answers n retrieves with 429, Retry-After.", n=2, on_retrieve=_LIMITED),
        "retrieve-next-day": Behaviour(
            description="Answers n retrieves with 429, Retry-After in a day.", n=1, on_retrieve=_NEXT_DAY
        ),
        "retrieve-validating": Behaviour(
            description="Answers n retrieves with the status `validating`.", n=1, on_retrieve=_VALIDATING
        ),
        "retrieve-500": Behaviour(description="Answers n retrieves with 500.", n=2, on_retrieve=_server_error(500)),
        "retrieve-drop": Behaviour(
            description="Closes the connection on n retrieves.", n=2, on_retrieve=Reply(manner="drop")
        ),
        "retrieve-slow": Behaviour(description="Delays n retrieves.", n=2, on_retrieve=Reply(manner="slow")),
        "retrieve-hint": Behaviour(
            description="Names the time of the next poll on every retrieve (openai-poll-after-ms: 3000).",
            on_retrieve=Reply(headers={"openai-poll-after-ms": "3000"}),
        ),
        "garbage": Behaviour(description="Answers every retrieve with 200 and a page of HTML.", on_retrieve=_HTML),
        # How a create is answered that starts nothing.
        "same-id": Behaviour(
            description="Answers n creates with another create's generation.", n=1, answers_with_another=True
        ),
        "unauthorized": Behaviour(description="Refuses the key (401).", instead_of_create=_KEY),
        "quota-exhausted": Behaviour(description="Says the quota is exhausted (429).", instead_of_create=_QUOTA),
        "forbidden": Behaviour(description="Refuses this key access to the model (403).", instead_of_create=_DENIED),
        "create-400": _refusing("Refuses the request with 400.", 400, "This request was refused.", "invalid_value"),
        "create-404": _refusing("Answers a create with 404.", 404, "There is no such thing.", "model_not_found"),
        "create-405": _refusing("Answers a create with 405.", 405, "Method not allowed."),
        "create-413": _refusing("Refuses the request as too large.", 413, "Request entity too large."),
        "create-422": _refusing("Refuses the request with 422.", 422, "This request cannot be processed."),
        "create-context-length": Behaviour(
            description="Refuses the input as too long (400).", instead_of_create=CONTEXT_LENGTH_EXCEEDED
        ),
        "create-context-length-422": _refusing("The same as 422.", 422, _TOO_LONG, "context_length_exceeded"),
        "create-too-long": Behaviour(
            description="Refuses the input as too long as vLLM does, without a code.", instead_of_create=_TOO_LONG_WORDS
        ),
        "no-store": Behaviour(
            description="Answers n creates as vLLM does without its store (501).", n=2, instead_of_create=_NO_STORE
        ),
        "no-endpoint": Behaviour(
            description="Answers n creates with 404 and a page, as a wrong address does.",
            n=2,
            instead_of_create=_NOWHERE,
        ),
        "create-429": Behaviour(description="Answers n creates with 429.", n=2, instead_of_create=_LIMITED),
        "create-503": Behaviour(description="Answers n creates with 503.", n=2, instead_of_create=UNAVAILABLE),
        "create-500": Behaviour(description="Answers n creates with 500.", n=2, instead_of_create=_server_error(500)),
        # How a create is answered that did start a generation.
        "create-500-after": Behaviour(description="Starts, then answers 500.", after_create=_server_error(500)),
        "create-drop-after": Behaviour(
            description="Starts, then closes the connection.", after_create=Reply(manner="drop")
        ),
        "create-slow-after": Behaviour(
            description="Starts, then answers a byte at a time.", after_create=Reply(manner="drip")
        ),
        "create-garbage-after": Behaviour(
            description="Starts, then answers 200 with a page of HTML.", after_create=_HTML
        ),
        # What it cannot see.
        "blind": Behaviour(description="Refuses every request that holds a picture.", is_blind=True),
    }
)


def parse(name: str) -> Chosen | None:
    """Read a behaviour's name with its number, `create-429:3` or `truncate-below-500`; None if there is none."""
    plain, colon, number = name.partition(":")
    if not colon and plain not in BEHAVIOURS and (dashed := re.fullmatch(r"(truncate-below)-(\d+)", name)):
        plain, colon, number = dashed[1], ":", dashed[2]
    behaviour = BEHAVIOURS.get(plain)
    if behaviour is None or (colon and not re.fullmatch(r"[0-9]{1,9}", number)):
        return None
    return Chosen(name=name, behaviour=behaviour, n=int(number) if colon else behaviour.n)


def of_model(model: str) -> Chosen | None:
    """Read the behaviour that a model's name asks for; None if there is no such model."""
    if model == MODEL:
        return Chosen(name="", behaviour=GOOD, n=None)
    return parse(model.removeprefix(f"{MODEL}/")) if model.startswith(f"{MODEL}/") else None
