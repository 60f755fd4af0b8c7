"""The settings of this environment that a local cloud passes on to its functions, and names that nobody reads."""

from collections.abc import Mapping
from difflib import get_close_matches

from backburner import settings
from backburner.errors import ConfigError
from backburner.provider.profiles import Provider
from backburner_cli.local.provider import ELSEWHERE, REAL, ProviderError

_OURS = "BACKBURNER_"
_OF_THE_PROVIDER = frozenset(
    {
        "BACKBURNER_API_KEY_SECRET", "BACKBURNER_MODEL", "BACKBURNER_PROVIDER", "OPENAI_API_KEY", "OPENAI_BASE_URL",
        "OPENAI_ORG_ID", "OPENAI_PROJECT_ID",
    }
)  # fmt: skip
"""Chosen together, in `provider.py`."""


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """What the functions get as it stands here. Raises `ProviderError` with everything that cannot work."""
    own = ELSEWHERE.keys() | _OF_THE_PROVIDER
    found = {name: environment[name] for name in sorted(settings.names() - own) if environment.get(name, "").strip()}
    stand_in = {"BACKBURNER_PROVIDER": Provider.GENERIC, "BACKBURNER_MODEL": "m", "OPENAI_BASE_URL": "http://local/v1"}
    try:
        settings.from_env({**ELSEWHERE, **stand_in, "OPENAI_API_KEY": "k", **found})
    except ConfigError as error:
        raise ProviderError(str(error)) from error
    return found


def unread(environment: Mapping[str, str]) -> list[str]:
    """What to say about names that look like settings, and that nobody reads."""
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
    """What to say about settings that the local cloud chooses itself."""
    given = sorted(name for name in ELSEWHERE if environment.get(name, "").strip())
    said = [f"{', '.join(given)}: ignored, because the local cloud sets its own"] if given else []
    if not any(environment.get(name) for name in REAL):
        given = sorted(name for name in _OF_THE_PROVIDER - ELSEWHERE.keys() if environment.get(name, "").strip())
        said += [f"{', '.join(given)}: ignored, because the provider is the local stand-in"] if given else []
    return said
