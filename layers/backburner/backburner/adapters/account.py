"""The addresses of bucket and queues, and the credentials, as boto3 would read them from the environment.

The usual variables are read here. For everything else that boto3 knows (profiles, roles of containers and instances,
single sign-on, dual-stack addresses) boto3 itself is imported and asked.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backburner.adapters.signing import Credentials
from backburner.errors import ConfigError, RetryLaterError

if TYPE_CHECKING:
    import boto3.session

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_BOTO3_ONLY = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
)
"""If one of these is set, boto3 is asked."""
_SUFFIXES = {"cn-": "amazonaws.com.cn", "us-iso": "", "eu-iso": "", "eusc-": ""}
"""Domains of the regions outside `amazonaws.com`, by the region's prefix; "" if boto3 must be asked."""
_AWS_DOMAINS = (
    ".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".c2s.ic.gov", ".sc2s.sgov.gov", ".csp.hci.ic.gov",
    ".cloud.adc-e.uk",
)  # fmt: skip
"""Domains under which each bucket has its own host name."""
_CACHED_S = 60.0
"""How long boto3's credentials are reused; boto3 renews them a quarter of an hour before they expire."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """The addresses of both services, the region and the credentials."""

    region: str
    s3_url: str
    is_path_style: bool
    """Whether the bucket is named in the path rather than in the host name."""
    sqs_url: str
    ca_file: str | None
    credentials: Callable[[], Awaitable[Credentials]]

    def bucket_url(self, name: str) -> str:
        """A bucket's address; a key follows after a slash."""
        scheme, _, host = self.s3_url.partition("://")
        return f"{self.s3_url}/{name}" if self.is_path_style or "." in name else f"{scheme}://{name}.{host}"


def account(environment: Mapping[str, str]) -> Account:
    """Read an environment; makes no call yet. Raises `ConfigError` if no region is known."""
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    suffix = next((suffix for start, suffix in _SUFFIXES.items() if (region or "").startswith(start)), "amazonaws.com")
    s3_url, sqs_url = _endpoint(environment, "S3"), _endpoint(environment, "SQS")
    is_plain = region and all(map(environment.get, _KEYS)) and not any(map(environment.get, _BOTO3_ONLY))
    if not is_plain or not (suffix or (s3_url and sqs_url)) or _has_config_file(environment):
        return _boto3_account(region)
    assert region is not None
    return Account(
        region=region,
        s3_url=s3_url or f"https://s3.{region}.{suffix}",
        is_path_style=s3_url is not None,
        sqs_url=sqs_url or f"https://sqs.{region}.{suffix}",
        ca_file=environment.get("AWS_CA_BUNDLE") or None,
        credentials=lambda: _environment_credentials(environment),
    )


def address(environment: Mapping[str, str], service: str, variable: str, region: str) -> str:
    """The address of another service in a region: from `AWS_ENDPOINT_URL_<variable>`, the usual one, or from boto3."""
    suffix = next((suffix for start, suffix in _SUFFIXES.items() if region.startswith(start)), "amazonaws.com")
    if endpoint := _endpoint(environment, variable):
        return endpoint
    if suffix:
        return f"https://{service}.{region}.{suffix}"
    import boto3.session  # noqa: PLC0415 - only for regions with domains of their own

    session: Any = boto3.session.Session(region_name=region)
    return str(session.client(service).meta.endpoint_url).rstrip("/")


def _endpoint(environment: Mapping[str, str], service: str) -> str | None:
    url = environment.get(f"AWS_ENDPOINT_URL_{service}") or environment.get("AWS_ENDPOINT_URL")
    return url.rstrip("/") if url else None


def _has_config_file(environment: Mapping[str, str]) -> bool:
    """Whether the user has a config file, which may override the usual. A function has none, and perhaps no `HOME`."""
    home = environment.get("HOME")
    return bool(home) and (Path(str(home)) / ".aws" / "config").is_file()


async def _environment_credentials(environment: Mapping[str, str]) -> Credentials:
    """The credentials in the environment, read for each call, since they may be rotated there."""
    access_key, secret_key = map(environment.get, _KEYS)
    if not access_key or not secret_key:
        raise RetryLaterError(f"no credentials: {' and '.join(_KEYS)} are gone from the environment")
    return Credentials(access_key, secret_key, environment.get("AWS_SESSION_TOKEN") or None)


def _boto3_account(region: str | None) -> Account:
    import boto3.session  # noqa: PLC0415 - only where the usual variables are not enough
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    session = boto3.session.Session(region_name=region)
    try:
        s3, sqs = session.client("s3"), session.client("sqs")
    except (BotoCoreError, ValueError) as error:
        raise ConfigError(f"no client for bucket and queues: {error} Set AWS_REGION.") from error
    style: Any = (getattr(s3.meta.config, "s3", None) or {}).get("addressing_style")
    bundle = session._session.get_config_variable("ca_bundle")  # noqa: SLF001 - boto3 has no public name for it
    is_aws = s3.meta.endpoint_url.rstrip("/").endswith(_AWS_DOMAINS)
    return Account(
        region=s3.meta.region_name,
        s3_url=s3.meta.endpoint_url.rstrip("/"),
        is_path_style=style == "path" or (style != "virtual" and not is_aws),
        sqs_url=sqs.meta.endpoint_url.rstrip("/"),
        ca_file=bundle or None,
        credentials=_Boto3Credentials(session),
    )


@dataclass
class _Boto3Credentials:
    """The credentials that boto3 finds, renewed before they expire."""

    session: "boto3.session.Session"
    _kept: tuple[float, Credentials] | None = field(default=None, repr=False)

    async def __call__(self) -> Credentials:
        """Raises `RetryLaterError` if boto3 finds none."""
        if self._kept is None or time.time() - self._kept[0] > _CACHED_S:
            self._kept = time.time(), await asyncio.to_thread(self._found)
        return self._kept[1]

    def _found(self) -> Credentials:
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415

        try:
            found = self.session.get_credentials()
            frozen = found.get_frozen_credentials() if found else None
        except BotoCoreError as error:
            raise RetryLaterError(f"no credentials: {error}") from error
        if frozen is None or not frozen.access_key or not frozen.secret_key:
            raise RetryLaterError("no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile")
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token)
