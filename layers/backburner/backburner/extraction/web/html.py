"""HTML as Markdown: all that a page says, with its headings, lists, tables, links and forms.

The parser is Lexbor, which builds the same tree as browsers do. The tree is walked without recursion, so its depth
does not matter.
"""

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.markdown import counted
from backburner.extraction.web.elements import FindFrame, Page
from backburner.extraction.web.writer import Writer

MAX_DEPTH = 10_000
"""How deep elements may be nested; parsing time grows with the square of it."""
_HEAD_CHARS = 8192
_XHTML = re.compile(r"""<\?xml\s|xmlns(?::(?P<prefix>[\w.-]+))?\s*=\s*["']http://www\.w3\.org/1999/xhtml""")
_CLOSED = re.compile(r"""<([a-zA-Z][\w:.-]*)((?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*/>""")
_WITHOUT_END = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"]
)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)[^<>]*?(/?)>")
_UNCOUNTED = {
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
    "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "optgroup", "colgroup", "rt", "rp",
}  # fmt: skip
"""Elements without an end tag, or with an optional one."""


def markdown_of(
    page: str, *, with_title: bool = False, with_local_links: bool = True, framed: FindFrame = lambda _: None
) -> Extracted:
    """The text of a page or a fragment, as Markdown. Nothing in its body is left out silently.

    With `with_title`, a page without a level 1 heading begins with its title. Without `with_local_links`, only links to
    other sites are kept. `framed` finds the page that a frame shows, by its address, if it is available. A page with
    nothing but pictures has no text, and a note that says so. Raises `JobError` if elements are nested too deeply.
    """
    page = _as_html(page)
    if page.count("<") - page.count("</") > MAX_DEPTH and _depth(page) > MAX_DEPTH:  # there are enough start tags
        raise JobError(
            Reason.UNREADABLE_DOCUMENT,
            f"an HTML page with elements nested deeper than {MAX_DEPTH}: save it again from a browser",
        )
    tree = LexborHTMLParser(page)
    writer = Writer()
    reader = Page(writer, framed=framed, with_local_links=with_local_links)
    body = tree.body or (tree.root and tree.root.css_first("frameset"))
    if body is not None:
        walk(body, reader)
    text = writer.markdown()
    if with_title and not reader.has_title:
        title = " ".join((node.text() if (node := tree.css_first("head > title")) else "").split())
        text = f"# {title}\n\n{text}" if title and text else text or title
    if not text.strip() and reader.pictures:
        return Extracted("", (f"{counted(reader.pictures, 'picture')} without text",))
    return Extracted(text, tuple(reader.notes))


def walk(root: LexborNode, reader: Page) -> None:
    """Call the reader for every node below a root, in order, and at the end of each element."""
    path = [root]
    node = root.child
    while True:
        if node is None:
            parent = path.pop()
            if not path:
                return
            reader.leave(parent)
            node = parent.next
        elif reader.enter(node):
            path.append(node)
            node = node.child
        else:
            node = node.next


def _as_html(page: str) -> str:
    """XHTML in a form that an HTML parser understands: no self-closing elements, no prefixes."""
    found = _XHTML.search(page, 0, _HEAD_CHARS)
    if found is None:
        return page
    if found["prefix"]:
        page = page.replace(f"<{found['prefix']}:", "<").replace(f"</{found['prefix']}:", "</")
    return _CLOSED.sub(_with_end_tag, page)


def _with_end_tag(tag: re.Match[str]) -> str:
    return tag[0] if tag[1].lower() in _WITHOUT_END else f"<{tag[1]}{tag[2]}></{tag[1]}>"


def _depth(page: str) -> int:
    """The maximum nesting of elements, judging by their tags."""
    depth = deepest = 0
    for tag in _TAG.finditer(page):
        if tag[2].lower() in _UNCOUNTED or tag[3]:
            continue
        depth = max(depth - 1, 0) if tag[1] else depth + 1
        deepest = max(deepest, depth)
    return deepest
