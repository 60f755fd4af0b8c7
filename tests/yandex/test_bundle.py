"""The zip in a bare Python of the service's: its requirements.txt, and nothing else, lets it be imported."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from backburner_cli.local.aws.cloud import CHECKOUT
from backburner_cli.local.yandex.bundle import FUNCTIONS, package

from .conftest import install, run
from .interpreters import RUNTIMES, found, interpreter

IMPORT = """
import importlib, json, pkgutil, sys
sys.path[:0] = sys.argv[1:3]
import backburner
names = [module.name for module in pkgutil.walk_packages(backburner.__path__, "backburner.")]
for name in ["submit", "checker", *names]:
    importlib.import_module(name)
import openai.resources.responses
from jsonschema_rs import validator_for
homes = sorted({str(module.__file__) for module in sys.modules.values() if "site-packages" in str(getattr(module, "__file__", None))})
print(json.dumps({"version": sys.version_info[:2], "modules": len(names), "site-packages": homes}))
"""  # noqa: E501


def test_it_holds_the_very_handlers_and_nothing_superfluous(built: bytes) -> None:
    """`submit.py` and `checker.py` are the functions' `app.py`; the package and its requirements are beside them."""
    with zipfile.ZipFile(io.BytesIO(built)) as archive:
        for name in FUNCTIONS:
            assert archive.read(f"{name}.py") == (CHECKOUT / "functions" / name / "app.py").read_bytes()
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert tops == {"submit.py", "checker.py", "requirements.txt", "backburner"}


def test_it_is_the_same_from_the_same_files(built: bytes) -> None:
    """So an apply without a change makes no new version."""
    assert package(CHECKOUT) == built


@pytest.mark.parametrize("version", RUNTIMES)
def test_it_is_imported_whole_with_its_requirements_alone(built: bytes, version: str, tmp_path: Path) -> None:
    """Every module of it, and what is imported late, without any package of this machine's in reach.

    A Python of the service's that is not here is named, since nothing was shown on it; without any, ours must do.
    """
    python = found(version) or interpreter()
    if found(version) is None and any(map(found, RUNTIMES)):
        pytest.skip(f"no Python {version} on this machine: the zip was not run with it")
    installed = install(built, python, tmp_path)
    done = run(python, "-I", "-S", "-W", "error", "-c", IMPORT, installed.code, installed.dependencies)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["modules"] > 30
    assert told["site-packages"] == []
    if found(version):
        assert ".".join(map(str, told["version"])) == version
