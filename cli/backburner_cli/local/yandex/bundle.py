"""Builds the zip of both functions on Yandex Cloud; `make package-yandex` writes it.

It has `submit.py` and `checker.py` at its root, the `app.py` of each function, so that the entrypoints are
`submit.handler` and `checker.handler`; beside them the package, and `requirements.txt`, which the service installs.
"""

import sys
from pathlib import Path

from backburner_cli.local.aws.bundle import archive

FUNCTIONS = ("submit", "checker")
REQUIREMENTS = "layers/backburner/requirements.txt"


def package(checkout: Path) -> bytes:
    """The zip of a checkout; it depends only on names and contents."""
    source = checkout / "layers/backburner/backburner"
    members = [(f"{name}.py", (checkout / "functions" / name / "app.py").read_bytes()) for name in FUNCTIONS]
    members.append(("requirements.txt", (checkout / REQUIREMENTS).read_bytes()))
    files = sorted(path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    members += [(path.relative_to(source.parent).as_posix(), path.read_bytes()) for path in files]
    return archive(members)


def main() -> None:
    """Write the zip of this checkout to the path in the first argument."""
    target = Path(sys.argv[1])
    body = package(Path(__file__).resolve().parents[4])
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.is_file() or target.read_bytes() != body:
        target.write_bytes(body)
    print(f"{target}: {len(body) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
