"""MiniStack as the local cloud needs it: over TLS, on an inherited socket, limited, and ended with its parent.

`server.py` runs this file with MiniStack's own interpreter, which does not have our packages: only what is in that
environment may be imported here. Arguments: the listening socket's file descriptor, the temporary folder to remove if
the parent dies, the number of workers per function.
"""

import os
import runpy
import shutil
import signal
import sys
import threading
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_UNGUARDED = ("/_ministack/health", "/_ministack/cfn-")
"""Paths that need no token of ours: the health check, and CloudFormation's callbacks, which carry their own."""


def main() -> None:
    """Serve until the parent stops it or dies."""
    descriptor, folder, workers = sys.argv[1:]
    threading.Thread(target=_end_with_parent, args=(folder,), daemon=True).start()
    _write_certificates()
    _load_quietly()
    _guard(os.environ["AWS_SECRET_ACCESS_KEY"])
    _bound_workers(int(workers))
    _name_batches_as_aws_does()
    sys.argv = ["hypercorn", "ministack.app:app", "--bind", f"fd://{descriptor}", "--workers", "0"]
    sys.argv += ["--certfile", os.environ["MINISTACK_SSL_CERT"], "--keyfile", os.environ["MINISTACK_SSL_KEY"]]
    sys.argv += ["--graceful-timeout", "1", "--keep-alive", "75", "--log-level", "WARNING"]
    runpy.run_module("hypercorn", run_name="__main__")


def _end_with_parent(folder: str) -> None:
    """Wait for the end of stdin, which comes when the parent dies, however it dies; then kill the whole group."""
    sys.stdin.buffer.read()
    group = os.getpgrp()
    if os.fork() == 0:
        os.setsid()
        os.killpg(group, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)


def _load_quietly() -> None:
    """Import MiniStack under a log level that its workers do not inherit with our environment."""
    os.environ["LOG_LEVEL"] = "WARNING"
    import ministack.app  # type: ignore[import-not-found]  # noqa: F401, PLC0415 - reads the level as it is imported

    del os.environ["LOG_LEVEL"]


def _guard(token: str) -> None:
    """Serve only requests addressed to this machine, and MiniStack's own controls only with the bearer token.

    A web page in the operator's browser can send requests to 127.0.0.1: by a host name of its own that resolves to it,
    or to a control that needs no signature, such as `/_ministack/reset`.
    """
    from ministack import app as served  # noqa: PLC0415 - slow

    answer, bearer = served.app, f"Bearer {token}".encode()

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await answer(scope, receive, send)
            return
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").rsplit(":", 1)[0]
        is_control = scope["path"].startswith("/_ministack/") and not scope["path"].startswith(_UNGUARDED)
        allowed = not is_control or headers.get(b"authorization") == bearer
        if host in ("127.0.0.1", "localhost") and allowed:
            await answer(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
        why = b"Refused: the name of another host, or a control without the token."
        await send({"type": "http.response.body", "body": why})

    served.app = guarded


def _bound_workers(workers: int) -> None:
    """Let events wait for one of their function's workers.

    AWS keeps an asynchronous event for hours until there is capacity. MiniStack starts a process per event and drops
    what exceeds its limit after three quick tries: a burst of uploads would end in the dead-letter queue.
    """
    from ministack.services import lambda_svc  # type: ignore[import-not-found]  # noqa: PLC0415 - slow to import

    run = lambda_svc._execute_function_warm  # noqa: SLF001 - pinned release; tests/localcloud fails if it moves
    slots: defaultdict[str, threading.BoundedSemaphore] = defaultdict(lambda: threading.BoundedSemaphore(workers))

    def wait_and_run(func: dict[str, Any], event: object, request_id: str) -> object:
        with slots[(func.get("config") or func)["FunctionName"]]:
            return run(func, event, request_id)

    lambda_svc._execute_function_warm = wait_and_run  # noqa: SLF001


def _name_batches_as_aws_does() -> None:
    """Require `sqs:SendMessage` for sending a batch, and so on.

    MiniStack requires `sqs:SendMessageBatch`, which IAM does not have, so that the template's roles would be refused.
    """
    from ministack.core import iam_actions  # type: ignore[import-not-found]  # noqa: PLC0415 - slow to import

    extract = iam_actions.extract_iam_action

    def extract_and_rename(*request: object) -> str | None:
        action: str | None = extract(*request)
        return action.removesuffix("Batch") if action and action.startswith("sqs:") else action

    iam_actions.extract_iam_action = extract_and_rename


def _write_certificates() -> None:
    """Write a certificate for 127.0.0.1 and the authority that signed it, whose key is never written."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority_name = _name("Backburner local cloud, this run only")
    authority_id = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_id)
    authority = (
        _certificate(authority_name, authority_name, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(is_authority=True), critical=True)
        .add_extension(authority_id, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    server = (
        _certificate(_name("127.0.0.1"), authority_name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(is_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(issued_by, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    Path(os.environ["AWS_CA_BUNDLE"]).write_bytes(authority.public_bytes(pem))
    Path(os.environ["MINISTACK_SSL_CERT"]).write_bytes(server.public_bytes(pem))
    Path(os.environ["MINISTACK_SSL_KEY"]).write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _certificate(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=365))
    )


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


if __name__ == "__main__":
    main()
