"""Fields: what Word shows is the result that stands in them; form fields and a few others say it in another way."""

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
    """`w:ffData` of a form field."""
    paragraph: int
    """In which paragraph its result begins, and behind how many pieces of it."""
    piece: int
    instruction: list[str] = field(default_factory=list)
    is_result: bool = False
    held: list[str] = field(default_factory=list)
    """Text that stands among the instructions: it is not shown, unless the field never ends."""

    @property
    def address(self) -> str:
        """Where a HYPERLINK leads; "" where it is none."""
        words = _words("".join(self.instruction))
        is_link = len(words) > 1 and words[0].upper() == "HYPERLINK" and not words[1].startswith("\\")
        return words[1] if is_link else ""


@dataclass(frozen=True)
class Shown:
    """What stands for a field without a result: a text, or a note of what is missing."""

    text: str = ""
    missing: str = ""


def without_result(begun: Field) -> Shown:
    """What Word shows of a field whose result is empty, as far as it can be told."""
    if begun.form is not None and (text := _form_value(begun.form, is_blank=begun.is_result)):
        return Shown(text)
    instruction = "".join(begun.instruction).strip()
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
            return Shown(missing=_unknown(kind, words))
    return Shown(text)


def _unknown(kind: str, words: list[str]) -> str:
    """What to say of a field whose value is part of the text; "" of one that only looks after the layout."""
    if kind in _NUMBERED:
        return f"number of a field {kind}: not known"
    if kind.startswith("=") or kind in _VALUED:
        name = words[1] if len(words) > 1 and not words[1].startswith("\\") else ""
        return f"field {kind} {name}".strip() + ": without a result"
    return ""


def _form_value(form: Element, *, is_blank: bool) -> str:
    """Of a field for text, what it begins with, unless it was left blank."""
    box, choice, text = (child(form, name) for name in ("checkBox", "ddList", "textInput"))
    if box is not None:
        said = [switch(box, name) for name in ("checked", "default")]
        return TICKED if next((one for one in said if one is not None), False) else UNTICKED
    if choice is not None:
        entries = [value(entry) or "" for entry in children(choice, "listEntry")]
        said_places = [number(value(one)) for name in ("result", "default") if (one := child(choice, name)) is not None]
        place = next((one for one in said_places if one is not None), 0)
        return entries[place] if 0 <= place < len(entries) else ""
    default = None if text is None or is_blank else child(text, "default")
    return "" if default is None else value(default) or ""


def _symbol(words: list[str]) -> Shown:
    code = words[1] if len(words) > 1 else ""
    is_hex = code.lower().startswith("0x")
    digits = code[2:] if is_hex else code
    try:
        found = int(digits, 16 if is_hex else 10)
        font = next((words[place + 1] for place, word in enumerate(words[:-1]) if word == "\\f"), "")
        sign = symbol(found, font)
    except (ValueError, OverflowError):
        return Shown(missing=f"symbol {code[:20]}: not known")
    return Shown(sign) if sign else Shown(missing=f"symbol {code} of {font}: not known")


def _equation(text: str) -> str:
    """An EQ field says in its instructions what it shows: fractions, and other things whose arguments are kept."""
    for _ in range(20):
        text, count = _FRACTION.subn(r" (\1)/(\2)", text)
        if not count:
            break
    plain = _SWITCH.sub("", text)
    return " ".join(plain.split())


def _words(instruction: str) -> list[str]:
    return [quoted or plain for quoted, plain in _WORDS.findall(instruction)]
