"""OpenDocument to Markdown."""

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.composition import Block, Composition, finished_document, joined
from backburner.extraction.opendocument import frames, paragraphs
from backburner.extraction.opendocument.names import children, name_of, value
from backburner.extraction.opendocument.parts import Flat, FlatFile, Source, packed
from backburner.extraction.opendocument.slides import Slides
from backburner.extraction.opendocument.styles import Styles
from backburner.extraction.opendocument.walker import Embedded, Walker
from backburner.extraction.story import Paragraph
from backburner.extraction.xmltree import Element

MAX_SLIDES = 5_000
MAX_EMBEDDED = 5
"""How deep documents may be embedded."""
_STYLES = frozenset({"office:styles", "office:automatic-styles"})
_PAGES = {"office:presentation": "slide", "office:drawing": "page"}
_HEADERS = frozenset({"style:header", "style:header-left", "style:header-first"})
_FOOTERS = frozenset({"style:footer", "style:footer-left", "style:footer-first"})
_BEGINS = paragraphs.BEGINS | frames.BEGINS
_ENDS = paragraphs.ENDS | frames.ENDS


def read_opendocument(body: bytes) -> Extracted:
    """The text of a package. Raises `JobError` if it is damaged or has only pictures."""
    return _Reader(packed(body)).read()


def read_flat_file(body: bytes) -> Extracted:
    """The same for a document in a single XML file."""
    return _Reader(FlatFile(body)).read()


def read_flat(root: Element) -> Extracted:
    """The same for a document that is already parsed: `office:document`."""
    return _Reader(Flat(root)).read()


class _Reader:
    def __init__(self, source: Source, composition: Composition | None = None, depth: int = 0) -> None:
        self._source = source
        self._composition = composition or Composition()
        self._depth = depth
        self._styles = Styles()
        self._walker = Walker(self._styles, self._composition, self, _BEGINS, _ENDS)
        self._slides: Slides | None = None
        self._blocks: list[Block] = []
        self._masters: list[Element] = []
        self._used: set[str] = set()
        self.is_formula = False

    def read(self) -> Extracted:
        """The whole document."""
        blocks = self.all_blocks()
        self._add_page_texts()
        what = "a document" if self._slides is None else "a presentation"
        if self._slides is not None and not self._slides.with_text:
            self._composition, blocks = Composition(), []
        return finished_document(self._composition, blocks, what, self._walker.pictures)

    def all_blocks(self) -> list[Block]:
        """The text, without headers and footers."""
        for parent_name, part in self._source.parts():
            self._part(parent_name, part)
        self._blocks += self._walker.finish()
        return self._blocks

    def embedded(self, element: Element) -> Embedded:
        """The contents of an embedded object: a formula on one line, a chart's titles and table, a text."""
        source = self._source.embedded(element) if self._depth < MAX_EMBEDDED else None
        if source is None:
            kind = "embedded object" if name_of(element) == "draw:object" else "embedded object of another program"
            return Embedded([Block(self._composition.missing(f"{kind}: not read"))])
        inner = _Reader(source, self._composition, self._depth + 1)
        blocks = inner.all_blocks()
        if not blocks:
            return Embedded([Block(self._composition.missing("embedded object without text"))])
        line = " ".join(" ".join(block.text.split()) for block in blocks) if inner.is_formula else None
        return Embedded(blocks, line)

    def _part(self, parent_name: str, part: Element) -> None:
        name = name_of(part)
        if name in _STYLES:
            self._styles.read(part)
        elif name == "office:master-styles":
            self._masters.append(part)
        elif name == "office:forms":
            self._walker.controls.read(part)
        elif name == "math:math":
            self.is_formula = True
            self._walker.flow.begin(Paragraph())
            self._walker.read(part)
            self._walker.flow.end()
        elif parent_name in _PAGES:
            self._page(parent_name, part)
        elif parent_name.startswith("office:") and not parent_name.startswith("office:document"):
            self._walker.repeats_content = parent_name == "office:spreadsheet"
            self._walker.read(part)

    def _page(self, parent_name: str, part: Element) -> None:
        match name_of(part):
            case "draw:page":
                self._slides = self._slides or Slides(self._walker, _PAGES[parent_name])
                self._used.add(value(part, "draw:master-page-name"))
                self._blocks += self._slides.read(part)
                if self._slides.count > MAX_SLIDES:
                    raise JobError(Reason.DOCUMENT_TOO_LARGE, f"more than {MAX_SLIDES} slides: split it up")
            case "presentation:footer-decl":
                self._composition.footer("".join(part.itertext()))
            case "presentation:header-decl":
                self._composition.header("".join(part.itertext()))

    def _add_page_texts(self) -> None:
        """Add what pages show besides their text: headers and footers of texts, fixed text of master slides."""
        for page in (page for masters in self._masters for page in children(masters, "style:master-page")):
            if self._slides is None:
                self._headers_and_footers(page)
            elif value(page, "style:name") in self._used:
                for shape in page:
                    if name_of(shape).startswith("draw:") and not value(shape, "presentation:class"):
                        self._composition.header(self._separate_text(shape))

    def _headers_and_footers(self, page: Element) -> None:
        for element in page:
            if value(element, "style:display") == "false":
                continue
            if name_of(element) in _HEADERS:
                self._composition.header(self._separate_text(element))
            elif name_of(element) in _FOOTERS:
                self._composition.footer(self._separate_text(element))

    def _separate_text(self, element: Element) -> str:
        self._walker.push()
        self._walker.read(element)
        return joined(self._walker.pop())
