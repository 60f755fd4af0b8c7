"""moto's server of S3 and SQS, made fast: its backends answer without the layers around them.

    with serve_moto(wrap) as endpoint: ...

Half of a test's time would go into repeated work for each request: HTTP itself, Flask's contexts, finding the service,
the address in several spellings, a random id whose 52 letters are drawn one by one. SQS counts a queue's messages for
every message that it returns; each error looks for its shape among all errors; and each time in a list is parsed and
written again as it was. The answers are the same.
"""

import contextlib
import io
import random
import string
import time
import traceback
from collections.abc import Callable, Iterator
from functools import cache, cached_property, lru_cache
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import ClientError
from moto import settings
from moto.core import errors, request, responses, serialize, utils
from moto.core.request import environ_key_for_header, should_preserve_original_header_name
from moto.moto_server import werkzeug_app
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.sqs import models
from moto.sqs.models import Message, SQSBackend
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter
from werkzeug.wrappers import Response

from support.plain_server import Connection, Headers, Incoming, Server, date, response, serving

Environ = dict[str, Any]
Answer = tuple[int, Headers, bytes]
App = Callable[[Environ], Answer]
_NAMES = request.PRESERVED_HEADER_NAMES_ENVIRON_KEY


@contextlib.contextmanager
def serve_moto(wrap: Callable[[App], App]) -> Iterator[str]:
    """Run the server on a free local port while the block runs, and give its address."""

    class Handler(_Handler):
        """The handler of this server."""

        app = staticmethod(wrap(_Services(create_backend_app)))

    with serving(Server(("127.0.0.1", 0), Handler)) as address:
        yield address


class _Request(request.Request):
    """A request that assembles its address once."""

    from_wsgi_server = True

    @cached_property
    def raw_url(self) -> str:  # type: ignore[override]
        """The address as it was received."""
        return f"http://{self.environ['HTTP_HOST']}{self.environ['RAW_URI']}"

    @property
    def url(self) -> str:  # type: ignore[override]
        """The same address: moto needs it only for signatures."""
        return self.raw_url


class _Services(DomainDispatcherApplication):
    """Remembers which service answers for which host name, and calls it without Flask."""

    def __init__(self, create_app: Any) -> None:
        super().__init__(create_app)
        self.get_backend_for_host = cache(super().get_backend_for_host)
        self._addresses = cache(self._bound)

    def __call__(self, environ: Environ) -> Answer:  # type: ignore[override]
        app = self.get_application(environ)
        asked = _Request(environ)
        try:
            endpoint, _ = self._addresses(app, environ["HTTP_HOST"]).match(asked.path, asked.method)
            answer = app.view_functions[endpoint].callback(asked, asked.raw_url, dict(iter(asked.headers)))
        except ClientError as error:
            answer = 400, {}, error.response["Error"]["Message"]
        except HTTPException as error:
            return _of_response(Response.force_type(error.get_response(environ), environ))
        status, headers, content = answer if len(answer) == 3 else (200, {}, answer)
        if isinstance(content, str):
            content = content.encode()
        named = [(name, str(value)) for name, value in headers.items()]
        if "content-type" not in {name.lower() for name, _ in named}:
            named.append(("Content-Type", "text/html; charset=utf-8"))
        return int(status), named, content

    def _bound(self, app: Any, host: str) -> MapAdapter:
        return app.url_map.bind(host)  # type: ignore[no-any-return]


def _of_response(made: Response) -> Answer:
    return made.status_code, list(made.headers), made.get_data()


class _Handler(Connection):
    """Handles many requests over one connection."""

    app: App

    def answer(self, request: Incoming) -> bytes:
        """The service's answer, or an error if the service breaks."""
        try:
            status, headers, content = self.app(_environ(request))
        except Exception:  # noqa: BLE001 - as werkzeug does
            status, headers, content = 500, [], traceback.format_exc().encode()
        headers.append(("Date", date()))
        if "content-length" not in {name.lower() for name, _ in headers}:
            headers.append(("Content-Length", str(len(content))))
        return response(status, headers, b"" if request.method == "HEAD" else content)


def _environ(request: Incoming) -> Environ:
    """A request as WSGI and moto need it: moto minds the spelling of metadata."""
    path, _, query = request.target.partition("?")
    names: dict[str, str] = {}
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(path).encode().decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": request.target,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.input_terminated": True,
        _NAMES: names,
    }
    for name, value in request.headers:
        key = environ_key_for_header(name)
        if "_" in name:
            if key in environ or not should_preserve_original_header_name(name):
                continue
            names[key] = name
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    environ["CONTENT_LENGTH"] = str(len(request.body))
    return environ


def _is_kept(queues: SQSBackend, name: str, message: Message) -> bool:
    """Whether a message is younger than its queue's retention period."""
    kept_s: float = queues.get_queue(name).message_retention_period
    return bool(kept_s + message.sent_timestamp / 1000 > time.time())


def _request_id(headers: dict[str, Any]) -> str:
    """A unique request id, which is added to the headers too."""
    headers["x-amzn-requestid"] = made = f"{random.getrandbits(208):052X}"
    return made


settings.S3_IGNORE_SUBDOMAIN_BUCKETNAME = True  # no host name here has a bucket's name in it
responses.gen_amzn_requestid_long = _request_id
SQSBackend.is_message_valid_based_on_retention_period = _is_kept
models.generate_receipt_handle = lambda: "".join(random.choices(string.ascii_lowercase, k=185))
responses.method_names_from_class = cache(utils.method_names_from_class)
responses.camelcase_to_underscores = models.camelcase_to_underscores = cache(utils.camelcase_to_underscores)
models.unix_time, models.unix_time_millis = time.time, lambda: time.time() * 1000
errors.ErrorLookupFactory = cache(errors.ErrorLookupFactory)
serialize.parse_to_aware_datetime = lru_cache(10_000)(serialize.parse_to_aware_datetime)
werkzeug_app.DISABLE_GLOBAL_CORS = True
