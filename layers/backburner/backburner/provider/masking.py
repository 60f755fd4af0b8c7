"""Masks keys and tokens in a provider's messages: some services repeat the header or body that they refuse."""

import re
from collections.abc import Collection

_MASK = "***"
_MIN_SECRET_CHARS = 4
"""A shorter key would mask half of the message."""
_SECRETS = re.compile(
    r"""
      (?P<name> (?<![\w-]) (?:x-)? (?:api[-_ ]?key|authorization|access[-_ ]?token|secret|password)
        ["']? \s*[:=]\s* ["']? (?:(?:bearer|basic|api-key)\s+)? ) [^\s"',;}&]{4,}             # a named value
    | (?P<scheme> \b bearer \s+ ) [\w.~+/=-]{4,}                      # a header's value
    | (?P<kind> \b api-key \s+ ) [\w.~+/=-]{16,}
    | \b (?:sk|pk|rk|gsk|hf|xai|nvapi|or) [-_] [\w-]{8,}              # keys of OpenAI, its likes, Hugging Face
    | \b AQVN [\w-]{16,}                                              # API keys of Yandex Cloud
    | \b t1\. [\w=-]{8,} (?:\.[\w=-]+)*                               # IAM tokens
    | \b eyJ [\w-]{8,} (?:\.[\w-]+)+                                  # JSON web tokens
    """,
    re.IGNORECASE | re.VERBOSE,
)


def masked(words: str, secrets: Collection[str] = ()) -> str:
    """A message in which these secrets, and everything else like a key or token, are replaced by stars."""
    for secret in secrets:
        if len(secret) >= _MIN_SECRET_CHARS:
            words = words.replace(secret, _MASK)
    return _SECRETS.sub(lambda found: (found["name"] or found["scheme"] or found["kind"] or "") + _MASK, words)
