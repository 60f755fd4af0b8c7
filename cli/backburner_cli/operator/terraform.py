"""Reads the environment of a Terraform deployment: its output `environment`, from the state file or the program."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from backburner_cli.errors import CommandError
from backburner_cli.operator.deployment import CHECKER_FUNCTION, DEPLOYED_VERSION, SUBMIT_FUNCTION

_LIMIT_S = 60
_OUTPUT = "environment"
_FUNCTIONS = {"submit_function_id": SUBMIT_FUNCTION, "checker_function_id": CHECKER_FUNCTION}


def environment_of_terraform(folder: Path) -> dict[str, str]:
    """The functions' environment. Raises `CommandError` with the remedy."""
    if not folder.is_dir():
        raise CommandError(f"{folder} is not a folder: name the one in which terraform apply was run")
    outputs = _outputs(folder)
    found = outputs.get(_OUTPUT, {}).get("value")
    if not isinstance(found, dict) or not found.get("BACKBURNER_BUCKET"):
        raise CommandError(f"Terraform in {folder} has no output {_OUTPUT!r}: apply the files of deploy/yandex there")
    deployed = str(outputs.get("version", {}).get("value", ""))
    functions = {
        variable: str(outputs[name]["value"])
        for name, variable in _FUNCTIONS.items()
        if outputs.get(name, {}).get("value")
    }
    return {str(name): str(value) for name, value in found.items()} | functions | {DEPLOYED_VERSION: deployed}


def _outputs(folder: Path) -> dict[str, Any]:
    """The outputs, from the state file in the folder if there is one, as that needs no program and no network."""
    state = folder / "terraform.tfstate"
    try:
        if state.is_file():
            return dict(json.loads(state.read_text(encoding="utf-8"))["outputs"])
        return _asked(folder)
    except (ValueError, KeyError, TypeError) as error:
        raise CommandError(
            f"the outputs of Terraform in {folder} cannot be read ({error}): run terraform apply"
        ) from error


def _asked(folder: Path) -> dict[str, Any]:
    """The outputs from the program, for a state that is elsewhere."""
    program = shutil.which("terraform") or shutil.which("tofu")
    if program is None:
        raise CommandError(
            f"{folder} has no terraform.tfstate, and terraform is not installed here: install it, or name the folder "
            "that has the state"
        )
    try:
        done = subprocess.run(
            [program, f"-chdir={folder}", "output", "-json"],
            capture_output=True, text=True, timeout=_LIMIT_S, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise CommandError(
            f"terraform output in {folder} did not answer within {_LIMIT_S} s: run it yourself"
        ) from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it does not say why"]
        raise CommandError(f"terraform output in {folder} failed: {lines[0]}: run terraform init there")
    return dict(json.loads(done.stdout))
