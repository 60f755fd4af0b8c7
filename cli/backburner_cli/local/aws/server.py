"""Runs MiniStack as a child process that leaves nothing behind: no process, no folder, no port."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backburner_cli.local.aws.errors import LocalCloudError

REGION = "us-east-1"
MIN_SPACE_BYTES = 64 * 1024 * 1024
"""Needed in the temporary folder: 4 MB for the local cloud itself, the rest for documents and results."""
_START_LIMIT_S = 60
_STOP_LIMIT_S = 10
_SERVICES = "cloudformation,cloudwatch,events,iam,lambda,logs,s3,scheduler,secretsmanager,sqs,ssm,sts"
_PASSED_ON = (
    *("PATH", "LANG", "LC_ALL", "TZ", "SYSTEMROOT", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"),
)
"""What the server gets from the operator's environment: only the way to a real provider, since its functions see it."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running MiniStack: its address, and the credentials of the account's root."""

    endpoint: str
    access_key_id: str
    secret_access_key: str
    ca_bundle: Path
    folder: Path


@contextlib.contextmanager
def running_server(python: Path, *, port: int = 0, state: Path | None = None, workers: int) -> Iterator[Server]:
    """Run MiniStack under its own interpreter. `state` is a folder that keeps everything; None keeps nothing."""
    folder = Path(tempfile.mkdtemp(prefix="backburner-"))
    try:
        require_space(folder)
        server, process = _listen_and_start(python, folder, port, state, workers)
        try:
            _wait_till_healthy(server, process)
            yield server
        finally:
            _stop(process, save_state=state is not None)
    finally:
        for _ in range(3):  # a killed worker's last write may still arrive
            shutil.rmtree(folder, ignore_errors=True)


def require_space(folder: Path, min_bytes: int = MIN_SPACE_BYTES) -> None:
    """Raise `LocalCloudError` if a folder has less space, before writing there fails halfway."""
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < min_bytes:
        raise LocalCloudError(
            f"{folder.parent} has {free_bytes >> 20} MB free, the local cloud needs {min_bytes >> 20}: "
            "make room there, or name another folder in TMPDIR"
        )


def _listen_and_start(
    python: Path, folder: Path, port: int, state: Path | None, workers: int
) -> tuple[Server, subprocess.Popen[bytes]]:
    """Start it on a socket that we open: no port is guessed, and connections wait until MiniStack accepts them."""
    try:
        with socket.create_server(("127.0.0.1", port), backlog=512) as listener:
            server = _describe(folder, listener.getsockname()[1])
            return server, _start(python, server, listener, state, workers)
    except OSError as error:
        raise LocalCloudError(f"the local cloud cannot start on port {port or 'any'}: {error}") from error


def _describe(folder: Path, port: int) -> Server:
    return Server(
        endpoint=f"https://127.0.0.1:{port}",
        access_key_id="AKIA" + secrets.token_hex(8).upper(),
        secret_access_key=secrets.token_urlsafe(30),
        ca_bundle=folder / "authority.pem",
        folder=folder,
    )


def _start(
    python: Path, server: Server, listener: socket.socket, state: Path | None, workers: int
) -> subprocess.Popen[bytes]:
    (server.folder / "tmp").mkdir()
    with (server.folder / "server.log").open("wb") as log:
        return subprocess.Popen(
            [
                *(str(python), "-I", str(Path(__file__).with_name("ministack.py"))),
                *(str(listener.fileno()), str(server.folder), str(workers)),
            ],
            cwd=server.folder,
            env=_environment(server, state),
            stdin=subprocess.PIPE,  # never written to: it closes when we die, and ends the child
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[listener.fileno()],
            start_new_session=True,  # a group of its own: Ctrl-C reaches only us, and we end it with its workers
        )


def _environment(server: Server, state: Path | None) -> dict[str, str]:
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    beside = ",".join(filter(None, [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1,localhost"]))
    environment |= {"NO_PROXY": beside, "no_proxy": beside}
    environment |= {
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": server.access_key_id,
        "AWS_CA_BUNDLE": str(server.ca_bundle),
        "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
        "DOCKER_HOST": f"unix://{server.folder}/none",  # else it would remove containers that are not ours
        "GATEWAY_PORT": server.endpoint.rpartition(":")[2],
        "HOME": str(server.folder),
        "IOT_MTLS_ENABLED": "0",
        "LAMBDA_ACCOUNT_CONCURRENCY": "0",  # no limit here: ministack.py limits it and lets events wait
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "MINISTACK_SSL_CERT": str(server.folder / "server.pem"),
        "MINISTACK_SSL_KEY": str(server.folder / "server.key"),
        "PYTHONUNBUFFERED": "1",
        "SERVICES": _SERVICES,
        "SFTP_ENABLED": "0",
        "TMPDIR": str(server.folder / "tmp"),
        "USE_SSL": "1",
    }
    if state is not None:
        environment |= {"PERSIST_STATE": "1", "STATE_DIR": str(state / "services")}
        environment |= {"S3_PERSIST": "1", "S3_DATA_DIR": str(state / "objects")}
    return environment


def _wait_till_healthy(server: Server, process: subprocess.Popen[bytes]) -> None:
    """Make one request, which is answered once the server is up; any certificate will do, as ours is being made."""
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusting))
    try:
        opener.open(f"{server.endpoint}/_ministack/health", timeout=_START_LIMIT_S).close()
    except (OSError, urllib.error.URLError) as error:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)
        log = (server.folder / "server.log").read_text(errors="replace").strip()
        raise LocalCloudError(f"MiniStack did not start ({error}). The end of its log:\n{log[-2000:]}") from error


def _stop(process: subprocess.Popen[bytes], *, save_state: bool) -> None:
    """End the whole group; gracefully only if state is to be saved, since that is slow."""
    if save_state:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_LIMIT_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stdin is not None
    process.stdin.close()
