"""The runbook explains every alarm and every reason of failure, and says what to do."""

import re
import shlex

import click
import pytest

from backburner import settings
from backburner.errors import Reason
from backburner.maintenance.health import Health, alarms
from backburner_cli.main import app
from support.pages import ROOT, markdown_files

EVERYTHING = Health(waiting=1, running=1, oldest_s=1e9, paused=1, budget_used=1.0, unreadable=1)
ON_YANDEX = alarms(EVERYTHING, deadline_s=1, results_kept_s=1)
IN_TEMPLATE = re.findall(r"docs/runbook\.md#([a-z-]+)", (ROOT / "template.yaml").read_text(encoding="utf-8"))


def sections(page: str) -> dict[str, str]:
    """The text below each heading of a page, by the heading's anchor."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    _, *parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    return {name.lower().replace(" ", "-"): body for name, body in zip(parts[::2], parts[1::2], strict=True)}


@pytest.mark.parametrize("alarm", sorted({*ON_YANDEX, *IN_TEMPLATE}))
def test_every_alarm_has_its_section(alarm: str) -> None:
    """Alarms of the template and of the checker's log have a meaning, a remedy, and a command."""
    section = sections("runbook.md")[alarm]
    assert "**What it means.**" in section
    assert "**What to do.**" in section
    assert re.search(r"^    (backburner|aws) ", section, re.MULTILINE), section


def test_every_alarm_was_found() -> None:
    """Six are in the template, five in the log."""
    assert len(set(IN_TEMPLATE)) == 6
    assert len(ON_YANDEX) == 5


def test_every_reason_has_its_section() -> None:
    """They are in the contract's order."""
    assert list(sections("runbook-reasons.md")) == list(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_the_section_of_a_reason_says_what_to_do(reason: Reason) -> None:
    """What it means, what to look at, and what to do, with commands to copy."""
    section = sections("runbook-reasons.md")[reason]
    for part in ("**What it means.**", "**What to look at.**", "**What to do.**"):
        assert part in section
    assert re.search(r"^    backburner ", section, re.MULTILINE)


@pytest.mark.parametrize("page", ["runbook.md", "runbook-reasons.md"])
def test_the_runbook_names_only_existing_settings(page: str) -> None:
    """An operator in a hurry has no time for others."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert set(re.findall(r"BACKBURNER_[A-Z_]+", text)) <= settings.names()


def lines() -> list[tuple[str, str]]:
    """Every line of the documentation that is one of our commands, by its page."""
    found = []
    for path in markdown_files():
        text = path.read_text(encoding="utf-8")
        commands = re.findall(
            r"^(?: {4,})?(?:(?:\.\./)*\.venv/bin/|uvx )?backburner ((?:[a-z]|--).*)$", text, re.MULTILINE
        )
        found += [(str(path.relative_to(ROOT)), line.partition(" #")[0].strip()) for line in commands]
    return [(page, line) for page, line in found if "…" not in line and "[" not in line and not line.endswith(".")]


@pytest.mark.parametrize("line", sorted({line for page, line in lines() if page.startswith(("docs", "README"))}))
def test_every_command_in_the_documentation_is_valid(line: str) -> None:
    """Its name, options and values are those of the code."""
    words, command = shlex.split(line.partition(" |")[0].rstrip("&")), app
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    command.make_context(command.name, words)
