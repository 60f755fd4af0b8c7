"""The speaker notes and comments of a slide."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from backburner.extraction.graphics import related_parts
from backburner.extraction.parts import Parts
from backburner.extraction.slides.layouts import Layouts, Page, kind_of, placeholder_of
from backburner.extraction.slides.paragraphs import markdown_of, plain_of
from backburner.extraction.slides.shapes import in_order, shapes_of
from backburner.extraction.xmltree import Element, attribute, local_name

_NO_NOTES = frozenset({"sldImg", "sldNum", "dt", "hdr", "ftr"})


@dataclass(frozen=True)
class NotesAndComments:
    """The notes and comments of a presentation's slides."""

    parts: Parts
    main: str
    layouts: Layouts

    def notes(self, slide: Page) -> str:
        """The speaker notes; "" if there are none. Raises `JobError` if they are damaged."""
        texts = []
        for part in slide.related("notesSlide"):
            page = self.layouts.page(part)
            for shape in in_order(list(shapes_of(self.parts.tree(part))), self.layouts, page):
                placeholder = placeholder_of(shape)
                if kind_of(placeholder) in _NO_NOTES:
                    continue
                styles = self.layouts.styles(page, placeholder)
                texts += [
                    markdown_of(body, styles, page.relationships) for body in shape if local_name(body) == "txBody"
                ]
        return "\n\n".join(text for text in texts if text)

    def comments(self, slide: Page) -> list[str]:
        """A line for each comment and reply, classic or modern. Raises `JobError` if they are damaged."""
        return [
            f"- {' '.join(text.split())}{f' ({author})' if author else ''}"
            for part in slide.related("comments")
            for author, text in self._comments(self.parts.tree(part))
        ]

    def _comments(self, root: Element) -> Iterator[tuple[str, str]]:
        for comment in root.iter("{*}cm", "{*}reply"):
            author = self._authors.get((attribute(comment, "authorId") or "").lower(), "")
            for one in comment:
                if local_name(one) == "text":
                    yield author, one.text or ""
                elif local_name(one) == "txBody":
                    yield author, plain_of(one, {})

    @cached_property
    def _authors(self) -> dict[str, str]:
        return {
            (attribute(one, "id") or "").lower(): attribute(one, "name") or ""
            for part in related_parts(self.parts, self.main, "commentAuthors", "authors")
            for one in self.parts.tree(part).iter("{*}cmAuthor", "{*}author")
        }
