"""Completion in real shells: each loads the script that the command prints, and completes as if Tab were pressed."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.commands import environment
from support.typing_shell import on_path

BASH = """
eval "$(backburner completion bash)"
complete -p backburner
compopt() { echo "compopt $*"; }
ask() {
  COMPREPLY=() COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
  _backburner_completion backburner
  echo "${COMPREPLY[*]}"
}
ask backburner re
ask backburner run --recipe su
ask backburner put con
ask backburner jobs --profile pr
"""
ZSH = """
autoload -U compinit; compinit -D
eval "$(backburner completion zsh)"
print "complete -F $_comps[backburner] backburner"
_describe() { print -l -- $completions_with_descriptions }
compadd() { print -l -- $completions }
_path_files() { print "compopt -o default" }
for line in "backburner re" "backburner run --recipe su" "backburner put con" "backburner jobs --profile pr"; do
  words=(${(z)line}); CURRENT=$#words; _backburner_completion
done
"""
FISH = """
backburner completion fish | source
complete backburner | string replace -r '.*_backburner_completion.*' 'complete -F _backburner_completion backburner'
complete -C "backburner re"
complete -C "backburner run --recipe su"
complete -C "backburner put con" | string replace contracts/ "compopt -o default"
complete -C "backburner jobs --profile pr"
"""
SHELLS = {
    "bash": ["bash", "--norc", "-c", BASH],
    "zsh": ["zsh", "-fc", ZSH],
    "fish": ["fish", "--no-config", "-c", FISH],
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes(shell: str, tmp_path: Path) -> None:
    """Commands, shipped recipes, profiles, and files if a command takes files."""
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    (tmp_path / "contracts").mkdir()
    (tmp_path / "backburner").mkdir()
    kept = {"chosen": "", "profiles": {"production": {"kind": "stack", "name": "a", "region": None}}}
    (tmp_path / "backburner/profiles.json").write_text(json.dumps(kept))
    given = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
    with on_path() as commands:
        typed = environment({"PATH": f"{commands}:{os.environ['PATH']}", **given})
        shown = subprocess.run(
            SHELLS[shell], cwd=tmp_path, env=typed, capture_output=True, text=True, timeout=60, check=False
        )
    assert shown.stderr == ""
    answer = shown.stdout.replace("compopt -o\ndefault", "compopt -o default")  # its words are separated by lines
    for words in (
        "_backburner_completion backburner",
        "report",
        "results",
        "replay",
        "recipes",
        "summary",
        "compopt -o default",
        "production",
    ):
        assert words in answer, (words, answer)
    assert "status" not in answer
