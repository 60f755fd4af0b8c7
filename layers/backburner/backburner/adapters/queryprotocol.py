"""The older query protocol of SQS, for services without its JSON protocol.

Translates the requests that we make from the JSON protocol into forms, and the XML answers back.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as ET

_VERSION = "2012-11-05"
_ENTRIES = {
    "SendMessageBatch": "SendMessageBatchRequestEntry",
    "DeleteMessageBatch": "DeleteMessageBatchRequestEntry",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibilityBatchRequestEntry",
}
_LISTS = {"AttributeNames": "AttributeName"}
"""The form's name for an entry of a list."""


def form_of(action: str, asked: Mapping[str, Any]) -> bytes:
    """A request as a form; list entries are numbered from 1."""
    fields = {"Action": action, "Version": _VERSION}
    for name, value in asked.items():
        if not isinstance(value, list | tuple):
            fields[name] = str(value)
            continue
        prefix = _LISTS.get(name) or _ENTRIES[action]
        for number, entry in enumerate(value, 1):
            if isinstance(entry, dict):
                fields |= {f"{prefix}.{number}.{inner}": str(one) for inner, one in entry.items()}
            else:
                fields[f"{prefix}.{number}"] = str(entry)
    return urlencode(fields, quote_via=quote, safe="~").encode()


def answer_of(body: bytes) -> dict[str, Any]:
    """An answer as the JSON protocol would give it. Raises `ValueError` if it is not XML."""
    try:
        root = ET.fromstring(body)  # noqa: S314 - from our own queue
    except ET.ParseError as error:
        raise ValueError("not XML") from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    answer: dict[str, Any] = {}
    if messages := [_message(one) for one in root.iter("Message") if len(one)]:
        answer["Messages"] = messages
    if failed := [_fields(one) for one in root.iter("BatchResultErrorEntry")]:
        answer["Failed"] = failed
    for result in root.iter("GetQueueAttributesResult"):
        answer["Attributes"] = _attributes(result)
    return answer


def _message(element: ET.Element) -> dict[str, Any]:
    return _fields(element) | {"Attributes": _attributes(element)}


def _attributes(element: ET.Element) -> dict[str, str]:
    return {one.findtext("Name") or "": one.findtext("Value") or "" for one in element.findall("Attribute")}


def _fields(element: ET.Element) -> dict[str, Any]:
    return {one.tag: one.text or "" for one in element if not len(one)}
