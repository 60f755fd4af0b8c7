"""Decides which call misbehaves: scripts come first, then a model's behaviour while the input has turns left."""

from collections import Counter, deque
from dataclasses import replace
from typing import Final, Literal

from backburner_cli.standin.behaviours import GOOD, Chosen, of_model, parse
from backburner_cli.standin.generations import Generation
from backburner_cli.standin.replies import Reply

Operation = Literal["create", "retrieve"]


class Turns:
    """The scripts, and the counts of turns. Not thread-safe: the stand-in holds its lock around every call."""

    def __init__(self) -> None:
        self._scripted: Final[dict[Operation, deque[Chosen]]] = {"create": deque(), "retrieve": deque()}
        self._taken: Final[Counter[tuple[str, str]]] = Counter()

    def script(self, behaviour: str, times: int, on: Operation) -> None:
        """Apply a behaviour to the next `times` creates or retrieves. Raises `ValueError`."""
        chosen = of_model(behaviour) or parse(behaviour)
        if chosen is None or times < 1 or (on == "retrieve" and not chosen.behaviour.on_retrieve):
            raise ValueError(f"no behaviour {behaviour!r} for the next {times} of {on}")
        self._scripted[on].extend([chosen] * times)

    def for_create(self, named: Chosen, input_sha256: str, max_output_tokens: int | None) -> Chosen:
        """Return the behaviour for a create whose model's name asks for `named`."""
        if self._scripted["create"]:
            return self._scripted["create"].popleft()
        if named.behaviour.n_means == "tokens":
            has_turn = max_output_tokens is not None and max_output_tokens < (named.n or 0)
        else:
            has_turn = bool(named.behaviour.on_retrieve) or self._take(named, input_sha256)
        return named if has_turn else replace(named, behaviour=GOOD)

    def for_retrieve(self, made: Generation, now: float) -> Reply | None:
        """Return the wrong answer for a retrieve; None if it gets the right one."""
        if self._scripted["retrieve"]:
            return self._scripted["retrieve"].popleft().behaviour.on_retrieve
        chosen = made.chosen
        if not chosen.behaviour.on_retrieve:
            return None
        if chosen.behaviour.n_means == "seconds":
            has_turn = now < made.created_at + (chosen.n or 0)
        else:
            has_turn = self._take(chosen, made.input_sha256)
        return chosen.behaviour.on_retrieve if has_turn else None

    def _take(self, chosen: Chosen, input_sha256: str) -> bool:
        """Use one of a behaviour's turns for this input; without a number they never run out."""
        self._taken[chosen.name, input_sha256] += 1
        return chosen.n is None or self._taken[chosen.name, input_sha256] <= chosen.n
