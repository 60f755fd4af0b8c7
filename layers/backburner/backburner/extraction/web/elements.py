"""The Markdown for each HTML element."""

from collections.abc import Callable
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode

from backburner.extraction.markdown import missing
from backburner.extraction.web.forms import choice_text, input_text
from backburner.extraction.web.tables import Cell, Table, span
from backburner.extraction.web.writer import Writer, indented

MAX_FRAMES = 3
"""How deep `srcdoc` pages may be nested."""
_SKIPPED = {
    "script", "style", "template", "head", "title", "meta", "link", "base", "area", "param", "rp", "annotation",
    "annotation-xml",
}  # fmt: skip
_BLOCKS = {
    "address", "article", "aside", "body", "blockquote", "caption", "center", "dd", "details", "dialog", "div", "dl",
    "dt", "fieldset", "figcaption", "figure", "footer", "form", "frameset", "h1", "h2", "h3", "h4", "h5", "h6",
    "header", "hgroup", "hr", "html", "legend", "li", "main", "nav", "noframes", "ol", "optgroup", "option", "p",
    "pre", "search", "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul", "menu", "dir",
    "listing", "xmp",
}  # fmt: skip
_MARKS = {
    "b": "**", "strong": "**", "i": "*", "em": "*", "s": "~~", "del": "~~", "strike": "~~", "sup": "^", "sub": "~",
}  # fmt: skip
_ALONE = frozenset({"br", "hr", "img", "image", "input", "select", "iframe", "frame"})
_PRE = frozenset({"pre", "listing", "xmp", "textarea"})
_CODE = frozenset({"code", "kbd", "samp", "tt"})
_LISTS = frozenset({"ul", "ol", "menu", "dir"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_MEDIA = frozenset({"audio", "video", "object", "canvas", "embed", "applet"})
_OPERATORS = {"msup": "^", "msub": "_", "mfrac": "/", "mover": "^", "munder": "_"}
_NAMED_LINKS = ("http://", "https://", "mailto:", "tel:", "ftp://", "//")
_UNNAMED_LINKS = ("#", "javascript:", "data:", "about:", "blob:")
FindFrame = Callable[[str], str | None]
"""Finds the page that a frame shows, by its address; None if it is not available."""


@dataclass
class _List:
    """A list being read; its number is None if it has bullets."""

    number: int | None
    step: int = 1
    items: list[str] = field(default_factory=list)


class Page:
    """A page being read: its open lists and tables, and what could not be read."""

    def __init__(
        self, writer: Writer, *, framed: FindFrame = lambda _: None, with_local_links: bool = True, frames: int = 0
    ) -> None:
        self.write = writer
        self._framed = framed
        self._with_local_links = with_local_links
        self.notes: list[str] = []
        self.pictures = 0
        self.has_title = False
        self._frames = frames
        self._lists: list[_List] = []
        self._tables: list[Table] = []
        self._starts: list[tuple[int, int]] = []
        self._verbatim: list[str] | None = None
        self._verbatim_tag = ""

    def enter(self, node: LexborNode) -> bool:
        """Begin an element or take a text; returns whether its children are to be read."""
        tag = node.tag or ""
        if tag == "-text":
            self._take(node.text_content or "")
            return False
        if tag in _SKIPPED or tag.startswith(("-", "!", "_")):
            return False
        if self._verbatim is not None:
            if tag == "br":
                self._verbatim.append("\n")
            return True
        if tag in _BLOCKS:
            self.write.end_paragraph()
        if tag in _ALONE:
            return self._stand_alone(tag, node)
        self._begin(tag, node)
        return True

    def _stand_alone(self, tag: str, node: LexborNode) -> bool:
        """Handle an element without children, or whose children are read differently."""
        match tag:
            case "br":
                self.write.line_break()
            case "hr":
                self.write.block("---")
            case "img" | "image":
                self._picture(node)
            case "input":
                self.write.text(f" {input_text(node.attributes)}")
            case "select":
                self.write.text(f" {choice_text(node)} ")
            case _:
                self._frame(node)
        return False

    def leave(self, node: LexborNode) -> None:
        """End an element."""
        tag = node.tag or ""
        if self._verbatim is not None:
            if tag == self._verbatim_tag:
                self._end_verbatim()
            return
        if tag in _MARKS:
            mark = _MARKS[tag]
            self.write.wrap(self._starts.pop(), lambda text: f"{mark}{text}{mark}")
        elif tag in _CODE:
            self.write.wrap(self._starts.pop(), lambda text: f"`{text}`" if "`" not in text else f"`` {text} ``")
        else:
            self._end(tag, node)
        if tag in _BLOCKS:
            self.write.end_paragraph()

    def _take(self, text: str) -> None:
        if self._verbatim is not None:
            self._verbatim.append(text)
        else:
            self.write.text(text)

    def _begin(self, tag: str, node: LexborNode) -> None:
        if tag in _PRE:
            self._verbatim, self._verbatim_tag = [], tag
        elif tag in _HEADINGS:
            self.write.level = int(tag[1])
            self.has_title |= tag == "h1"
        elif tag in _MARKS or tag in _CODE or tag == "a":
            self._starts.append(self.write.mark())
        elif tag in _LISTS:
            self._begin_list(tag, node)
        elif tag in {"li", "blockquote", "dd"}:
            self.write.begin()
        elif tag == "table":
            self._begin_table()
        elif tag in {"td", "th", "tr"}:
            self._begin_row_or_cell(tag)
        elif tag in _MEDIA:
            self._media(tag, node)
        else:
            self._begin_inline(tag, node)

    def _begin_inline(self, tag: str, node: LexborNode) -> None:
        """Begin an inline element; the contents of unknown elements are read."""
        if tag == "rt":
            self.write.text("(")
        elif tag == "q":
            self.write.text("\u201c")
        elif tag == "button":
            self.write.text(" ")
        parent, before = node.parent, node.prev
        if parent is not None and before is not None and (parent.tag or "") in _OPERATORS and tag != "-text":
            self.write.text(_OPERATORS[parent.tag or ""])

    def _end(self, tag: str, node: LexborNode) -> None:
        if tag in _HEADINGS:
            self.write.end_paragraph()
            self.write.level = 0
        elif tag == "a":
            self._end_link(self._starts.pop(), node)
        elif tag in _LISTS:
            self._end_list()
        elif tag == "li":
            self._end_item(node)
        elif tag == "blockquote":
            self._end_container("> ", "> ")
        elif tag == "dd":
            self._end_container(": ", "  ")
        elif tag == "table":
            self._end_table()
        elif tag in {"td", "th"}:
            self._end_cell(tag, node)
        elif tag in {"rt", "q", "button", "label"}:
            self.write.text({"rt": ")", "q": "\u201d"}.get(tag, " "))

    def _end_verbatim(self) -> None:
        text, tag = "".join(self._verbatim or ()), self._verbatim_tag
        self._verbatim = None
        if tag == "textarea":
            for index, line in enumerate(text.split("\n")):
                if index:
                    self.write.line_break()
                self.write.text(line)
        elif text.strip():
            fence = "````" if "```" in text else "```"
            self.write.block(f"{fence}\n{text.strip(chr(10))}\n{fence}")

    def _end_link(self, start: tuple[int, int], node: LexborNode) -> None:
        address = (node.attributes.get("href") or "").strip()
        is_local = not address.lower().startswith(_NAMED_LINKS)
        if not address or address.lower().startswith(_UNNAMED_LINKS) or (is_local and not self._with_local_links):
            return
        if self.write.is_broken(start):
            if not is_local:
                self.write.text(f"<{address}>")
            return
        plain = address.removeprefix("mailto:").removeprefix("tel:")
        self.write.wrap(start, lambda text: text if text in (address, plain) else f"[{text}]({address})")

    def _begin_list(self, tag: str, node: LexborNode) -> None:
        self.write.begin()
        if tag != "ol":
            self._lists.append(_List(None))
            return
        attributes = node.attributes
        is_reversed = "reversed" in attributes
        first = _number(attributes.get("start"))
        if first is None:
            first = sum(child.tag == "li" for child in node.iter()) if is_reversed else 1
        self._lists.append(_List(first, -1 if is_reversed else 1))

    def _end_list(self) -> None:
        self._lists.pop()
        blocks = self.write.end()
        self.write.blocks.extend(["\n".join(blocks)] if blocks else [])

    def _end_item(self, node: LexborNode) -> None:
        blocks = self.write.end()
        current = self._lists[-1] if self._lists else _List(None)
        first = "- "
        if current.number is not None:
            number = _number(node.attributes.get("value"))
            number = current.number if number is None else number
            current.number = number + current.step
            first = f"{number}. "
        if blocks:
            self._add_indented(blocks, first, " " * len(first), "\n")

    def _end_container(self, first: str, others: str) -> None:
        blocks = self.write.end()
        if blocks:
            self._add_indented(blocks, first, others, "\n\n" if first == "> " else "\n")

    def _add_indented(self, blocks: list[str], first: str, others: str, between: str) -> None:
        if self.write.is_shallow():
            self.write.blocks.append(indented(blocks, first, others, between))
        else:
            self.write.blocks.extend([f"{first}{blocks[0]}", *blocks[1:]])

    def _begin_table(self) -> None:
        self._tables.append(Table())
        self.write.begin()

    def _begin_row_or_cell(self, tag: str) -> None:
        if not self._tables:
            return
        if tag == "tr" or not self._tables[-1].rows:
            self._tables[-1].rows.append([])
        if tag != "tr":
            self.write.begin()

    def _end_cell(self, tag: str, node: LexborNode) -> None:
        if not self._tables:
            return
        current, attributes = self._tables[-1], node.attributes
        blocks = self.write.end()
        if tag == "th":
            current.has_header_cells = True
        if not current.has_headings:
            current.has_headings = any(block.startswith("#") for block in blocks)
        spans = (span(attributes.get("colspan")), span(attributes.get("rowspan"))) if attributes else (1, 1)
        current.rows[-1].append(Cell(blocks, *spans))

    def _end_table(self) -> None:
        before = self.write.end()
        self.write.blocks.extend(before)
        inner = self._tables.pop()
        if self._tables:
            self._tables[-1].nesting = max(self._tables[-1].nesting, inner.nesting + 1)
        self.write.blocks.extend(inner.markdown())

    def _picture(self, node: LexborNode) -> None:
        self.pictures += 1
        alt = " ".join((node.attributes.get("alt") or "").split())
        if alt:
            self.write.text(f"[picture: {alt}]")

    def _media(self, tag: str, node: LexborNode) -> None:
        source = node.attributes.get("src") or node.attributes.get("data") or ""
        if tag in {"object", "embed", "applet"} and source and not source.startswith("data:image"):
            self._add_missing(f"embedded object {_short(source)}: not read")
        elif tag in {"audio", "video"}:
            self._add_missing(f"{tag} {_short(source)}: not read".replace("  ", " "))

    def _frame(self, node: LexborNode) -> None:
        attributes = node.attributes
        page = attributes.get("srcdoc") or self._framed(attributes.get("src") or "")
        if page and self._frames < MAX_FRAMES:
            self._page_inside(page)
        elif page or (attributes.get("src") or "about:").split(":")[0] not in {"about", "javascript"}:
            self._add_missing(f"frame {_short(attributes.get('src') or 'nested too deeply')}: not read")

    def _page_inside(self, page: str) -> None:
        from backburner.extraction.web.html import walk  # noqa: PLC0415 - `walk` and `Page` call each other

        self.write.begin()
        inner = Page(self.write, framed=self._framed, with_local_links=self._with_local_links, frames=self._frames + 1)
        body = LexborHTMLParser(page).body
        if body is not None:
            walk(body, inner)
        blocks = self.write.end()
        self.write.blocks.extend(blocks)
        self.notes.extend(inner.notes)
        self.pictures += inner.pictures

    def _add_missing(self, note: str) -> None:
        self.notes.append(note)
        self.write.text(f" {missing(note)} ")


def _number(value: str | None) -> int | None:
    """The number in an attribute; None if it is not one."""
    try:
        return int(value) if value else None
    except ValueError:
        return None


def _short(address: str) -> str:
    """An address, shortened for a note."""
    return "in the page itself" if address.startswith("data:") else address[:100]
