"""The settings that a local cloud passes on to its functions, and those that have no effect."""

from collections.abc import Mapping
from difflib import get_close_matches

from backburner import settings
from backburner.errors import ConfigError
from backburner.provider.profiles import Provider
from backburner_cli.local.provider import ELSEWHERE, REAL, ProviderError

_OURS = "BACKBURNER_"
_PROVIDER_SETTINGS = frozenset(
    {
        "BACKBURNER_API_KEY_SECRET", "BACKBURNER_MODEL", "BACKBURNER_PROVIDER", "OPENAI_API_KEY", "OPENAI_BASE_URL",
        "OPENAI_ORG_ID", "OPENAI_PROJECT_ID",
    }
)  # fmt: skip
"""Handled together, in `provider.py`."""


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings that the functions get from this environment. Raises `ProviderError` with all that cannot work."""
    own = ELSEWHERE.keys() | _PROVIDER_SETTINGS
    found = {name: environment[name] for name in sorted(settings.names() - own) if environment.get(name, "").strip()}
    stand_in = {"BACKBURNER_PROVIDER": Provider.GENERIC, "BACKBURNER_MODEL": "m", "OPENAI_BASE_URL": "http://local/v1"}
    try:
        settings.from_env({**ELSEWHERE, **stand_in, "OPENAI_API_KEY": "k", **found})
    except ConfigError as error:
        raise ProviderError(str(error)) from error
    return found


def unread(environment: Mapping[str, str]) -> list[str]:
    """Warnings about variables that look like settings but are not."""
    known = settings.names()
    said = []
    for name in sorted(name for name in environment if name.startswith(_OURS) and name not in known):
        ends = [each.removeprefix(_OURS) for each in known]
        close = get_close_matches(name.removeprefix(_OURS), ends, n=1, cutoff=0.75)
        said.append(
            f"{name} is not a setting" + (f": did you mean {_OURS}{close[0]}?" if close else " and has no effect")
        )
    return said


def set_aside(environment: Mapping[str, str]) -> list[str]:
    """Warnings about settings that the local cloud sets itself."""
    given = sorted(name for name in ELSEWHERE if environment.get(name, "").strip())
    said = [f"{', '.join(given)}: ignored, because the local cloud sets its own"] if given else []
    if not any(environment.get(name) for name in REAL):
        given = sorted(name for name in _PROVIDER_SETTINGS - ELSEWHERE.keys() if environment.get(name, "").strip())
        said += [f"{', '.join(given)}: ignored, because the provider is the local stand-in"] if given else []
    return said
