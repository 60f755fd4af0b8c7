"""Our signatures equal botocore's, by the same specification, for any key, query, header and body."""

import hashlib
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import strategies as st

from backburner.adapters.signing import Credentials, Unsigned, signed

AT = datetime(2031, 5, 17, 12, 30, 1, tzinfo=UTC)
WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
NAMES = st.from_regex(r"x-amz-meta-[a-z0-9-]{1,10}", fullmatch=True)


def _botos_signature(request: Unsigned, sent: dict[str, str], who: Credentials) -> str:
    url = f"https://{request.host}{request.path}" + (f"?{request.query}" if request.query else "")
    headers = {name: value for name, value in sent.items() if name != "Authorization"}
    theirs: Any = AWSRequest(method=request.method, url=url, headers=headers)
    theirs.context["timestamp"] = sent["X-Amz-Date"]
    auth: Any = S3SigV4Auth(BotoCredentials(who.access_key, who.secret_key, who.token), "s3", "eu-central-1")
    return str(auth.signature(auth.string_to_sign(theirs, auth.canonical_request(theirs)), theirs))


@given(
    key=st.text(max_size=30),
    query=st.dictionaries(WORDS, st.text(max_size=20), max_size=3),
    metadata=st.dictionaries(NAMES, WORDS, max_size=3),
    body=st.binary(max_size=30),
    token=st.none() | WORDS,
    secret=WORDS,
)
def test_a_signature_is_the_one_that_botocore_makes(
    *, key: str, query: dict[str, str], metadata: dict[str, str], body: bytes, token: str | None, secret: str
) -> None:
    """A service that accepts one accepts the other."""
    key = key.encode(errors="replace").decode()
    path = "/bucket/" + quote(key, safe="/~")
    pairs = ((quote(k, safe="~"), quote(v, safe="~", errors="replace")) for k, v in query.items())
    asked = "&".join(f"{k}={v}" for k, v in sorted(pairs))
    who = Credentials("AKIDEXAMPLE", secret, token)
    headers = {"Content-Type": "text/plain; charset=utf-8", "If-None-Match": "*", **metadata}
    request = Unsigned("PUT", "store.example:9000", path, asked, headers, hashlib.sha256(body).hexdigest())
    sent = signed(request, who, service="s3", region="eu-central-1", at=AT)
    assert sent["Authorization"].rpartition("Signature=")[2] == _botos_signature(request, sent, who)
    assert sent.get("X-Amz-Security-Token") == token


def test_neither_key_nor_token_shows_in_what_is_printed() -> None:
    """Credentials end up in tracebacks sooner or later."""
    assert "secret" not in repr(Credentials("id", "secret-key", "secret-token"))
