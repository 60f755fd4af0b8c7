"""Comments: who says what, beside the place that it is about."""

from collections.abc import Callable

from backburner.extraction.word.blocks import Cell
from backburner.extraction.word.names import children, value
from backburner.extraction.word.setting import Setting
from backburner.extraction.word.story import Story
from backburner.extraction.xmltree import Element, attribute, local_name


def read_comments(setting: Setting) -> Callable[[str], str]:
    """What gives a comment's text by its id, ready for the place in the document: "[comment by Anna: …]"."""
    found = setting.related("comments")
    if found is None:
        return lambda _: ""
    part, root = found
    comments = {value(one, "id") or "": one for one in children(root, "comment")}
    replies, resolved = _threads(setting)
    reading: list[str] = []

    def comment(comment_id: str) -> str:
        element = comments.get(comment_id)
        if element is None or reading:
            return ""
        reading.append(comment_id)
        cell = Cell()
        Story(setting, part, cell).read(element)
        reading.clear()
        text = " / ".join(cell.flat().split("\n"))
        last = next((one for one in reversed(list(element)) if local_name(one) == "p"), None)
        place = "" if last is None else attribute(last, "paraId") or ""
        kind = "reply" if place in replies else "resolved comment" if place in resolved else "comment"
        author = " ".join((value(element, "author") or "").split())
        return f"[{kind} by {author}: {text}]" if author else f"[{kind}: {text}]"

    return comment


def _threads(setting: Setting) -> tuple[set[str], set[str]]:
    """The paragraphs that say which comments are replies, and which are resolved."""
    found = setting.related("commentsExtended")
    entries: list[Element] = list(found[1]) if found else []
    replies = {attribute(one, "paraId") or "" for one in entries if attribute(one, "paraIdParent")}
    resolved = {attribute(one, "paraId") or "" for one in entries if attribute(one, "done") in ("1", "true")}
    return replies, resolved
