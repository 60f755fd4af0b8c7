"""Decides what an answer means for a line of a batch, by the same rules as for documents."""

from backburner.batch.chat_answer import calls_tools
from backburner.documents.answer_schema import schema_problem
from backburner.documents.recipes import Recipe
from backburner.errors import Reason
from backburner.ledger.segment_state import Started
from backburner.outcome.decisions import Attempt, Decision, decided
from backburner.provider.answers import Answer, Generation
from backburner.provider.verdicts import Call


def judged(
    line: Started, answer: Answer, call: Call, recipe: Recipe, *, age_s: float, deadline_s: float, most: int
) -> Decision:
    """Decide what to do about a line whose generation was started; `age_s` is the generation's age.

    A chat line's bound on tokens is hard, as it is in that API: the line is never run again with a larger one.
    """
    attempt = Attempt(
        number=line.attempt,
        most=most,
        cap=line.sent_cap,
        is_enlarged=line.cap is not None,
        is_cap_hard=line.is_chat,
        age_s=age_s,
        deadline_s=deadline_s,
        absent_s=line.absent_s,
        cancelled_for=Reason.DEADLINE_EXCEEDED if line.is_cancelled else None,
    )
    counts = not line.is_chat or (isinstance(answer, Generation) and calls_tools(answer))
    return decided(answer, call, attempt, _schema_problem(recipe, line, answer), any_output_counts=counts)


def _schema_problem(recipe: Recipe, line: Started, answer: Answer) -> str:
    """Why an answer does not fit the recipe's schema; the provider checks the schema of a line with a whole request."""
    if line.is_given or not isinstance(answer, Generation) or not answer.is_completed:
        return ""
    return schema_problem(recipe, answer.text)
