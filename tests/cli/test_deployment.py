"""How a command finds its deployment: by name, by profile, from the environment, or from what runs on this machine."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import boto3
import pytest
import yaml
from moto.server import ThreadedMotoServer

from backburner_cli.errors import CommandError
from backburner_cli.operator.deployment import CHECKER_FUNCTION, DEPLOYED_VERSION, SUBMIT_FUNCTION, Asked, find
from backburner_cli.operator.profiles import Kind, Profiles, Target
from backburner_cli.operator.running import announced, folder_of, running_here
from backburner_cli.operator.stack import FUNCTIONS, OPTIONAL_OUTPUTS, OUTPUTS, PARAMETERS, environment_of_stack
from backburner_cli.operator.terraform import environment_of_terraform

ROOT = Path(__file__).parents[2]
EXPORTED = {"BACKBURNER_BUCKET": "exported", "BACKBURNER_MODEL": "m"}


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment without any of our variables."""
    return {
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "AWS_ENDPOINT_URL": "http://elsewhere",
        "AWS_PROFILE": "work",
        "PATH": os.environ["PATH"],
    }


def terraform(folder: Path, **environment: str) -> Path:
    """A folder in which Terraform was applied."""
    folder.mkdir()
    outputs = {"environment": {"value": {"BACKBURNER_BUCKET": "applied", **environment}, "type": "x"}}
    outputs |= {f"{name}_function_id": {"value": f"d4e-{name}", "type": "string"} for name in ("submit", "checker")}
    (folder / "terraform.tfstate").write_text(json.dumps({"version": 4, "outputs": outputs}))
    return folder


def test_a_running_up_is_found_automatically(home: dict[str, str]) -> None:
    """Nothing is exported; this shell's addresses and credentials for other clouds do not interfere."""
    with announced(home, "aws", {"BACKBURNER_BUCKET": "here", "AWS_ENDPOINT_URL": "http://local"}):
        found = find(Asked(), home)
        assert (found_file := next(folder_of(home).glob("up-*.json"))).stat().st_mode & 0o077 == 0
    assert found.environment["BACKBURNER_BUCKET"] == "here"
    assert found.environment["AWS_ENDPOINT_URL"] == "http://local"
    assert "AWS_PROFILE" not in found.environment
    assert not found_file.exists()
    assert running_here(home) == []


def test_an_up_that_died_is_not_found(home: dict[str, str]) -> None:
    """It is not if its process has ended, or if another process now has its number."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    with announced(home, "aws", {"BACKBURNER_BUCKET": "here"}):
        path = next(folder_of(home).glob("up-*.json"))
        record = json.loads(path.read_text())
        for changes in ({"pid": dead.pid}, {"began": "1"}):
            path.write_text(json.dumps(record | changes))
            assert running_here(home) == []
            assert not path.exists()
        with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as killed:  # not reaped yet
            assert killed.stdout.read() == b""
            os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)
            path.write_text(json.dumps(record | {"pid": killed.pid, "began": None}))
            assert running_here(home) == []


def test_a_named_deployment_wins_over_an_exported_and_a_chosen_one(home: dict[str, str], tmp_path: Path) -> None:
    """A running `up` comes last."""
    folder = terraform(tmp_path / "tf")
    Profiles.of(home).keep("production", Target(kind=Kind.TERRAFORM, name=str(folder)))
    with announced(home, "aws", {"BACKBURNER_BUCKET": "here"}):
        named = find(Asked(target=Target(kind=Kind.LOCAL)), home | EXPORTED)
        by_profile = find(Asked(profile="production"), home | EXPORTED)
        exported = find(Asked(), home | EXPORTED)
        chosen = find(Asked(), home)
        Profiles.of(home).choose_none()
        last = find(Asked(), home)
    buckets = [one.environment["BACKBURNER_BUCKET"] for one in (named, by_profile, exported, chosen, last)]
    assert buckets == ["here", "applied", "exported", "applied", "here"]
    assert "BACKBURNER_MODEL" not in named.environment  # exported variables are not mixed in


def test_profiles_have_no_credentials_and_an_unknown_one_lists_the_known(home: dict[str, str]) -> None:
    """The message for an unknown name lists the known ones."""
    profiles = Profiles.of(home)
    profiles.keep("a", Target(kind=Kind.STACK, name="bb", region="eu-north-1"))
    assert profiles.chosen() == ("a", Target(kind=Kind.STACK, name="bb", region="eu-north-1"))
    with pytest.raises(CommandError, match=r"no profile 'b': there are a; backburner use b"):
        profiles.named("b")
    profiles.path.write_text("{")
    with pytest.raises(CommandError, match="fix it or remove it"):
        profiles.all()


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("none", "is not a folder"),
        ("empty", "not installed here"),
        ("other", "no output 'environment'"),
        ("broken", "cannot be read"),
    ],
)
def test_missing_outputs_of_terraform_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: str, said: str
) -> None:
    """There may be no state, no program, another project, or a broken file."""
    monkeypatch.setenv("PATH", str(tmp_path))
    folder = tmp_path / made
    if made != "none":
        folder.mkdir()
    if made in ("other", "broken"):
        (folder / "terraform.tfstate").write_text('{"outputs": {}}' if made == "other" else "{")
    with pytest.raises(CommandError, match=said):
        environment_of_terraform(folder)


def test_terraform_gives_the_ids_of_its_functions(tmp_path: Path) -> None:
    """The doctor compares them with what the triggers call."""
    found = environment_of_terraform(terraform(tmp_path / "yandex"))
    assert (found[SUBMIT_FUNCTION], found[CHECKER_FUNCTION]) == ("d4e-submit", "d4e-checker")


def test_terraform_itself_is_asked_if_the_state_is_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command is `terraform output -json`."""
    program = tmp_path / "bin/terraform"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho \'{"environment": {"value": {"BACKBURNER_BUCKET": "\'"$1 $2 $3"\'"}}}\'\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    found = environment_of_terraform(tmp_path)
    assert found == {"BACKBURNER_BUCKET": f"-chdir={tmp_path} output -json", DEPLOYED_VERSION: ""}


def test_every_variable_of_the_functions_comes_from_an_output_or_a_parameter() -> None:
    """A command finds every variable that the template sets."""

    class Loader(yaml.SafeLoader):
        """CloudFormation's tags do not matter here."""

    Loader.add_multi_constructor("!", lambda _loader, _tag, _node: None)
    template = yaml.load((ROOT / "template.yaml").read_text(), Loader)  # noqa: S506 - a SafeLoader
    variables = set(template["Globals"]["Function"]["Environment"]["Variables"])
    assert {name for name in variables if name.startswith(("BACKBURNER_", "OPENAI_"))} == {
        *OUTPUTS.values(),
        *OPTIONAL_OUTPUTS.values(),
        *PARAMETERS.values(),
    }
    assert OUTPUTS.keys() | OPTIONAL_OUTPUTS.keys() | FUNCTIONS.keys() <= template["Outputs"].keys()
    assert PARAMETERS.keys() <= template["Parameters"].keys()


def test_the_schedule_has_the_name_that_the_doctor_looks_for() -> None:
    """It follows from the checker's name."""
    template = (ROOT / "template.yaml").read_text()
    assert "FunctionName: !Sub ${AWS::StackName}-checker\n" in template
    assert "Name: !Sub ${AWS::StackName}-tick\n" in template


def test_template_and_terraform_name_the_version_that_they_belong_to() -> None:
    """It is the package's own: the doctor compares them."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        own = tomllib.load(file)["project"]["version"]
    template = (ROOT / "template.yaml").read_text().partition("\n  Version:\n")[2]
    assert re.search(r"Value: (\S+)", template)[1] == own
    outputs = (ROOT / "deploy/yandex/outputs.tf").read_text().partition('output "version"')[2]
    assert re.search(r'value += "(.+)"', outputs)[1] == own


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch):
    """A separate AWS account, with one stack that has Backburner's outputs and one that does not."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("cloudformation", region_name="eu-north-1")
    queue = {"Queue": {"Type": "AWS::SQS::Queue"}}
    ours = {
        "Parameters": {"Model": {"Type": "String"}, "BaseUrl": {"Type": "String"}, "MaxInFlight": {"Type": "Number"}},
        "Resources": queue,
        "Outputs": {name: {"Value": f"the {name}"} for name in (*OUTPUTS, *OPTIONAL_OUTPUTS, *FUNCTIONS, "Version")},
    }
    given = {"Model": "yandexgpt", "BaseUrl": "", "MaxInFlight": "7"}
    parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()]
    client.create_stack(StackName="ours", TemplateBody=json.dumps(ours), Parameters=parameters)
    client.create_stack(StackName="other", TemplateBody=json.dumps({"Resources": queue}))
    yield
    server.stop()


@pytest.mark.usefixtures("account")
def test_a_stack_is_read_from_its_outputs_and_parameters() -> None:
    """Empty parameters set nothing. The message says if a stack is another's or missing."""
    found = environment_of_stack("ours", "eu-north-1")
    assert found == {variable: f"the {name}" for name, variable in (OUTPUTS | OPTIONAL_OUTPUTS | FUNCTIONS).items()} | {
        "BACKBURNER_MODEL": "yandexgpt",
        "BACKBURNER_MAX_IN_FLIGHT": "7",
        "AWS_REGION": "eu-north-1",
        DEPLOYED_VERSION: "the Version",
    }
    with pytest.raises(CommandError, match="no outputs BacklogQueueUrl"):
        environment_of_stack("other", "eu-north-1")
    with pytest.raises(CommandError, match=r"no stack 'gone' in eu-north-1: check the name"):
        environment_of_stack("gone", "eu-north-1")
