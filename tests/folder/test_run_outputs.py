"""The outputs of `backburner run`, as other commands see them."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from backburner.adapters.folder.files import md5_of
from backburner.ledger.keys import FOLDER
from backburner_cli.errors import CommandError
from backburner_cli.folder.provider import STAND_IN, real
from backburner_cli.folder.run_state import opened
from backburner_cli.operator.files import PutError, documents_in
from backburner_cli.operator.folder_states import RunState

REAL = "openai at https://api.openai.com/v1"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunState:
    """The state of a run over `contracts` with a paid provider, in a subfolder of the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "contracts").mkdir()
    return opened_by(REAL, tmp_path / "contracts", tmp_path / "contracts/results")


def opened_by(provider: str, folder: Path, out: Path) -> RunState:
    """The state of a run with this provider."""
    given = {"BACKBURNER_PROVIDER": "openai", "OPENAI_API_KEY": "key", "BACKBURNER_MODEL": "model"}
    return opened(folder, out, "default", provider, real(given, None).settings)


def result_of(state: RunState, name: str, text: str) -> Path:
    """Write a result with its record, and enter it in the state."""
    key, etag = f"results/default/{name}.md", md5_of(text.encode())
    path = state.out / f"{name}.md"
    path.write_text(text)
    source = {"bucket": FOLDER, "key": f"inbox/default/{name}"}
    record = {"job_id": "job", "run": 1, "source": source, "result_key": key, "result_etag": etag}
    (state.out / f"{name}.run.json").write_text(json.dumps(record))
    with closing(sqlite3.connect(state.database)) as db:
        values = (key, path.name, etag, len(text), 0, "{}", 1, 1)
        db.execute("INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)", values)
        db.commit()
    return path


def test_put_and_plan_skip_the_outputs_of_a_run(state: RunState, capsys: pytest.CaptureFixture[str]) -> None:
    """Folders and patterns skip outputs, even edited ones, but not a user's own files or a file named itself."""
    own = [Path("contracts/a.txt"), Path("contracts/b.txt"), Path("contracts/results/mine.md")]
    for path in own:
        path.write_text("own")
    result_of(state, "a.txt", "result")
    result_of(state, "b.txt", "result").write_text("edited")
    for named in (["contracts"], ["."], ["contracts/**/*"]):
        assert sorted(documents_in(named)[0]) == own
        assert "left out: 4 outputs of backburner run" in capsys.readouterr().err
    assert documents_in(["contracts/results"])[0] == [own[2]]
    assert documents_in(["contracts/results/a.txt.md"])[0] == [Path("contracts/results/a.txt.md")]
    own[2].unlink()
    with pytest.raises(PutError, match="outputs of backburner run"):
        documents_in(["contracts/results"])


def test_links_to_files_elsewhere_are_left_out_and_reported(
    state: RunState, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are taken if they are named themselves, as is a link to a file in the folder."""
    inside, link, private = state.folder / "a.txt", state.folder / "link.txt", state.folder.with_name("private.txt")
    for path in (inside, private):
        path.write_text("text")
    link.symlink_to(private)
    (state.folder / "same.txt").symlink_to(inside)
    assert [path.name for path in documents_in(["contracts"])[0]] == ["a.txt", "same.txt"]
    assert "left out: 1 link to files outside the folder" in capsys.readouterr().err
    assert documents_in([str(link)])[0] == [link]
    (state.folder / "others").symlink_to(state.folder.parent)
    with pytest.raises(PutError):
        documents_in(["contracts/*/private.txt"])
    assert "left out: 1 link" in capsys.readouterr().err


def test_the_stand_in_is_refused_if_it_would_replace_a_paid_result(state: RunState) -> None:
    """A provider that never answered has left nothing to replace."""
    opened_by(STAND_IN, state.folder, state.out)
    paid = result_of(state, "a.txt", "paid for")
    with pytest.raises(CommandError, match="results of a real provider"):
        opened_by(STAND_IN, state.folder, state.out)
    paid.unlink()
    opened_by(STAND_IN, state.folder, state.out)
