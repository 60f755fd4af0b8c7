"""The paragraphs of a shape's text as Markdown: bullets, numbers, links, super- and subscripts, formulas."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from backburner.extraction.graphics import alternatives
from backburner.extraction.parts import Relationship
from backburner.extraction.slides.bullets import LEVELS, bullet_of, label
from backburner.extraction.word.formulas import formula_lines
from backburner.extraction.xmltree import Element, attribute, local_name, whole_number

_BREAK = "\n"


@dataclass
class Counts:
    """The current numbers of lists, by level."""

    _last: dict[int, tuple[str, int]] = field(default_factory=dict)

    def next(self, level: int, scheme: str, start: int) -> int:
        """The number of the next paragraph; a list that was interrupted or changed its scheme restarts."""
        known = self._last.get(level)
        number = known[1] + 1 if known and known[0] == scheme else start
        self.end(level + 1)
        self._last[level] = (scheme, number)
        return number

    def end(self, level: int) -> None:
        """A paragraph without a number ends the lists at its level and below."""
        for deeper in [one for one in self._last if one >= level]:
            del self._last[deeper]


def markdown_of(body: Element, styles: Sequence[Element], relationships: Mapping[str, Relationship]) -> str:
    """A text body: paragraphs with empty lines between them, list items without; "" if there is no text."""
    own = [one for one in body if local_name(one) == "lstStyle"]
    counts = Counts()
    text, was_item = "", False
    for paragraph in (one for one in body if local_name(one) == "p"):
        properties = next((one for one in paragraph if local_name(one) == "pPr"), None)
        level = min(whole_number(attribute(properties, "lvl") if properties is not None else None), LEVELS - 1)
        shown = paragraph_text(paragraph, relationships)
        if not shown:
            continue
        bullet = bullet_of(properties, level, [*own, *styles])
        mark = ""
        if bullet.scheme is not None:
            mark = label(bullet.scheme, counts.next(level, bullet.scheme, bullet.start)) + " "
        else:
            counts.end(level)
            mark = "- " if bullet.is_dot else ""
        indent = "  " * level if mark else ""
        lines = shown.split(_BREAK)
        block = f"\n{' ' * len(indent + mark)}".join([f"{indent}{mark}{lines[0]}", *lines[1:]])
        separator = "" if not text else "\n" if mark and was_item else "\n\n"
        text, was_item = f"{text}{separator}{block}", bool(mark)
    return text


def plain_of(body: Element, relationships: Mapping[str, Relationship]) -> str:
    """A text body as plain lines, for cells, titles and comments."""
    texts = (paragraph_text(one, relationships) for one in body if local_name(one) == "p")
    return "\n".join(text for text in texts if text)


def paragraph_text(paragraph: Element, relationships: Mapping[str, Relationship]) -> str:
    """A paragraph's text with its line breaks; slide numbers are left out."""
    text = "".join(_pieces(paragraph, relationships))
    return _BREAK.join(line for line in (" ".join(part.split()) for part in text.split(_BREAK)) if line)


def _pieces(paragraph: Element, relationships: Mapping[str, Relationship]) -> Iterator[str]:
    for child in alternatives(paragraph):
        kind = local_name(child)
        if kind == "r" or (kind == "fld" and attribute(child, "type") != "slidenum"):
            yield _run(child, relationships)
        elif kind == "br":
            yield _BREAK
        elif kind in ("m", "oMath", "oMathPara"):
            formulas = list(child) if kind == "m" else [child]
            yield _BREAK.join(line for one in formulas for line in formula_lines(one))


def _run(run: Element, relationships: Mapping[str, Relationship]) -> str:
    text = "".join(one.text or "" for one in run if local_name(one) == "t").replace("\v", _BREAK)
    properties = next((one for one in run if local_name(one) == "rPr"), None)
    if properties is None or not text.strip():
        return text
    text = _raised(text, attribute(properties, "baseline") or "")
    link = next((one for one in properties if local_name(one) == "hlinkClick"), None)
    relationship = relationships.get(attribute(link, "id") or "") if link is not None else None
    if relationship is None or not relationship.is_external or relationship.target in (text, f"mailto:{text}"):
        return text
    return f"[{text}]({relationship.target})"


def _raised(text: str, baseline: str) -> str:
    """10^6^ is not 106."""
    height = baseline.rstrip("%")
    if not height.lstrip("-").isdecimal() or int(height[:9]) == 0:
        return text
    return f"~{text}~" if height.startswith("-") else f"^{text}^"
