"""The zip in a bare Python of the service: its requirements.txt alone is enough to import it."""

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


def test_the_zip_has_the_handlers_and_nothing_superfluous(built: bytes) -> None:
    """`submit.py` and `checker.py` are the functions' `app.py`, beside the package and its requirements."""
    with zipfile.ZipFile(io.BytesIO(built)) as archive:
        for name in FUNCTIONS:
            assert archive.read(f"{name}.py") == (CHECKOUT / "functions" / name / "app.py").read_bytes()
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert tops == {"submit.py", "checker.py", "requirements.txt", "backburner"}


def test_the_same_files_make_the_same_zip(built: bytes) -> None:
    """So an apply without a change makes no new version."""
    assert package(CHECKOUT) == built


@pytest.mark.parametrize("version", RUNTIMES)
def test_the_zip_can_be_imported_with_its_requirements_alone(built: bytes, version: str, tmp_path: Path) -> None:
    """That is every module and every late import, without access to any package of this machine.

    A version of the service that this machine lacks is reported as untested; if it has none, our own is used.
    """
    python = found(version) or interpreter()
    if found(version) is None and any(map(found, RUNTIMES)):
        pytest.skip(f"no Python {version} on this machine: the zip was not run with it")
    installed = install(built, python, tmp_path)
    done = run(python, "-I", "-S", "-W", "error", "-c", IMPORT, installed.code, installed.dependencies)
    assert done.returncode == 0, done.stderr
    imported = json.loads(done.stdout)
    assert imported["modules"] > 30
    assert imported["site-packages"] == []
    if found(version):
        assert ".".join(map(str, imported["version"])) == version
