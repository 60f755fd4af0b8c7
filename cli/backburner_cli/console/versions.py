"""Earlier texts of a result, in a bucket that keeps versions; their metadata says which run wrote each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final, Protocol

import boto3.session
from botocore.exceptions import BotoCoreError, ClientError

from backburner.ledger.keys import OWNER
from backburner_cli.console.documents import MAX_READ_BYTES

MOST: Final = 20
"""How many versions of one result are read, the latest first."""


class Versions(Protocol):
    """Knows what was at a key before."""

    async def text(self, key: str, owner: str) -> str | None:
        """The text that a run wrote there; None if it is not kept, or may not be read."""


@dataclass(frozen=True)
class NoVersions:
    """A folder, which keeps no versions."""

    async def text(self, key: str, owner: str) -> str | None:  # noqa: ARG002 - the port's shape
        """None: nothing is kept."""
        return None


@dataclass(frozen=True, kw_only=True)
class BucketVersions:
    """An S3-compatible bucket that may keep versions."""

    bucket: str
    region: str | None

    async def text(self, key: str, owner: str) -> str | None:
        """Look at the versions, the latest first."""
        try:
            return await asyncio.to_thread(self._text, key, owner)
        except (BotoCoreError, ClientError):  # a store without versions, or no right to read them
            return None

    def _text(self, key: str, owner: str) -> str | None:
        client = boto3.session.Session(region_name=self.region).client("s3")
        try:
            told: Any = client.list_object_versions(Bucket=self.bucket, Prefix=key, MaxKeys=MOST)
            for version in told.get("Versions", ()):
                if version["Key"] != key or version["Size"] > MAX_READ_BYTES:
                    continue
                named: Any = {"Bucket": self.bucket, "Key": key, "VersionId": version["VersionId"]}
                if client.head_object(**named)["Metadata"].get(OWNER) == owner:
                    return str(client.get_object(**named)["Body"].read().decode(errors="replace"))
            return None
        finally:
            client.close()
