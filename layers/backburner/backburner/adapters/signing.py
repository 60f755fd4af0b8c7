"""Signature Version 4, which proves to S3 and SQS who is calling."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

import msgspec


@dataclass(frozen=True)
class Credentials:
    """Who is calling."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    """The session token of temporary credentials."""


class Unsigned(msgspec.Struct, frozen=True):
    """A request as it will be sent: path and query encoded, the query sorted by name."""

    method: str
    host: str
    path: str
    query: str
    headers: Mapping[str, str]
    body_sha256: str


def signed(request: Unsigned, who: Credentials, *, service: str, region: str, at: datetime) -> dict[str, str]:
    """The request's headers with the signature; all given headers are signed."""
    stamp = _stamp(at.replace(microsecond=0))
    sent = {**request.headers, "Host": request.host, "X-Amz-Date": stamp, "X-Amz-Content-SHA256": request.body_sha256}
    if who.token:
        sent["X-Amz-Security-Token"] = who.token
    lines = sorted([(name.lower(), " ".join(value.split())) for name, value in sent.items()])
    names = ";".join([name for name, _ in lines])
    headers = "\n".join([f"{name}:{value}" for name, value in lines])
    canonical = f"{request.method}\n{request.path}\n{request.query}\n{headers}\n\n{names}\n{request.body_sha256}"
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(_key(who.secret_key, stamp[:8], region, service), text.encode(), "sha256").hex()
    told = f"Credential={who.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**sent, "Authorization": f"AWS4-HMAC-SHA256 {told}"}


@lru_cache(maxsize=8)
def _stamp(at: datetime) -> str:
    return at.strftime("%Y%m%dT%H%M%SZ")


@lru_cache(maxsize=8)
def _key(secret_key: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
