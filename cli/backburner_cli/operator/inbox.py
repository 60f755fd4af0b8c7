"""What an upload needs of a deployment: its bucket, and the ids of its jobs if all settings are known."""

from __future__ import annotations

import logging
import unicodedata
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec

from backburner.adapters.account import account
from backburner.adapters.http import Http
from backburner.adapters.storage import S3Bucket, store_calls
from backburner.documents.recipes import MAX_RECIPE_BYTES, fingerprint, model_in
from backburner.errors import BackburnerError, ConfigError
from backburner.ledger.keys import DEFAULT_RECIPE, RECIPES, OutputLocation, job_id, recipe_keys
from backburner.ledger.records import ErrorRecord, JobRecord, RunRecord, decode
from backburner.ports import Bucket, TooLargeError
from backburner.provider.profiles import resolve_model
from backburner.settings import Settings, from_env
from backburner_cli.operator.deployment import EXPORTED, HOW_TO_NAME
from backburner_cli.operator.files import PutError
from backburner_cli.terminal import reach_remedy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

R = TypeVar("R", bound=JobRecord)
_CONNECT_S, _READ_S, _TRIES = 5.0, 60.0, 5


@dataclass(frozen=True, kw_only=True)
class Inbox:
    """The bucket of a deployment. `settings` is None if only the bucket is named."""

    bucket: Bucket
    name: str
    """The bucket's name."""
    settings: Settings | None
    remedy: str = ""
    """What to check if it cannot be reached."""

    @property
    def default_model(self) -> str | None:
        """The model for recipes that name none; None if the settings are not known."""
        given = self.settings
        return None if given is None else resolve_model(given.profile, given.model, given.project)

    async def records(self, location: OutputLocation) -> list[RunRecord | ErrorRecord]:
        """The run and error records at a document's output location; one that cannot be decoded is skipped."""
        found = (
            await self._read(location.run_record_key, RunRecord),
            await self._read(location.error_record_key, ErrorRecord),
        )
        return [record for record in found if record is not None]

    async def recipe(self, name: str) -> bytes | None:
        """The bytes of a recipe; None if there is none, or it is too large."""
        for key in recipe_keys(name) if name else ():
            try:
                stored = await self.bucket.get(key, limit_bytes=MAX_RECIPE_BYTES)
            except TooLargeError:
                return None
            if stored is not None:
                return stored.body
        return None

    async def require_recipe(self, name: str) -> None:
        """Raise `PutError` if a recipe is named that is not there: its documents would fail as unknown_recipe."""
        recipe = unicodedata.normalize("NFC", name)
        if recipe in ("", DEFAULT_RECIPE):
            return
        for key in recipe_keys(recipe):
            if await self.bucket.head(key) is not None:
                return
        remedy = f"upload it first, to s3://{self.name}/{RECIPES}{recipe}.md; backburner recipes list shows them all"
        raise PutError(f"there is no recipe {recipe} in the bucket: {remedy}")

    def job_of(self, location: OutputLocation, etag: str, recipe: bytes | None) -> str | None:
        """The id of a document's job; None if the settings, and so the model, are not known."""
        if self.settings is None:
            return None
        settings = self.settings
        model = resolve_model(settings.profile, model_in(recipe) or settings.model, settings.project)
        return job_id(self.name, location.key, etag, fingerprint(recipe), model)

    async def _read(self, key: str, kind: type[R]) -> R | None:
        stored = await self.bucket.get(key)
        try:
            return decode(stored.body, kind) if stored else None
        except msgspec.DecodeError:
            return None


@asynccontextmanager
async def reach_inbox(environment: Mapping[str, str]) -> AsyncIterator[Inbox]:
    """The bucket while the block runs. Raises `PutError` with the remedy if it cannot be reached."""
    logging.getLogger("backburner").addHandler(logging.NullHandler())  # the command reports its progress itself
    name = environment.get(EXPORTED)
    if not name:
        raise PutError(f"{HOW_TO_NAME}; or export BACKBURNER_BUCKET, the bucket's name")
    try:
        cloud = account(environment)
        http = Http(connect_s=_CONNECT_S, read_s=_READ_S, ca_file=cloud.ca_file)
        try:
            bucket = S3Bucket(calls=store_calls(http, cloud, tries=_TRIES), name=name)
            yield Inbox(bucket=bucket, name=name, settings=_settings(environment), remedy=reach_remedy(environment))
        finally:
            await http.close()
    except BackburnerError as error:
        raise PutError(f"{error}: {reach_remedy(environment)}") from error


def _settings(environment: Mapping[str, str]) -> Settings | None:
    try:
        return from_env(environment, needs_key=False)
    except ConfigError:
        return None
