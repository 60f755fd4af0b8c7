"""Addresses and credentials as boto3 reads them: from variables, files, and container services."""

import asyncio
import json
from pathlib import Path

import pytest

from backburner.adapters.account import account
from backburner.adapters.signing import Credentials
from backburner.errors import ConfigError, RetryLaterError
from support.proxy import Say, serve_proxy

KEYS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide this machine's own account, and do not wait for an absent metadata service."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE", *KEYS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.mark.parametrize(
    ("environment", "bucket_url", "sqs_url"),
    [
        (
            {"AWS_REGION": "eu-central-1"},
            "https://b.s3.eu-central-1.amazonaws.com",
            "https://sqs.eu-central-1.amazonaws.com",
        ),
        (
            {"AWS_DEFAULT_REGION": "cn-north-1"},
            "https://b.s3.cn-north-1.amazonaws.com.cn",
            "https://sqs.cn-north-1.amazonaws.com.cn",
        ),
        (
            {
                "AWS_REGION": "ru-central1",
                "AWS_ENDPOINT_URL_S3": "https://storage.yandexcloud.net",
                "AWS_ENDPOINT_URL_SQS": "https://message-queue.api.cloud.yandex.net/",
            },
            "https://storage.yandexcloud.net/b",
            "https://message-queue.api.cloud.yandex.net",
        ),
        (
            {"AWS_REGION": "x", "AWS_ENDPOINT_URL": "http://minio:9000", "AWS_ENDPOINT_URL_SQS": "http://elastic:9324"},
            "http://minio:9000/b",
            "http://elastic:9324",
        ),
    ],
)
def test_addresses_are_those_that_boto3_would_call(environment: dict[str, str], bucket_url: str, sqs_url: str) -> None:
    """At Amazon the bucket is part of the host name, elsewhere of the path."""
    configured = account(KEYS | environment)
    assert (configured.bucket_url("b"), configured.sqs_url) == (bucket_url, sqs_url)


def test_a_bucket_with_dots_is_in_the_path() -> None:
    """No certificate would cover it as a host name."""
    configured = account({"AWS_REGION": "eu-central-1", **KEYS})
    assert configured.bucket_url("a.b") == "https://s3.eu-central-1.amazonaws.com/a.b"


def test_a_region_whose_addresses_we_do_not_know_is_looked_up() -> None:
    """boto3 knows them all."""
    configured = account({"AWS_REGION": "us-iso-east-1", **KEYS})
    assert configured.bucket_url("b") == "https://b.s3.us-iso-east-1.c2s.ic.gov"


def test_a_missing_region_is_reported() -> None:
    """The message says what to set."""
    with pytest.raises(ConfigError, match="AWS_REGION"):
        account(KEYS)


def test_credentials_of_the_environment_are_read_for_each_call() -> None:
    """A role's key and token change during the function's life; an absent one is reported."""
    environment = {"AWS_REGION": "eu-central-1", **KEYS, "AWS_SESSION_TOKEN": "token"}
    configured = account(environment)
    assert asyncio.run(configured.credentials()) == Credentials("id", "secret", "token")
    environment |= {"AWS_ACCESS_KEY_ID": "new", "AWS_SESSION_TOKEN": ""}
    assert asyncio.run(configured.credentials()) == Credentials("new", "secret", None)
    del environment["AWS_SECRET_ACCESS_KEY"]
    with pytest.raises(RetryLaterError, match="AWS_SECRET_ACCESS_KEY"):
        asyncio.run(configured.credentials())


def test_a_profile_is_read_as_boto3_reads_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It gives keys, region, address, addressing style and certificates."""
    (tmp_path / "credentials").write_text("[work]\naws_access_key_id = of-work\naws_secret_access_key = hidden\n")
    (tmp_path / "config").write_text(
        "[profile work]\nregion = eu-west-1\nca_bundle = /certificates.pem\nendpoint_url = https://store.example\n"
        "s3 =\n    addressing_style = virtual\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "work")
    configured = account({"AWS_PROFILE": "work"})
    assert (configured.region, configured.ca_file) == ("eu-west-1", "/certificates.pem")
    assert configured.bucket_url("b") == "https://b.store.example"
    assert asyncio.run(configured.credentials()) == Credentials("of-work", "hidden", None)


def test_a_container_gets_its_credentials_from_its_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key is in the environment, and the service is asked once a minute at most."""
    given = {"AccessKeyId": "role", "SecretAccessKey": "s", "Token": "t", "Expiration": "2131-05-17T12:00:00Z"}
    with serve_proxy("http://127.0.0.1:1") as service:
        service.rule = lambda _: Say(200, json.dumps(given).encode(), {"Content-Type": "application/json"})
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{service.url}/credentials")
        configured = account({"AWS_REGION": "eu-central-1"})
        assert [asyncio.run(configured.credentials()) for _ in range(3)] == [Credentials("role", "s", "t")] * 3
        assert len(service.requests) == 1


def test_missing_credentials_are_reported() -> None:
    """They are an outage, not an absent object."""
    configured = account({"AWS_REGION": "eu-central-1"})
    with pytest.raises(RetryLaterError, match="no credentials"):
        asyncio.run(configured.credentials())
