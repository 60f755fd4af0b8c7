"""What an upload needs of a deployment: its bucket, and the ids of its jobs where all settings are known."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import boto3
import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from backburner.adapters.storage import S3Bucket
from backburner.documents.recipes import MAX_RECIPE_BYTES, fingerprint, model_in
from backburner.errors import BackburnerError, ConfigError
from backburner.ledger.keys import OutputLocation, job_id, recipe_keys
from backburner.ledger.records import ErrorRecord, JobRecord, RunRecord, decode
from backburner.ports import TooLargeError
from backburner.provider.profiles import resolve_model
from backburner.settings import Settings, from_env
from backburner_cli.operator.deployment import EXPORTED, HOW_TO_NAME
from backburner_cli.operator.files import PutError
from backburner_cli.terminal import reach_remedy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

R = TypeVar("R", bound=JobRecord)
_THREADS = 16
_NETWORK = Config(
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=_THREADS,
    retries={"mode": "standard", "max_attempts": 5},
    request_checksum_calculation="when_required",  # S3-compatible services need not know Amazon's newer checksums
    response_checksum_validation="when_required",
)


@dataclass(frozen=True, kw_only=True)
class Inbox:
    """The bucket of a deployment. `settings` is None where only the bucket is named."""

    bucket: S3Bucket
    settings: Settings | None

    @property
    def name(self) -> str:
        """The bucket's."""
        return self.bucket.name

    @property
    def default_model(self) -> str | None:
        """The model of recipes that name none; None where it is not known here."""
        given = self.settings
        return None if given is None else resolve_model(given.profile, given.model, given.project)

    async def records(self, place: OutputLocation) -> list[RunRecord | ErrorRecord]:
        """Those that stand at a document's place; one that cannot be read is passed over."""
        found = await self._read(place.run_record_key, RunRecord), await self._read(place.error_record_key, ErrorRecord)
        return [record for record in found if record is not None]

    async def recipe(self, name: str) -> bytes | None:
        """The bytes of a recipe, None where there is none or it is too large to be one."""
        for key in recipe_keys(name) if name else ():
            try:
                stored = await self.bucket.get(key, limit_bytes=MAX_RECIPE_BYTES)
            except TooLargeError:
                return None
            if stored is not None:
                return stored.body
        return None

    def job_of(self, place: OutputLocation, etag: str, recipe: bytes | None) -> str | None:
        """The id of a document's job; None where the model that it is made of is not known here."""
        if self.settings is None:
            return None
        settings = self.settings
        model = resolve_model(settings.profile, model_in(recipe) or settings.model, settings.project)
        return job_id(self.name, place.key, etag, fingerprint(recipe), model)

    async def _read(self, key: str, kind: type[R]) -> R | None:
        stored = await self.bucket.get(key)
        try:
            return decode(stored.body, kind) if stored else None
        except msgspec.DecodeError:
            return None


@contextmanager
def reach_inbox(environment: Mapping[str, str]) -> Iterator[Inbox]:
    """The bucket while the block runs. Raises `PutError` with the remedy where it cannot be reached."""
    logging.getLogger("backburner").addHandler(logging.NullHandler())  # the command says what it does itself
    name = environment.get(EXPORTED)
    if not name:
        raise PutError(f"BACKBURNER_BUCKET is not set. {HOW_TO_NAME}; or export the bucket's name")
    try:
        region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
        client = boto3.session.Session(region_name=region).client("s3", config=_NETWORK)
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="backburner") as threads:
            yield Inbox(bucket=S3Bucket(client=client, name=name, threads=threads), settings=_settings(environment))
    except (BotoCoreError, BackburnerError) as error:
        raise PutError(f"{error}: {reach_remedy(environment)}") from error


def _settings(environment: Mapping[str, str]) -> Settings | None:
    try:
        return from_env(environment, needs_key=False)
    except ConfigError:
        return None
