"""Runs each module of tests/fuzz for some minutes, in rounds with a new seed each, and says what was drawn.

    python scripts/fuzz.py --minutes 10 [WORD ...]     # only modules whose name has one of the words

A round that fails is shown, and the module ends there; the example that it prints belongs into the module, as an
`@example`. Exit code 1: something was found.
"""

# ruff: noqa: INP001, S603, T201 - a script for a terminal, which runs our own tests

import argparse
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_DRAWN = re.compile(r"(\d+) passing, \d+ failing")
_NO_LIMIT = "0"


def main() -> int:
    """Fuzz module after module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="for each module")
    parser.add_argument("words", nargs="*", metavar="WORD")
    given = parser.parse_args()
    modules = sorted((ROOT / "tests/fuzz").glob("test_*.py"))
    chosen = [one for one in modules if not given.words or any(word in one.stem for word in given.words)]
    if not chosen:
        parser.error(f"no module of tests/fuzz has {' or '.join(given.words)} in its name")
    sound = [_fuzzed(module, given.minutes * 60) for module in chosen]
    return 0 if all(sound) else 1


def _fuzzed(module: Path, limit_s: float) -> bool:
    """Whether all rounds of a module passed; the last one begins before the time is over."""
    began, rounds, drawn = time.monotonic(), 0, 0
    while time.monotonic() - began < limit_s:
        seed = random.randrange(2**32)  # noqa: S311 - no secret
        done = _round(module, seed)
        rounds += 1
        drawn += sum(int(passing) for passing in _DRAWN.findall(done.stdout))
        if done.returncode:
            print(done.stdout + done.stderr)
            print(f"{module.stem}: found something in round {rounds}, after {drawn} examples; seed {seed}", flush=True)
            return False
    print(
        f"{module.stem}: {drawn} examples in {rounds} rounds and {time.monotonic() - began:.0f} s, nothing found",
        flush=True,
    )
    return True


def _round(module: Path, seed: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--timeout={_NO_LIMIT}",
         f"--hypothesis-seed={seed}", "--hypothesis-show-statistics", str(module)],
        cwd=ROOT, env=os.environ | {"FUZZ": "deep"}, capture_output=True, text=True, check=False,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
