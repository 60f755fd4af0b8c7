"""Imports go one way, app → adapters → core, and importing a module does nothing but import."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from support.depth import thinned
from support.sources import parsed, statements

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers" / "backburner" / "backburner"
ADAPTERS = sorted((PACKAGE / "adapters").rglob("*.py"))
CHILD = sorted((PACKAGE / "extraction").rglob("*.py"))
CORE = sorted(set(PACKAGE.rglob("*.py")) - set(ADAPTERS) - set(CHILD))
FUNCTIONS = sorted((ROOT / "functions").rglob("*.py"))
SDKS = {
    "aiobotocore", "aioboto3", "aiohappyeyeballs", "aiohttp", "aws_lambda_powertools", "boto3", "botocore", "httptools",
    "httpx", "httpx2", "mypy_boto3_s3", "mypy_boto3_sqs", "obstore", "openai", "requests", "s3transfer", "urllib3",
    "uvloop", "yandexcloud", "yarl",
}  # fmt: skip
READERS = {
    "chardet", "email", "lxml", "olefile", "PIL", "pi_heif", "pypdf", "pypdfium2_raw", "selectolax", "xlrd", "zipfile",
}  # fmt: skip
"""Libraries that read other people's files: only a child imports them."""
EXCHANGED = "backburner.extraction.child"
"""The only module of the child that a parent imports."""
LATE = {
    "boto3",
    "boto3.session",
    "botocore",
    "openai",
    "httpx2",
    "jsonschema_rs",
    "aws_lambda_powertools.utilities.parameters",
    "backburner.adapters.sdk_transport",
}
"""Imported where they are first needed, so that an idle tick never pays for them."""
WITH_THE_SDK = PACKAGE / "adapters" / "sdk_transport.py"
"""A part of the SDK's client, which is itself imported late."""
HARMLESS = (
    ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.If,
)  # fmt: skip

PROBE = """
import importlib, json, os, sys, threading
import asyncio, concurrent.futures
made = []
def watch(kind):
    begin = kind.__init__
    def watched(self, *args, **options):
        made.append(kind.__name__)
        begin(self, *args, **options)
    kind.__init__ = watched
for kind in (threading.Thread, asyncio.BaseEventLoop, concurrent.futures.ThreadPoolExecutor):
    watch(kind)
sys.addaudithook(lambda event, _: made.append(event) if event in ("socket.connect", "subprocess.Popen") else None)
def look(name):
    importlib.import_module(name)
    if "backburner.adapters.http" in sys.modules:
        import gc
        pool = sys.modules["backburner.adapters.http"].Http
        made.extend(type(one).__name__ for one in gc.get_objects() if isinstance(one, pool))
    print(json.dumps({"made": made, "threads": threading.active_count(), "modules": sorted(sys.modules)}), flush=True)
for name in sys.argv[1:]:
    if os.fork() == 0:
        look(name)
        os._exit(0)
    if os.wait()[1]:
        sys.exit(f"{name} cannot be imported alone")
"""


@cache
def _imported(path: Path, *, top: bool = False) -> tuple[str, ...]:
    """Every module that a file imports; with `top`, only those imported when the file is."""
    return tuple(_imports_in(path, top=top))


def _imports_in(path: Path, *, top: bool) -> Iterator[str]:
    late = {
        id(node)
        for outer in (statements(parsed(path)) if top else ())
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        or (isinstance(outer, ast.If) and "TYPE_CHECKING" in ast.unparse(outer.test))
        for node in statements(outer)
    }
    for node in statements(parsed(path)):
        if id(node) in late:
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield f"{node.module}"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def _package(module: str) -> str:
    return module.rpartition(".")[0]


def test_there_are_files_to_check() -> None:
    """If a folder were moved, every test here would pass."""
    assert len(CORE) > 15
    assert len(ADAPTERS) > 4
    assert len(CHILD) > 4
    assert len(FUNCTIONS) == 2


def test_the_core_imports_no_sdk_and_no_adapter() -> None:
    """It does so nowhere, not even late or for types."""
    for path in CORE:
        imported = set(_imported(path))
        assert not {name.partition(".")[0] for name in imported} & SDKS, path
        assert not {name for name in imported if name.startswith("backburner.adapters")}, path


def test_an_adapter_imports_no_function_and_no_command() -> None:
    """It is below them."""
    above = {"functions", "app", "backburner_cli", "tests"}
    for path in ADAPTERS:
        assert not {name.partition(".")[0] for name in _imported(path)} & above, path


def test_only_the_child_imports_document_readers() -> None:
    """No other module imports them or the child's own modules, early or late."""
    for path in (*CORE, *ADAPTERS, *FUNCTIONS):
        imported = set(_imported(path)) - {"email.utils", "email.utils.parsedate_to_datetime"}
        assert not {name.partition(".")[0] for name in imported} & READERS, path
        inner = {name for name in imported if name.startswith("backburner.extraction")}
        assert not {name for name in inner if not name.startswith(EXCHANGED)}, path
        assert not inner or path.name == "extraction.py", path


def test_the_child_knows_nothing_of_clouds_and_jobs() -> None:
    """It imports the readers, the errors and the documents, but no SDK."""
    documents = ("backburner.documents.pictures", "backburner.documents.plain_text")
    allowed = ("backburner.errors", *documents, "backburner.extraction")
    for path in CHILD:
        imported = set(_imported(path))
        assert not {name.partition(".")[0] for name in imported} & SDKS, path
        ours = {name for name in imported if name.startswith("backburner.")}
        assert not {name for name in ours if not name.startswith(allowed)}, path


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: path.parent.name)
def test_a_function_composes_adapters_and_core(path: Path) -> None:
    """It has at most 60 lines, and uses no SDK directly except for logging."""
    tops = {name.partition(".")[0] for name in _imported(path)}
    assert not tops & (SDKS - {"aws_lambda_powertools"})
    assert "backburner_cli" not in tops
    assert any(name.startswith("backburner.adapters") for name in _imported(path))
    assert len(path.read_text().splitlines()) <= 60


def test_slow_modules_are_imported_late() -> None:
    """The provider's SDK takes over a second."""
    for path in (*CORE, *ADAPTERS, *FUNCTIONS):
        late = LATE - ({"httpx2"} if path == WITH_THE_SDK else set())
        assert not set(_imported(path, top=True)) & late, path


MODULES = [path for path in (*CORE, *ADAPTERS, *CHILD, *FUNCTIONS) if path.name != "__main__.py"]


def test_a_module_only_defines() -> None:
    """Its top level has imports, definitions and constants; the only bare expressions are docstrings."""
    for path, node in [(one, node) for one in MODULES for node in parsed(one).body]:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        imports = (
            isinstance(node, ast.With)
            and {ast.unparse(item.context_expr) for item in node.items} == {"no_collection()"}
            and all(isinstance(one, ast.Import | ast.ImportFrom) for one in node.body)
        )
        assert isinstance(node, HARMLESS) or docstring or imports, f"{path}:{node.lineno}"
        if isinstance(node, ast.If):
            assert ast.unparse(node.test) == "TYPE_CHECKING"


def test_importing_a_module_starts_nothing() -> None:
    """No thread, connection, loop, client or child starts, and the core alone loads no SDK."""
    modules = thinned(map(_name, [*CORE, *ADAPTERS]), one_in=15, kind=_package)
    late = {"boto3", "botocore.session", "openai", "httpx2", "jsonschema_rs"}
    for module, seen in zip(modules, _imports_of(modules), strict=True):
        assert seen["made"] == [], module
        assert seen["threads"] == 1, module
        may_not = (late - {"httpx2"} if module == _name(WITH_THE_SDK) else late) | READERS - {"email", "zipfile"}
        assert not set(seen["modules"]) & may_not, module
        if not module.startswith("backburner.adapters"):
            assert not set(seen["modules"]) & SDKS, module


def _imports_of(modules: list[str]) -> list[dict[str, Any]]:
    """What each module imports in a fresh process."""
    done = subprocess.run([sys.executable, "-c", PROBE, *modules], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
