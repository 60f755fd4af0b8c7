"""Comments, as they appear where they are anchored."""

from collections.abc import Callable

from backburner.extraction.word.blocks import Cell
from backburner.extraction.word.context import Context
from backburner.extraction.word.names import children, value
from backburner.extraction.word.story import Story
from backburner.extraction.xmltree import Element, attribute, local_name


def read_comments(context: Context) -> Callable[[str], str]:
    """A function from a comment's id to its text as it appears in the document: "[comment by Anna: …]"."""
    found = context.related("comments")
    if found is None:
        return lambda _: ""
    part, root = found
    comments = {value(one, "id") or "": one for one in children(root, "comment")}
    replies, resolved = _threads(context)
    reading: list[str] = []

    def comment(comment_id: str) -> str:
        element = comments.get(comment_id)
        if element is None or reading:
            return ""
        reading.append(comment_id)
        cell = Cell()
        Story(context, part, cell).read(element)
        reading.clear()
        text = " / ".join(cell.flat().split("\n"))
        last = next((one for one in reversed(list(element)) if local_name(one) == "p"), None)
        paragraph_id = "" if last is None else attribute(last, "paraId") or ""
        kind = "reply" if paragraph_id in replies else "resolved comment" if paragraph_id in resolved else "comment"
        author = " ".join((value(element, "author") or "").split())
        return f"[{kind} by {author}: {text}]" if author else f"[{kind}: {text}]"

    return comment


def _threads(context: Context) -> tuple[set[str], set[str]]:
    """The ids of the last paragraphs of replies, and of resolved comments."""
    found = context.related("commentsExtended")
    entries: list[Element] = list(found[1]) if found else []
    replies = {attribute(one, "paraId") or "" for one in entries if attribute(one, "paraIdParent")}
    resolved = {attribute(one, "paraId") or "" for one in entries if attribute(one, "done") in ("1", "true")}
    return replies, resolved
