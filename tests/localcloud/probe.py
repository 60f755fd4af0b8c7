"""Deployed in the handlers' place: reports what a function sees and may do. All its imports are in the layer."""

import os
import urllib.request
from typing import Any
from urllib.parse import unquote_plus

import boto3
from botocore.exceptions import ClientError

import backburner

BUCKET = os.environ["BACKBURNER_BUCKET"]


def handler(event: dict[str, Any], context: Any) -> Any:
    """Note an upload in the ledger, or do what `event["ask"]` says."""
    match event:
        case {"Records": [{"s3": {"object": {"key": encoded}}}]}:
            return _note(unquote_plus(encoded))
        case {"ask": "rights", "attempts": attempts}:
            return [_attempt(*attempt) for attempt in attempts]
        case {"ask": "group"}:
            return os.getpgrp()
        case {"ask": "environment"}:
            return _environment(context)
    return None


def _note(key: str) -> None:
    if "unlucky" in key:
        raise ValueError(key)
    body = key.encode()
    boto3.client("s3").put_object(Bucket=BUCKET, Key=f"ledger/seen/{body.hex()[-200:]}", Body=body, IfNoneMatch="*")


def _attempt(service: str, method: str, arguments: dict[str, Any]) -> str:
    try:
        getattr(boto3.client(service), method)(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "ok"


def _environment(context: Any) -> dict[str, Any]:
    secret = boto3.client("secretsmanager").get_secret_value(SecretId=os.environ["BACKBURNER_API_KEY_SECRET"])
    with urllib.request.urlopen(os.environ["OPENAI_BASE_URL"] + "/responses", timeout=5) as answer:  # noqa: S310
        status = answer.status
    return {
        "variables": dict(os.environ),
        "secret": secret["SecretString"],
        "provider": status,
        "remaining_ms": context.get_remaining_time_in_millis(),
        "package": backburner.__doc__,
        "boto3": boto3.__file__,
    }
