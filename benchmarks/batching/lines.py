"""The batch that is uploaded, and what must come back for each of its lines."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_WRONG_EVERY, _REJECTED_EVERY = 500, 750
_REJECTED = "stand-in/failed-invalid-prompt"


@dataclass(frozen=True)
class Line:
    """One line, counted from 1. `code` is that of its error; "" if it must succeed."""

    number: int
    code: str

    @property
    def custom_id(self) -> str:
        """Its name."""
        return f"order-{self.number}"

    @property
    def text(self) -> str:
        """What the answer must repeat."""
        return f"Order {self.number}: {self.number * 7} barrels of herring for the town of Veldt."

    def written(self) -> str:
        """The line as it is in the batch."""
        body = {"model": _REJECTED if self.code == "rejected_by_provider" else "stand-in", "input": self.text}
        url = "/v1/moderations" if self.code == "invalid_url" else "/v1/responses"
        return json.dumps({"custom_id": self.custom_id, "method": "POST", "url": url, "body": body}) + "\n"


def planned(count: int) -> Iterator[Line]:
    """Lines of which a few are wrong and a few are rejected by the provider."""
    for number in range(1, count + 1):
        if number % _WRONG_EVERY == 0:
            yield Line(number, "invalid_url")
        else:
            yield Line(number, "rejected_by_provider" if number % _REJECTED_EVERY == 0 else "")


def problems(count: int, outputs: Path, errors: Path) -> list[str]:
    """What is wrong in the two files: they must have each line once, in order, with its own answer or error."""
    found = []
    with outputs.open() as good, errors.open() as bad:
        for line in planned(count):
            wrong = _error(line, bad) if line.code else _answer(line, good)
            if wrong:
                found.append(f"line {line.number}: {wrong}")
        if good.readline() or bad.readline():
            found.append("there are more lines than there should be")
    return found


def _answer(line: Line, good: Iterator[str]) -> str:
    answer = json.loads(next(good, "null"))
    if answer is None or answer["custom_id"] != line.custom_id:
        return f"in its place is {answer and answer['custom_id']}"
    text = answer["response"]["body"]["output"][0]["content"][0]["text"]
    return "" if line.text in text else "another line's answer"


def _error(line: Line, bad: Iterator[str]) -> str:
    told = json.loads(next(bad, "null"))
    if told is None or (told["custom_id"], told["error"]["line"]) != (line.custom_id, line.number):
        return f"in its place is {told and told['custom_id']}"
    return "" if told["error"]["code"] == line.code else f"failed as {told['error']['code']}, not {line.code}"
