"""What has been filled into an XFA form, whose pages only say that another program is needed."""

from collections.abc import Iterable, Iterator

from backburner.errors import JobError
from backburner.extraction.xmltree import Element, local_name, parse_xml


def xfa_text(packets: Iterable[tuple[str, bytes]]) -> str:
    """The values of the fields with their names; empty if there are none."""
    for name, body in packets:
        if name == "datasets" and body.strip():
            try:
                root = parse_xml(body, "an XFA form")
            except JobError:
                return ""
            return "\n".join(_values(root))
    return ""


def _values(root: Element) -> Iterator[str]:
    for element in root.iter():
        text = " ".join((element.text or "").split())
        if text and not len(element):
            yield f"- {local_name(element)}: {text}"
