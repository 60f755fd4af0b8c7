"""A paragraph: its runs, fields, links, notes, formulas and drawings, in order and once."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from backburner.extraction.markdown import TICKED, UNTICKED
from backburner.extraction.symbolfonts import is_symbol_font, symbol
from backburner.extraction.word.blocks import Block
from backburner.extraction.word.drawings import Drawings
from backburner.extraction.word.fields import Field, without_result
from backburner.extraction.word.formulas import formula_lines
from backburner.extraction.word.names import DRAWING, MARKUP, MATH, child, relationship_id, value, word
from backburner.extraction.word.runs import ABOVE, BELOW, BOLD, HIDDEN, ITALIC, STRUCK, Piece, linked, with_marks
from backburner.extraction.word.styles import PLAIN, RunStyle, fonts_of, run_style
from backburner.extraction.xmltree import Element, local_name

if TYPE_CHECKING:
    from backburner.extraction.word.story import Story

Descent = tuple[Iterator[Element], Callable[[], Any] | None] | None
"""Elements to read next, and what to do after them, which may return further elements to read."""
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
_EFFECTIVE = frozenset(word("b", "i", "strike", "dstrike", "vanish", "vertAlign", "position", "rStyle"))


class Paragraph:
    """Reads paragraphs one after another; fields may span several."""

    def __init__(self, story: "Story") -> None:
        self._story = story
        self._context = story.context
        self._drawings = Drawings(story)
        self._fields: list[Field] = []
        self._suppressed = 0
        """How many open fields have not reached their results."""
        self._pieces: list[Piece] = []
        self._count = 0
        self._before: list[Block] = []
        self._after: list[Block] = []
        self._base = PLAIN
        self._mark, self._font, self._base_font = 0, "", ""
        self._is_after_comment = False
        self._handlers = self._build_handlers()

    def read(self, element: Element, base: RunStyle) -> tuple[list[Block], list[Piece], list[Block]]:
        """The blocks before a paragraph (text boxes at its start), its pieces, and the blocks after it."""
        self._pieces, self._before, self._after, self._base = [], [], [], base
        self._base_font = _symbol_font(base.font)
        self._is_after_comment = False
        self._count += 1
        self._walk(element)
        if self._suppressed:
            self.add("\n")
        return self._before, self._pieces, self._after

    def unfinished(self) -> str:
        """The text held back in fields that never reached their results."""
        return "\n".join(text for one in self._fields if (text := "".join(one.held).strip()))

    def best_version(self, alternatives: Element) -> list[Element]:
        """The best of several versions of the same content (`mc:AlternateContent`)."""
        found = [one for one in alternatives if local_name(one) in ("Choice", "Fallback")]
        return [next((one for one in found if _has_content(one)), *found[:1])] if found else []

    def add(self, text: str, mark: int = 0) -> None:
        """Text here, unless it is among a field's instructions."""
        if self._suppressed:
            next(one for one in self._fields if not one.is_result).held.append(text)
        else:
            self._pieces.append((text, mark))

    def add_aside(self, blocks: list[Block]) -> None:
        """Blocks outside the line: before the paragraph if none of its text has been read, else after it."""
        is_first = not any(text.strip() for text, _ in self._pieces)
        (self._before if is_first else self._after).extend(blocks)

    def _walk(self, root: Element) -> None:
        handlers = self._handlers
        stack: list[tuple[Iterator[Element], Callable[[], Any] | None]] = [(iter(root), None)]
        while stack:
            elements, at_end = stack[-1]
            element = next(elements, None)
            if element is None:
                stack.pop()
                descent = at_end() if at_end else None
            else:
                handler = handlers.get(element.tag)
                descent = handler(element) if handler else (iter(element), None) if len(element) else None
            if descent:
                stack.append(descent)

    def _build_handlers(self) -> dict[Any, Callable[[Element], Descent]]:
        by_name: dict[str, Callable[[Element], Descent]] = {
            "r": self._run, "t": self._text, "sym": self._symbol, "fldChar": self._field_mark,
            "fldSimple": self._simple_field, "instrText": self._instruction, "hyperlink": self._link,
            "ruby": self._ruby, "sdt": self._control, "txbxContent": self._text_box, "subDoc": self._subdocument,
            "footnoteReference": self._note, "endnoteReference": self._note, "commentReference": self._comment,
        }  # fmt: skip
        plain = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": _HYPHEN}
        skipped = (
            "pPr", "rPr", "del", "moveFrom", "sdtPr", "sdtEndPr", "delText", "delInstrText", "softHyphen", "rubyPr",
        )  # fmt: skip
        found: dict[str, Callable[[Element], Descent]] = {}
        for name, handler in by_name.items():
            found |= dict.fromkeys(word(name), handler)
        for name, text in plain.items():
            found |= dict.fromkeys(word(name), self._adding(text))
        found |= dict.fromkeys(word(*skipped), _skip)
        found |= {f"{{{space}}}{name}": self._formula for space in MATH for name in ("oMath", "oMathPara")}
        found[f"{{{MARKUP}}}AlternateContent"] = self._alternatives
        return found | self._drawings.handlers(self)

    def _adding(self, text: str) -> Callable[[Element], Descent]:
        def add(_: Element) -> None:
            self.add(text, self._mark & (HIDDEN | STRUCK))

        return add

    def _run(self, element: Element) -> Descent:
        first = element[0] if len(element) else None
        self._mark, self._font = 0, self._base_font
        properties = first if first is not None and first.tag in _PROPERTIES else None
        if self._base.is_hidden or (properties is not None and any(map(_has_effect, properties))):
            self._apply_formatting(properties)
        return iter(element), None

    def _apply_formatting(self, properties: Element | None) -> None:
        own = run_style(properties)
        style = None if properties is None else child(properties, "rStyle")
        if style is not None:
            own = own.over(self._context.styles.of_run(value(style) or ""))
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
        if self._is_after_comment:
            text = f" {text}" if text[0].isalnum() else text
            self._is_after_comment = False
        self.add(text, self._mark)

    def _symbol(self, element: Element) -> None:
        font, code = value(element, "font") or "", value(element, "char") or ""
        try:
            character = symbol(int(code, 16), font)
        except (ValueError, OverflowError):
            character = None
        self.add(character or self._context.missing(f"symbol {code[:8]} in font {font[:40]}: unknown"), self._mark)

    def _unknown(self, code: int, font: str) -> str:
        return self._context.missing(f"symbol {code:X} in font {font}: unknown")

    def _field_mark(self, element: Element) -> None:
        kind = value(element, "fldCharType")
        if kind == "begin":
            self._fields.append(Field(child(element, "ffData"), self._count, len(self._pieces)))
            self._suppressed += 1
        elif self._fields and kind == "separate" and not self._fields[-1].is_result:
            open_field = self._fields[-1]
            open_field.is_result, open_field.paragraph, open_field.piece = True, self._count, len(self._pieces)
            self._suppressed -= 1
        elif self._fields and kind == "end":
            open_field = self._fields.pop()
            self._suppressed -= not open_field.is_result
            self._end_field(open_field)

    def _end_field(self, open_field: Field) -> None:
        is_same_paragraph = open_field.paragraph == self._count
        result = (
            with_marks(self._pieces[open_field.piece :])
            if is_same_paragraph and open_field.is_result and not self._suppressed
            else ""
        )
        if open_field.is_result and (not is_same_paragraph or self._suppressed):
            return
        if not result.strip():
            shown = without_result(open_field)
            self.add(self._context.missing(shown.missing) if shown.missing else shown.text)
        elif open_field.address:
            self._pieces[open_field.piece :] = [(linked(result, open_field.address), 0)]

    def _instruction(self, element: Element) -> None:
        if self._fields and not self._fields[-1].is_result:
            self._fields[-1].instruction.append(element.text or "")

    def _simple_field(self, element: Element) -> Descent:
        open_field = Field(None, self._count, len(self._pieces), [value(element, "instr") or ""])
        open_field.is_result = True
        return iter(element), lambda: self._end_field(open_field)

    def _link(self, element: Element) -> Descent:
        relationship = self._story.relationships.get(relationship_id(element))
        anchor = value(element, "anchor")
        if relationship is None or not relationship.is_external:
            return iter(element), None
        address = relationship.target + (f"#{anchor}" if anchor else "")
        first = len(self._pieces)

        def end() -> None:
            if not self._suppressed:
                self._pieces[first:] = [(linked(with_marks(self._pieces[first:]), address), 0)]

        return iter(element), end

    def _ruby(self, element: Element) -> Descent:
        """A word with its phonetic reading, which follows it in parentheses."""
        base, reading = child(element, "rubyBase"), child(element, "rt")

        def end() -> Descent:
            if reading is None:
                return None
            self.add("(")
            return iter(reading), lambda: self.add(")")

        return iter(() if base is None else base), end

    def _control(self, element: Element) -> Descent:
        """A content control; a check box without a character of its own stores whether it is ticked."""
        properties = child(element, "sdtPr")
        found = [] if properties is None else [one for one in properties if local_name(one) == "checkbox"]
        if not found:
            return iter(element), None
        ticked = next((one for one in found[0] if local_name(one) == "checked"), None)
        is_ticked = ticked is not None and value(ticked) not in ("0", "false", "off")
        first = len(self._pieces)

        def end() -> None:
            if not "".join(text for text, _ in self._pieces[first:]).strip():
                self.add(TICKED if is_ticked else UNTICKED)

        return iter(element), end

    def _note(self, element: Element) -> None:
        kind = local_name(element).removesuffix("Reference")
        self.add(self._context.mark(kind, value(element, "id") or ""))

    def _comment(self, element: Element) -> None:
        text = self._context.comments(value(element, "id") or "")
        if text:
            before = self._pieces[-1][0] if self._pieces else " "
            self.add(text if before[-1:].isspace() else f" {text}")
            self._is_after_comment = True

    def _formula(self, element: Element) -> None:
        lines = formula_lines(element)
        self._story.has_text = self._story.has_text or bool(lines)
        self.add("\n".join(lines))

    def _text_box(self, element: Element) -> None:
        self.add_aside(self._story.nested(element))

    def _subdocument(self, element: Element) -> None:
        self.add_aside([Block(self._story.inner_document(element))])

    def _alternatives(self, element: Element) -> Descent:
        best_version = self.best_version(element)
        return (iter(best_version[0]), None) if best_version else None


def _skip(_: Element) -> None:
    """Skip what is not shown: properties, and what was deleted or moved away."""


def _has_effect(element: Element) -> bool:
    """Whether a run property affects its text: most only affect how it is printed."""
    return element.tag in _EFFECTIVE or (element.tag in _FONTS and any(map(is_symbol_font, fonts_of(element))))


def _symbol_font(font: str | None) -> str:
    return font if font and is_symbol_font(font) else ""


def _has_content(element: Element) -> bool:
    return any(one.tag in _SHOWN or local_name(one) in _SHOWN_NAMES for one in element.iter())
