"""Uploading documents, and waiting for what becomes of them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from backburner.errors import ConfigError
from backburner.ledger.keys import INBOX
from backburner.ledger.records import ErrorRecord, RunRecord
from backburner.provider.profiles import resolve_model
from backburner.settings import from_env
from backburner_cli.errors import CommandError
from backburner_cli.operator.uploads import Upload, Watcher, describe
from backburner_cli.terminal import printable, reach_remedy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Console

POLL_S = 1.0


class PutError(CommandError):
    """The documents could not be uploaded, or some of them failed."""


def upload(out: Console, environment: Mapping[str, str], files: Sequence[Path], recipe: str, *, wait: bool) -> None:
    """Upload files to the inbox; with `wait`, show each result. Raises `PutError` if something failed."""
    bucket = environment.get("BACKBURNER_BUCKET")
    if not bucket:
        raise PutError("BACKBURNER_BUCKET is not set: the bucket's name (backburner up prints it, so does sam deploy)")
    paths = keys_of(files, recipe, Path.cwd())
    waiting: list[Upload] = []
    try:
        watcher = Watcher(boto3.session.Session(region_name=environment.get("AWS_REGION")).client("s3"), bucket)
        for key, path in paths.items():
            waiting.append(watcher.upload(key, path, _default_model(environment) if wait else None))
            out.print(f"uploaded s3://{bucket}/{printable(key)}", markup=False)
        if wait:
            _await(out, watcher, waiting)
    except (BotoCoreError, ClientError) as error:
        raise PutError(f"{error}: {reach_remedy(environment)}") from error
    except OSError as error:
        raise PutError(f"{error.filename}: {error.strerror}") from error


def keys_of(files: Sequence[Path], recipe: str, here: Path) -> dict[str, Path]:
    """The files by their keys. Raises `PutError` where two files would share a key, or a name cannot be one.

    A file keeps its path below the current folder; one from elsewhere keeps it below the folder that all those have in
    common.
    """
    absolute = [Path(os.path.abspath(path)) for path in files]  # noqa: PTH100 - a link keeps the name it was given by
    elsewhere = [path for path in absolute if not path.is_relative_to(here)]
    common = Path(os.path.commonpath([path.parent for path in elsewhere])) if elsewhere else here
    found: dict[str, Path] = {}
    for path in absolute:
        name = path.relative_to(common if path in elsewhere else here).as_posix()
        # Directly in inbox/, a folder would be taken for the name of a recipe.
        folder = recipe or ("default" if "/" in name else "")
        key = f"{INBOX}{folder}/{name}" if folder else f"{INBOX}{name}"
        try:
            key.encode()
        except UnicodeEncodeError:
            raise PutError(f"{printable(str(path))}: its name is not UTF-8, so it cannot be a key: rename it") from None
        if found.setdefault(key, path) != path:
            raise PutError(f"{path} and {found[key]} would both become {key}: upload them one after the other")
    return found


def _default_model(environment: Mapping[str, str]) -> str | None:
    """The model of recipes that name none, where the environment tells it."""
    try:
        settings = from_env(environment, needs_key=False)
    except ConfigError:
        return None
    return resolve_model(settings.profile, settings.model, settings.project)


def _await(out: Console, watcher: Watcher, waiting: list[Upload]) -> None:
    """Show what becomes of each document; Ctrl-C leaves the jobs to go on by themselves."""
    failed = 0
    with out.status("waiting for the results; Ctrl-C leaves the jobs to go on"):
        while waiting:
            for upload, record in list(_ended(watcher, waiting)):
                waiting.remove(upload)
                if record is None:
                    out.print(f"  {printable(upload.key)} was replaced or removed meanwhile", markup=False)
                    continue
                failed += isinstance(record, ErrorRecord) or bool(record.lines and record.lines.failed)
                _show(out, watcher, record)
            if waiting:
                time.sleep(POLL_S)
    if failed:
        raise PutError(f"{failed} failed, in part or whole: what stands in failed/ says why")


def _ended(watcher: Watcher, waiting: Sequence[Upload]) -> Iterator[tuple[Upload, RunRecord | ErrorRecord | None]]:
    for upload in waiting:
        record = watcher.ended(upload)
        if record is not None:
            yield upload, record
        elif not watcher.is_current(upload):
            yield upload, None


def _show(out: Console, watcher: Watcher, record: RunRecord | ErrorRecord) -> None:
    for name, value in describe(record).items():
        out.print(f"  {name:12} {printable(str(value))}", markup=False)
    if isinstance(record, RunRecord):
        out.print(printable(watcher.text(record.result_key)), markup=False)
