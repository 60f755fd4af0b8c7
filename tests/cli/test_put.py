"""`put`: where a file goes, and whose outcome `--wait` shows."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from backburner.errors import Reason
from backburner.ledger.records import ErrorRecord, PartEnd, ProviderRef, RecipeRef, RunRecord, Source, State
from backburner.provider.answers import Usage
from backburner_cli.operator.files import PutError, keys_of
from backburner_cli.operator.uploads import Upload, describe
from backburner_cli.terminal import err, out, printable, say

NOON = datetime(2031, 5, 17, 12, tzinfo=UTC)
OLD = "0" * 32


@pytest.mark.parametrize(
    ("files", "recipe", "keys"),
    [
        (["a.txt"], "", ["inbox/a.txt"]),
        (["a.txt"], "summary", ["inbox/summary/a.txt"]),
        (["x/a.txt", "y/a.txt"], "summary", ["inbox/summary/x/a.txt", "inbox/summary/y/a.txt"]),
        (["x/a.txt", "b.txt"], "", ["inbox/default/x/a.txt", "inbox/b.txt"]),
        (["./x/../x/a.txt", "x/a.txt"], "s", ["inbox/s/x/a.txt"]),
        (["/data/in/a.txt"], "s", ["inbox/s/a.txt"]),
        (["/data/in/1/a.txt", "/data/in/2/a.txt"], "s", ["inbox/s/1/a.txt", "inbox/s/2/a.txt"]),
        (["../there/1/a.txt", "../there/b.txt"], "s", ["inbox/s/1/a.txt", "inbox/s/b.txt"]),
    ],
)
def test_a_file_keeps_its_relative_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: list[str], recipe: str, keys: list[str]
) -> None:
    """Files with one name in many folders stay separate documents; a folder is never taken for a recipe."""
    monkeypatch.chdir(tmp_path)
    assert list(keys_of([Path(file) for file in files], recipe, Path.cwd())) == keys


def test_two_files_that_would_share_a_key_are_refused_before_anything_is_uploaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The second would silently replace the first."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PutError, match=r"would both become inbox/s/a\.txt"):
        keys_of([Path("a.txt"), Path("/data/in/a.txt")], "s", Path.cwd())


def test_a_name_that_is_not_utf8_is_refused_with_the_remedy(tmp_path: Path) -> None:
    """It is shown without breaking the terminal."""
    with pytest.raises(PutError, match=r"gr\\xfcn\.txt: its name is not UTF-8.*rename"):
        keys_of([tmp_path / os.fsdecode(b"gr\xfcn.txt")], "s", tmp_path)


def test_text_from_others_does_not_control_the_terminal() -> None:
    """Escape sequences, controls and bidirectional marks are shown; text in any script is unchanged."""
    assert printable("a\x1b[2Jb\rc\u202ed\x9b") == "a\\x1b[2Jb\\rc\\u202ed\\x9b"
    for text in ("Größe\n\tёж", "👩‍🚀 क्‍ष", "عربي"):
        assert printable(text) == text


def test_all_output_of_a_command_is_printed_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    """Tables too: their keys and messages come from others. The command's own colours stay."""
    table = Table("key")
    table.add_row(Text("a\x1b]0;title\x07"))
    for shown in (table, Text("b\x1b[2J")):
        out.print(shown)
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "a\\x1b]0;title" in printed
    assert "b\\x1b[2J" in printed


def test_colons_in_a_name_or_text_are_not_emoji(capsys: pytest.CaptureFixture[str]) -> None:
    """What `rich` would take for an emoji's name is printed unchanged, on both outputs."""
    table = Table("key")
    table.add_row("table:x:.txt")
    out.print(table)
    out.print("text :x:", markup=False)
    out.print("[bold]marked[/] :x:")
    say("name:x:.txt", err)
    printed = capsys.readouterr()
    for shown in ("table:x:.txt", "text :x:", "marked :x:"):
        assert shown in printed.out
    assert "name:x:.txt" in printed.err


def _record(
    kind: type[RunRecord] | type[ErrorRecord],
    *,
    run: int = 1,
    sha: str = "new",
    model: str = "m",
    uploaded: datetime = NOON,
) -> RunRecord | ErrorRecord:
    shared = {
        "job_id": OLD,
        "run": run,
        "source": Source(bucket="b", key="inbox/a.txt", etag="e", size=1, last_modified=uploaded),
        "recipe": RecipeRef(name="default", sha256=sha),
        "provider": ProviderRef(profile="openai", base_url="https://p/v1", model=model),
        "uploaded_at": uploaded,
        "usage": Usage(),
    }
    if kind is RunRecord:
        return RunRecord(**shared, state=State.DONE, result_key="results/a.txt.md", result_etag="r")
    return ErrorRecord(**shared, state=State.FAILED, reason=Reason.REFUSED, message="", replay="")


def _upload(*, stood: bool = True, model: str | None = "m") -> Upload:
    runs = frozenset({f"{OLD}.1"}) if stood else frozenset[str]()
    return Upload(key="inbox/a.txt", etag="e", last_modified=NOON, recipe_sha256="new", model=model, stood=runs)


@pytest.mark.parametrize(
    ("upload", "record", "is_outcome"),
    [
        (_upload(stood=False), _record(RunRecord), True),
        (_upload(stood=False), _record(ErrorRecord), True),
        (_upload(), _record(RunRecord), True),
        (_upload(), _record(RunRecord, sha="old"), False),
        (_upload(), _record(RunRecord, model="another"), False),
        (_upload(model=None), _record(RunRecord, model="another"), True),
        (_upload(), _record(RunRecord, run=2, sha="old"), True),
        (_upload(), _record(ErrorRecord, uploaded=NOON - timedelta(hours=1)), False),
        (_upload(), _record(ErrorRecord, uploaded=NOON), True),
    ],
)
def test_an_outcome_is_this_uploads(upload: Upload, record: RunRecord | ErrorRecord, *, is_outcome: bool) -> None:
    """It is not an earlier run's, after a changed recipe or model, or a failure that is tried again."""
    assert upload.is_outcome(record) is is_outcome


def test_what_is_shown_names_what_was_not_read() -> None:
    """The notes of its run record are shown."""
    record = _record(RunRecord)
    noted = RunRecord(
        **{name: getattr(record, name) for name in record.__struct_fields__}
        | {"source": Source(bucket="b", key="k", etag="e", size=1, last_modified=NOON, notes=["page 3: no text"])}
    )
    assert describe(noted)["not read"] == "page 3: no text"


def test_what_is_shown_names_the_generations_of_each_part() -> None:
    """They are named by level and number, and only for a few parts if there are many."""
    record = _record(RunRecord)
    ends = [
        PartEnd(level=0, number=number, job_id="j", run=1, state=State.DONE, responses=[f"resp_{number}"])
        for number in range(1, 24)
    ]
    parts = RunRecord(**{name: getattr(record, name) for name in record.__struct_fields__} | {"parts": ends})
    described = describe(parts)["of each part"]
    assert described.startswith("0/1 resp_1; 0/2 resp_2; ")
    assert described.endswith("0/20 resp_20; and 3 more: see the record")
