"""What a form shows: values, choices, ticks."""

from collections.abc import Iterator

from selectolax.lexbor import LexborNode

from backburner.extraction.markdown import TICKED, UNTICKED

MAX_CHOICES = 20
"""Longer lists of choices are shown as the chosen ones and the number of others."""
_UNSEEN = frozenset({"hidden", "password", "image", "file"})
_TICKED = frozenset({"checkbox", "radio"})


def input_text(attributes: dict[str, str | None]) -> str:
    """What an `<input>` shows: its value, a tick box, or its placeholder."""
    kind = (attributes.get("type") or "text").lower()
    if kind in _UNSEEN:
        return attributes.get("alt") or ""
    if kind in _TICKED:
        return f"{TICKED if 'checked' in attributes else UNTICKED} "
    return attributes.get("value") or attributes.get("placeholder") or ""


def choice_text(select: LexborNode) -> str:
    """What a `<select>` shows: its choices, with the chosen ones ticked."""
    options = [
        (" ".join((option.attributes.get("label") or option.text()).split()), "selected" in option.attributes)
        for option in select.css("option")
    ]
    if options and not any(chosen for _, chosen in options) and "multiple" not in select.attributes:
        options[0] = (options[0][0], True)
    return " ".join(_choices(options))


def _choices(options: list[tuple[str, bool]]) -> Iterator[str]:
    for label, chosen in options:
        if chosen or len(options) <= MAX_CHOICES:
            yield f"{TICKED if chosen else UNTICKED} {label}"
    others = sum(not chosen for _, chosen in options)
    if len(options) > MAX_CHOICES and others:
        yield f"[{others} other choices]"
