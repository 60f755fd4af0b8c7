"""The bucket's policy, rendered and applied as Object Storage does: a denial wins, what is not allowed is denied."""

import json
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from backburner_cli.local.yandex.storage import Call

from .hcl import FOLDER

ACTIONS = {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "PUT": "s3:PutObject", "DELETE": "s3:DeleteObject"}


@cache
def render(bucket: str, submit: str = "submit", checker: str = "checker", users: tuple[str, ...] = ("user",)) -> Any:
    """Render the template as `templatefile` does."""
    text = (FOLDER / "bucket-policy.json.tftpl").read_text().replace("${jsonencode(users)}", json.dumps(users))
    for name, value in (("bucket", bucket), ("submit", submit), ("checker", checker)):
        text = text.replace(f"${{{name}}}", value)
    assert "${" not in text
    return json.loads(text)


def allows(policy: Any, who: str, action: str, resource: str, *, tls: bool = True) -> bool:
    """Whether a principal may do something."""
    effects = {
        statement["Effect"]
        for statement in policy["Statement"]
        if _concerns(statement["Principal"], who)
        and any(fnmatchcase(action, pattern) for pattern in _many(statement["Action"]))
        and any(fnmatchcase(resource, pattern) for pattern in _many(statement["Resource"]))
        and ("Condition" not in statement or not tls)
    }
    return effects == {"Allow"}


def refusal(call: Call) -> str | None:
    """The local Object Storage's refusal of a call that a function may not make, by its access key."""
    policy = render(call.bucket)
    action = ACTIONS[call.method] if call.key else "s3:ListBucket"
    resource = f"arn:aws:s3:::{call.bucket}" + (f"/{call.key}" if call.key else "")
    return None if allows(policy, call.access_key, action, resource) else "AccessDenied"


def _concerns(principal: Any, who: str) -> bool:
    return principal == "*" or who in principal["CanonicalUser"]


def _many(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
