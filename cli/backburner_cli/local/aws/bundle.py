"""Builds the archives of the functions and of their layer, for the interpreter that MiniStack runs them with."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from backburner_cli.local.aws.errors import LocalCloudError

_TIMELESS = (1980, 1, 1, 0, 0, 0)


def function_archive(folder: Path) -> bytes:
    """A function's own code."""
    return archive((path.name, path.read_bytes()) for path in sorted(folder.glob("*.py")))


def layer_archive(package: Path, dependencies: Path) -> bytes:
    """The package; its dependencies are not copied but found by a `.pth` file.

    MiniStack unpacks the layer for every worker it starts, which would be 80 MB each time.
    """
    lines = f"import sys; sys.path.insert(0, {str(dependencies)!r})\n"
    members = [("python/lib/local/site-packages/dependencies.pth", lines.encode())]
    files = sorted(path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    members += [(f"python/{path.relative_to(package.parent).as_posix()}", path.read_bytes()) for path in files]
    return archive(members)


def installed_dependencies(requirements: Path, python: Path, cache: Path, progress: Callable[[str], None]) -> Path:
    """A folder with the `requirements` installed for `python`; reused from `cache` until either changes."""
    version = _output(python, "-c", "import sys, sysconfig; print(sys.version, sysconfig.get_platform())")
    digest = hashlib.sha256(version.encode() + requirements.read_bytes()).hexdigest()[:16]
    target = cache / f"layer-{digest}"
    if target.is_dir():
        return target
    progress("Installing the layer's dependencies, once for this Python …")
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="layer-", dir=cache))
    try:
        _output(
            *(Path(sys.executable), "-m", "uv", "pip", "install", "--quiet", "--no-config", "--no-deps"),
            *("--require-hashes", "--compile-bytecode", "--python", str(python)),
            *("--target", str(unfinished), "--requirement", str(requirements)),
        )
        os.replace(unfinished, target)  # noqa: PTH105 - atomic; another process may have been quicker
    except OSError:
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return target


def _output(program: Path, *arguments: str) -> str:
    done = subprocess.run([str(program), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalCloudError(f"{program.name} {' '.join(arguments[:3])} failed: {done.stderr.strip()}")
    return done.stdout


def archive(members: Iterable[tuple[str, bytes]]) -> bytes:
    """A zip that depends only on names and contents, so that an unchanged function is not updated."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members:
            entry = zipfile.ZipInfo(name, _TIMELESS)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, body, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
