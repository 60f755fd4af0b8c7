"""Error codes of SQS, SNS and EventBridge, in whichever protocol they answer."""

import json
from xml.etree import ElementTree as ET

from backburner.adapters.http import Reply


def code_of(reply: Reply) -> str:
    """The error code: the query protocol's if the reply has it, else the one in the XML or JSON, else the status."""
    if query_error := reply.headers.get("x-amzn-query-error"):
        return query_error.partition(";")[0]
    if code := _in_xml(reply.body):
        return code
    try:
        code = json.loads(reply.body).get("__type", "")
    except (ValueError, AttributeError):
        code = ""
    return str(code).rpartition("#")[2] or str(reply.status)


def _in_xml(body: bytes) -> str:
    try:
        root = ET.fromstring(body)  # noqa: S314 - from the services that we call
    except ET.ParseError:
        return ""
    return next((one.text or "" for one in root.iter() if one.tag.rpartition("}")[2] == "Code"), "")
