"""What an answer means for a line of a batch: the verdict of documents, told what a line knows of itself."""

from collections.abc import Mapping

from backburner.documents.recipes import Recipe, schema_problem
from backburner.errors import Reason
from backburner.ledger.segment_state import Started
from backburner.outcome.decisions import OVERDUE_S, Decision, decide, is_believed
from backburner.provider.answers import Answer, Generation
from backburner.provider.verdicts import Act, Call, Verdict, judge


def judged(
    line: Started, answer: Answer, call: Call, recipe: Recipe, *, age_s: float, deadline_s: float, most: int
) -> Decision:
    """Say what to do about a line whose generation was started; `age_s` is that of the generation."""
    verdict = judge(
        answer,
        call,
        schema_problem=_schema_problem(recipe, line, answer),
        young=not is_believed(age_s, line.absent_s),
        cancelled_for=Reason.DEADLINE_EXCEEDED if line.is_cancelled else None,
        cap=line.sent_cap,
        overdue=age_s > deadline_s + OVERDUE_S,
    )
    if verdict.reason is Reason.EMPTY_OUTPUT and _has_output(answer):
        verdict = Verdict(act=Act.COMMIT)
    return decide(
        verdict, answer, call, attempt=line.attempt, most=most, cap=line.sent_cap, is_enlarged=line.cap is not None
    )


def _schema_problem(recipe: Recipe, line: Started, answer: Answer) -> str:
    """Lines with a body of their own have a schema of their own, if any: the provider keeps it."""
    if line.is_given or not isinstance(answer, Generation) or not answer.is_completed:
        return ""
    return schema_problem(recipe, answer.text)


def _has_output(answer: Answer) -> bool:
    """Whether a completed answer without text has something else to show: a call of a tool, say."""
    output = answer.body.get("output") if isinstance(answer, Generation) else None
    items = [item for item in output if isinstance(item, Mapping)] if isinstance(output, list) else []
    return any(item.get("type") not in ("message", "reasoning", None) for item in items)
