"""Fields: Word shows the result stored in them; form fields and a few others store what is shown differently."""

import re
from dataclasses import dataclass, field

from backburner.extraction.markdown import TICKED, UNTICKED
from backburner.extraction.symbolfonts import symbol
from backburner.extraction.word.names import child, children, number, switch, value
from backburner.extraction.xmltree import Element

_WORDS = re.compile(r'"([^"]*)"|(\S+)')
_SWITCH = re.compile(r"\\\*\s*\S+|\\[a-zA-Z]+\s*\d*")
_FRACTION = re.compile(r"\\f\s*\(([^();,]*)[;,]([^();,]*)\)", re.IGNORECASE)
_NUMBERED = frozenset({"AUTONUM", "AUTONUMLGL", "AUTONUMOUT", "LISTNUM"})
_VALUED = frozenset({"REF", "=", "DOCPROPERTY", "DOCVARIABLE", "INCLUDETEXT", "MERGEFIELD", "DATABASE", "FORMULA"})


@dataclass
class Field:
    """A field that has begun."""

    form: Element | None
    """The `w:ffData` of a form field."""
    paragraph: int
    """The paragraph in which its result begins, and the number of pieces before it."""
    piece: int
    instruction: list[str] = field(default_factory=list)
    is_result: bool = False
    held: list[str] = field(default_factory=list)
    """Text among the instructions: not shown, unless the field never ends."""

    @property
    def address(self) -> str:
        """The address of a HYPERLINK; "" for other fields."""
        words = _words("".join(self.instruction))
        is_link = len(words) > 1 and words[0].upper() == "HYPERLINK" and not words[1].startswith("\\")
        return words[1] if is_link else ""


@dataclass(frozen=True)
class Replacement:
    """What replaces a field without a result: a text, or a note on what is missing."""

    text: str = ""
    missing: str = ""


def without_result(open_field: Field) -> Replacement:
    """What Word shows for a field with an empty result, as far as that can be determined."""
    if open_field.form is not None and (text := _form_value(open_field.form, is_blank=open_field.is_result)):
        return Replacement(text)
    instruction = "".join(open_field.instruction).strip()
    words = _words(instruction)
    kind = words[0].upper() if words else ""
    match kind:
        case "SYMBOL":
            return _symbol(words)
        case "EQ":
            text = _equation(instruction[len(words[0]) :])
        case "MACROBUTTON" | "GOTOBUTTON":
            text = " ".join(words[2:])
        case "QUOTE":
            text = " ".join(word for word in words[1:] if not word.startswith("\\"))
        case _:
            return Replacement(missing=_unknown(kind, words))
    return Replacement(text)


def _unknown(kind: str, words: list[str]) -> str:
    """A note if the field's value belongs to the text; "" if it only affects the layout."""
    if kind in _NUMBERED:
        return f"number of field {kind}: unknown"
    if kind.startswith("=") or kind in _VALUED:
        name = words[1] if len(words) > 1 and not words[1].startswith("\\") else ""
        return f"field {kind} {name}".strip() + ": no result"
    return ""


def _form_value(form: Element, *, is_blank: bool) -> str:
    """What a form field shows: a text field its default, unless it was left blank."""
    box, choice, text = (child(form, name) for name in ("checkBox", "ddList", "textInput"))
    if box is not None:
        states = [switch(box, name) for name in ("checked", "default")]
        return TICKED if next((one for one in states if one is not None), False) else UNTICKED
    if choice is not None:
        entries = [value(entry) or "" for entry in children(choice, "listEntry")]
        indices = [number(value(one)) for name in ("result", "default") if (one := child(choice, name)) is not None]
        index = next((one for one in indices if one is not None), 0)
        return entries[index] if 0 <= index < len(entries) else ""
    default = None if text is None or is_blank else child(text, "default")
    return "" if default is None else value(default) or ""


def _symbol(words: list[str]) -> Replacement:
    code = words[1] if len(words) > 1 else ""
    is_hex = code.lower().startswith("0x")
    digits = code[2:] if is_hex else code
    try:
        found = int(digits, 16 if is_hex else 10)
        font = next((words[index + 1] for index, word in enumerate(words[:-1]) if word == "\\f"), "")
        shown = symbol(found, font)
    except (ValueError, OverflowError):
        return Replacement(missing=f"symbol {code[:20]}: unknown")
    return Replacement(shown) if shown else Replacement(missing=f"symbol {code} in font {font}: unknown")


def _equation(text: str) -> str:
    """What an EQ field shows, from its instruction: fractions, and the arguments of everything else."""
    for _ in range(20):
        text, count = _FRACTION.subn(r" (\1)/(\2)", text)
        if not count:
            break
    plain = _SWITCH.sub("", text)
    return " ".join(plain.split())


def _words(instruction: str) -> list[str]:
    return [quoted or plain for quoted, plain in _WORDS.findall(instruction)]
