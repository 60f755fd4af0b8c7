"""Uploading documents, and waiting for what becomes of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from backburner.records import ErrorRecord
from backburner_cli.watch import Watcher, describe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.console import Console

POLL_S = 1.0


class PutError(Exception):
    """The documents could not be uploaded, or some of them failed."""


def upload(out: Console, environment: Mapping[str, str], files: Sequence[Path], recipe: str, *, wait: bool) -> None:
    """Upload files to the inbox; with `wait`, show each result. Raises `PutError` if something failed."""
    bucket = environment.get("BACKBURNER_BUCKET")
    if not bucket:
        raise PutError("BACKBURNER_BUCKET is not set: the bucket's name (backburner up prints it, so does sam deploy)")
    folder = f"inbox/{recipe}/" if recipe else "inbox/"
    waiting: dict[str, str] = {}
    try:
        watcher = Watcher(boto3.session.Session(region_name=environment.get("AWS_REGION")).client("s3"), bucket)
        for path in files:
            key = folder + path.name
            waiting[key] = watcher.s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())["ETag"].strip('"')
            out.print(f"uploaded s3://{bucket}/{key}", markup=False)
        if wait:
            _await(out, watcher, waiting)
    except (BotoCoreError, ClientError) as error:
        raise PutError(f"{error}: are AWS_ENDPOINT_URL, AWS_REGION and the credentials set for this bucket?") from error


def _await(out: Console, watcher: Watcher, waiting: dict[str, str]) -> None:
    """Show what becomes of each document; Ctrl-C leaves the jobs to go on by themselves."""
    failed = 0
    with out.status("waiting for the results; Ctrl-C leaves the jobs to go on"):
        while waiting:
            for key, etag in list(waiting.items()):
                record = watcher.ended(key, etag)
                if record is None:
                    continue
                del waiting[key]
                failed += isinstance(record, ErrorRecord)
                for name, value in describe(record).items():
                    out.print(f"  {name:12} {value}", markup=False)
                if not isinstance(record, ErrorRecord):
                    out.print(watcher.text(record.result_key), markup=False)
            time.sleep(POLL_S)
    if failed:
        raise PutError(f"{failed} failed: their error records stand in failed/ and say why")
