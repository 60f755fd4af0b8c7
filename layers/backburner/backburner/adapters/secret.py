"""The provider's key: from the environment, or from the secret store that the settings name; fetched once."""

from backburner.errors import ConfigError, RetryLaterError
from backburner.settings import Settings


def api_key(settings: Settings) -> str:
    """The key. Raises `RetryLaterError` where the store does not give it, `ConfigError` where it is empty."""
    if settings.api_key:
        return settings.api_key
    name = settings.api_key_secret or ""
    from aws_lambda_powertools.utilities import parameters  # noqa: PLC0415 - only where a store is named
    from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError  # noqa: PLC0415

    try:
        if name.startswith(("/", "arn:aws:ssm:")):
            value = parameters.get_parameter(name, decrypt=True)
        else:
            value = parameters.get_secret(name)
    except GetParameterError as error:
        raise RetryLaterError(f"the secret {name} cannot be read: does it exist, may this function read it?") from error
    key = str(value).strip()
    if not key:
        raise ConfigError(f"the secret {name} is empty: put the provider's key into it")
    return key
