"""Chooses the local cloud's provider: a real one that the environment names, or the stand-in."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from backburner.errors import ConfigError
from backburner.provider.profiles import PROFILES, Provider
from backburner.settings import from_env
from backburner_cli.errors import CommandError
from backburner_cli.standin import StandIn, Timing, serve

REAL = ("OPENAI_BASE_URL", "OPENAI_API_KEY", "BACKBURNER_MODEL")
"""If these are set, a real provider is used instead of the stand-in; the address may be the named provider's own."""
ELSEWHERE = {
    "BACKBURNER_BUCKET": "local",
    "BACKBURNER_PENDING_QUEUE_URL": "http://local/pending",
    "BACKBURNER_BACKLOG_QUEUE_URL": "http://local/backlog",
    "BACKBURNER_DEAD_QUEUE_URL": "http://local/dead",
    "BACKBURNER_TICKS_QUEUE_URL": "http://local/ticks",
    "BACKBURNER_API_KEY_SECRET": "",
}
"""The settings that the local cloud sets itself."""


@dataclass(frozen=True, kw_only=True)
class ChosenProvider:
    """The provider in use. `parameters` are the template's parameters that only this provider needs."""

    base_url: str
    api_key: str = field(repr=False)
    model: str
    profile: str
    parameters: dict[str, str]
    stand_in: StandIn | None


class ProviderError(CommandError):
    """The environment's settings for the provider are incomplete or wrong."""


@contextlib.contextmanager
def chosen_provider(
    environment: Mapping[str, str], rules: Literal["openai", "yandex"] = "openai"
) -> Iterator[ChosenProvider]:
    """The environment's provider, or a stand-in that follows `rules` and runs until the block ends.

    Raises `ProviderError`.
    """
    given = [name for name in REAL if environment.get(name)]
    if not given:
        with serve(StandIn(profile=rules, timing=Timing(), remembers=False)) as running:
            yield ChosenProvider(
                base_url=running.base_url,
                api_key="local",
                model="stand-in",
                profile=rules,
                parameters={"ProjectId": "local-folder"} if rules == "yandex" else {},
                stand_in=running.stand_in,
            )
        return
    needed = REAL[1:] if _has_address(environment) else REAL
    if missing := [name for name in needed if name not in given]:
        address = "; BACKBURNER_PROVIDER=openai or yandex needs no OPENAI_BASE_URL" if REAL[0] in missing else ""
        raise ProviderError(f"{', '.join(given)} set, but not {', '.join(missing)}: set all of them or none{address}")
    try:
        settings = from_env({**environment, **ELSEWHERE})
    except ConfigError as error:
        raise ProviderError(str(error)) from error
    yield ChosenProvider(
        base_url=settings.base_url,
        api_key=environment["OPENAI_API_KEY"],
        model=environment["BACKBURNER_MODEL"],
        profile=settings.provider,
        parameters={
            parameter: environment[name]
            for parameter, name in (("ProjectId", "OPENAI_PROJECT_ID"), ("OrgId", "OPENAI_ORG_ID"))
            if environment.get(name)
        },
        stand_in=None,
    )


def _has_address(environment: Mapping[str, str]) -> bool:
    """Whether the environment names a provider whose address is known."""
    named = environment.get("BACKBURNER_PROVIDER", "").strip()
    return any(named == each and PROFILES[each].base_url for each in Provider)
