"""Reads uploaded lines of a batch, in the OpenAI Batch API's format, and turns them into requests.

A line has a `custom_id` and either a whole request (`method`, `url`, `body`) or only an `input`, which is run with the
folder's recipe. A request for a chat completion is converted, and answered with a chat completion. An error affects
only its own line, and names it by its number, counted from 1.
"""

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from backburner.batch.chat_request import ChatLineError, responses_body
from backburner.batch.parameters import OURS, is_cap, not_allowed, shows_pictures, without_idle_choice
from backburner.documents.recipes import Recipe
from backburner.documents.tokens import known_of
from backburner.errors import Reason
from backburner.provider.profiles import Profile, request_body, resolve_model

SUFFIX = ".jsonl"
URL = "/v1/responses"
CHAT_URL = "/v1/chat/completions"
_CHAT_URLS = frozenset({CHAT_URL, "/chat/completions"})
"""The second form is used in batch files for Azure."""
UNSUPPORTED_URLS = {
    "/embeddings": "an embedding is not generated text, so a background generation cannot make it",
    "/completions": f"a bare prompt is not a conversation: write it as a user's message for {CHAT_URL}, or as the "
    f"input of a line for {URL}",
}
"""Other endpoints that batch files are written for, with `/v1` or, for Azure, without, and why they are not run."""
MAX_DEPTH = 100
"""How deep objects and lists may nest in a body or an input; the encoder of requests gives up at about 900."""
MAX_MODEL_CHARS = 256
MAX_LINE_BYTES = 4 * 1024 * 1024
"""A longer line is an error: no request needs that much, and a segment is held in memory."""
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_ESCAPES = re.compile(
    rb"(?:\\[^u])+|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
"""The escapes of a JSON text that matter here: `half` is a surrogate without its other half."""


class BadLineError(Exception):
    """A line that cannot become a request. `code`, message and `param` go into the file of failed lines."""

    def __init__(self, code: str, message: str, custom_id: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.code, self.custom_id, self.param = code, custom_id, param


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    custom_id: str
    method: str = "POST"
    url: str | None = None
    body: dict[str, Any] | None = None
    input: str | list[Any] | None = None

    @property
    def is_chat(self) -> bool:
        """Whether its body is a chat completion request: by its url or, without one, by having messages."""
        return self.body is not None and (self.url in _CHAT_URLS or (self.url is None and "messages" in self.body))


class _Named(msgspec.Struct, frozen=True, kw_only=True):
    custom_id: str


L = TypeVar("L", _Line, _Named)


@dataclass(frozen=True, kw_only=True)
class Request:
    """One line that can be run: the body of `POST /responses`, and whether the line contained it whole (`is_given`).

    `is_chat` says whether it was a chat completion request, which is answered as such.
    """

    custom_id: str
    body: dict[str, Any]
    is_given: bool
    is_chat: bool = False


@dataclass(frozen=True, kw_only=True)
class Requests:
    """Turns lines into requests, with what they need from provider and recipe."""

    profile: Profile
    recipe: Recipe
    model: str
    project: str | None
    job: str
    also_allowed: frozenset[str] = frozenset()
    """Parameters that the operator allows in lines, besides those of `parameters.ALLOWED`."""
    sighted: Mapping[str, bool] = field(default_factory=dict)
    """Which models are known to see pictures, and which not to, by the beginning of their names."""

    def of(self, raw: bytes | None, cap: int | None = None, *, is_repeated: bool = False) -> Request:
        """The request of a line; `cap` replaces its own cap of output tokens.

        Raises `BadLineError`, also if the line is gone (None) or an earlier line has its custom_id.
        """
        if raw is None:
            raise BadLineError(Reason.SOURCE_MISSING, "the batch was removed before this line was started")
        line = _parsed(raw.removeprefix(codecs.BOM_UTF8))
        if is_repeated:
            raise BadLineError("duplicate_custom_id", "an earlier line has this custom_id", line.custom_id)
        if line.body is None:
            body = self._by_recipe(line, cap)
        else:
            given = self._from_chat(line.body, line.custom_id) if line.is_chat else line.body
            body = self._as_given(without_idle_choice(given), line.custom_id)
            body |= {"max_output_tokens": cap} if cap else {}
        self._must_see(body, line)
        return Request(custom_id=line.custom_id, body=body, is_given=line.body is not None, is_chat=line.is_chat)

    def _must_see(self, body: dict[str, Any], line: _Line) -> None:
        """Refuse pictures and PDFs for a model that is known not to see: some services would answer without them."""
        if known_of(self.sighted, body["model"]) is False and shows_pictures(body.get("input")):
            message = (
                f"it shows a picture or a PDF, and {body['model']} does not see: name a model that does or, if this "
                "one does, name it in BACKBURNER_VISION_MODELS"
            )
            raise BadLineError(
                Reason.VISION_UNSUPPORTED, message, line.custom_id, "messages" if line.is_chat else "input"
            )

    def _from_chat(self, chat: dict[str, Any], custom_id: str) -> dict[str, Any]:
        try:
            return responses_body(chat, self.also_allowed)
        except ChatLineError as error:
            raise BadLineError(error.code, str(error), custom_id, error.param) from error

    def _by_recipe(self, line: _Line, cap: int | None) -> dict[str, Any]:
        if line.input is None or not line.input:
            raise BadLineError("missing_required_parameter", "it has neither a body nor an input", line.custom_id)
        if self.recipe.has_quotes:
            message = "the recipe's schema has x-quote, and quotes are not checked in batches: take a recipe without it"
            raise BadLineError(Reason.INVALID_RECIPE, message, line.custom_id)
        self._check_parameters({"input": line.input}, line.custom_id)
        cap = cap or self.recipe.max_output_tokens
        body = request_body(self.profile, self.recipe, model=self.model, job=self.job, text="", max_output_tokens=cap)
        return body | {"input": line.input}

    def _as_given(self, given: dict[str, Any], custom_id: str) -> dict[str, Any]:
        self._check_parameters(given, custom_id)
        if not given.get("input") and not given.get("prompt"):
            raise BadLineError("missing_required_parameter", "its body has no input", custom_id, "input")
        model = given.get("model", self.model)
        if not isinstance(model, str) or not model or len(model) > MAX_MODEL_CHARS:
            message = f"its body's model is not a name of at most {MAX_MODEL_CHARS} characters"
            raise BadLineError("invalid_request", message, custom_id, "model")
        bound = given.get("max_output_tokens")
        if bound is not None and not is_cap(bound):
            message = f"max_output_tokens is {str(bound)[:40]!r}: a whole number above 0"
            raise BadLineError("invalid_request", message, custom_id, "max_output_tokens")
        refused = self.profile.refuses | (frozenset() if self.profile.metadata else {"metadata"})
        left_out = OURS | (refused - self.also_allowed)
        body = {name: value for name, value in given.items() if name not in left_out}
        body |= {"model": resolve_model(self.profile, model, self.project), "background": True}
        return body | ({"store": True} if self.profile.store else {})

    def _check_parameters(self, body: dict[str, Any], custom_id: str) -> None:
        name = not_allowed(body, self.also_allowed)
        if name is not None:
            message = f"a line may not bring {name[:80]!r}: the operator allows it with BACKBURNER_LINE_PARAMETERS"
            raise BadLineError("parameter_not_allowed", message, custom_id, name[:80])


def custom_id_of(raw: bytes) -> str | None:
    """The `custom_id` of a line, read without the rest; None if it has none."""
    try:
        return _decoded(raw.removeprefix(codecs.BOM_UTF8), _Named).custom_id
    except _NOT_JSON:
        return None


def _decoded(raw: bytes, wanted: type[L]) -> L:
    """A line as JSON. Half a character, as programs write it that cut a text within an emoji, becomes U+FFFD."""
    try:
        return msgspec.json.decode(raw, type=wanted)
    except msgspec.DecodeError:
        whole = _ESCAPES.sub(lambda found: b"\\ufffd" if found["half"] else found[0], raw)
        if whole == raw:
            raise
        return msgspec.json.decode(whole, type=wanted)


def _parsed(raw: bytes) -> _Line:
    custom_id = custom_id_of(raw)
    if len(raw) > MAX_LINE_BYTES:
        raise BadLineError("line_too_large", f"{len(raw)} bytes: at most {MAX_LINE_BYTES} are read", custom_id)
    try:
        line = _decoded(raw, _Line)
        raw.decode()
    except _NOT_JSON as error:
        raise BadLineError("invalid_json_line", f"not a line of a batch: {error}", custom_id) from error
    if not line.custom_id:
        raise BadLineError("missing_required_parameter", "its custom_id is empty")
    if _is_deeper(line.input, MAX_DEPTH):
        raise BadLineError("invalid_request", f"its input nests deeper than {MAX_DEPTH}", custom_id, "input")
    if line.body is None:
        return line
    _check_url(line)
    if line.method != "POST":
        raise BadLineError("invalid_method", f"method {line.method[:80]!r}: only POST is run", custom_id, "method")
    if _is_deeper(line.body, MAX_DEPTH):
        raise BadLineError("invalid_request", f"its body nests deeper than {MAX_DEPTH}", custom_id, "body")
    return line


def _check_url(line: _Line) -> None:
    url, body = line.url, line.body or {}
    if why := UNSUPPORTED_URLS.get((url or "").removeprefix("/v1")):
        message = f"lines for {url} are not run: {why}"
        raise BadLineError(Reason.UNSUPPORTED_ENDPOINT, message, line.custom_id, "url")
    if url == URL and "messages" in body:
        message = f"its body has messages, so it is meant for {CHAT_URL}, but its url is {URL}"
        raise BadLineError("invalid_url", message, line.custom_id, "url")
    if url is not None and url != URL and url not in _CHAT_URLS:
        message = f"url {url[:80]!r}: only {URL} and {CHAT_URL} are run"
        raise BadLineError("invalid_url", message, line.custom_id, "url")


def _is_deeper(value: object, most: int) -> bool:
    """Whether objects and lists nest deeper than `most`; checked without recursion."""
    level = [value]
    for _ in range(most + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def split_lines(block: bytes) -> Iterator[bytes]:
    """The lines of a block without their Unix or Windows line ends."""
    for line in block.split(b"\n"):
        yield line.removesuffix(b"\r")
