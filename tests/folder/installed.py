"""The wheel, built and installed into its own environment, which borrows the libraries of this one.

It does not see the checkout: Python reads path files, including that of the editable install, only in an environment's
own folder of packages.
"""

import os
import site
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from support.commands import environment

ROOT = Path(__file__).parents[2]
_LIMIT_S = 120


@dataclass(frozen=True)
class Installed:
    """The command as somebody has it who never saw the checkout; `here` is an empty folder to start it in."""

    wheel: Path
    python: Path
    here: Path

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command."""
        return subprocess.Popen(
            [self.python.with_name("backburner"), *arguments],
            cwd=self.here,
            env=_plain(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run the command to its end, and return exit code and output."""
        with self.start(*arguments) as process:
            said, _ = process.communicate(timeout=_LIMIT_S)
        assert "Traceback" not in said, said
        return process.returncode, said


def install(folder: Path) -> Installed:
    """Build the wheel and install it below a folder, without asking any index."""
    uv = [str(Path(sys.executable).with_name("uv")), "--offline", "--quiet"]
    wheels, home, here = folder / "wheels", folder / "home", folder / "empty"
    here.mkdir()
    _done(
        [
            *uv,
            "build",
            "--wheel",
            "--no-build-isolation",
            "--python",
            sys.executable,
            "--out-dir",
            str(wheels),
            str(ROOT),
        ]
    )
    _done([*uv, "venv", "--python", sys.executable, str(home)])
    python = home / "bin" / "python"
    (wheel,) = wheels.glob("backburner-*.whl")
    _done([*uv, "pip", "install", "--no-deps", "--python", str(python), str(wheel)])
    (_packages(python) / "libraries.pth").write_text("\n".join(site.getsitepackages()), encoding="utf-8")
    return Installed(wheel, python, here)


def _packages(python: Path) -> Path:
    return Path(sysconfig.get_path("purelib", vars={"base": str(python.parents[1])}))


def _plain() -> dict[str, str]:
    left_out = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "UV_")
    return {name: value for name, value in environment({}).items() if not name.startswith(left_out)}


def _done(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, env=dict(os.environ), check=False)
    assert done.returncode == 0, done.stdout + done.stderr
