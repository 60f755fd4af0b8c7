"""XML of strangers: no entities, nothing from the network or the disk."""

import re

from lxml import etree

from backburner.errors import JobError, Reason

Element = etree._Element  # noqa: SLF001 - lxml's own name of its public class
_ENTITY = re.compile(rb"<\0{0,3}!\0{0,3}E\0{0,3}N\0{0,3}T\0{0,3}I\0{0,3}T\0{0,3}Y")
"""A declaration, in UTF-8, UTF-16 or UTF-32. Office programs write none; they serve to blow a document up."""


def parse_xml(body: bytes, what: str) -> Element:
    """The root of an XML document. Raises `JobError` (`unreadable_document`), naming `what` it is part of."""
    if _ENTITY.search(body):
        raise JobError(Reason.UNREADABLE_DOCUMENT, f"{what} that declares XML entities: save it again without them")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, remove_pis=True, remove_comments=True
    )
    try:
        return etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise JobError(
            Reason.UNREADABLE_DOCUMENT, f"{what} that is damaged: save it again and upload it again"
        ) from error


def local_name(element: Element) -> str:
    """The name of an element without its namespace: `p`, whatever prefix its writer chose; "" of anything else."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: Element, name: str) -> str | None:
    """The value of an attribute by its local name, in whatever namespace; None where there is none."""
    value = element.get(name)
    if value is not None:
        return value
    return next((found for key, found in element.attrib.items() if key.rpartition("}")[2] == name), None)
