"""A paragraph: its runs, fields, links, notes, formulas and drawings, in their order and once."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from backburner.extraction.markdown import TICKED, UNTICKED
from backburner.extraction.symbolfonts import is_symbol_font, symbol
from backburner.extraction.word.blocks import Block
from backburner.extraction.word.drawings import Drawings
from backburner.extraction.word.fields import Field, without_result
from backburner.extraction.word.formulas import formula_lines
from backburner.extraction.word.names import DRAWING, MARKUP, MATH, child, relationship_id, value, word
from backburner.extraction.word.runs import ABOVE, BELOW, BOLD, HIDDEN, ITALIC, STRUCK, Piece, linked, marked
from backburner.extraction.word.styles import PLAIN, RunStyle, fonts_of, run_style
from backburner.extraction.xmltree import Element, local_name

if TYPE_CHECKING:
    from backburner.extraction.word.story import Story

Deeper = tuple[Iterator[Element], Callable[[], Any] | None] | None
"""What is to be read further, and what to do at its end: that may have something read further in turn."""
_SHOWN = frozenset(
    {
        *word("t", "sym", "fldChar", "control", "tab", "br", "footnoteReference", "contentPart"),
        *(f"{{{space}}}{name}" for space in DRAWING for name in ("t", "blip")),
        *(f"{{{space}}}oMath" for space in MATH),
    }
)
_SHOWN_NAMES = frozenset({"chart", "relIds", "imagedata", "textpath", "OLEObject"})
_HYPHEN, _SOFT_HYPHEN = "-", "\u00ad"
_PROPERTIES, _FONTS = frozenset(word("rPr")), frozenset(word("rFonts"))
_LOOKS = frozenset(word("b", "i", "strike", "dstrike", "vanish", "vertAlign", "position", "rStyle"))


class Paragraph:
    """Reads paragraphs one after the other; fields may reach from one into others."""

    def __init__(self, story: "Story") -> None:
        self._story = story
        self._setting = story.setting
        self._drawings = Drawings(story)
        self._fields: list[Field] = []
        self._suppressed = 0
        """How many of the fields are still at their instructions."""
        self._pieces: list[Piece] = []
        self._count = 0
        self._before: list[Block] = []
        self._behind: list[Block] = []
        self._base = PLAIN
        self._mark, self._font, self._base_font = 0, "", ""
        self._is_behind_comment = False
        self._handlers = self._handled()

    def read(self, element: Element, base: RunStyle) -> tuple[list[Block], list[Piece], list[Block]]:
        """What stands before a paragraph (text boxes at its beginning), in it, and behind it."""
        self._pieces, self._before, self._behind, self._base = [], [], [], base
        self._base_font = _symbol_font(base.font)
        self._is_behind_comment = False
        self._count += 1
        self._walk(element)
        if self._suppressed:
            self.add("\n")
        return self._before, self._pieces, self._behind

    def unfinished(self) -> str:
        """What was held back in fields that never came to their results."""
        return "\n".join(text for one in self._fields if (text := "".join(one.held).strip()))

    def branch(self, alternatives: Element) -> list[Element]:
        """The one of several ways of saying the same (`mc:AlternateContent`) that says most to us."""
        found = [one for one in alternatives if local_name(one) in ("Choice", "Fallback")]
        return [next((one for one in found if _has_content(one)), *found[:1])] if found else []

    def add(self, text: str, mark: int = 0) -> None:
        """Text at this place, unless it stands among a field's instructions."""
        if self._suppressed:
            next(one for one in self._fields if not one.is_result).held.append(text)
        else:
            self._pieces.append((text, mark))

    def put_aside(self, blocks: list[Block]) -> None:
        """Blocks that are not of a line: before the paragraph if nothing of it has been read yet."""
        is_first = not any(text.strip() for text, _ in self._pieces)
        (self._before if is_first else self._behind).extend(blocks)

    def _walk(self, root: Element) -> None:
        handlers = self._handlers
        stack: list[tuple[Iterator[Element], Callable[[], Any] | None]] = [(iter(root), None)]
        while stack:
            elements, at_end = stack[-1]
            element = next(elements, None)
            if element is None:
                stack.pop()
                deeper = at_end() if at_end else None
            else:
                handler = handlers.get(element.tag)
                deeper = handler(element) if handler else (iter(element), None) if len(element) else None
            if deeper:
                stack.append(deeper)

    def _handled(self) -> dict[Any, Callable[[Element], Deeper]]:
        by_name: dict[str, Callable[[Element], Deeper]] = {
            "r": self._run, "t": self._text, "sym": self._symbol, "fldChar": self._field_mark,
            "fldSimple": self._simple_field, "instrText": self._instruction, "hyperlink": self._link,
            "ruby": self._ruby, "sdt": self._control, "txbxContent": self._text_box, "subDoc": self._subdocument,
            "footnoteReference": self._note, "endnoteReference": self._note, "commentReference": self._comment,
        }  # fmt: skip
        plain = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": _HYPHEN}
        skipped = (
            "pPr", "rPr", "del", "moveFrom", "sdtPr", "sdtEndPr", "delText", "delInstrText", "softHyphen", "rubyPr",
        )  # fmt: skip
        found: dict[str, Callable[[Element], Deeper]] = {}
        for name, handler in by_name.items():
            found |= dict.fromkeys(word(name), handler)
        for name, text in plain.items():
            found |= dict.fromkeys(word(name), self._adding(text))
        found |= dict.fromkeys(word(*skipped), _skip)
        found |= {f"{{{space}}}{name}": self._formula for space in MATH for name in ("oMath", "oMathPara")}
        found[f"{{{MARKUP}}}AlternateContent"] = self._alternatives
        return found | self._drawings.handlers(self)

    def _adding(self, text: str) -> Callable[[Element], Deeper]:
        def add(_: Element) -> None:
            self.add(text, self._mark & (HIDDEN | STRUCK))

        return add

    def _run(self, element: Element) -> Deeper:
        first = element[0] if len(element) else None
        self._mark, self._font = 0, self._base_font
        properties = first if first is not None and first.tag in _PROPERTIES else None
        if self._base.is_hidden or (properties is not None and any(map(_has_look, properties))):
            self._look(properties)
        return iter(element), None

    def _look(self, properties: Element | None) -> None:
        own = run_style(properties)
        style = None if properties is None else child(properties, "rStyle")
        if style is not None:
            own = own.over(self._setting.styles.of_run(value(style) or ""))
        is_hidden = self._base.is_hidden if own.is_hidden is None else own.is_hidden
        height = {"superscript": ABOVE, "subscript": BELOW}.get(own.height or "", 0)
        self._mark = (
            BOLD * bool(own.is_bold) + ITALIC * bool(own.is_italic) + STRUCK * bool(own.is_struck)
            + HIDDEN * bool(is_hidden) + height
        )  # fmt: skip
        self._font = self._base_font if own.font is None else _symbol_font(own.font)

    def _text(self, element: Element) -> None:
        text = element.text
        if not text:
            return
        if "\n" in text or _SOFT_HYPHEN in text:
            text = text.replace("\r\n", " ").replace("\n", " ").replace(_SOFT_HYPHEN, "")
        if self._font:
            text = "".join(symbol(ord(char), self._font) or self._unknown(ord(char), self._font) for char in text)
        if not self._story.has_text and text.strip():
            self._story.has_text = True
        if self._is_behind_comment:
            text = f" {text}" if text[0].isalnum() else text
            self._is_behind_comment = False
        self.add(text, self._mark)

    def _symbol(self, element: Element) -> None:
        font, code = value(element, "font") or "", value(element, "char") or ""
        try:
            sign = symbol(int(code, 16), font)
        except (ValueError, OverflowError):
            sign = None
        self.add(sign or self._setting.missing(f"symbol {code[:8]} of {font[:40]}: not known"), self._mark)

    def _unknown(self, code: int, font: str) -> str:
        return self._setting.missing(f"symbol {code:X} of {font}: not known")

    def _field_mark(self, element: Element) -> None:
        kind = value(element, "fldCharType")
        if kind == "begin":
            self._fields.append(Field(child(element, "ffData"), self._count, len(self._pieces)))
            self._suppressed += 1
        elif self._fields and kind == "separate" and not self._fields[-1].is_result:
            begun = self._fields[-1]
            begun.is_result, begun.paragraph, begun.piece = True, self._count, len(self._pieces)
            self._suppressed -= 1
        elif self._fields and kind == "end":
            begun = self._fields.pop()
            self._suppressed -= not begun.is_result
            self._end_field(begun)

    def _end_field(self, begun: Field) -> None:
        is_here = begun.paragraph == self._count
        result = marked(self._pieces[begun.piece :]) if is_here and begun.is_result and not self._suppressed else ""
        if begun.is_result and (not is_here or self._suppressed):
            return
        if not result.strip():
            shown = without_result(begun)
            self.add(self._setting.missing(shown.missing) if shown.missing else shown.text)
        elif begun.address:
            self._pieces[begun.piece :] = [(linked(result, begun.address), 0)]

    def _instruction(self, element: Element) -> None:
        if self._fields and not self._fields[-1].is_result:
            self._fields[-1].instruction.append(element.text or "")

    def _simple_field(self, element: Element) -> Deeper:
        begun = Field(None, self._count, len(self._pieces), [value(element, "instr") or ""])
        begun.is_result = True
        return iter(element), lambda: self._end_field(begun)

    def _link(self, element: Element) -> Deeper:
        relationship = self._story.relationships.get(relationship_id(element))
        anchor = value(element, "anchor")
        if relationship is None or not relationship.is_external:
            return iter(element), None
        address = relationship.target + (f"#{anchor}" if anchor else "")
        begin = len(self._pieces)

        def end() -> None:
            if not self._suppressed:
                self._pieces[begin:] = [(linked(marked(self._pieces[begin:]), address), 0)]

        return iter(element), end

    def _ruby(self, element: Element) -> Deeper:
        """A word with its reading above: the reading stands in parentheses behind it."""
        base, reading = child(element, "rubyBase"), child(element, "rt")

        def end() -> Deeper:
            if reading is None:
                return None
            self.add("(")
            return iter(reading), lambda: self.add(")")

        return iter(() if base is None else base), end

    def _control(self, element: Element) -> Deeper:
        """A content control; a box whose sign is not text says by itself whether it is ticked."""
        properties = child(element, "sdtPr")
        found = [] if properties is None else [one for one in properties if local_name(one) == "checkbox"]
        if not found:
            return iter(element), None
        ticked = next((one for one in found[0] if local_name(one) == "checked"), None)
        is_ticked = ticked is not None and value(ticked) not in ("0", "false", "off")
        begin = len(self._pieces)

        def end() -> None:
            if not "".join(text for text, _ in self._pieces[begin:]).strip():
                self.add(TICKED if is_ticked else UNTICKED)

        return iter(element), end

    def _note(self, element: Element) -> None:
        kind = local_name(element).removesuffix("Reference")
        self.add(self._setting.mark(kind, value(element, "id") or ""))

    def _comment(self, element: Element) -> None:
        text = self._setting.comments(value(element, "id") or "")
        if text:
            before = self._pieces[-1][0] if self._pieces else " "
            self.add(text if before[-1:].isspace() else f" {text}")
            self._is_behind_comment = True

    def _formula(self, element: Element) -> None:
        lines = formula_lines(element)
        self._story.has_text = self._story.has_text or bool(lines)
        self.add("\n".join(lines))

    def _text_box(self, element: Element) -> None:
        self.put_aside(self._story.nested(element))

    def _subdocument(self, element: Element) -> None:
        self.put_aside([Block(self._story.chunk(element))])

    def _alternatives(self, element: Element) -> Deeper:
        branch = self.branch(element)
        return (iter(branch[0]), None) if branch else None


def _skip(_: Element) -> None:
    """What is not shown: properties, and what was deleted or moved away."""


def _has_look(element: Element) -> bool:
    """Whether a property of a run has any effect on its text: most only say how it is printed."""
    return element.tag in _LOOKS or (element.tag in _FONTS and any(map(is_symbol_font, fonts_of(element))))


def _symbol_font(font: str | None) -> str:
    return font if font and is_symbol_font(font) else ""


def _has_content(element: Element) -> bool:
    return any(one.tag in _SHOWN or local_name(one) in _SHOWN_NAMES for one in element.iter())
