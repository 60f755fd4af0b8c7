"""Where bucket and queues are and who is calling, as boto3 reads the environment.

The usual variables are read here. Whatever else boto3 knows (profiles, the roles of containers and instances, single
sign-on, dual-stack addresses) is asked of boto3 itself, which is imported for that alone.
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
_BOTOS_OWN = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
)
"""With one of these, boto3 is asked."""
_SUFFIXES = {"cn-": "amazonaws.com.cn", "us-iso": "", "eu-iso": "", "eusc-": ""}
"""Regions whose addresses end otherwise; "": boto3 knows how."""
_AMAZONS = (
    ".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".c2s.ic.gov", ".sc2s.sgov.gov", ".csp.hci.ic.gov",
    ".cloud.adc-e.uk",
)  # fmt: skip
"""Hosts whose buckets have a name of their own."""
_KEPT_S = 60.0
"""Credentials that boto3 gives are kept for so long; it renews them a quarter of an hour before they end."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """The addresses of both services, the region and the credentials."""

    region: str
    s3_url: str
    is_path_style: bool
    """Whether the bucket stands in the path rather than in the host's name."""
    sqs_url: str
    ca_file: str | None
    credentials: Callable[[], Awaitable[Credentials]]

    def bucket_url(self, name: str) -> str:
        """The address that a bucket's keys follow, with a slash between."""
        scheme, _, host = self.s3_url.partition("://")
        return f"{self.s3_url}/{name}" if self.is_path_style or "." in name else f"{scheme}://{name}.{host}"


def account(environment: Mapping[str, str]) -> Account:
    """Read an environment; reaches nothing yet. Raises `ConfigError` where no region is known."""
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    suffix = next((suffix for start, suffix in _SUFFIXES.items() if (region or "").startswith(start)), "amazonaws.com")
    s3_url, sqs_url = _told(environment, "S3"), _told(environment, "SQS")
    is_plain = region and all(map(environment.get, _KEYS)) and not any(map(environment.get, _BOTOS_OWN))
    if not is_plain or not (suffix or (s3_url and sqs_url)) or _has_config_file(environment):
        return _as_boto_says(region)
    assert region is not None
    return Account(
        region=region,
        s3_url=s3_url or f"https://s3.{region}.{suffix}",
        is_path_style=s3_url is not None,
        sqs_url=sqs_url or f"https://sqs.{region}.{suffix}",
        ca_file=environment.get("AWS_CA_BUNDLE") or None,
        credentials=lambda: _of_environment(environment),
    )


def address(environment: Mapping[str, str], service: str, variable: str, region: str) -> str:
    """Where another service of a region is: as `AWS_ENDPOINT_URL_<variable>` says, or as boto3 knows."""
    suffix = next((suffix for start, suffix in _SUFFIXES.items() if region.startswith(start)), "amazonaws.com")
    if told := _told(environment, variable):
        return told
    if suffix:
        return f"https://{service}.{region}.{suffix}"
    import boto3.session  # noqa: PLC0415 - only for regions whose addresses end otherwise

    session: Any = boto3.session.Session(region_name=region)
    return str(session.client(service).meta.endpoint_url).rstrip("/")


def _told(environment: Mapping[str, str], service: str) -> str | None:
    url = environment.get(f"AWS_ENDPOINT_URL_{service}") or environment.get("AWS_ENDPOINT_URL")
    return url.rstrip("/") if url else None


def _has_config_file(environment: Mapping[str, str]) -> bool:
    """Whether a file of the user's may say otherwise. A function has none, and perhaps no home either."""
    home = environment.get("HOME")
    return bool(home) and (Path(str(home)) / ".aws" / "config").is_file()


async def _of_environment(environment: Mapping[str, str]) -> Credentials:
    """Read anew for each call: where they rotate, they do so here."""
    access_key, secret_key = map(environment.get, _KEYS)
    if not access_key or not secret_key:
        raise RetryLaterError(f"no credentials: {' and '.join(_KEYS)} are gone from the environment")
    return Credentials(access_key, secret_key, environment.get("AWS_SESSION_TOKEN") or None)


def _as_boto_says(region: str | None) -> Account:
    import boto3.session  # noqa: PLC0415 - only where the environment does not say it all
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    session = boto3.session.Session(region_name=region)
    try:
        s3, sqs = session.client("s3"), session.client("sqs")
    except (BotoCoreError, ValueError) as error:
        raise ConfigError(f"no client for bucket and queues: {error} Set AWS_REGION.") from error
    style: Any = (getattr(s3.meta.config, "s3", None) or {}).get("addressing_style")
    bundle = session._session.get_config_variable("ca_bundle")  # noqa: SLF001 - boto3 has no word of its own for it
    is_amazons = s3.meta.endpoint_url.rstrip("/").endswith(_AMAZONS)
    return Account(
        region=s3.meta.region_name,
        s3_url=s3.meta.endpoint_url.rstrip("/"),
        is_path_style=style == "path" or (style != "virtual" and not is_amazons),
        sqs_url=sqs.meta.endpoint_url.rstrip("/"),
        ca_file=bundle or None,
        credentials=_Chain(session),
    )


@dataclass
class _Chain:
    """The credentials that boto3 finds, wherever it finds them; renewed in time."""

    session: "boto3.session.Session"
    _kept: tuple[float, Credentials] | None = field(default=None, repr=False)

    async def __call__(self) -> Credentials:
        """Who is calling. Raises `RetryLaterError` where boto3 finds nobody."""
        if self._kept is None or time.time() - self._kept[0] > _KEPT_S:
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
