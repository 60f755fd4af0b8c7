"""Reads and checks the environment (DESIGN section 4) once. One error lists every problem, and never a secret."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit

from backburner.errors import ConfigError
from backburner.ports import MAX_DELAY_S
from backburner.provider.profiles import PROFILES, Profile, Provider

_MAX_DIGITS = 18
_MAX_TICKS_PER_MINUTE = 4
_PARAMETER = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TOPIC = re.compile(r"arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:\S+")
_NOTIFY = frozenset({"documents", "folders"})
N = TypeVar("N", int, float)
E = TypeVar("E", bound=StrEnum)


class KeyStore(StrEnum):
    """The store of the secret with the provider's key; the template's parameter `ApiKeyStore` has the same values."""

    SECRETS_MANAGER = "SecretsManager"
    PARAMETER_STORE = "ParameterStore"


class QueueProtocol(StrEnum):
    """The protocol of calls to the queues: SQS's JSON protocol, or the older query protocol."""

    JSON = "json"
    QUERY = "query"


@dataclass(frozen=True, kw_only=True)
class Notify:
    """Which notifications are sent, and to which channels."""

    documents: bool = False
    folders: bool = False
    topic_arn: str | None = None
    event_bus: str | None = None
    queue_url: str | None = None
    webhook_url: str | None = None
    webhook_secret: str | None = field(default=None, repr=False)
    webhook_secret_name: str | None = None

    @property
    def is_on(self) -> bool:
        """Whether any notifications are sent."""
        return self.documents or self.folders

    @property
    def has_channels(self) -> bool:
        """Whether any channel is named."""
        return bool(self.topic_arn or self.event_bus or self.queue_url or self.webhook_url)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings, checked together."""

    bucket: str
    pending_queue_url: str
    backlog_queue_url: str
    dead_queue_url: str
    ticks_queue_url: str | None
    provider: Provider
    base_url: str
    project: str | None
    organization: str | None
    api_key: str | None = field(repr=False)
    api_key_secret: str | None
    api_key_store: KeyStore
    model: str
    max_in_flight: int
    submits_per_minute: int
    polls_per_second: int
    daily_tokens: int | None
    daily_cost: float | None
    deadline_s: int
    lease_s: int
    sweep_every_s: int
    ticks_per_minute: int
    max_attempts: int
    windows: Mapping[str, int]
    sighted: Mapping[str, bool]
    line_parameters: frozenset[str]
    queue_protocol: QueueProtocol
    notify: Notify = Notify()

    @property
    def profile(self) -> Profile:
        """The provider's profile."""
        return PROFILES[self.provider]


def from_env(environment: Mapping[str, str], *, needs_key: bool = True) -> Settings:
    """Read the settings. Raises `ConfigError` with everything that is missing or contradictory.

    With `needs_key=False` the provider's key may be missing, since operators' commands do not call the provider.
    """
    reader = _Reader(environment)
    provider = reader.choice("BACKBURNER_PROVIDER", Provider, Provider.YANDEX, if_wrong=Provider.GENERIC)
    profile = PROFILES[provider]
    settings = Settings(
        bucket=reader.required("BACKBURNER_BUCKET", "the bucket's name"),
        pending_queue_url=reader.url("BACKBURNER_PENDING_QUEUE_URL", "the pending queue's URL"),
        backlog_queue_url=reader.url("BACKBURNER_BACKLOG_QUEUE_URL", "the backlog queue's URL"),
        dead_queue_url=reader.url("BACKBURNER_DEAD_QUEUE_URL", "the dead-letter queue's URL"),
        ticks_queue_url=reader.optional_url("BACKBURNER_TICKS_QUEUE_URL"),
        provider=provider,
        base_url=reader.url("OPENAI_BASE_URL", f"the {provider} endpoint", profile.base_url),
        project=reader.text("OPENAI_PROJECT_ID"),
        organization=reader.text("OPENAI_ORG_ID"),
        api_key=reader.text("OPENAI_API_KEY"),
        api_key_secret=reader.text("BACKBURNER_API_KEY_SECRET"),
        api_key_store=reader.key_store(),
        model=reader.required("BACKBURNER_MODEL", "the model of recipes that name none"),
        max_in_flight=reader.whole("BACKBURNER_MAX_IN_FLIGHT", 1000),
        submits_per_minute=reader.whole("BACKBURNER_SUBMITS_PER_MINUTE", profile.submits_per_minute),
        polls_per_second=reader.whole("BACKBURNER_POLLS_PER_SECOND", profile.polls_per_second),
        daily_tokens=reader.budget("BACKBURNER_DAILY_TOKENS", int),
        daily_cost=reader.budget("BACKBURNER_DAILY_COST", float),
        deadline_s=reader.whole("BACKBURNER_DEADLINE_S", 86_400),
        lease_s=reader.whole("BACKBURNER_LEASE_S", 120, at_most=MAX_DELAY_S),
        sweep_every_s=reader.whole("BACKBURNER_SWEEP_EVERY_S", 3600),
        ticks_per_minute=reader.whole("BACKBURNER_TICKS_PER_MINUTE", 1, at_most=_MAX_TICKS_PER_MINUTE),
        max_attempts=reader.whole("BACKBURNER_MAX_ATTEMPTS", 3),
        windows={**PROFILES[provider].windows, **reader.windows("BACKBURNER_CONTEXT_TOKENS")},
        sighted={**PROFILES[provider].sighted, **reader.sighted("BACKBURNER_VISION_MODELS")},
        line_parameters=reader.names("BACKBURNER_LINE_PARAMETERS"),
        queue_protocol=reader.choice("BACKBURNER_QUEUE_PROTOCOL", QueueProtocol, QueueProtocol.JSON),
        notify=reader.notify(),
    )
    reader.contradictions(settings, needs_key=needs_key)
    if reader.problems:
        raise ConfigError("Settings that cannot work:\n- " + "\n- ".join(reader.problems))
    return settings


def names() -> frozenset[str]:
    """The names of all settings."""
    seen = _Seen()
    with suppress(ConfigError):
        from_env(seen)
    return frozenset(seen.names)


class _Seen(dict[str, str]):
    """An empty environment that remembers which names were read."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return default


def _is_safe(value: str) -> bool:
    """Whether nobody on the way can read what is sent to this URL: it is https, or this machine."""
    if not _is_url(value):
        return False
    parts = urlsplit(value)
    return parts.scheme == "https" or parts.hostname in ("127.0.0.1", "localhost", "::1")


def _is_url(value: str) -> bool:
    try:
        return value.startswith(("http://", "https://")) and bool(urlsplit(value).netloc)
    except ValueError:
        return False


class _Reader:
    """Reads values one by one and collects their problems."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def text(self, name: str) -> str | None:
        return self._environment.get(name, "").strip() or None

    def items(self, name: str) -> list[str]:
        """Comma-separated values, without blank ones."""
        return [item.strip() for item in (self.text(name) or "").split(",") if item.strip()]

    def choice(self, name: str, choices: type[E], default: E, *, if_wrong: E | None = None) -> E:
        """One of the values of an enumeration; `if_wrong` replaces a wrong one, and causes no further problems."""
        value = self.text(name) or default
        if value in list(choices):
            return choices(value)
        self.problems.append(f"{name} is {value!r}: one of {', '.join(choices)}")
        return if_wrong or default

    def windows(self, name: str) -> dict[str, int]:
        """Context windows: one number for every model, or `model=number, …`."""
        found: dict[str, int] = {}
        for item in self.items(name):
            model, equals, tokens = item.rpartition("=")
            if tokens.strip().isdecimal() and int(tokens) > 0 and (model.strip() or not equals):
                found[model.strip() or "*"] = int(tokens)
            else:
                self.problems.append(
                    f"{name} is {item!r}: write tokens, such as 32768, or by model, such as qwen3=262144, o3=200000"
                )
        return found

    def sighted(self, name: str) -> dict[str, bool]:
        """Models that see pictures, by the beginnings of their names; a minus sign marks models that do not."""
        found: dict[str, bool] = {}
        for item in self.items(name):
            model = item.removeprefix("-")
            if re.search(r"[\s=]", model) or not model:
                self.problems.append(
                    f"{name} has {item!r}: write models' names, such as gemma-3-27b-it, -gemma-3-1b, or *"
                )
            found[model] = not item.startswith("-")
        return found

    def names(self, name: str) -> frozenset[str]:
        """Comma-separated names of parameters."""
        found = frozenset(self.items(name))
        if odd := sorted(item for item in found if item != "*" and not _PARAMETER.fullmatch(item)):
            self.problems.append(f"{name} has {odd[0]!r}: write names of parameters, such as tools, tool_choice")
        return found

    def required(self, name: str, meaning: str) -> str:
        value = self.text(name)
        if value is None:
            self.problems.append(f"{name} is not set: {meaning}")
        return value or ""

    def url(self, name: str, meaning: str, default: str | None = None) -> str:
        value = self.text(name) or default or self.required(name, meaning)
        if value and not _is_url(value):
            self.problems.append(f"{name} is not an http(s) URL")
        return value

    def optional_url(self, name: str) -> str | None:
        return self.url(name, "") if self.text(name) else None

    def key_store(self) -> KeyStore:
        """The store of the provider's key: as named, or else by the form of the secret's name."""
        is_parameter = (self.text("BACKBURNER_API_KEY_SECRET") or "").startswith(("/", "arn:aws:ssm:"))
        usual = KeyStore.PARAMETER_STORE if is_parameter else KeyStore.SECRETS_MANAGER
        return self.choice("BACKBURNER_API_KEY_STORE", KeyStore, usual)

    def notify(self) -> Notify:
        """The notifications and channels; both documents and folders if only a channel is named."""
        name, url = "BACKBURNER_NOTIFY", self.text("BACKBURNER_NOTIFY_WEBHOOK_URL")
        given, wanted = self.text(name), set(self.items(name))
        if odd := sorted(wanted - _NOTIFY):
            self.problems.append(f"{name} has {odd[0]!r}: documents, folders, or both with a comma between")
        if url and not _is_safe(url):
            self.problems.append("BACKBURNER_NOTIFY_WEBHOOK_URL is not an https URL (http only to this machine)")
        topic_arn = self.text("BACKBURNER_NOTIFY_TOPIC_ARN")
        if topic_arn and not _TOPIC.fullmatch(topic_arn):
            self.problems.append("BACKBURNER_NOTIFY_TOPIC_ARN is not the ARN of an SNS topic")
        queue_url = self.text("BACKBURNER_NOTIFY_QUEUE_URL")
        if queue_url and (not _is_safe(queue_url) or queue_url.endswith(".fifo")):
            self.problems.append("BACKBURNER_NOTIFY_QUEUE_URL is not the https URL of a standard queue")
        named = Notify(
            topic_arn=topic_arn,
            queue_url=queue_url,
            event_bus=self.text("BACKBURNER_NOTIFY_EVENT_BUS"),
            webhook_url=url,
            webhook_secret=self.text("BACKBURNER_NOTIFY_WEBHOOK_SECRET"),
            webhook_secret_name=self.text("BACKBURNER_NOTIFY_WEBHOOK_SECRET_NAME"),
        )
        if given is None and named.has_channels:
            wanted |= _NOTIFY
        return replace(named, documents="documents" in wanted, folders="folders" in wanted)

    def whole(self, name: str, default: int, at_most: int | None = None) -> int:
        value = self.text(name)
        is_number = value is not None and value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS
        number = default if value is None else int(value) if is_number else 0
        if number < 1 or (at_most and number > at_most):
            limits = f"from 1 to {at_most}" if at_most else "above 0"
            self.problems.append(f"{name} is {value!r}: a whole number {limits}")
        return number

    def budget(self, name: str, kind: Callable[[str], N]) -> N | None:
        value = self.text(name)
        try:
            number = None if value is None else kind(value)
        except ValueError:
            number = kind("0")
        if number is not None and not 0 < number < float("inf"):
            self.problems.append(f"{name} is {value!r}: a number above 0, or leave it unset for no budget")
        return number

    def contradictions(self, settings: Settings, *, needs_key: bool) -> None:
        if settings.api_key and settings.api_key_secret:
            self.problems.append("OPENAI_API_KEY and BACKBURNER_API_KEY_SECRET are both set: keep one")
        has_key = settings.api_key or settings.api_key_secret or settings.profile.takes_iam_token
        if needs_key and not has_key:
            self.problems.append("neither OPENAI_API_KEY nor BACKBURNER_API_KEY_SECRET is set: the provider's key")
        if settings.profile.needs_project and not settings.project:
            others = ", ".join(each for each in Provider if not PROFILES[each].needs_project)
            other = "" if self.text("BACKBURNER_PROVIDER") else f"; or set BACKBURNER_PROVIDER: {others}"
            self.problems.append(f"OPENAI_PROJECT_ID is not set: {settings.provider} needs it (the folder id){other}")
        notify = settings.notify
        if notify.webhook_secret and notify.webhook_secret_name:
            self.problems.append(
                "BACKBURNER_NOTIFY_WEBHOOK_SECRET and BACKBURNER_NOTIFY_WEBHOOK_SECRET_NAME are both set: keep one"
            )
        self._queues(settings)

    def _queues(self, settings: Settings) -> None:
        """What the queues contradict."""
        if settings.ticks_per_minute > 1 and not settings.ticks_queue_url:
            self.problems.append(
                "BACKBURNER_TICKS_QUEUE_URL is not set: the ticks queue's URL, "
                "which BACKBURNER_TICKS_PER_MINUTE above 1 needs"
            )
        queues = [settings.pending_queue_url, settings.backlog_queue_url, settings.dead_queue_url]
        named = [url for url in queues if url]
        if len(set(named)) < len(named):
            self.problems.append("the pending, backlog and dead-letter queues must be three different queues")
        if settings.ticks_queue_url in named:
            self.problems.append("BACKBURNER_TICKS_QUEUE_URL is the URL of another queue: ticks need one of their own")
        if settings.notify.queue_url and settings.notify.queue_url in (*named, settings.ticks_queue_url):
            self.problems.append("BACKBURNER_NOTIFY_QUEUE_URL is one of Backburner's own queues: name another")
