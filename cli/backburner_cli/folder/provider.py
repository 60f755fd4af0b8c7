"""Chooses a folder's provider: the one that the environment names, or the stand-in."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backburner.errors import ConfigError
from backburner.settings import Settings, from_env
from backburner_cli.errors import CommandError
from backburner_cli.folder.standin import KeptStandIn
from backburner_cli.operator.backend import FOLDER_QUEUES
from backburner_cli.standin import Timing, serve
from backburner_cli.standin.behaviours import MODEL

STAND_IN: Final = "stand-in"
_PROVIDER_PREFIXES: Final = ("OPENAI_", "BACKBURNER_PROVIDER", "BACKBURNER_MODEL", "BACKBURNER_API_KEY")
_QUICK: Final = Timing(queued_s=0.2, running_s=0.8)
_GENEROUS: Final = {
    "BACKBURNER_MAX_IN_FLIGHT": "200",
    "BACKBURNER_SUBMITS_PER_MINUTE": "60000",
    "BACKBURNER_POLLS_PER_SECOND": "500",
}
"""Limits for the stand-in, which has no quotas; the environment overrides them."""
_REMEDY: Final = """\
Name a provider, and run it again:
  OpenAI            export BACKBURNER_PROVIDER=openai OPENAI_API_KEY=… BACKBURNER_MODEL=gpt-4.1-mini
  Yandex AI Studio  export BACKBURNER_PROVIDER=yandex OPENAI_API_KEY=… OPENAI_PROJECT_ID=<folder id> \
BACKBURNER_MODEL=yandexgpt/latest
  Azure OpenAI      export BACKBURNER_PROVIDER=azure OPENAI_API_KEY=… OPENAI_BASE_URL=https://<name>.openai.azure.com\
/openai/v1 BACKBURNER_MODEL=<deployment>
  vLLM              export BACKBURNER_PROVIDER=vllm OPENAI_API_KEY=any OPENAI_BASE_URL=http://<host>:8000/v1 \
BACKBURNER_MODEL=<model>
  any other         export BACKBURNER_PROVIDER=generic OPENAI_API_KEY=… OPENAI_BASE_URL=… BACKBURNER_MODEL=…
Or see it work first, without a provider: add --stand-in (it extracts sentences, without a language model).\
"""


@dataclass(frozen=True, kw_only=True)
class Provider:
    """Checked settings, and whether the provider is the stand-in."""

    settings: Settings
    is_stand_in: bool

    @property
    def name(self) -> str:
        """Identifies the provider, as response ids are valid only there."""
        settings = self.settings
        if self.is_stand_in:
            return STAND_IN
        return " ".join([settings.provider, settings.base_url, settings.project or ""]).strip()


def real(environment: Mapping[str, str], recipe_model: str | None) -> Provider:
    """The provider that the environment names. Raises `CommandError` that says what to set."""
    own = {**environment, **FOLDER_QUEUES}
    if recipe_model and not own.get("BACKBURNER_MODEL", "").strip():
        own["BACKBURNER_MODEL"] = recipe_model
    try:
        settings = from_env(own, needs_key=False)  # a missing key is told once, by `_key_missing`
    except ConfigError as error:
        raise CommandError(f"{error}{_key_missing(own)}\n{_REMEDY}") from error
    if not settings.api_key and not settings.api_key_secret:  # on Yandex Cloud a function needs none
        raise CommandError(f"Settings that cannot work:{_key_missing(own)}\n{_REMEDY}")
    return Provider(settings=settings, is_stand_in=False)


def _key_missing(environment: Mapping[str, str]) -> str:
    names = ("OPENAI_API_KEY", "BACKBURNER_API_KEY_SECRET")
    has_key = any(environment.get(name, "").strip() for name in names)
    return "" if has_key else "\n- OPENAI_API_KEY is not set: the provider's key. Nothing was sent anywhere"


@contextlib.contextmanager
def stand_in(environment: Mapping[str, str], kept: Path) -> Iterator[Provider]:
    """A stand-in that runs until the block ends, and knows earlier generations of any process from a file."""
    with contextlib.closing(KeptStandIn(kept, timing=_QUICK)) as provider, serve(provider) as running:
        given = {name: value for name, value in environment.items() if not name.startswith(_PROVIDER_PREFIXES)}
        model = environment.get("BACKBURNER_MODEL", "")
        try:
            settings = from_env(
                {
                    **_GENEROUS,
                    **given,
                    **FOLDER_QUEUES,
                    "BACKBURNER_PROVIDER": "openai",
                    "OPENAI_BASE_URL": running.base_url,
                    "OPENAI_API_KEY": "local",
                    "BACKBURNER_MODEL": model if model.startswith(MODEL) else MODEL,
                }
            )
        except ConfigError as error:
            raise CommandError(str(error)) from error
        yield Provider(settings=settings, is_stand_in=True)
