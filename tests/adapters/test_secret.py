"""The provider's key, or the IAM token in its place: read, kept, renewed, and reported if missing."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest

from backburner.adapters.secret import RENEW_S, ProviderKey
from backburner.errors import ConfigError, RetryLaterError
from backburner.settings import Settings, from_env

NOBODY = "127.0.0.1:9"
"""An address where no metadata service answers."""


def _settings(**more: str) -> Settings:
    queues = {f"BACKBURNER_{name}_QUEUE_URL": f"https://q/{name}" for name in ("PENDING", "BACKLOG", "DEAD")}
    return from_env(
        {"BACKBURNER_BUCKET": "b", "BACKBURNER_MODEL": "m", "OPENAI_PROJECT_ID": "folder", **queues, **more}
    )


def _context(**token: Any) -> SimpleNamespace:
    return SimpleNamespace(token={"access_token": "t1.secret", "token_type": "Bearer", **token})


def _key(**more: str) -> ProviderKey:
    return ProviderKey(settings=_settings(**more), metadata_address=NOBODY)


def test_a_configured_key_wins() -> None:
    """It does whether or not the call brings a token."""
    key = _key(OPENAI_API_KEY="sk-configured")
    for context in (None, SimpleNamespace(), _context(expires_in=1)):
        key.take(context)
        assert (key(), key.is_token) == ("sk-configured", False)


def test_the_token_of_the_last_call_is_the_key() -> None:
    """Each function call brings one; the one before may have expired while the instance slept."""
    key = _key()
    key.take(_context(expires_in=0))
    key.take(_context(access_token="t1.next", expires_in=43_200))
    assert key() == "t1.next"


def test_a_valid_token_serves_until_another_is_given() -> None:
    """The metadata service may not answer; a token that has not expired is still good."""
    key = _key()
    key.take(_context(expires_in=RENEW_S / 2))
    assert key() == "t1.secret"
    key.take(_context(expires_in=0))
    with pytest.raises(RetryLaterError, match="has expired"):
        key()


@pytest.mark.parametrize("context", [None, SimpleNamespace(), SimpleNamespace(token=None), SimpleNamespace(token={})])
def test_neither_key_nor_token_is_an_error_with_the_remedy(context: Any) -> None:
    """It is raised at once, not at the first create."""
    with pytest.raises(ConfigError, match="service account"):
        _key().take(context)


def test_a_token_is_never_shown() -> None:
    """It is not in the key object's text."""
    key = _key()
    key.take(_context(expires_in=43_200))
    assert "t1.secret" not in repr(key)
    assert "t1.secret" not in repr(dataclasses.replace(key))
