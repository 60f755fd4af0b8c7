"""docs/configuration.md describes the settings, the template and the Terraform as they are."""

import json
import re
from typing import Any

import pytest
import yaml

from backburner.provider.profiles import PROFILES, Provider
from backburner.settings import Settings, from_env
from backburner.settings import names as settings_names
from support.pages import ROOT, names_in, rows

REQUIRED = {
    "BACKBURNER_BUCKET": "bucket",
    "BACKBURNER_PENDING_QUEUE_URL": "https://queues/pending",
    "BACKBURNER_BACKLOG_QUEUE_URL": "https://queues/backlog",
    "BACKBURNER_DEAD_QUEUE_URL": "https://queues/dead",
    "BACKBURNER_MODEL": "model",
    "OPENAI_PROJECT_ID": "folder",
    "OPENAI_API_KEY": "key",
}
MEMORY = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"
BOTO3_READS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SQS", "AWS_REGION")
WITH_DEFAULTS = (
    "max_in_flight",
    "submits_per_minute",
    "polls_per_second",
    "daily_tokens",
    "daily_cost",
    "deadline_s",
    "lease_s",
    "sweep_every_s",
    "ticks_per_minute",
    "max_attempts",
)


def configuration() -> dict[str, list[str]]:
    """The table of settings: name to default, parameter of the template, variable of the Terraform, meaning."""
    table = rows("docs/configuration.md", "## Environment")
    return {name: cells[1:] for cells in table for name in names_in(cells[0])}


def defaults(heading: str) -> dict[str, str]:
    """The defaults that a table of docs/configuration.md lists."""
    return {name: cells[1] for cells in rows("docs/configuration.md", heading) for name in names_in(cells[0])}


def shown(default: Any) -> str:
    """A default as docs/configuration.md writes it."""
    if default is None:
        return "required"
    return f"`{default}`" if isinstance(default, str) and default else str(default) or "empty"


class _Template(yaml.SafeLoader):
    """Reads a template of CloudFormation: `!Ref X` is "X", `!If [A, B, C]` a list."""


_Template.add_multi_constructor(
    "!",
    lambda loader, _, node: (
        loader.construct_scalar(node)
        if isinstance(node, yaml.ScalarNode)
        else loader.construct_sequence(node, deep=True)
        if isinstance(node, yaml.SequenceNode)
        else loader.construct_mapping(node, deep=True)
    ),
)


def template() -> tuple[dict[str, Any], dict[str, str]]:
    """The template's parameters, and which of them sets which variable."""
    read = yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), Loader=_Template)  # noqa: S506 - a safe one
    variables = read["Globals"]["Function"]["Environment"]["Variables"]
    filled = {name: value[1] if isinstance(value, list) else value for name, value in variables.items()}
    return read["Parameters"], {name: value for name, value in filled.items() if value in read["Parameters"]}


def terraform() -> tuple[dict[str, str], dict[str, str]]:
    """The Terraform variables with their defaults, and which of them sets which variable of the functions."""
    text = (ROOT / "deploy/yandex/variables.tf").read_text(encoding="utf-8")
    found = dict(re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL))
    functions = (ROOT / "deploy/yandex/functions.tf").read_text(encoding="utf-8")
    filled = dict(re.findall(r"^    ([A-Z][A-Z0-9_]+) += (?:var|local)\.(\w+)$", functions, re.MULTILINE))
    assert re.search(r'provider_key\].*?"OPENAI_API_KEY"', functions, re.DOTALL)
    assert re.search(r'notify_webhook_secret\].*?"BACKBURNER_NOTIFY_WEBHOOK_SECRET"', functions, re.DOTALL)
    secrets = {"OPENAI_API_KEY": "provider_key", "BACKBURNER_NOTIFY_WEBHOOK_SECRET": "notify_webhook_secret"}
    return found, {**filled, "BACKBURNER_NOTIFY": "notify", **secrets}


def settings(**more: str) -> Settings:
    """The settings if nothing is set that has a default."""
    return from_env(REQUIRED | more)


def test_every_variable_that_is_read_is_documented():
    """Those of the settings, those that boto3 reads itself, and the memory size; no others."""
    assert set(configuration()) == settings_names() | set(BOTO3_READS) | {MEMORY}


def test_the_memory_is_read_under_its_documented_name():
    assert f'"{MEMORY}"' in (ROOT / "layers/backburner/backburner/adapters/connect.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("attribute", WITH_DEFAULTS)
def test_the_default_of_a_setting_is_documented(attribute):
    """It is that of the settings, with Yandex AI Studio's own beside it; "none" if nothing is set."""
    usual, yandex = getattr(settings(BACKBURNER_PROVIDER="openai"), attribute), getattr(settings(), attribute)
    default = configuration()[f"BACKBURNER_{attribute.upper()}"][0]
    expected = "none" if usual is None else str(usual)
    assert default == (expected if usual == yandex else f"{expected}; with `yandex` {yandex}")


def test_the_defaults_of_the_provider_are_documented():
    documented = configuration()
    assert names_in(documented["BACKBURNER_PROVIDER"][0]) == [settings().provider]
    assert names_in(documented["BACKBURNER_PROVIDER"][3]) == list(Provider)
    assert names_in(documented["OPENAI_BASE_URL"][0]) == [name for name in Provider if PROFILES[name].base_url]
    assert names_in(documented["OPENAI_PROJECT_ID"][0]) == [name for name in Provider if PROFILES[name].needs_project]


@pytest.mark.parametrize("name", sorted(set(REQUIRED) - {"OPENAI_PROJECT_ID", "OPENAI_API_KEY"}))
def test_required_settings_are_documented(name):
    assert configuration()[name][0] == "required"


def test_the_template_sets_what_is_documented():
    """Variables have the parameter that the page names; other parameters are in the page's second table."""
    parameters, filled = template()
    documented = {name: names_in(cells[1]) for name, cells in configuration().items()}
    assert documented == {name: [filled[name]] if name in filled else [] for name in documented}
    others = {name: shown(parameters[name].get("Default")) for name in parameters if name not in filled.values()}
    assert defaults("## Other parameters of the template") == others


def test_the_terraform_sets_what_is_documented():
    """Variables have the Terraform variable that the page names; others are in the page's last table."""
    variables, filled = terraform()
    documented = {name: names_in(cells[2]) for name, cells in configuration().items()}
    assert documented == {name: [filled[name]] if name in filled else [] for name in documented}
    others = {}
    for name in variables.keys() - set(filled.values()):
        found = re.search(r"^  default += (.+)$", variables[name], re.MULTILINE)
        others[name] = shown(json.loads(found[1]) if found else None)
    assert defaults("## Other variables of the Terraform") == others
