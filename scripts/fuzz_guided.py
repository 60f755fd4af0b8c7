"""Fuzzes the property tests of tests/fuzz guided by coverage: atheris draws bytes, Hypothesis makes examples of them.

    .tools/fuzz/bin/python scripts/fuzz_guided.py --minutes 10 [WORD ...] # only modules whose name has one of the words

A module's minutes are shared out among its tests. What reached new code is kept in `.build/fuzz`, and the next run
starts from there. An example that fails is printed and belongs into the module, as an `@example`. Exit code 1:
something was found.
"""

# ruff: noqa: INP001, S603, T201 - a script for a terminal, which runs our own tests

import argparse
import importlib
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_CORPUS = ROOT / ".build/fuzz"
_MAX_BYTES = 8192
"""Hypothesis itself draws at most so many."""
_LIMIT_OF_ONE_S = 120
"""What takes longer hangs."""
_DONE = re.compile(r"Done (\d+) runs")


def main() -> int:
    """Fuzz module after module, each test in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="for each module")
    parser.add_argument("--test", metavar="MODULE:NAME", help=argparse.SUPPRESS)
    parser.add_argument("words", nargs="*", metavar="WORD")
    given = parser.parse_args()
    sys.path[:0] = [str(ROOT / "tests")]
    importlib.import_module("conftest").load_profile()
    if given.test:
        module, _, name = given.test.partition(":")
        return _fuzz(module, name, seconds=round(given.minutes * 60))
    modules = sorted(path.stem for path in (ROOT / "tests/fuzz").glob("test_*.py"))
    chosen = [name for name in modules if not given.words or any(word in name for word in given.words)]
    if not chosen:
        parser.error(f"no module of tests/fuzz has {' or '.join(given.words)} in its name")
    sound = [_module(name, given.minutes) for name in chosen]
    return 0 if all(sound) else 1


def _tests(module: str) -> list[str]:
    """The names of a module's property tests."""
    inside = vars(importlib.import_module(f"fuzz.{module}"))
    return [name for name, test in inside.items() if name.startswith("test_") and hasattr(test, "hypothesis")]


def _module(module: str, minutes: float) -> bool:
    """Whether every property test of a module holds."""
    names, runs = _tests(module), 0
    for name in names:
        share = str(minutes / len(names))
        done = subprocess.run(
            [sys.executable, __file__, "--minutes", share, "--test", f"{module}:{name}"],
            cwd=ROOT, capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        told = done.stdout + done.stderr
        if done.returncode:
            print(f"{told[-6000:]}\n{module}::{name}: found something", flush=True)
            return False
        runs += sum(int(count) for count in _DONE.findall(told))
    print(f"{module}: {runs} examples of {len(names)} tests in {minutes:g} min, nothing found", flush=True)
    return True


def _fuzz(module: str, name: str, seconds: int) -> int:
    """Fuzz one test in this process, which libFuzzer ends. Returns only where atheris is missing."""
    try:
        import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415 - the script says what to do where it is not there
    except ImportError:
        print("atheris is not here: make fuzz-guided installs it, on Linux (x86_64)", file=sys.stderr)
        return 2
    with atheris.instrument_imports(include=["backburner"]):
        test = vars(importlib.import_module(f"fuzz.{module}"))[name]
    corpus, found = _CORPUS / f"{module}-{name}", _CORPUS / "found"
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={seconds}", f"-max_len={_MAX_BYTES}", f"-timeout={_LIMIT_OF_ONE_S}", "-len_control=0"]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={found}/", str(corpus)], test.hypothesis.fuzz_one_input)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
