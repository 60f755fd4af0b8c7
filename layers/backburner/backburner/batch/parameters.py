"""Which parameters a line of a batch may have in its request.

Everyone who can write to the inbox can write lines, but the key is the operator's. By default a line may only say what
it asks and how to answer, and nothing that reaches other responses, files, prompts, tools or servers of the account.
"""

from collections.abc import Iterator, Mapping
from typing import Any

ALLOWED = frozenset(
    {
        "input", "instructions", "max_output_tokens", "metadata", "model", "parallel_tool_calls", "prompt_cache_key",
        "reasoning", "safety_identifier", "service_tier", "temperature", "text", "top_logprobs", "top_p", "user",
        "verbosity",
    }
)  # fmt: skip
"""Parameters that are passed on unchanged."""
OURS = frozenset({"background", "store", "stream"})
"""Parameters that Backburner sets or leaves out itself, whatever the line says."""
DEFAULTS: dict[str, Any] = {"truncation": "disabled", "include": [], "tools": [], "tool_choice": "none"}
"""Parameters that may only have this value: the API's default, which many programs write out."""
ALL_PARAMETERS = "*"
"""In the operator's setting: every parameter that the API accepts."""
MAX_TOKENS = 1_000_000_000


def not_allowed(body: dict[str, Any], also: frozenset[str]) -> str | None:
    """The first parameter of a body that a line may not have; None if all are allowed.

    `also` has the parameters that the operator allows by BACKBURNER_LINE_PARAMETERS.
    """
    if ALL_PARAMETERS in also:
        return None
    known = ALLOWED | OURS | also
    for name, value in body.items():
        if name not in known and value is not None and DEFAULTS.get(name, ...) != value:
            return name
    return next((name for name in _references(body.get("input")) if name not in also), None)


def without_idle_choice(body: dict[str, Any]) -> dict[str, Any]:
    """A body without a `tool_choice` of `auto` if it has no tools: it is the default, and has no effect."""
    if body.get("tool_choice") != "auto" or body.get("tools"):
        return body
    return {name: value for name, value in body.items() if name != "tool_choice"}


def shows_pictures(given: object) -> bool:
    """Whether an input has a picture for the model to see, or a PDF, whose pages are shown to it as well."""
    return any(found.get("type") == "input_image" or _is_pdf(found) for found in _objects(given))


def is_cap(value: object) -> bool:
    """Whether a value is a valid cap of output tokens."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < MAX_TOKENS


def _is_pdf(found: Mapping[Any, Any]) -> bool:
    """Whether an object of an input is a PDF, by what is said about it: its media type, its name or its address."""
    if found.get("type") != "input_file":
        return False
    data, *names = (str(found.get(key) or "").lower() for key in ("file_data", "filename", "file_url"))
    return data.startswith("data:application/pdf") or any(name.partition("?")[0].endswith(".pdf") for name in names)


def _references(value: object) -> Iterator[str]:
    """The references in an input to the account, at any depth: a file by its id, an item of another response."""
    for found in _objects(value):
        if found.get("file_id") is not None:
            yield "file_id"
        if found.get("type") == "item_reference":
            yield "item_reference"


def _objects(value: object) -> Iterator[dict[Any, Any]]:
    """The objects in a value, at any depth; found without recursion, since a line may nest deeply."""
    left = [value]
    while left:
        match left.pop():
            case dict() as found:
                yield found
                left.extend(found.values())
            case list() as found:
                left.extend(found)
