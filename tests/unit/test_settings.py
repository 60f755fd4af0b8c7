"""Settings work together or are refused with all problems at once; a secret is never shown."""

import contextlib
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner.errors import ConfigError
from backburner.provider.profiles import PROFILES, Provider
from backburner.settings import KeyStore, Notify, Settings, from_env

SECRET = "sk-very-secret-4711"
WHOLE = {
    "BACKBURNER_BUCKET": "b",
    "BACKBURNER_PENDING_QUEUE_URL": "https://q/1/pending",
    "BACKBURNER_BACKLOG_QUEUE_URL": "https://q/1/backlog",
    "BACKBURNER_DEAD_QUEUE_URL": "https://q/1/dead",
    "BACKBURNER_PROVIDER": "openai",
    "BACKBURNER_MODEL": "m",
    "OPENAI_API_KEY": SECRET,
}
NUMBERS = {
    "BACKBURNER_MAX_IN_FLIGHT": ("max_in_flight", 1000),
    "BACKBURNER_SUBMITS_PER_MINUTE": ("submits_per_minute", 600),
    "BACKBURNER_POLLS_PER_SECOND": ("polls_per_second", 50),
    "BACKBURNER_DEADLINE_S": ("deadline_s", 86_400),
    "BACKBURNER_LEASE_S": ("lease_s", 120),
    "BACKBURNER_SWEEP_EVERY_S": ("sweep_every_s", 3600),
    "BACKBURNER_MAX_ATTEMPTS": ("max_attempts", 3),
}
BUDGETS = {"BACKBURNER_DAILY_TOKENS": "daily_tokens", "BACKBURNER_DAILY_COST": "daily_cost"}


def _problems(environment: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as refused:
        from_env(environment)
    assert SECRET not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "store", "found"),
    [
        ("key", None, KeyStore.SECRETS_MANAGER),
        ("/team/key", None, KeyStore.PARAMETER_STORE),
        ("arn:aws:ssm:eu-central-1:1:parameter/key", None, KeyStore.PARAMETER_STORE),
        ("/team/key", "SecretsManager", KeyStore.SECRETS_MANAGER),
        ("key", "ParameterStore", KeyStore.PARAMETER_STORE),
    ],
)
def test_the_key_store_is_named_or_inferred_from_the_secrets_name(
    name: str, store: str | None, found: KeyStore
) -> None:
    """An explicit name wins, so that code and policy cannot differ."""
    environment = WHOLE | {"OPENAI_API_KEY": "", "BACKBURNER_API_KEY_SECRET": name}
    named = {"BACKBURNER_API_KEY_STORE": store} if store else {}
    assert from_env(environment | named).api_key_store is found


def test_an_unknown_store_is_a_problem() -> None:
    """The message lists the allowed words."""
    assert "SecretsManager, ParameterStore" in _problems(WHOLE | {"BACKBURNER_API_KEY_STORE": "Vault"})


def test_the_defaults_are_the_contracts() -> None:
    """Every setting that names no resource has one; budgets are unset."""
    settings = from_env(WHOLE)
    assert {field: getattr(settings, field) for field, _ in NUMBERS.values()} == dict(NUMBERS.values())
    assert (settings.daily_tokens, settings.daily_cost) == (None, None)
    assert (settings.ticks_per_minute, settings.ticks_queue_url) == (1, None)
    assert settings.base_url == "https://api.openai.com/v1"
    assert (settings.project, settings.organization, settings.api_key_secret) == (None, None, None)


def test_every_name_is_read() -> None:
    """Each setting is read from the variable of its name."""
    environment = WHOLE | {name: str(100 + n) for n, name in enumerate(NUMBERS)}
    environment |= {"BACKBURNER_DAILY_TOKENS": "5000", "BACKBURNER_DAILY_COST": "1.5"}
    environment |= {"OPENAI_BASE_URL": "http://p/v1", "OPENAI_PROJECT_ID": "p", "OPENAI_ORG_ID": "o"}
    environment |= {"BACKBURNER_CONTEXT_TOKENS": "500, o3=1000"}
    environment |= {"BACKBURNER_TICKS_PER_MINUTE": "3", "BACKBURNER_TICKS_QUEUE_URL": "https://q/1/ticks"}
    environment |= {"BACKBURNER_LINE_PARAMETERS": "tools, tool_choice", "BACKBURNER_VISION_MODELS": "vl, -gpt-5-text"}
    settings = from_env(environment)
    assert asdict(settings) == {
        "bucket": "b",
        "pending_queue_url": "https://q/1/pending",
        "backlog_queue_url": "https://q/1/backlog",
        "dead_queue_url": "https://q/1/dead",
        "ticks_queue_url": "https://q/1/ticks",
        "ticks_per_minute": 3,
        "provider": "openai",
        "base_url": "http://p/v1",
        "project": "p",
        "organization": "o",
        "api_key": SECRET,
        "api_key_secret": None,
        "api_key_store": KeyStore.SECRETS_MANAGER,
        "model": "m",
        "notify": asdict(Notify()),
        "daily_tokens": 5000,
        "daily_cost": 1.5,
        "line_parameters": frozenset({"tools", "tool_choice"}),
        "windows": {**PROFILES[Provider.OPENAI].windows, "o3": 1000, "*": 500},
        "sighted": {**PROFILES[Provider.OPENAI].sighted, "vl": True, "gpt-5-text": False},
        "queue_protocol": "json",
    } | {field: 100 + n for n, (field, _) in enumerate(NUMBERS.values())}


@pytest.mark.parametrize("odd", ["a b", "-", "m=1", "gemma, -"])
def test_names_of_models_that_see_are_names(odd: str) -> None:
    """The message shows how to write them."""
    assert "BACKBURNER_VISION_MODELS has" in _problems(WHOLE | {"BACKBURNER_VISION_MODELS": odd})


def test_all_problems_are_in_one_message() -> None:
    """An empty environment, wrong numbers, a wrong provider: the operator reads all at once."""
    wrong = {
        "BACKBURNER_PROVIDER": "clippy",
        "BACKBURNER_LEASE_S": "901",
        "BACKBURNER_MAX_ATTEMPTS": "0",
        "BACKBURNER_DAILY_COST": "-1",
    }
    said = _problems(wrong)
    for name in [*WHOLE, *wrong]:
        assert name in said
    assert all(provider in said for provider in Provider)


@pytest.mark.parametrize("name", [name for name in WHOLE if name != "BACKBURNER_PROVIDER"])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_nothing_that_names_a_resource_has_a_default(name: str, value: str | None) -> None:
    """A blank value is a missing one."""
    environment = {key: given for key, given in WHOLE.items() if key != name} | ({name: value} if value else {})
    assert name in _problems(environment)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "ten", "1e3", "٣", "0x10"])
def test_an_invalid_number_is_refused(name: str, value: str) -> None:
    """It must be whole and above 0."""
    assert name in _problems(WHOLE | {name: value})


@pytest.mark.parametrize("value", ["0", "5", "1.5", "two"])
def test_there_are_one_to_four_ticks_a_minute(value: str) -> None:
    """More would begin before most of the last one's calls have ended."""
    assert "BACKBURNER_TICKS_PER_MINUTE is" in _problems(WHOLE | {"BACKBURNER_TICKS_PER_MINUTE": value})


@pytest.mark.parametrize("name", BUDGETS)
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "many"])
def test_an_invalid_budget_is_refused(name: str, value: str) -> None:
    """A budget of zero would stop everything for ever."""
    assert name in _problems(WHOLE | {name: value})


def test_a_lease_fits_into_a_delay() -> None:
    """A queue can delay a guard by 900 s at most."""
    assert from_env(WHOLE | {"BACKBURNER_LEASE_S": "900"}).lease_s == 900
    assert "900" in _problems(WHOLE | {"BACKBURNER_LEASE_S": "901"})


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"BACKBURNER_API_KEY_SECRET": "/backburner/key"}, "OPENAI_API_KEY and BACKBURNER_API_KEY_SECRET"),
        ({"BACKBURNER_PROVIDER": "yandex"}, "OPENAI_PROJECT_ID"),
        ({"BACKBURNER_PROVIDER": ""}, "or set BACKBURNER_PROVIDER: openai, azure, vllm, generic"),
        ({"BACKBURNER_PROVIDER": "azure"}, "OPENAI_BASE_URL"),
        ({"BACKBURNER_PROVIDER": "vllm"}, "OPENAI_BASE_URL"),
        ({"BACKBURNER_PROVIDER": "generic"}, "OPENAI_BASE_URL"),
        ({"OPENAI_BASE_URL": "api.openai.com/v1"}, "OPENAI_BASE_URL"),
        ({"OPENAI_BASE_URL": "ftp://p/v1"}, "OPENAI_BASE_URL"),
        ({"OPENAI_BASE_URL": "https://"}, "OPENAI_BASE_URL"),
        ({"BACKBURNER_PENDING_QUEUE_URL": "https://q/1/dead"}, "three different queues"),
        ({"BACKBURNER_BACKLOG_QUEUE_URL": "https://q/1/pending"}, "three different queues"),
        ({"BACKBURNER_PENDING_QUEUE_URL": "pending"}, "BACKBURNER_PENDING_QUEUE_URL"),
        ({"BACKBURNER_TICKS_PER_MINUTE": "2"}, "BACKBURNER_TICKS_QUEUE_URL is not set"),
        ({"BACKBURNER_TICKS_QUEUE_URL": "ticks"}, "BACKBURNER_TICKS_QUEUE_URL is not an http(s) URL"),
        ({"BACKBURNER_TICKS_QUEUE_URL": "https://q/1/pending"}, "ticks need one of their own"),
        (
            {"BACKBURNER_TICKS_QUEUE_URL": "https://q/1/t", "BACKBURNER_NOTIFY_QUEUE_URL": "https://q/1/t"},
            "BACKBURNER_NOTIFY_QUEUE_URL is one of Backburner's own queues",
        ),
    ],
)
def test_contradictory_settings_are_refused(change: dict[str, str], named: str) -> None:
    """The message names what to change."""
    assert named in _problems(WHOLE | change)


@pytest.mark.parametrize(
    "change",
    [
        {"OPENAI_BASE_URL": "http://["},
        {"BACKBURNER_MAX_ATTEMPTS": "9" * 5000},
    ],
)
def test_a_value_that_cannot_be_read_at_all_is_a_problem_like_any_other(change: dict[str, str]) -> None:
    """It is named with the others; only `ConfigError` is raised."""
    assert next(iter(change)) in _problems(WHOLE | change)


def test_yandex_is_the_default_and_has_its_endpoint() -> None:
    """The folder is the project."""
    environment = {name: value for name, value in WHOLE.items() if name != "BACKBURNER_PROVIDER"}
    settings = from_env(environment | {"OPENAI_PROJECT_ID": "folder"})
    assert (settings.provider, settings.profile) == (Provider.YANDEX, PROFILES[Provider.YANDEX])
    assert settings.base_url == "https://ai.api.cloud.yandex.net/v1"


def test_yandex_has_its_published_quotas_if_nothing_is_set() -> None:
    """5,000 submissions an hour and 50 reads a second; explicit settings win."""
    yandex = WHOLE | {"BACKBURNER_PROVIDER": "yandex", "OPENAI_PROJECT_ID": "folder"}
    settings, slower = from_env(yandex), from_env(yandex | {"BACKBURNER_SUBMITS_PER_MINUTE": "5"})
    assert (settings.submits_per_minute, settings.polls_per_second) == (83, 50)
    assert 60 * settings.submits_per_minute <= 5_000
    assert slower.submits_per_minute == 5


def test_only_yandex_may_go_without_a_key() -> None:
    """There, each call's token serves, if there is one; elsewhere a key is required."""
    keyless = {name: value for name, value in WHOLE.items() if name != "OPENAI_API_KEY"}
    assert from_env(keyless | {"BACKBURNER_PROVIDER": "yandex", "OPENAI_PROJECT_ID": "folder"}).api_key is None
    assert "OPENAI_API_KEY" in _problems(keyless)


@pytest.mark.parametrize("protocol", ["json", "query"])
def test_the_queue_protocol_can_be_chosen(protocol: str) -> None:
    """JSON is the default."""
    assert from_env(WHOLE | {"BACKBURNER_QUEUE_PROTOCOL": protocol}).queue_protocol == protocol
    assert "BACKBURNER_QUEUE_PROTOCOL" in _problems(WHOLE | {"BACKBURNER_QUEUE_PROTOCOL": "xml"})


def test_a_secret_is_never_shown() -> None:
    """Neither the printed settings nor an error message contains one."""
    settings = from_env(WHOLE)
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)
    assert settings.api_key == SECRET
    assert SECRET not in _problems(WHOLE | dict.fromkeys(NUMBERS, "x") | {"BACKBURNER_API_KEY_SECRET": "/name"})


@given(st.dictionaries(st.sampled_from([*WHOLE, *NUMBERS, *BUDGETS]), st.text(max_size=8)))
def test_any_environment_gives_settings_or_a_config_error(environment: dict[str, str]) -> None:
    """Nothing else is raised."""
    with contextlib.suppress(ConfigError):
        assert isinstance(from_env(WHOLE | environment), Settings)


@pytest.mark.parametrize("value", ["Tools", "tools tool_choice", "tools, a-b", "**"])
def test_an_invalid_parameter_name_is_a_problem(value: str) -> None:
    """A list in the wrong format would silently allow nothing."""
    assert "BACKBURNER_LINE_PARAMETERS" in _problems(WHOLE | {"BACKBURNER_LINE_PARAMETERS": value})


HOOK = {
    "BACKBURNER_NOTIFY_WEBHOOK_URL": "https://hooks.example/x",
    "BACKBURNER_NOTIFY_WEBHOOK_SECRET": "whsec_" + SECRET,
}


def test_nobody_is_notified_unless_a_channel_is_named() -> None:
    """Notifications are off by default; a named channel is told of documents and folders."""
    assert not from_env(WHOLE).notify.is_on
    notify = from_env(WHOLE | HOOK).notify
    assert (notify.documents, notify.folders) == (True, True)
    assert SECRET not in repr(from_env(WHOLE | HOOK))


@pytest.mark.parametrize(
    ("said", "documents", "folders"),
    [("documents", True, False), ("folders", False, True), (" folders , documents ", True, True)],
)
def test_the_kinds_of_notifications_can_be_chosen(said: str, documents: bool, folders: bool) -> None:  # noqa: FBT001 - a table's row
    """Documents, folders or both; also without a channel, because submit only writes notices."""
    notify = from_env(WHOLE | {"BACKBURNER_NOTIFY": said}).notify
    assert (notify.documents, notify.folders) == (documents, folders)


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"BACKBURNER_NOTIFY": "everything"}, "'everything'"),
        ({"BACKBURNER_NOTIFY_WEBHOOK_URL": "http://hooks.example/x"}, "not an https URL"),
        ({"BACKBURNER_NOTIFY_WEBHOOK_SECRET_NAME": "other"}, "keep one"),
        ({"BACKBURNER_NOTIFY_TOPIC_ARN": "my-topic"}, "not the ARN of an SNS topic"),
        ({"BACKBURNER_NOTIFY_QUEUE_URL": "https://q/ended.fifo"}, "of a standard queue"),
        ({"BACKBURNER_NOTIFY_QUEUE_URL": WHOLE["BACKBURNER_PENDING_QUEUE_URL"]}, "own queues"),
    ],
)
def test_a_channel_that_could_not_be_notified_is_refused(more: dict[str, str], word: str) -> None:
    """It is refused before any work starts, and without showing the secret."""
    assert word in _problems(WHOLE | HOOK | more)


def test_a_webhook_on_this_machine_needs_no_certificate() -> None:
    """This allows trying it out."""
    assert from_env(WHOLE | HOOK | {"BACKBURNER_NOTIFY_WEBHOOK_URL": "http://127.0.0.1:9/x"}).notify.webhook_url
