"""What a provider may do to a generation, covering every row of the verdict table, and recipes to go with it."""

from typing import Final

from backburner.provider.answers import FailedCall, Generation, Usage
from support.fakes import Plan

_USED: Final = Usage(input_tokens=11, output_tokens=7, total_tokens=18)


def _ends(status: str, *, runs_s: float = 30.0, **fields: str) -> Plan:
    """A generation that does not end as completed with a text."""
    return Plan(runs_s=runs_s, ending=Generation(id="", status=status, usage=_USED, **fields))


MISBEHAVIOURS: Final[dict[str, Plan]] = {
    "quick": Plan(runs_s=1.0),
    "slow": Plan(runs_s=400.0),
    "endless": Plan(runs_s=1e9),
    "endless, and the cancel comes too late": Plan(runs_s=1e9, cancel_completes=True),
    "empty": Plan(text=""),
    "an object": Plan(text='{"sum": 1}'),
    "refusal": _ends("completed", refusal="no"),
    "refusal with text": _ends("completed", refusal="no", text="partly"),
    "cut off": _ends("incomplete", incomplete_reason="max_output_tokens", text="half a"),
    "filtered": _ends("incomplete", incomplete_reason="content_filter", text="half a"),
    "incomplete for no reason": _ends("incomplete", text="half a"),
    "server error": _ends("failed", error_code="server_error"),
    "rate limited": _ends("failed", error_code="rate_limit_exceeded"),
    "rejected": _ends("failed", error_code="invalid_prompt"),
    "quota while running": _ends("failed", error_code="insufficient_quota"),
    "too long while running": _ends("failed", error_code="context_length_exceeded"),
    "cancelled by the provider": _ends("cancelled"),
    "a status nobody knows": _ends("paused", text="half a"),
    "ambiguous": Plan(create=FailedCall(status=500, message="?")),
    "ambiguous, and started": Plan(create=FailedCall(status=502, message="?"), starts=True),
    "time-out, and started": Plan(create=FailedCall(status=None, message="reset"), starts=True),
    "busy": Plan(create=FailedCall(status=429, retry_after_s=20.0)),
    "unavailable": Plan(create=FailedCall(status=503)),
    "never sent": Plan(create=FailedCall(status=None, sent=False)),
    "unauthorized": Plan(create=FailedCall(status=401)),
    "quota": Plan(create=FailedCall(status=429, code="insufficient_quota")),
    "forbidden": Plan(create=FailedCall(status=403)),
    "bad request": Plan(create=FailedCall(status=400, code="invalid_request_error")),
    "too long": Plan(create=FailedCall(status=400, code="context_length_exceeded")),
    "teapot": Plan(create=FailedCall(status=418)),
    "forgets": Plan(forgets=True),
    "forgets for a while": Plan(runs_s=100.0, retrieves=(FailedCall(status=404),) * 3),
    "down while running": Plan(
        runs_s=70.0,
        retrieves=(FailedCall(status=500), FailedCall(status=429, retry_after_s=30.0), FailedCall(status=None)),
    ),
    "unauthorized while running": Plan(retrieves=(FailedCall(status=401),)),
    "forbidden while running": Plan(retrieves=(FailedCall(status=403),)),
    "done, then forgotten": Plan(
        runs_s=1.0,
        text="told once",
        retrieves=(
            Generation(id="", status="completed", text="told once", usage=_USED),
            *(FailedCall(status=404),) * 5,
        ),
    ),
}
AMBIGUOUS: Final = frozenset({"ambiguous", "ambiguous, and started", "time-out, and started"})
FORGETFUL: Final = frozenset({"forgets", "forgets for a while", "done, then forgotten"})
RECIPES: Final = (
    "Do it.",
    "Do it better.",
    "---\noutput: txt\n---\nDo it.",
    "---\nmodel: model-2\ndeadline: 2m\n---\nDo it.",
    "---\nmax_output_tokens: 100\n---\nDo it.",
    "---\nschema: {type: object}\n---\nDo it.",
    "---\nnosuch: key\n---\nDo it.",
    None,
)
"""The recipes that replace each other; None means that the recipe is removed."""
