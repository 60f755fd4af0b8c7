"""Compares an answer with its recipe's JSON Schema, and finds the strings in it that must be quotes."""

import json
from typing import TYPE_CHECKING, Any

from backburner.documents.quote_schema import quotes_in
from backburner.errors import JobError, Reason

if TYPE_CHECKING:
    from backburner.documents.recipes import Recipe


def validator_of(schema: dict[str, Any]) -> Any:
    """The validator of a schema, which follows no references out of it. Raises `ValueError` or `TypeError`."""
    import jsonschema_rs  # noqa: PLC0415 - only jobs with a schema pay for it

    def refuse(uri: str) -> Any:
        raise ValueError(f"$ref to {uri}: only references within the schema are followed")

    return jsonschema_rs.validator_for(schema, retriever=refuse)


def schema_problem(recipe: "Recipe", text: str) -> str:
    """Why an answer does not fit the recipe's schema; "" if it does or there is none. Never repeats the answer."""
    if recipe.schema is None:
        return ""
    try:
        answer = json.loads(text, parse_constant=_no_constant)
        mismatch = next(iter(validator_of(recipe.schema).iter_errors(answer)), None)
    except ValueError as error:
        return f"not JSON: {error}"
    except RecursionError:
        return "not JSON that can be read: nested too deeply"
    if mismatch is None:
        return ""
    path = "/".join(map(str, mismatch.instance_path)) or "the top"
    return f"at {path}: does not match {'/'.join(map(str, mismatch.schema_path))}"


def quotes_of(recipe: "Recipe", text: str) -> list[tuple[str, str]]:
    """JSON pointer and text of each quote in an answer that fits the recipe's schema.

    Raises `JobError` (`schema_mismatch`) if the answer is nested too deeply to be searched.
    """
    if not recipe.has_quotes:
        return []
    try:
        return quotes_in(validator_of(recipe.schema or {}), json.loads(text))
    except RecursionError:
        raise JobError(Reason.SCHEMA_MISMATCH, "the answer is nested too deeply for its quotes to be found") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
