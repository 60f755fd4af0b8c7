"""`down` removes a deployment, and first says what goes and what stays."""

import itertools
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from backburner_cli.operator.running import running_here
from backburner_cli.operator.stack import OUTPUTS
from support.command_deployment import Cloud

_NUMBERS = itertools.count()
NOTHING = Cloud(None, None, {}, {})
UP = """
import signal, sys
from backburner_cli.operator.running import announced
import os
signal.signal(signal.SIGTERM, signal.default_int_handler)
try:
    with announced(os.environ, "aws", {"BACKBURNER_BUCKET": "here"}):
        print("ready", flush=True)
        signal.pause()
except KeyboardInterrupt:
    pass
"""


@dataclass(frozen=True)
class Account:
    """An account with two stacks: the bucket of one is retained, that of the other is not."""

    s3: Any
    cloudformation: Any
    environment: dict[str, str]
    kept: str
    owned: str

    def call(self, *arguments):
        """Run the command."""
        return Cloud(None, None, {}, self.environment).call(*arguments)

    def stacks(self) -> set[str]:
        """Those of the two that exist."""
        there = {each["StackName"] for each in self.cloudformation.describe_stacks()["Stacks"]}
        return there & {self.kept, self.owned}


@pytest.fixture
def account():
    """A separate AWS account, with a stack whose bucket is retained, and one whose bucket is not."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-north-1",
    }
    session = boto3.session.Session("test", "test", region_name="eu-north-1")
    client = session.client("cloudformation", endpoint_url=environment["AWS_ENDPOINT_URL"])
    s3 = session.client("s3", endpoint_url=environment["AWS_ENDPOINT_URL"])
    number = next(_NUMBERS)  # the server's state is shared by all tests of this process
    for name, policy in ((f"kept{number}", "Retain"), (f"owned{number}", "Delete")):
        bucket = {"Type": "AWS::S3::Bucket", "DeletionPolicy": policy, "Properties": {"BucketName": f"{name}-bucket"}}
        outputs = {each: {"Value": f"http://{each.lower()}"} for each in OUTPUTS}
        outputs["BucketName"] = {"Value": f"{name}-bucket"}
        parameters = {"Model": {"Type": "String", "Default": "m"}, "Provider": {"Type": "String", "Default": "openai"}}
        resources = {"Documents": bucket, "Pending": {"Type": "AWS::SQS::Queue"}}
        body = {"Parameters": parameters, "Resources": resources, "Outputs": outputs}
        client.create_stack(StackName=name, TemplateBody=json.dumps(body))
        s3.put_object(Bucket=f"{name}-bucket", Key="inbox/a.txt", Body=b"text")
    yield Account(s3, client, environment, f"kept{number}", f"owned{number}")
    server.stop()


def test_a_stack_goes_and_its_bucket_stays(account) -> None:
    """It is rehearsed, then confirmed, then done; the bucket keeps everything in it."""
    dry = json.loads(account.call("down", "--stack", account.kept, "--dry-run").stdout)
    assert dry["goes"] == ["1 AWS::SQS::Queue"]
    assert f"{account.kept}-bucket, with 1 document and" in dry["stays"][0]
    asked = account.call("down", "--stack", account.kept)
    assert (asked.exit_code, "--yes" in asked.stderr) == (1, True)
    assert account.stacks() == {account.kept, account.owned}
    account.s3.put_object(Bucket=f"{account.kept}-bucket", Key=f"ledger/open/{'a' * 32}.1.json", Body=b"{}")
    text = account.call("down", "--stack", account.kept, "--yes", "--text")
    assert text.exit_code == 0, text.output
    assert "1 job is under way" in text.stdout
    assert f"delete-stack --stack-name {account.kept}" in text.stdout
    assert account.stacks() == {account.owned}
    assert account.s3.get_object(Bucket=f"{account.kept}-bucket", Key="inbox/a.txt")["Body"].read() == b"text"


def test_a_stack_whose_bucket_would_be_lost_or_stop_it_is_refused(account) -> None:
    """The template does not retain it, and it is not empty; once it is empty, it goes."""
    refused = account.call("down", "--stack", account.owned, "--yes")
    assert (refused.exit_code, account.stacks()) == (1, {account.kept, account.owned})
    assert f"aws s3 rm --recursive s3://{account.owned}-bucket" in " ".join(refused.stderr.split())
    account.s3.delete_object(Bucket=f"{account.owned}-bucket", Key="inbox/a.txt")
    assert account.call("down", "--stack", account.owned, "--yes").exit_code == 0
    assert account.stacks() == {account.kept}


def test_a_missing_stack_is_reported(account) -> None:
    """The message says what to look at."""
    gone = account.call("down", "--stack", "gone", "--yes")
    assert (gone.exit_code, "check its name" in gone.stderr) == (1, True), gone.output


def test_terraform_removes_what_it_made(tmp_path: Path) -> None:
    """It runs the command that was shown; if Terraform refuses, so does this command."""
    folder, program = tmp_path / "tf", tmp_path / "bin/terraform"
    folder.mkdir()
    program.parent.mkdir()
    state = {
        "outputs": {"environment": {"value": {"BACKBURNER_BUCKET": "b"}}},
        "resources": [{"mode": "managed", "type": "yandex_function"}, {"mode": "data", "type": "yandex_client"}],
    }
    (folder / "terraform.tfstate").write_text(json.dumps(state))
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/ran\n[ ! -e {tmp_path}/refuse ]\n')
    program.chmod(0o755)
    given = {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    dry = json.loads(NOTHING.call("down", "--terraform", str(folder), "--dry-run", **given).stdout)
    assert dry["goes"] == ["1 yandex_function"]
    assert not (tmp_path / "ran").exists()
    assert NOTHING.call("down", "--terraform", str(folder), "--yes", **given).exit_code == 0
    assert dry["command"] == f"terraform {(tmp_path / 'ran').read_text().strip()}"
    (tmp_path / "refuse").touch()
    failed = NOTHING.call("down", "--terraform", str(folder), "--yes", **given)
    assert (failed.exit_code, "run this again" in " ".join(failed.stderr.split())) == (1, True)
    without = NOTHING.call("down", "--terraform", str(folder), "--yes", PATH="/nowhere")
    assert (without.exit_code, "destroy -auto-approve" in " ".join(without.stderr.split())) == (1, True)


def test_a_running_up_is_stopped(tmp_path: Path) -> None:
    """Nothing else is, and afterwards none is left."""
    here = {"XDG_STATE_HOME": str(tmp_path)}
    clean = {name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"}
    with subprocess.Popen([sys.executable, "-c", UP], env=clean | here, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        dry = json.loads(NOTHING.call("down", "--local", "--dry-run", **here).stdout)
        assert str(process.pid) in dry["goes"][0]
        assert process.poll() is None
        assert NOTHING.call("down", "--yes", **here).exit_code == 0
        assert process.wait(20) == 0
    assert running_here(here) == []
    none = NOTHING.call("down", "--local", "--yes", **here)
    assert (none.exit_code, "nothing to remove" in none.stderr) == (1, True)


def test_a_deployment_that_is_only_exported_is_not_removed() -> None:
    """The variables do not tell what made it; a folder has nothing deployed."""
    exported = NOTHING.call("down", "--yes", BACKBURNER_BUCKET="b")
    assert (exported.exit_code, "--stack" in exported.stderr) == (1, True)
    folder = NOTHING.call("down", "--yes", "--folder", "/tmp")
    assert (folder.exit_code, "results and records stay" in " ".join(folder.stderr.split())) == (1, True)
