"""How providers differ: one table (DESIGN section 8), and the request body that follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from backburner.documents.quote_schema import without_keyword

if TYPE_CHECKING:
    from backburner.documents.recipes import Recipe


class Provider(StrEnum):
    """Names of `BACKBURNER_PROVIDER`."""

    YANDEX = "yandex"
    OPENAI = "openai"
    AZURE = "azure"
    VLLM = "vllm"
    GENERIC = "generic"


_OPEN_MODELS: Final = MappingProxyType({"gpt-oss-": 131_072, "gemma-3-": 131_072, "qwen3-235b-": 262_144})
"""Windows according to the models' cards, whichever provider serves them."""
_OPENAI_MODELS: Final = MappingProxyType(
    {"gpt-4o": 128_000, "gpt-4.1": 1_047_576, "gpt-5": 272_000, "o3": 200_000, "o4-mini": 200_000}
)
"""According to the vendor's model pages; for gpt-5, the limit of its input."""


_OPENAI_SIGHT: Final = MappingProxyType(
    {
        "gpt-4o": True,
        "gpt-4o-audio": False,
        "gpt-4.1": True,
        "gpt-5": True,
        "o3": True,
        "o3-mini": False,
        "o4-mini": True,
    }
)
"""According to the vendor's model pages."""
_UNKNOWN_KEPT_S: Final = 600
"""Assumed if nothing is published: services without storage keep ended generations for about ten minutes."""
_MONTH_S: Final = 30 * 86_400


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What is particular to one provider, as data."""

    base_url: str | None
    """Its public endpoint; None if every user has a different one."""
    needs_project: bool = False
    store: bool = True
    metadata: bool = True
    reasoning: bool = True
    service_tier: bool = False
    refuses: frozenset[str] = frozenset()
    """Parameters that it refuses a request for: lines of batches are sent without them, as documents are."""
    deletes: bool = True
    takes_iam_token: bool = False
    """Whether the token of the function's service account can be used as the key."""
    submits_per_minute: int = 600
    polls_per_second: int = 50
    """The governor's default limits, this one and the one before, from the published quotas."""
    creates_per_second: int | None = None
    """How many creates one process may begin per second; None for no limit."""
    results_kept_s: int | None = None
    """How long an ended generation can be retrieved, by the shortest published time; None if not known."""
    model_uri: str = "{model}"
    """The provider's form of a short model name; `{project}` is `OPENAI_PROJECT_ID`."""
    windows: Mapping[str, int] = field(default_factory=lambda: _OPEN_MODELS)
    """Input and output tokens that a model can have together, by the beginning of its name; unknown for others."""
    sighted: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    """Whether a model sees pictures, by the beginning of its name; unknown for others."""

    @property
    def max_gap_s(self) -> float:
        """The maximum time between two polls: half of the time for which an ended generation is kept."""
        return (self.results_kept_s or _UNKNOWN_KEPT_S) / 2

    def max_watched(self, polls_per_second: int) -> int:
        """How many open generations can each be polled in time; of more, some would end unseen and be lost."""
        return int(polls_per_second * self.max_gap_s)


PROFILES: Final = MappingProxyType(
    {
        Provider.YANDEX: Profile(
            base_url="https://ai.api.cloud.yandex.net/v1",
            needs_project=True,
            store=False,
            metadata=False,
            reasoning=False,
            refuses=frozenset({"metadata", "prompt_cache_key", "reasoning", "service_tier", "truncation"}),
            takes_iam_token=True,
            submits_per_minute=83,
            polls_per_second=50,
            creates_per_second=10,
            results_kept_s=3 * 86_400,
            model_uri="gpt://{project}/{model}",
            windows=MappingProxyType({**_OPEN_MODELS, "yandexgpt": 32_768, "aliceai-llm": 32_768}),
        ),
        Provider.OPENAI: Profile(
            base_url="https://api.openai.com/v1",
            service_tier=True,
            results_kept_s=_MONTH_S,
            windows=_OPENAI_MODELS,
            sighted=_OPENAI_SIGHT,
        ),
        Provider.AZURE: Profile(base_url=None, results_kept_s=_MONTH_S),
        Provider.VLLM: Profile(base_url=None, deletes=False),
        Provider.GENERIC: Profile(base_url=None, store=False, metadata=False),
    }
)


def resolve_model(profile: Profile, model: str, project: str | None) -> str:
    """The provider's name for a model; a URI is returned unchanged."""
    return model if "://" in model else profile.model_uri.format(model=model, project=project)


def request_body(
    profile: Profile,
    recipe: "Recipe",
    *,
    model: str,
    job: str,
    text: str | list[dict[str, Any]],
    max_output_tokens: int | None,
    correction: str | None = None,
) -> dict[str, Any]:
    """The body of `POST /responses`. The document is only ever `input`; none of it is interpreted.

    `text` is the document, or messages with its text and pictures of its pages. `correction` tells an attempt what was
    wrong with the one before; it goes below the instructions.
    """
    instructions = f"{recipe.instructions}\n\n{correction}" if correction else recipe.instructions
    body: dict[str, Any] = {"model": model, "instructions": instructions, "input": text, "background": True}
    optional = {
        "store": True if profile.store else None,
        "metadata": {"job_id": job} if profile.metadata else None,
        "max_output_tokens": max_output_tokens,
        "temperature": recipe.temperature,
        "top_p": recipe.top_p,
        "reasoning": {"effort": recipe.reasoning_effort} if profile.reasoning and recipe.reasoning_effort else None,
        "service_tier": recipe.service_tier if profile.service_tier else None,
        "text": {"format": _json_schema(recipe)} if recipe.schema is not None else None,
    }
    return recipe.extra | body | {name: value for name, value in optional.items() if value is not None}


def _json_schema(recipe: "Recipe") -> dict[str, Any]:
    strict = _is_closed(recipe.schema) and _allows_strict(recipe.schema)
    schema = without_keyword(recipe.schema) if recipe.has_quotes else recipe.schema
    return {"type": "json_schema", "name": "answer", "schema": schema} | ({"strict": True} if strict else {})


def _allows_strict(schema: object) -> bool:
    """Whether strict mode accepts a schema: all objects are closed, and all their properties required."""
    if isinstance(schema, list):
        return all(map(_allows_strict, schema))
    if not isinstance(schema, dict):
        return True
    kind = schema.get("type")
    is_object = "object" in (kind if isinstance(kind, list) else [kind]) or isinstance(schema.get("properties"), dict)
    return (not is_object or _is_closed(schema)) and all(map(_allows_strict, schema.values()))


def _is_closed(schema: object) -> bool:
    """Whether an object allows no additional properties and requires all it has."""
    if not isinstance(schema, dict) or schema.get("additionalProperties") is not False:
        return False
    return set(schema.get("properties") or ()) == set(schema.get("required") or ())
