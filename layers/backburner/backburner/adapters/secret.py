"""The provider's key: from the environment, from the secret store that the settings name, or a call's own IAM token."""

import json
import math
import os
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from typing import Any, assert_never

from backburner.errors import ConfigError, RetryLaterError
from backburner.settings import KeyStore, Settings

RENEW_S = 600.0
"""A token that ends sooner is replaced: longer than any call of a function takes."""
_METADATA_LIMIT_S = 2.0
_ASK_AGAIN_S = 30.0
"""Where the metadata service gave nothing: what is left of the old token serves meanwhile."""
_METADATA = "http://{address}/computeMetadata/v1/instance/service-accounts/default/token"


@dataclass(frozen=True)
class _Token:
    value: str = field(repr=False)
    ends_at: float
    """On the wall clock: that of a suspended instance goes on."""


@dataclass(kw_only=True)
class ProviderKey:
    """The key, whenever it is asked for. Call `take` at the start of each call of the function."""

    settings: Settings
    metadata_address: str = field(default_factory=lambda: os.environ.get("YC_METADATA_ADDR", "169.254.169.254"))
    _token: _Token | None = field(default=None, repr=False)
    _ask_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def is_token(self) -> bool:
        """Whether no key is configured, so that the IAM token serves."""
        return not self.settings.api_key and not self.settings.api_key_secret

    def take(self, context: object) -> None:
        """Take the IAM token that a call on Yandex Cloud brings. Raises `ConfigError` if it is needed and missing."""
        if not self.is_token:
            return
        token = _token_of(getattr(context, "token", None))
        if token is None:
            raise ConfigError(
                "neither OPENAI_API_KEY nor BACKBURNER_API_KEY_SECRET is set, and the call brings no IAM token: "
                "set the provider's key, or give the function a service account"
            )
        self._token = token

    def __call__(self) -> str:
        """The key. Raises `RetryLaterError` where a store or the cloud does not give it, `ConfigError` if empty."""
        return self._current_token() if self.is_token else api_key(self.settings)

    def _current_token(self) -> str:
        with self._lock:
            token, now = self._token, time.time()
            if (token is None or token.ends_at - now < RENEW_S) and now >= self._ask_at:
                token, self._ask_at = self._renewed() or token, now + _ASK_AGAIN_S
                self._token = token
        if token is None or token.ends_at <= now:
            raise RetryLaterError("the IAM token has ended, and the metadata service gives no other")
        return token.value

    def _renewed(self) -> _Token | None:
        """A token from the metadata service, None where it gives none."""
        address = _METADATA.format(address=self.metadata_address)
        request = urllib.request.Request(address, headers={"Metadata-Flavor": "Google"})  # noqa: S310 - a constant
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=_METADATA_LIMIT_S) as answer:
                return _token_of(json.load(answer))
        except (OSError, ValueError):
            return None


def _token_of(told: Any) -> _Token | None:
    """A token as context and metadata service tell it; without its length of life it lasts this call."""
    match told:
        case {"access_token": str(value), "expires_in": int() | float() as expires_s} if value:
            return _Token(value, time.time() + expires_s)
        case {"access_token": str(value)} if value:
            return _Token(value, math.inf)
        case _:
            return None


def api_key(settings: Settings) -> str:
    """The configured key. Raises `RetryLaterError` where the store does not give it, `ConfigError` if it is empty."""
    if settings.api_key:
        return settings.api_key
    name = settings.api_key_secret or ""
    key = secret(name, settings.api_key_store)
    if not key:
        raise ConfigError(f"the secret {name} is empty: put the provider's key into it")
    return key


def secret(name: str, store: KeyStore) -> str:
    """What a store keeps under a name. Raises `RetryLaterError` where it does not give it."""
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
