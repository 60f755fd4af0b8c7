"""Every setting of the environment reaches a local cloud's functions; a variable that is not read is reported."""

import re
from pathlib import Path

import pytest

from backburner import settings
from backburner_cli.local.aws.template import load_template, place_settings
from backburner_cli.local.provider import ProviderError, chosen_provider
from backburner_cli.local.settings import passed_on, set_aside, unread

ROOT = Path(__file__).parents[2]
GIVEN = {
    "BACKBURNER_CONTEXT_TOKENS": "32768",
    "BACKBURNER_DAILY_COST": "1.5",
    "BACKBURNER_DAILY_TOKENS": "200000",
    "BACKBURNER_DEADLINE_S": "600",
    "BACKBURNER_LEASE_S": "150",
    "BACKBURNER_MAX_ATTEMPTS": "2",
    "BACKBURNER_MAX_IN_FLIGHT": "7",
    "BACKBURNER_POLLS_PER_SECOND": "9",
    "BACKBURNER_QUEUE_PROTOCOL": "query",
    "BACKBURNER_SUBMITS_PER_MINUTE": "77",
    "BACKBURNER_SWEEP_EVERY_S": "61",
    "BACKBURNER_VISION_MODELS": "stand-in",
}
OTHERS = {"BACKBURNER_BUCKET": "mine", "OPENAI_API_KEY": "secret", "PATH": "/bin", "BACKBURNER_MAX_TRIES": "5"}


def test_the_names_are_those_that_settings_reads():
    """There is no second list that could lack one."""
    source = Path(settings.__file__).read_text(encoding="utf-8")
    assert settings.names() == set(re.findall(r'"((?:BACKBURNER|OPENAI)_[A-Z_]+)"', source))


def test_every_setting_is_passed_on_and_nothing_else():
    """The key is not, nor what the local cloud sets itself."""
    assert passed_on(GIVEN | OTHERS) == GIVEN
    assert passed_on({"BACKBURNER_LEASE_S": " "}) == {}


def test_settings_that_cannot_work_are_refused_before_anything_starts():
    """All problems are in one message."""
    with pytest.raises(ProviderError, match=r"BACKBURNER_LEASE_S(.|\n)*BACKBURNER_DAILY_TOKENS|TOKENS(.|\n)*LEASE"):
        passed_on({"BACKBURNER_LEASE_S": "soon", "BACKBURNER_DAILY_TOKENS": "-1"})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("BACKBURNER_DAYLY_TOKENS", "did you mean BACKBURNER_DAILY_TOKENS?"),
        ("BACKBURNER_MAX_INFLIGHT", "did you mean BACKBURNER_MAX_IN_FLIGHT?"),
        ("BACKBURNER_COLOUR_OF_THE_LOGO", "has no effect"),
    ],
)
def test_an_unknown_name_is_reported(name, said):
    """The message suggests the name that was probably meant."""
    (line,) = unread({**GIVEN, name: "1", "OPENAI_LOG": "debug"})
    assert line.startswith(name)
    assert line.endswith(said)


def test_what_a_local_cloud_chooses_itself_is_reported():
    """Another cloud's address has no effect, nor has half a provider beside the stand-in."""
    warnings = set_aside({"BACKBURNER_BUCKET": "mine", "BACKBURNER_PROVIDER": "vllm"})
    assert [line.partition(":")[0] for line in warnings] == ["BACKBURNER_BUCKET", "BACKBURNER_PROVIDER"]
    assert set_aside(GIVEN) == []


@pytest.mark.parametrize(
    ("named", "address"),
    [
        ({"BACKBURNER_PROVIDER": "openai"}, "https://api.openai.com/v1"),
        ({"BACKBURNER_PROVIDER": "openai", "OPENAI_BASE_URL": "http://mine/v1"}, "http://mine/v1"),
        ({"BACKBURNER_PROVIDER": "vllm"}, None),
        ({}, None),
    ],
)
def test_a_named_provider_has_its_own_address(named, address):
    """As for `backburner run`; where none is known, or no provider is named, the address must be set."""
    environment = {"OPENAI_API_KEY": "k", "BACKBURNER_MODEL": "m", **named}
    if address is None:
        with pytest.raises(ProviderError, match="but not OPENAI_BASE_URL"), chosen_provider(environment):
            pass
        return
    with chosen_provider(environment) as provider:
        assert (provider.base_url, provider.stand_in) == (address, None)


def test_a_template_takes_them_as_parameters_or_as_variables():
    """A parameter that sets the variable is used, if there is one."""
    template = load_template(ROOT / "template.yaml")
    parameters = place_settings(template, GIVEN)
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    assert parameters["DailyTokens"] == GIVEN["BACKBURNER_DAILY_TOKENS"]
    assert parameters["LeaseSeconds"] == GIVEN["BACKBURNER_LEASE_S"]
    assert parameters["ContextTokens"] == GIVEN["BACKBURNER_CONTEXT_TOKENS"]
    assert variables["BACKBURNER_QUEUE_PROTOCOL"] == "query"
    assert len(parameters) == len(GIVEN) - 1
    assert parameters.keys() <= template["Parameters"].keys()
