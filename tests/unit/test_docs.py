"""The documentation says what the code does: all that a machine can compare."""

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from backburner.errors import Reason
from backburner.profiles import PROFILES, Profile, Provider
from backburner.recipes import RESERVED_EXTRA, FrontMatter
from backburner.records import ErrorRecord, JobRecord, OpenRecord, RunRecord, State, SupersededRecord, decode
from backburner.settings import Settings, from_env
from backburner.settings import names as settings_names

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "layers/backburner/backburner"
NOT_OURS = {"node_modules", "dist"}
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
DRAWN = {"docs/images/demo.svg": "demo-picture"}
"""Pictures by the target of the Makefile that draws them: until there is one, nothing to look at."""
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
    "max_attempts",
)
KINDS: dict[State, type[JobRecord]] = {
    State.DONE: RunRecord,
    State.FAILED: ErrorRecord,
    State.WAITING: OpenRecord,
    State.SUPERSEDED: SupersededRecord,
}


def markdown_files() -> list[Path]:
    """Every Markdown file of the project; hidden folders hold tools and caches."""
    found = []
    for folder, inner, names in os.walk(ROOT):
        inner[:] = [name for name in inner if not name.startswith(".") and name not in NOT_OURS]
        found += [Path(folder) / name for name in names if name.endswith(".md")]
    return sorted(found)


def prose(path: Path) -> str:
    """A file without its blocks of code."""
    return re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """The names of a file's headings, made the way the usual renderers make them."""
    headings = re.findall(r"^#{1,6} +(.+?) *$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(path: Path) -> list[str]:
    """The targets of a file's links into the project."""
    text = re.sub(r"`[^`\n]*`", "", prose(path))
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"^\[[^\]]+\]: +(\S+)", text, re.MULTILINE)
    return [target for target in targets if not re.match(r"[a-z][a-z0-9+.-]*:", target)]


def rows(path: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    section = (ROOT / path).read_text(encoding="utf-8").split(f"\n{heading}\n", 1)[1]
    lines = section[section.index("\n|") + 1 :].splitlines()
    table = lines[: next((i for i, line in enumerate(lines) if not line.startswith("|")), len(lines))]
    return [[cell.strip() for cell in line.strip("|").split(" |")] for line in table[2:]]


def names_in(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def configuration() -> dict[str, list[str]]:
    """The table of settings: name to default, parameter of the template, variable of the Terraform, meaning."""
    table = rows("docs/configuration.md", "## Environment")
    return {name: cells[1:] for cells in table for name in names_in(cells[0])}


def defaults(heading: str) -> dict[str, str]:
    """The default of whatever a table of docs/configuration.md lists."""
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
    """The template's parameters, and which of them fills which variable."""
    read = yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), Loader=_Template)  # noqa: S506 - a safe one
    variables = read["Globals"]["Function"]["Environment"]["Variables"]
    filled = {name: value[1] if isinstance(value, list) else value for name, value in variables.items()}
    return read["Parameters"], {name: value for name, value in filled.items() if value in read["Parameters"]}


def terraform() -> tuple[dict[str, str], dict[str, str]]:
    """The Terraform's variables with their defaults, and which of them fills which variable of the functions."""
    text = (ROOT / "deploy/yandex/variables.tf").read_text(encoding="utf-8")
    found = dict(re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL))
    functions = (ROOT / "deploy/yandex/functions.tf").read_text(encoding="utf-8")
    filled = dict(re.findall(r"^    ([A-Z][A-Z0-9_]+) += (?:var|local)\.(\w+)$", functions, re.MULTILINE))
    assert re.search(r'provider_key\].*?"OPENAI_API_KEY"', functions, re.DOTALL)
    return found, {**filled, "OPENAI_API_KEY": "provider_key"}


def settings(**more: str) -> Settings:
    """The settings where nothing is set that has a default."""
    return from_env(REQUIRED | more)


def is_not_drawn_yet(file: Path) -> bool:
    """Whether a picture waits for the target that will draw it."""
    target = DRAWN.get(str(file.relative_to(ROOT)))
    return target is not None and f"\n{target}:" not in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", markdown_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path):
    """A relative link names a file or folder that is there, and a heading that it has."""
    for target in links(path):
        name, _, anchor = unquote(target).partition("#")
        file = (path.parent / name).resolve() if name else path
        if is_not_drawn_yet(file):
            continue
        assert file.exists(), f"{target} leads nowhere"
        assert not anchor or anchor in anchors(file), f"{target}: no such heading"


def test_every_variable_that_is_read_is_documented():
    """Neither more nor fewer than the settings read, what boto3 reads by itself, and the size of the memory."""
    assert set(configuration()) == settings_names() | set(BOTO3_READS) | {MEMORY}


def test_the_memory_is_read_under_its_documented_name():
    assert f'"{MEMORY}"' in (PACKAGE / "adapters/connect.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("attribute", WITH_DEFAULTS)
def test_the_default_of_a_setting_is_documented(attribute):
    """As the settings have it, for Yandex AI Studio apart where it has another; "none" where nothing is set."""
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
def test_what_is_required_is_documented(name):
    assert configuration()[name][0] == "required"


def test_the_template_fills_what_is_documented():
    """Each variable with the parameter that the page names, and every other parameter in the page's second table."""
    parameters, filled = template()
    documented = {name: names_in(cells[1]) for name, cells in configuration().items()}
    assert documented == {name: [filled[name]] if name in filled else [] for name in documented}
    others = {name: shown(parameters[name].get("Default")) for name in parameters if name not in filled.values()}
    assert defaults("## Other parameters of the template") == others


def test_the_terraform_fills_what_is_documented():
    """Each variable with the one that the page names, and every other one in the page's last table."""
    variables, filled = terraform()
    documented = {name: names_in(cells[2]) for name, cells in configuration().items()}
    assert documented == {name: [filled[name]] if name in filled else [] for name in documented}
    others = {}
    for name in variables.keys() - set(filled.values()):
        found = re.search(r"^  default += (.+)$", variables[name], re.MULTILINE)
        others[name] = shown(json.loads(found[1]) if found else None)
    assert defaults("## Other variables of the Terraform") == others


def test_every_reason_is_explained():
    """Each reason for which a job can fail, once, in the order of the contract: what happened, and what to do."""
    table = rows("docs/errors.md", "## Reasons")
    assert [name for cells in table for name in names_in(cells[0])] == list(Reason)
    assert all(len(cells) == 3 and all(cells) for cells in table)


def test_the_glossary_has_one_word_for_each_concept():
    """No word twice, each with one sentence."""
    text = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    entries = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    entries = [entry for entry in entries if entry[0] != "word"]
    words = [word for word, _ in entries]
    assert len(words) > 50
    assert sorted(set(words)) == sorted(words)
    assert [word for word, meaning in entries if not meaning.endswith((".", ")."))] == []


def test_the_index_leads_to_every_page():
    """Every page of docs/ is linked from docs/README.md; the decisions as a folder."""
    linked = {(ROOT / "docs" / target).resolve() for target in links(ROOT / "docs/README.md")}
    pages = {path for path in markdown_files() if path.parent == ROOT / "docs" and path.name != "README.md"}
    assert pages <= linked
    assert ROOT / "docs/adr" in linked


def test_the_readme_is_a_product_page():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_every_key_of_a_recipe_is_documented():
    """The table in docs/recipes.md lists the keys that a recipe may set, and no others."""
    keys = [name for cells in rows("docs/recipes.md", "## Front matter") for name in names_in(cells[0])]
    assert sorted(keys) == sorted(FrontMatter.__struct_fields__)


def test_everything_that_extra_may_not_set_is_documented():
    text = (ROOT / "docs/recipes.md").read_text(encoding="utf-8")
    paragraph = text.split("`extra` may not set what", 1)[1].split("\n\n", 1)[0]
    assert set(names_in(paragraph)) == RESERVED_EXTRA


def test_the_table_of_profiles_is_that_of_the_code():
    """What docs/providers.md says of each provider is what its profile says."""
    table = {cells[0].strip("`"): cells[1:] for cells in rows("docs/providers.md", "## What each profile does")}
    for column, provider in enumerate(Provider):
        assert {row: cells[column] for row, cells in table.items()} == described(PROFILES[provider])


def described(profile: Profile) -> dict[str, str]:
    """A profile in the words of docs/providers.md."""
    return {
        "base URL if none is set": f"`{profile.base_url}`" if profile.base_url else "must be set",
        "project": "required: the folder id" if profile.needs_project else "if set",
        "store": "`true`" if profile.store else "left out",
        "metadata": "`{job_id}`" if profile.metadata else "left out",
        "reasoning": "sent" if profile.reasoning else "left out",
        "service_tier": "sent" if profile.service_tier else "left out",
        "key if none is set": "the function's IAM token" if profile.takes_iam_token else "must be set",
        "starts per minute, if not set": str(profile.submits_per_minute),
        "polls per second, if not set": str(profile.polls_per_second),
        "creates per second, in each process": str(profile.creates_per_second or "no limit"),
        "results are kept": f"{profile.results_kept_s // 86_400} days" if profile.results_kept_s else "not known",
        "model `m` is sent as": f"`{profile.model_uri.format(model='m', project='<folder>')}`",
        "response deleted after collection": "yes" if profile.deletes else "no",
    }


def test_the_examples_of_records_are_records():
    """Each kind once, with exactly the fields that the code writes, and readable by it."""
    text = (ROOT / "docs/run-records.md").read_text(encoding="utf-8")
    examples = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]
    assert [example["state"] for example in examples] == list(KINDS)
    for example in examples:
        kind = KINDS[State(example["state"])]
        assert list(example) == list(kind.__struct_fields__)
        assert decode(json.dumps(example).encode(), kind).job_id == example["job_id"]


@pytest.mark.parametrize("kind", [*KINDS.values(), JobRecord], ids=lambda kind: kind.__name__)
def test_every_field_of_a_record_is_documented(kind):
    """In the first column of one of the tables in docs/run-records.md."""
    lines = (ROOT / "docs/run-records.md").read_text(encoding="utf-8").splitlines()
    documented = {name for line in lines if line.startswith("| `") for name in names_in(line.split(" | ")[0])}
    assert set(kind.__struct_fields__) <= documented
