"""The operator's command in a process of its own that costs little to start: forked from the server of `forks`.

It is what the script `backburner` runs, from its first line on; only the libraries are imported already.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from support import forks

INSTALLED = str(Path(sys.executable).with_name("backburner"))
"""The script itself, for what only it can show."""
_PLAIN = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"}
_NOBODY = {
    "XDG_CACHE_HOME": "/dev/null/no",
    "XDG_CONFIG_HOME": "/dev/null/no",
    "XDG_RUNTIME_DIR": "",
    "XDG_STATE_HOME": "/dev/null/no",
}
"""No profile of this user is read, no `backburner up` of theirs found, and nothing put into their cache."""
_LIMIT_S = 100


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """This process's own, without a provider or a cloud in it, and what is given."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OPENAI_", "BACK"))}
    return {**inherited, **_PLAIN, **_NOBODY, **given}


def run(*arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
    """The command, run to its end, with some variables in its environment."""
    with tempfile.TemporaryDirectory() as folder:
        out, errors = Path(folder, "out"), Path(folder, "errors")
        process = forks.fork(_main, arguments, environment(given), str(out), str(errors))
        process.join(_LIMIT_S)
        assert process.exitcode is not None, "the command did not end"
        return subprocess.CompletedProcess(arguments, process.exitcode, out.read_text(), errors.read_text())


def _main(arguments: tuple[str, ...], given: dict[str, str], out: str, errors: str) -> None:
    os.environ.clear()
    os.environ.update(given)
    for number, path in ((1, out), (2, errors)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.argv = ["backburner", *arguments]
    from backburner_cli.entry import main  # noqa: PLC0415 - it reads the environment as it is imported

    main()
