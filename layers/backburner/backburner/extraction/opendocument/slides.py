"""The pages of presentations and drawings, in order."""

from collections.abc import Iterable

from backburner.extraction.composition import Block, joined
from backburner.extraction.markdown import heading
from backburner.extraction.opendocument.names import name_of, value
from backburner.extraction.opendocument.walker import Walker
from backburner.extraction.xmltree import Element

_TITLES = frozenset({"title"})


class Slides:
    """Reads the pages one after another."""

    def __init__(self, walker: Walker, kind: str) -> None:
        self.with_text = 0
        self.count = 0
        self._walker = walker
        self._kind = kind

    def read(self, page: Element) -> list[Block]:
        """A page: its title as a heading, its text, its speaker notes; a note if it has only pictures."""
        self.count += 1
        walker = self._walker
        pictures = walker.pictures
        title, body, notes = self._text(page)
        is_hidden = walker.styles.is_hidden("drawing-page", value(page, "draw:style-name"))
        name = title or f"{self._kind.capitalize()} {self.count}"
        blocks = [Block(heading(2, f"{name} (hidden)" if is_hidden else name)), *body]
        if notes:
            blocks.append(Block(f"Notes: {notes}"))
        if title or body or notes:
            self.with_text += 1
        if not body and not title and walker.pictures > pictures:
            note = f"{self._kind} {self.count}: no text, only pictures"
            blocks.append(Block(walker.composition.missing(note)))
        return blocks

    def _text(self, page: Element) -> tuple[str, list[Block], str]:
        titles: list[str] = []
        notes: list[str] = []
        walker = self._walker
        walker.push()
        for shape in page:
            name = name_of(shape)
            if name == "office:forms":
                walker.controls.read(shape)
            elif name == "presentation:notes":
                notes += self._separate_texts(child for child in shape if value(child, "presentation:class") == "notes")
            elif value(shape, "presentation:class") in _TITLES and not titles:
                titles += self._separate_texts([shape])
            elif value(shape, "presentation:placeholder") != "true":
                walker.read(shape)
        body = walker.pop()
        return " ".join(" ".join(titles).split()), body, "\n\n".join(notes)

    def _separate_texts(self, shapes: Iterable[Element]) -> list[str]:
        """The texts of shapes, each read separately from the text around it."""
        texts = []
        for shape in shapes:
            if value(shape, "presentation:placeholder") != "true":
                self._walker.push()
                self._walker.read(shape)
                texts.append(joined(self._walker.pop()))
        return [text for text in texts if text]
