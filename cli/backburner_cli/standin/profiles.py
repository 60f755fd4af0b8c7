"""The providers that the stand-in can imitate: what each refuses and how it differs, as one table."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

ProfileName = Literal["openai", "yandex", "vllm"]


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What is particular to one provider."""

    new_id: Callable[[], str]
    model_form: re.Pattern[str]
    """The required form of a model's name; the group `name` is the short name."""
    model_prefix: str = ""
    """The prefix of names in the list of models; `{project}` is the request's project."""
    refused: frozenset[str] = frozenset()
    """Fields of the API that this provider does not support."""
    max_temperature: float = 2.0
    needs_project: bool = False
    deletes: bool = True
    checks_strict_schemas: bool = False
    """Whether `strict: true` requires closed objects with all properties required, and `json_object` the word JSON."""


def _resp_id() -> str:
    return f"resp_{uuid.uuid4().hex}"


_PLAIN: Final = re.compile(r"(?P<name>.+)", re.DOTALL)

PROFILES: Final[dict[ProfileName, Profile]] = {
    "openai": Profile(new_id=_resp_id, model_form=_PLAIN, checks_strict_schemas=True),
    "yandex": Profile(
        new_id=lambda: str(uuid.uuid4()),
        model_form=re.compile(r"gpt://[^/]+/(?P<name>.+)"),
        model_prefix="gpt://{project}/",
        refused=frozenset({"metadata", "reasoning", "truncation", "service_tier", "prompt_cache_key"}),
        max_temperature=1.0,
        needs_project=True,
    ),
    "vllm": Profile(new_id=_resp_id, model_form=_PLAIN, deletes=False),
}
