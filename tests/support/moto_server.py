"""moto's server of S3 and SQS, in a fraction of its time: what it works out again for each request is remembered.

    with serve_moto(wrap) as endpoint: ...

Some things cost it more than the request itself. It looks through its own folder for the service that is meant; it
closes each connection, so that the next request needs a thread of its own; SQS counts a queue's messages for every
message that it hands out; each error looks for its shape among all errors, and each time in a list is parsed to be
written again as it was. Its answers are the same.
"""

import contextlib
import io
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from typing import Any

from moto.core import errors, responses, serialize, utils
from moto.moto_server import werkzeug_app
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.sqs import models
from moto.sqs.models import Message, SQSBackend
from werkzeug.serving import DechunkedInput, make_server

App = Callable[[dict[str, Any], Any], Any]


@contextlib.contextmanager
def serve_moto(wrap: Callable[[App], App]) -> Iterator[str]:
    """Run it on a free port of this machine while the block runs; its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = wrap(_Services(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_KeepsAlive)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Services(DomainDispatcherApplication):
    """Remembers which service is behind which name of a host."""

    def __init__(self, create_app: Any) -> None:
        super().__init__(create_app)
        self.get_backend_for_host = cache(super().get_backend_for_host)


class _KeepsAlive(MotoRequestHandler):
    """Takes many requests over one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def run_wsgi(self) -> None:
        """Read the whole request, answer it, and leave the connection as it was."""
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        environ = self.make_environ()
        length = int(self.headers.get("Content-Length") or 0)
        body = environ["wsgi.input"]
        if not isinstance(body, DechunkedInput):
            environ["wsgi.input"] = io.BytesIO(self.rfile.read(length))
        status, headers, content = self._answer(environ)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if "content-length" not in {name.lower() for name, _ in headers}:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _answer(self, environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
        """What the server says; where it breaks, that it broke."""
        started: list[tuple[str, list[tuple[str, str]]]] = []
        try:
            parts = self.server.app(environ, lambda status, headers, _=None: started.append((status, headers)))
            content = b"".join(parts)
        except Exception:  # noqa: BLE001 - as werkzeug does
            return 500, [], traceback.format_exc().encode()
        status, headers = started[-1]
        return int(status.split()[0]), headers, content


def _is_kept(queues: SQSBackend, name: str, message: Message) -> bool:
    """Whether a message is younger than its queue keeps messages."""
    kept_s: float = queues.get_queue(name).message_retention_period
    return bool(kept_s + message.sent_timestamp / 1000 > time.time())


SQSBackend.is_message_valid_based_on_retention_period = _is_kept
responses.method_names_from_class = cache(utils.method_names_from_class)
responses.camelcase_to_underscores = models.camelcase_to_underscores = cache(utils.camelcase_to_underscores)
models.unix_time, models.unix_time_millis = time.time, lambda: time.time() * 1000
errors.ErrorLookupFactory = cache(errors.ErrorLookupFactory)
serialize.parse_to_aware_datetime = lru_cache(10_000)(serialize.parse_to_aware_datetime)
werkzeug_app.DISABLE_GLOBAL_CORS = True
