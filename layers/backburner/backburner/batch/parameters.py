"""Which parameters of a request a line of a batch may bring.

Whoever may write to the inbox writes lines, but the key is the operator's: by default a line may say what is asked and
how the answer should be, and nothing that reaches other responses, files, prompts, tools or servers of the account.
"""

from collections.abc import Iterator
from typing import Any

ALLOWED = frozenset(
    {
        "input", "instructions", "max_output_tokens", "metadata", "model", "parallel_tool_calls", "prompt_cache_key",
        "reasoning", "safety_identifier", "service_tier", "temperature", "text", "top_logprobs", "top_p", "user",
        "verbosity",
    }
)  # fmt: skip
"""What is passed on as it is."""
OURS = frozenset({"background", "store", "stream"})
"""What Backburner sets itself, whatever the line says; a line that asks for a stream is refused."""
DEFAULTS: dict[str, Any] = {"truncation": "disabled", "include": [], "tools": [], "tool_choice": "none"}
"""Parameters of which only this value is allowed: the API's own default, which many programs write out."""
REFERENCES = frozenset({"file_id", "item_reference"})
"""What an input may name that lies in the account: a file by its id, an item of another response."""
ALL_PARAMETERS = "*"
"""In the operator's setting: whatever the API takes."""
MAX_TOKENS = 1_000_000_000


def not_allowed(body: dict[str, Any], also: frozenset[str]) -> str | None:
    """The first parameter of a body that a line may not bring; None if it may bring them all.

    `also`: what the operator allows as well, by BACKBURNER_LINE_PARAMETERS.
    """
    if ALL_PARAMETERS in also:
        return None
    known = ALLOWED | OURS | also
    for name, value in body.items():
        if name not in known and value is not None and DEFAULTS.get(name, ...) != value:
            return name
    return next((name for name in _references(body.get("input")) if name not in also), None)


def is_cap(value: object) -> bool:
    """Whether a value may bound the tokens of an answer."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < MAX_TOKENS


def _references(value: object) -> Iterator[str]:
    """The references in an input, however deep they stand; without recursion, since a line may nest as it likes."""
    left = [value]
    while left:
        match left.pop():
            case dict() as found:
                if found.get("file_id") is not None:
                    yield "file_id"
                if found.get("type") == "item_reference":
                    yield "item_reference"
                left.extend(found.values())
            case list() as found:
                left.extend(found)
