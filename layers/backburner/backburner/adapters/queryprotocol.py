"""The older form protocol of SQS, for services that do not speak its JSON protocol: the same calls, worded otherwise.

botocore still speaks it, but its model of SQS no longer says how. This puts the old words back, for the calls that we
make.
"""

import copy
from typing import Any

from botocore.loaders import Loader

_ENTRY = {
    "QueueAttributeMap": "Attribute",
    "MessageSystemAttributeMap": "Attribute",
}
_MEMBER = {"QueueAttributeName": "AttributeName", "MessageSystemAttributeName": "AttributeName"}
"""What an entry of a list is called where it is not called like its shape."""


class QueryLoader(Loader):
    """A loader whose SQS speaks the form protocol."""

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        """A service's model."""
        model = super().load_service_model(service_name, type_name, api_version)
        return _as_query(model) if (service_name, type_name) == ("sqs", "service-2") else model


def _as_query(model: Any) -> Any:
    query = copy.deepcopy(model)
    kept = {name: value for name, value in query["metadata"].items() if name not in _OF_JSON}
    query["metadata"] = kept | {"protocol": "query", "protocols": ["query"]}
    for operation in query["operations"].values():
        if "output" in operation:
            operation["output"]["resultWrapper"] = f"{operation['name']}Result"
    for name, shape in query["shapes"].items():
        if shape["type"] == "list":
            entry = shape["member"]["shape"]
            shape["member"]["locationName"] = _MEMBER.get(entry, entry)
        elif shape["type"] == "map" and name in _ENTRY:
            shape["key"]["locationName"], shape["value"]["locationName"] = "Name", "Value"
        for member in shape.get("members", {}).values():
            if member["shape"] in _ENTRY:
                member["locationName"] = _ENTRY[member["shape"]]
    return query


_OF_JSON = {"awsQueryCompatible", "jsonVersion", "targetPrefix"}
