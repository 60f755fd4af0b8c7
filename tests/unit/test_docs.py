"""The documentation matches the code, as far as a machine can compare them."""

import json
import re
from pathlib import Path
from urllib.parse import unquote

import msgspec
import pytest

from backburner.documents.recipes import RESERVED_EXTRA, FrontMatter
from backburner.errors import Reason
from backburner.ledger.records import ErrorRecord, JobRecord, OpenRecord, RunRecord, State, SupersededRecord, decode
from backburner.provider.profiles import PROFILES, Profile, Provider
from backburner.settings import names as settings_names
from support.pages import ROOT, anchors, links, markdown_files, names_in, rows

PACKAGE = ROOT / "layers/backburner/backburner"
DRAWN = {"docs/images/demo.svg": "demo-picture"}
"""Pictures by the Makefile target that draws them: until that target exists, the picture may be missing."""
KINDS: dict[State, type[JobRecord]] = {
    State.DONE: RunRecord,
    State.FAILED: ErrorRecord,
    State.WAITING: OpenRecord,
    State.SUPERSEDED: SupersededRecord,
}


def is_not_drawn_yet(file: Path) -> bool:
    """Whether a target has yet to draw this picture."""
    target = DRAWN.get(str(file.relative_to(ROOT)))
    return target is not None and f"\n{target}:" not in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", markdown_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path):
    """A relative link names an existing file or folder, and a heading that it contains."""
    for target in links(path):
        name, _, anchor = unquote(target).partition("#")
        file = (path.parent / name).resolve() if name else path
        if is_not_drawn_yet(file):
            continue
        assert file.exists(), f"{target} leads nowhere"
        assert not anchor or anchor in anchors(file), f"{target}: no such heading"


def test_every_reason_is_explained():
    """Each reason of failure once, in the contract's order: what happened, and what to do."""
    table = rows("docs/errors.md", "## Reasons")
    assert [name for cells in table for name in names_in(cells[0])] == list(Reason)
    assert all(len(cells) == 3 and all(cells) for cells in table)


def test_the_glossary_has_one_word_for_each_concept():
    """No word occurs twice, and each has one sentence."""
    text = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    entries = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    entries = [entry for entry in entries if entry[0] != "word"]
    words = [word for word, _ in entries]
    assert len(words) > 50
    assert sorted(set(words)) == sorted(words)
    assert [word for word, meaning in entries if not meaning.endswith((".", ")."))] == []


def test_the_index_leads_to_every_page():
    """docs/README.md links to every page of docs/, and to the ADRs as a folder."""
    linked = {(ROOT / "docs" / target).resolve() for target in links(ROOT / "docs/README.md")}
    pages = {path for path in markdown_files() if path.parent == ROOT / "docs" and path.name != "README.md"}
    assert pages <= linked
    assert ROOT / "docs/adr" in linked


def test_the_design_names_only_what_exists():
    """This covers files and folders, settings, reasons, metrics and fields of records."""
    text = (ROOT / "docs/DESIGN.md").read_text(encoding="utf-8")
    named = {name for cell in re.findall(r"`([^`\n]+)`", text) for name in cell.split(", ")}
    paths = {
        name
        for name in named
        if re.fullmatch(r"(functions|layers|cli|deploy|recipes|events|tests|docs)/\S*|\w+\.yaml", name)
    }
    bucket = {name for name in paths if name.startswith("recipes/") and name.endswith(".md")}
    assert sorted(name for name in paths - bucket if not (ROOT / name).exists()) == []
    settings_named = set(re.findall(r"(?:BACKBURNER|OPENAI)_[A-Z_]+[A-Z]", text))
    assert settings_named <= settings_names()
    reasons = text.partition("The reasons for which a job fails for good")[2].partition("\n\n")[0]
    assert [name for name in names_in(reasons) if name in list(Reason)] == list(Reason)
    metrics = (PACKAGE / "adapters/metrics.py").read_text(encoding="utf-8")
    told = re.findall(r"`([A-Z][A-Za-z]+)`", text.partition("## 10.")[2])
    assert told
    assert [name for name in told if f'"{name}"' not in metrics] == []
    fields = {field for kind in KINDS.values() for field in kind.__struct_fields__}
    paragraph = text.partition("**Run record and error record**")[2].partition("\n\n")[0]
    assert {cell.split(" ")[0].strip("[") for cell in names_in(paragraph)} <= fields


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
    """docs/providers.md describes each provider as its profile does."""
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
        "refused in lines, so left out": ", ".join(f"`{name}`" for name in sorted(profile.refuses)) or "nothing",
        "key if none is set": "the function's IAM token" if profile.takes_iam_token else "must be set",
        "starts per minute, if not set": str(profile.submits_per_minute),
        "polls per second, if not set": str(profile.polls_per_second),
        "creates per second, in each process": str(profile.creates_per_second or "no limit"),
        "results are kept": f"{profile.results_kept_s // 86_400} days" if profile.results_kept_s else "not known",
        "models known to see": ", ".join(f"`{name}`" for name, sees in profile.sighted.items() if sees) or "none",
        "model `m` is sent as": f"`{profile.model_uri.format(model='m', project='<folder>')}`",
        "response deleted after collection": "yes" if profile.deletes else "no",
    }


def test_the_examples_of_records_are_records():
    """Each record type once, with exactly the fields that the code writes, and readable by it."""
    text = (ROOT / "docs/run-records.md").read_text(encoding="utf-8")
    examples = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]
    assert [example["state"] for example in examples] == list(KINDS)
    for example in examples:
        kind = KINDS[State(example["state"])]
        assert list(example) == [field.encode_name for field in msgspec.structs.fields(kind)]
        assert decode(json.dumps(example).encode(), kind).job_id == example["job_id"]


@pytest.mark.parametrize("kind", [*KINDS.values(), JobRecord], ids=lambda kind: kind.__name__)
def test_every_field_of_a_record_is_documented(kind):
    """It is in the first column of a table in docs/run-records.md."""
    lines = (ROOT / "docs/run-records.md").read_text(encoding="utf-8").splitlines()
    documented = {name for line in lines if line.startswith("| `") for name in names_in(line.split(" | ")[0])}
    assert {field.encode_name for field in msgspec.structs.fields(kind)} <= documented


@pytest.mark.parametrize("path", ["README.md", "docs/folder.md", "docs/tutorial-folder.md"])
def test_commands_for_a_folder_work_from_a_checkout_and_keep_paid_results_apart(path):
    """None installs from an index that lacks the package; stand-in and provider results go to different folders."""
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    commands = [line.strip() for line in lines if re.match(r" *(\.venv/bin/|uvx )?backburner run \./", line)]
    assert not [one for one in commands if one.startswith("uvx")]
    stand_in, paid = (
        {one.partition("--out ")[2].split()[0] for one in commands if "--out " in one and ("--stand-in" in one) is free}
        for free in (True, False)
    )
    assert stand_in
    assert paid.isdisjoint(stand_in)
