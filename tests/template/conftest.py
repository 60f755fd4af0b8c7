"""The template as it is written, and as CloudFormation gets it."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backburner_cli.local.aws.cloud import CHECKOUT
from backburner_cli.local.aws.stack import locate_code
from backburner_cli.local.aws.template import load_template

Template = dict[str, Any]


def expand(template: Template) -> Template:
    """Apply the SAM transform of the release that deploys."""
    done = subprocess.run(
        [CHECKOUT / ".tools/sam/bin/python", "-I", Path(__file__).with_name("expand.py")],
        input=json.dumps(locate_code(template, lambda folder: f"s3://code/{folder}code.zip")),
        env={**os.environ, "AWS_DEFAULT_REGION": "eu-central-1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def template() -> Template:
    """The template as it is written, a fresh copy for each test."""
    return load_template(CHECKOUT / "template.yaml")


@pytest.fixture(scope="session")
def expanded() -> Template:
    """The template after the transform; read only."""
    return expand(load_template(CHECKOUT / "template.yaml"))


@pytest.fixture(scope="session")
def of_type(expanded: Template) -> Callable[[str], dict[str, Any]]:
    """The properties of every resource of a type, by logical id."""

    def find(kind: str) -> dict[str, Any]:
        resources = expanded["Resources"].items()
        return {name: resource["Properties"] for name, resource in resources if resource["Type"] == kind}

    return find
