"""What a person sees at a terminal (live tables, questions, bars, colours), which is left as it was."""

import json
from pathlib import Path

from folder.running import Runs, call
from support.terminals import CTRL_C, at_a_terminal

BAR, COLOUR = "━", "\x1b[3"


def test_a_run_is_drawn_and_stopped_with_ctrl_c(runs: Runs, tmp_path: Path) -> None:
    """There is a live table with a bar, in colour; output goes to standard output; the next run finishes the rest."""
    for number in range(12):
        runs.write(f"{number}.txt")
    command = ("run", str(runs.folder), "--out", str(runs.out), "--stand-in")
    with at_a_terminal(*command, output=str(tmp_path / "said"), BACKBURNER_MAX_IN_FLIGHT="1") as terminal:
        terminal.wait_for("done    ")
        terminal.type(CTRL_C)
        assert terminal.end() == 2
        assert terminal.is_as_before
        for word in ("documents  done  failed  running  waiting", BAR, "Stopping", "Press Ctrl-C again"):
            assert word in terminal.text, word
        assert f"{BAR}done" not in terminal.text  # each on its own line
        assert COLOUR in terminal.shown
    lines = [json.loads(line) for line in (tmp_path / "said").read_text().splitlines()]
    assert (lines[-1]["outcome"], lines[-1]["why"]) == ("stopped_early", "interrupted")
    assert len(lines) == lines[-1]["done"] + 1
    with at_a_terminal(*command, NO_COLOR="1") as terminal:
        assert terminal.end() == 0
        assert terminal.is_as_before
        assert "12 documents: 12 done" in terminal.text
        assert BAR in terminal.text
        assert COLOUR not in terminal.shown
    assert runs.paid() == 12


def test_actions_on_many_jobs_are_confirmed_and_counted(runs: Runs, tmp_path: Path) -> None:
    """A no changes nothing and a yes shows a bar, for replays, edited files and cancels; Ctrl-C ends watching."""
    runs.write("a.txt")
    for name in ("b.bin", "c.bin"):
        runs.write(name, bytes(range(256)) * 20)
    assert runs.run()[0] == 1
    here = ("--folder", str(runs.folder))
    question = "Run 2 failed documents again? The provider bills each run. [y/N]:"
    for answer, code, said in (("n", 1, "nothing was done"), ("y", 0, "2 replayed")):
        with at_a_terminal("replay", "--failed", *here) as terminal:
            terminal.wait_for(question)
            terminal.type(f"{answer}\n")
            assert (terminal.end(), said in terminal.text) == (code, True), terminal.text
            assert terminal.is_as_before
            assert ("replaying " in terminal.text and BAR in terminal.text) is (answer == "y")
    results = ("results", "--to", str(tmp_path / "copy"), *here)
    with at_a_terminal(*results) as terminal:
        assert terminal.end() == 0
        assert "fetching " in terminal.text
    edited = tmp_path / "copy/default/a.txt.md"
    text = edited.read_text()
    for answer, code, left in (("n", 1, "mine"), ("y", 0, text)):
        edited.write_text("mine")
        with at_a_terminal(*results) as terminal:
            terminal.wait_for("Replace 1 file that this command did not write? [y/N]:")
            terminal.type(f"{answer}\n")
            assert (terminal.end(), edited.read_text()) == (code, left), terminal.text
    endless = runs.start("--stand-in", "--out", str(runs.out), BACKBURNER_MODEL="stand-in/never-ends")
    runs.wait_for(lambda: json.loads(call("jobs", "--state", "running", *here).stdout)["jobs"] == 1)
    endless.kill()
    with at_a_terminal("watch", "--every", "0.2", *here) as terminal:
        terminal.wait_for("running")
        terminal.type(CTRL_C)
        assert (terminal.end(), terminal.is_as_before) == (0, True)
        assert BAR in terminal.text
    with at_a_terminal("cancel", "--all", *here) as terminal:
        terminal.wait_for("Cancel 1 job? [y/N]:")
        terminal.type("y\n")
        assert (terminal.end(), "1 job to be cancelled" in terminal.text) == (0, True)
        assert "cancelling " in terminal.text
