"""The shapes of a slide, including those in groups, in order and as Markdown."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from backburner.extraction.graphics import DrawingContent, alternatives, read_reference
from backburner.extraction.markdown import table
from backburner.extraction.slides.layouts import TITLES, Layouts, Page, kind_of, placeholder_of, top_left
from backburner.extraction.slides.paragraphs import markdown_of, plain_of
from backburner.extraction.xmltree import Element, attribute, local_name

_FURNITURE = frozenset({"dt", "ftr", "sldNum", "hdr", "sldImg"})
_SHAPES = frozenset({"sp", "cxnSp"})
_MAX_NESTED = 100
"""How deep groups may be nested."""
_ROW_HEIGHT = 91_440
"""A tenth of an inch: shapes whose tops differ by less are level."""
_MEDIA = ("videoFile", "audioFile", "wavAudioFile", "quickTimeFile", "audioCd")


@dataclass
class Contents:
    """The contents of a slide's shapes."""

    title: str = ""
    found: DrawingContent = field(default_factory=DrawingContent)
    furniture: list[str] = field(default_factory=list)
    """Date and footer: text that is not about the slide itself."""


def shapes_of(root: Element) -> Iterator[Element]:
    """The shapes of a slide, layout or master, each group as one shape."""
    for tree in root.iter("{*}spTree"):
        yield from alternatives(tree)
        return


def in_order(shapes: list[Element], layouts: Layouts, page: Page, depth: int = 0) -> Iterator[Element]:
    """From top to bottom, and from left to right within a row; the shapes of a group are at their group's position."""
    placed = [(*top_left(shape, layouts, page), shape) for shape in shapes]
    for _, _, shape in _by_rows(placed):
        if local_name(shape) != "grpSp":
            yield shape
        elif depth < _MAX_NESTED:
            yield from in_order(list(alternatives(shape)), layouts, page, depth + 1)


def read_shapes(layouts: Layouts, page: Page, root: Element) -> Contents:
    """A slide's title, texts, tables and charts, and what cannot be read."""
    contents = Contents()
    for shape in in_order(list(shapes_of(root)), layouts, page):
        kind = local_name(shape)
        if kind in _SHAPES:
            _read_shape(layouts, page, shape, contents)
        elif kind == "pic":
            is_media = any(True for name in _MEDIA for _ in shape.iter(f"{{*}}{name}"))
            contents.found.pictures += not is_media
            contents.found.add("", "a film or sound" if is_media else "")
        elif kind == "graphicFrame":
            _read_frame(page, shape, contents.found)
        elif kind == "contentPart":
            contents.found.unread.append("handwriting")
    if any(True for background in root.iter("{*}bg") for _ in background.iter("{*}blip")):
        contents.found.pictures += 1
    return contents


def _by_rows(placed: list[tuple[int, int, Element]]) -> list[tuple[int, int, Element]]:
    """Sort shapes into rows of nearly the same top."""
    ordered: list[tuple[int, int, Element]] = []
    row: list[tuple[int, int, Element]] = []
    for one in sorted(placed, key=lambda place: place[0]):
        if row and one[0] - row[0][0] > _ROW_HEIGHT:
            ordered += sorted(row, key=lambda place: place[1])
            row = []
        row.append(one)
    return ordered + sorted(row, key=lambda place: place[1])


def _read_shape(layouts: Layouts, page: Page, shape: Element, contents: Contents) -> None:
    placeholder = placeholder_of(shape)
    kind = kind_of(placeholder)
    contents.found.pictures += any(True for fill in shape.iter("{*}blipFill"))
    relationships = page.relationships
    for body in (one for one in shape if local_name(one) == "txBody"):
        if kind in TITLES and not contents.title:
            contents.title = " ".join(plain_of(body, relationships).split())
        elif kind == "sldNum":
            continue
        elif kind in _FURNITURE:
            contents.furniture.append(plain_of(body, relationships))
        else:
            contents.found.add(markdown_of(body, layouts.styles(page, placeholder), relationships), "")


def _read_frame(page: Page, frame: Element, found: DrawingContent) -> None:
    """A table, a chart, a SmartArt or an embedded object."""
    for data in frame.iter("{*}graphicData"):
        for child in alternatives(data):
            kind = local_name(child)
            if kind == "tbl":
                found.add(_table(page, child), "")
            elif kind in ("chart", "relIds"):
                read_reference(page.parts, page.part, child, found, has_data_elsewhere=False)
            elif kind == "oleObj":
                program = attribute(child, "progId") or attribute(child, "name") or "of unknown type"
                found.unread.append(f"embedded object ({program})")
            else:
                found.unread.append(f"a drawing of unknown type ({kind})")


def _table(page: Page, element: Element) -> str:
    """The rows; a merged cell's text is in its first cell."""
    rows = [
        [
            "\n".join(plain_of(body, page.relationships) for body in cell if local_name(body) == "txBody")
            for cell in row
            if local_name(cell) == "tc"
        ]
        for row in element
        if local_name(row) == "tr"
    ]
    return table(rows).rstrip("\n")
