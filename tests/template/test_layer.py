"""The layer as `sam build` makes it for each processor fits into a function and can read documents."""

import os
import subprocess
from pathlib import Path

import pytest

from backburner_cli.local.aws.cloud import CHECKOUT
from support.depth import is_deep

MAX_BYTES = 250_000_000
"""The limit of a function and its layers, unpacked: 250 MB. AWS may mean MiB, but we do not rely on it."""

ARCHITECTURES = ["arm64", "x86_64"] if is_deep() else ["arm64"]
"""One list of requirements serves both; the quick run builds the one that is deployed by default."""


@pytest.fixture(scope="module", params=ARCHITECTURES)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is uploaded, one folder for each resource."""
    folder = tmp_path_factory.mktemp(request.param)
    done = subprocess.run(
        [
            CHECKOUT / ".tools/sam/bin/sam", "build", "--template", CHECKOUT / "template.yaml",
            "--build-dir", folder / "build", "--parameter-overrides", f"Architecture={request.param}",
        ],
        cwd=CHECKOUT,
        env={
            **os.environ,
            "ARCH": request.param,
            "UV": str(CHECKOUT / ".venv/bin/uv"),
            "AWS_DEFAULT_REGION": "eu-central-1",
            "SAM_CLI_TELEMETRY": "0",
            "__SAM_CLI_APP_DIR": str(folder / "sam"),
        },
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert not done.returncode, done.stderr
    return folder / "build"


def test_function_and_layer_fit(built: Path) -> None:
    """With everything included, a function may have 250 MB unpacked."""
    for function in ("SubmitFunction", "CheckerFunction"):
        size_bytes = sum(path.stat().st_size for name in (function, "Layer") for path in (built / name).rglob("*"))
        assert 50_000_000 < size_bytes < MAX_BYTES


def test_everything_that_is_imported_is_in_the_layer(built: Path) -> None:
    """The child and its libraries are included, compiled for the functions' processor."""
    python = built / "Layer" / "python"
    assert (python / "backburner" / "extraction" / "__main__.py").exists()
    reading = ("PIL", "chardet", "lxml", "pi_heif", "pypdf", "selectolax", "yaml")
    for package in ("boto3", "jsonschema_rs", "msgspec", "openai", *reading):
        assert (python / package / "__init__.py").exists(), package
