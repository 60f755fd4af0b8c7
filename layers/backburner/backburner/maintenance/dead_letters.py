"""Reads dead letters of any origin: the checker, a queue's redrive, or a cloud's event delivery."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from backburner.errors import MessageError, UnknownEventError
from backburner.events import Broken, Ignored, Upload, is_timer, uploads_in
from backburner.ledger.keys import INBOX
from backburner.ledger.messages import decode

_MAX_WHY = 300
_PAYLOADS = ("requestPayload", "Payload", "payload", "Input", "input")
"""The fields in which envelopes of failed deliveries carry the event itself."""


class Kind(StrEnum):
    """Who gave up, and on what."""

    NOT_UNDERSTOOD = "not_understood"  # the checker: a message on our queues that is not one of ours
    REDRIVEN = "redriven"  # the queue: one of our messages, received too often
    FAILED_CALL = "failed_call"  # the cloud: a function failed on an upload event in every try
    EVENT = "event"  # the cloud: an upload event that it could not deliver to a function
    TICK = "tick"  # the cloud: a timer's event; a later tick did its work, so it may be dropped
    UNKNOWN = "unknown"  # none of these


@dataclass(frozen=True)
class DeadLetter:
    """What a dead letter says: the documents it is about (`keys`), and when it was given up, if known."""

    kind: Kind
    why: str
    keys: tuple[str, ...] = ()
    at: datetime | None = None


def understand(body: str) -> DeadLetter:
    """Say what a dead letter is about. Never raises: an unknown one says why it is not understood."""
    try:
        return _redriven(body)
    except MessageError:
        pass
    try:
        letter = json.loads(body)
    except (ValueError, RecursionError) as error:
        return DeadLetter(Kind.UNKNOWN, f"not JSON: {_short(error)}")
    match letter:
        case {"reason": str(reason), "body": str(inner), "at": str(at)}:
            return DeadLetter(Kind.NOT_UNDERSTOOD, _short(reason), _keys_in(inner), _time(at))
        case {"requestContext": dict(context), **rest}:
            return _failed_call(context, rest)
        case dict():
            return _event(letter)
        case _:
            return DeadLetter(Kind.UNKNOWN, f"JSON, but a {type(letter).__name__}: expected an object")


def _redriven(body: str) -> DeadLetter:
    message = decode(body)
    if message.part_of is not None:
        why = f"a part of run {message.part_of} was tried too often: audit names its document, replay runs it again"
        return DeadLetter(Kind.REDRIVEN, why)
    if not message.key.startswith(INBOX):
        return DeadLetter(Kind.UNKNOWN, f"a message about {message.key[:_MAX_WHY]!r}, which is not in {INBOX}")
    return DeadLetter(Kind.REDRIVEN, f"run {message.run} of {message.job} was tried too often", (message.key,))


def _failed_call(context: Mapping[Any, Any], rest: Mapping[Any, Any]) -> DeadLetter:
    """A letter from a function's on-failure destination (Lambda)."""
    match rest.get("responsePayload"):
        case {"errorType": error_type, "errorMessage": message}:
            said = f"{error_type}: {message}"
        case {"errorMessage": said}:
            pass
        case _:
            said = "the function was not called" if rest.get("responseContext") is None else "no error given"
    why = _short(f"{context.get('condition', 'given up')}: {said}")
    event, at = rest.get("requestPayload"), _time(rest.get("timestamp"))
    if is_timer(event):
        return DeadLetter(Kind.TICK, f"a tick failed ({why}); a later one does its work: safe to drop", at=at)
    try:
        return DeadLetter(Kind.FAILED_CALL, why, _keys(event), at)
    except UnknownEventError as error:
        return DeadLetter(Kind.UNKNOWN, _short(f"{why}; {error}"), at=at)


def _event(letter: Mapping[str, Any]) -> DeadLetter:
    """An event that a trigger gave up on: unchanged, as a single message of it, or in an envelope."""
    event = _unwrapped(letter)
    if is_timer(event):
        why = "a tick that the timer could not deliver; a later one does its work: safe to drop"
        return DeadLetter(Kind.TICK, why, at=_time_of(event))
    try:
        records = uploads_in(event)
    except UnknownEventError as error:
        return DeadLetter(Kind.UNKNOWN, _short(error))
    asides = [record.why for record in records if isinstance(record, Broken | Ignored)]
    why = _short("; ".join(["an upload event that no function accepted", *asides]))
    return DeadLetter(Kind.EVENT, why, _keys(event), _time_of(event))


def _unwrapped(letter: Mapping[str, Any]) -> Mapping[str, Any]:
    if "event_metadata" in letter:
        return {"messages": [letter]}
    for name in _PAYLOADS:
        inner = letter.get(name)
        if isinstance(inner, str):
            inner = _parsed(inner)
        if isinstance(inner, dict):
            return inner
    return letter


def _keys_in(text: str) -> tuple[str, ...]:
    """The documents of an event that was sent to our queues by mistake; none for anything else."""
    event = _parsed(text)
    try:
        return _keys(_unwrapped(event)) if isinstance(event, dict) else ()
    except UnknownEventError:
        return ()


def _keys(event: object) -> tuple[str, ...]:
    """Raises `UnknownEventError`."""
    return tuple(dict.fromkeys(record.key for record in uploads_in(event) if isinstance(record, Upload)))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _time_of(event: Mapping[str, Any]) -> datetime | None:
    match event:
        case {"Records": [{"eventTime": at}, *_]} | {"messages": [{"event_metadata": {"created_at": at}}, *_]}:
            return _time(at)
        case _:
            return _time(event.get("time"))


def _time(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
        return at and (at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def _short(text: object) -> str:
    return str(text)[:_MAX_WHY]
