"""The older form protocol of SQS, for services that do not speak its JSON protocol: the same calls, worded otherwise.

Requests and answers are those of the JSON protocol here; this puts them into the form's words and back, for the calls
that we make.
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
"""What an entry of a list is called."""


def form_of(action: str, asked: Mapping[str, Any]) -> bytes:
    """A request as a form: lists are numbered from 1, entries of batches with their fields."""
    fields = {"Action": action, "Version": _VERSION}
    for name, value in asked.items():
        if not isinstance(value, list | tuple):
            fields[name] = str(value)
            continue
        word = _LISTS.get(name) or _ENTRIES[action]
        for number, entry in enumerate(value, 1):
            if isinstance(entry, dict):
                fields |= {f"{word}.{number}.{inner}": str(told) for inner, told in entry.items()}
            else:
                fields[f"{word}.{number}"] = str(entry)
    return urlencode(fields, quote_via=quote, safe="~").encode()


def answer_of(body: bytes) -> dict[str, Any]:
    """An answer as the JSON protocol would have it. Raises `ValueError` where it is none."""
    try:
        root = ET.fromstring(body)  # noqa: S314 - of our own queue
    except ET.ParseError as error:
        raise ValueError("no XML") from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    told: dict[str, Any] = {}
    if messages := [_message(one) for one in root.iter("Message") if len(one)]:
        told["Messages"] = messages
    if failed := [_fields(one) for one in root.iter("BatchResultErrorEntry")]:
        told["Failed"] = failed
    for result in root.iter("GetQueueAttributesResult"):
        told["Attributes"] = _attributes(result)
    return told


def _message(element: ET.Element) -> dict[str, Any]:
    return _fields(element) | {"Attributes": _attributes(element)}


def _attributes(element: ET.Element) -> dict[str, str]:
    return {one.findtext("Name") or "": one.findtext("Value") or "" for one in element.findall("Attribute")}


def _fields(element: ET.Element) -> dict[str, Any]:
    return {one.tag: one.text or "" for one in element if not len(one)}
