"""The documentation says what the code does: all that a machine can compare."""

import json
import os
import re
from pathlib import Path
from urllib.parse import unquote

import msgspec
import pytest

from backburner.documents.recipes import RESERVED_EXTRA, FrontMatter
from backburner.errors import Reason
from backburner.ledger.records import ErrorRecord, JobRecord, OpenRecord, RunRecord, State, SupersededRecord, decode
from backburner.provider.profiles import PROFILES, Profile, Provider
from backburner.settings import Settings, from_env

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
    """The README's table of settings: name to default, whether it is enforced, meaning."""
    return {name: cells[1:] for cells in rows("README.md", "## Configuration") for name in names_in(cells[0])}


def settings(**more: str) -> Settings:
    """The settings where nothing is set that has a default."""
    return from_env(REQUIRED | more)


@pytest.mark.parametrize("path", markdown_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path):
    """A relative link names a file or folder that is there, and a heading that it has."""
    for target in links(path):
        name, _, anchor = unquote(target).partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), f"{target} leads nowhere"
        assert not anchor or anchor in anchors(file), f"{target}: no such heading"


def test_the_readme_lists_every_variable_that_is_read():
    """Neither more nor fewer than the settings read, and those that boto3 reads by itself."""
    source = (PACKAGE / "settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'"((?:BACKBURNER|OPENAI)_[A-Z_]+)"', source))
    assert set(configuration()) == read | set(BOTO3_READS)


@pytest.mark.parametrize("attribute", WITH_DEFAULTS)
def test_the_readme_names_the_default(attribute):
    """As the settings have it, for Yandex AI Studio apart where it has another; "none" where nothing is set."""
    usual, yandex = getattr(settings(BACKBURNER_PROVIDER="openai"), attribute), getattr(settings(), attribute)
    default = configuration()[f"BACKBURNER_{attribute.upper()}"][0]
    expected = "none" if usual is None else str(usual)
    assert default == (expected if usual == yandex else f"{expected}; with `yandex` {yandex}")


def test_the_readme_names_the_defaults_of_the_provider():
    documented = configuration()
    assert names_in(documented["BACKBURNER_PROVIDER"][0]) == [settings().provider]
    assert names_in(documented["BACKBURNER_PROVIDER"][2]) == list(Provider)
    assert names_in(documented["OPENAI_BASE_URL"][0]) == [name for name in Provider if PROFILES[name].base_url]
    assert names_in(documented["OPENAI_PROJECT_ID"][0]) == [name for name in Provider if PROFILES[name].needs_project]


@pytest.mark.parametrize("name", sorted(set(REQUIRED) - {"OPENAI_PROJECT_ID", "OPENAI_API_KEY"}))
def test_the_readme_says_what_is_required(name):
    assert configuration()[name][0] == "required"


@pytest.mark.parametrize("attribute", WITH_DEFAULTS)
def test_the_readme_claims_only_what_is_enforced(attribute):
    """A setting that no other module uses is "not yet" enforced, and one that is used is not called so."""
    others = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py") if path.name != "settings.py"]
    used = any(f"settings.{attribute}" in text for text in others)
    enforced = configuration()[f"BACKBURNER_{attribute.upper()}"][1]
    assert enforced.startswith("yes" if used else "not yet")


def test_the_readme_explains_every_reason():
    """Each reason for which a job can fail, once, in the order of the contract."""
    table = rows("README.md", "### Reasons in error records")
    assert [name for cells in table for name in names_in(cells[0])] == list(Reason)


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
        "starts a minute, if not set": str(profile.submits_per_minute),
        "looks a second, if not set": str(profile.polls_per_second),
        "creates a second, each process": str(profile.creates_per_second or "no limit"),
        "results are kept": f"{profile.results_kept_s // 86_400} days" if profile.results_kept_s else "not known",
        "model `m` is sent as": f"`{profile.model_uri.format(model='m', project='<folder>')}`",
        "response deleted after pick-up": "yes" if profile.deletes else "no",
    }


def test_the_examples_of_records_are_records():
    """Each kind once, with exactly the fields that the code writes, and readable by it."""
    text = (ROOT / "docs/run-records.md").read_text(encoding="utf-8")
    examples = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]
    assert [example["state"] for example in examples] == list(KINDS)
    for example in examples:
        kind = KINDS[State(example["state"])]
        assert list(example) == [field.encode_name for field in msgspec.structs.fields(kind)]
        assert decode(json.dumps(example).encode(), kind).job_id == example["job_id"]


@pytest.mark.parametrize("kind", [*KINDS.values(), JobRecord], ids=lambda kind: kind.__name__)
def test_every_field_of_a_record_is_documented(kind):
    """In the first column of one of the tables in docs/run-records.md."""
    lines = (ROOT / "docs/run-records.md").read_text(encoding="utf-8").splitlines()
    documented = {name for line in lines if line.startswith("| `") for name in names_in(line.split(" | ")[0])}
    assert {field.encode_name for field in msgspec.structs.fields(kind)} <= documented
