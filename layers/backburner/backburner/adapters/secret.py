"""The provider's key: from the environment, from the secret store in the settings, or the IAM token of a call."""

import json
import math
import os
import threading
import time
from dataclasses import dataclass, field
from typing import Any, assert_never

from backburner.errors import ConfigError, RetryLaterError
from backburner.settings import KeyStore, Settings

RENEW_S = 600.0
"""A token that expires sooner is renewed; no call of a function takes this long."""
_METADATA_LIMIT_S = 2.0
_ASK_AGAIN_S = 30.0
"""How long to wait before asking the metadata service again; the old token is used meanwhile."""
_METADATA = "http://{address}/computeMetadata/v1/instance/service-accounts/default/token"


@dataclass(frozen=True)
class _Token:
    value: str = field(repr=False)
    ends_at: float
    """By the wall clock, which continues while an instance is suspended."""


@dataclass(kw_only=True)
class ProviderKey:
    """Returns the current key when called. Call `take` at the start of each call of the function."""

    settings: Settings
    metadata_address: str = field(default_factory=lambda: os.environ.get("YC_METADATA_ADDR", "169.254.169.254"))
    _token: _Token | None = field(default=None, repr=False)
    _ask_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def is_token(self) -> bool:
        """Whether no key is configured, so that the IAM token is used."""
        return not self.settings.api_key and not self.settings.api_key_secret

    def take(self, context: object) -> None:
        """Take the IAM token from a call on Yandex Cloud. Raises `ConfigError` if it is needed but missing."""
        if not self.is_token:
            return
        token = _token_of(getattr(context, "token", None))
        if token is None:
            raise ConfigError(
                "neither OPENAI_API_KEY nor BACKBURNER_API_KEY_SECRET is set, and the call has no IAM token: "
                "set the provider's key, or give the function a service account"
            )
        self._token = token

    def __call__(self) -> str:
        """The key. Raises `RetryLaterError` if the store or the cloud does not return it, `ConfigError` if empty."""
        return self._current_token() if self.is_token else api_key(self.settings)

    def _current_token(self) -> str:
        with self._lock:
            token, now = self._token, time.time()
            if (token is None or token.ends_at - now < RENEW_S) and now >= self._ask_at:
                token, self._ask_at = self._renewed() or token, now + _ASK_AGAIN_S
                self._token = token
        if token is None or token.ends_at <= now:
            raise RetryLaterError("the IAM token has expired, and the metadata service returns no new one")
        return token.value

    def _renewed(self) -> _Token | None:
        """A token from the metadata service, or None if it returns none."""
        import urllib.request  # noqa: PLC0415 - an idle tick has no use for it

        address = _METADATA.format(address=self.metadata_address)
        request = urllib.request.Request(address, headers={"Metadata-Flavor": "Google"})  # noqa: S310 - a constant
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=_METADATA_LIMIT_S) as answer:
                return _token_of(json.load(answer))
        except (OSError, ValueError):
            return None


def _token_of(answer: Any) -> _Token | None:
    """The token in a context or the metadata service's answer; without `expires_in` it serves until the next call."""
    match answer:
        case {"access_token": str(value), "expires_in": int() | float() as expires_s} if value:
            return _Token(value, time.time() + expires_s)
        case {"access_token": str(value)} if value:
            return _Token(value, math.inf)
        case _:
            return None


def api_key(settings: Settings) -> str:
    """The configured key. Raises `RetryLaterError` if the store does not return it, `ConfigError` if it is empty."""
    if settings.api_key:
        return settings.api_key
    name = settings.api_key_secret or ""
    key = secret(name, settings.api_key_store)
    if not key:
        raise ConfigError(f"the secret {name} is empty: put the provider's key into it")
    return key


def secret(name: str, store: KeyStore) -> str:
    """The secret with this name in a store. Raises `RetryLaterError` if the store does not return it."""
    from aws_lambda_powertools.utilities import parameters  # noqa: PLC0415 - only where a store is named
    from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError  # noqa: PLC0415

    try:
        match store:
            case KeyStore.PARAMETER_STORE:
                value = parameters.get_parameter(name, decrypt=True)
            case KeyStore.SECRETS_MANAGER:
                value = parameters.get_secret(name)
            case other:
                assert_never(other)
    except GetParameterError as error:
        raise RetryLaterError(f"the secret {name} cannot be read: does it exist, may this function read it?") from error
    return str(value).strip()
