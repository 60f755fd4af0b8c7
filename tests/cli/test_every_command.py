"""Rules for every command: help that teaches and answers at once, and errors that name their remedy."""

import json
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import click
import pytest

from backburner_cli.main import app
from support import commands
from support.command_deployment import Cloud
from support.depth import thinned
from support.pages import ROOT

ARGUMENTS = {
    "plan": ["{file}"],
    "put": ["{file}"],
    "watch": ["--once"],
    "report": [],
    "jobs": [],
    "show": ["inbox/a.txt"],
    "failed": [],
    "results": ["--to", "{folder}/out"],
    "status": [],
    "audit": [],
    "dead-letters": [],
    "replay": ["inbox/a.txt"],
    "cancel": ["inbox/a.txt"],
    "doctor": [],
    "down": ["--dry-run"],
    "console": ["--no-browser"],
}
"""How each command is called; those not listed need no deployment."""
OF_NO_DEPLOYMENT = {"demo", "up", "run", "provider", "recipes", "use", "completion"}
SLOW = {"asyncio", "boto3", "botocore", "msgspec", "openai", "pydantic", "rich", "starlette", "uvicorn"}
NOTHING = Cloud(None, None, {}, {})


def arguments(command: str, tmp_path) -> list[str]:
    """Arguments for a command, with a document that exists."""
    file = tmp_path / "a.txt"
    file.write_text("text")
    return [command, *(each.format(file=file, folder=tmp_path) for each in ARGUMENTS[command])]


def refused(shown) -> str:
    """The message of a command that failed: on standard error except for findings, and never a traceback."""
    assert shown.exit_code in (1, 2), (shown.exit_code, shown.output)
    assert shown.exception is None or isinstance(shown.exception, SystemExit), repr(shown.exception)
    assert "Traceback" not in shown.output
    return " ".join(shown.output.split())


def test_every_command_is_here() -> None:
    """None can be added without being tested here."""
    assert set(app.commands) == set(ARGUMENTS) | OF_NO_DEPLOYMENT


@pytest.mark.parametrize("command", ARGUMENTS)
def test_without_a_deployment_every_way_to_name_one_is_shown(command: str, tmp_path) -> None:
    """Nothing is exported, stored, or running."""
    message = refused(NOTHING.call(*arguments(command, tmp_path)))
    for way in (
        "--stack",
        "--terraform",
        "--local",
        "--folder",
        "backburner use",
        "backburner up",
        "BACKBURNER_BUCKET",
    ):
        assert way in message, (way, message)


@pytest.mark.parametrize(
    ("named", "remedy"),
    [
        (["--profile", "gone"], "backburner use gone --stack"),
        (["--terraform", "/nowhere"], "name the one in which terraform apply was run"),
        (["--local"], "start it in another terminal"),
        (["--folder", "/nowhere"], "name one that backburner run has worked in"),
        (["--local", "--stack", "a"], "Name one deployment"),
        (["--region", "eu-north-1"], "give the stack's name too"),
        (["--stack", "gone"], "Set AWS credentials"),
    ],
)
@pytest.mark.parametrize("command", ["plan", "put", "jobs", "status", "replay", "doctor"])
def test_a_missing_deployment_is_reported(command: str, named: list[str], remedy: str, tmp_path) -> None:
    """It does not matter how it was named."""
    files = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), "/dev/null")
    more = {"AWS_EC2_METADATA_DISABLED": "true"} | files
    assert remedy in refused(NOTHING.call(*arguments(command, tmp_path), *named, **more))


@pytest.mark.parametrize("command", sorted(set(ARGUMENTS) - {"dead-letters", "down"}))
def test_a_missing_bucket_is_reported(command: str, tmp_path, empty) -> None:
    """The message has the store's own words, and says what to look at."""
    message = refused(empty.call(*arguments(command, tmp_path), BACKBURNER_BUCKET="no-such-bucket"))
    assert "NoSuchBucket" in message or "404" in message, message
    assert "AWS_ENDPOINT_URL" in message, message


@pytest.mark.parametrize("command", sorted(set(ARGUMENTS) - {"put", "down"}))
def test_contradictory_settings_are_reported(command: str, tmp_path, empty) -> None:
    """All of them are, in one message."""
    message = refused(
        empty.call(*arguments(command, tmp_path), BACKBURNER_PROVIDER="openia", BACKBURNER_LEASE_S="soon")
    )
    assert "BACKBURNER_PROVIDER" in message
    assert "BACKBURNER_LEASE_S" in message


@pytest.mark.parametrize("command", ["jobs", "failed", "status", "dead-letters", "doctor"])
def test_a_pipe_gets_json(command: str, empty) -> None:
    """No option is needed; --text prints text."""
    json.loads(empty.call(command).stdout)
    with pytest.raises(json.JSONDecodeError):
        json.loads(empty.call(command, "--text").stdout)


def helps(group: click.Command = app, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Everything with a help page, by its words: the command itself, groups, and their commands."""
    yield path, group
    for name, command in group.commands.items() if isinstance(group, click.Group) else ():
        yield from helps(command, (*path, name))


def leaves() -> Iterator[tuple[str, ...]]:
    """Every command that does something."""
    return (path for path, command in helps() if not isinstance(command, click.Group))


def parsed(line: str) -> tuple[str, ...]:
    """The command that a line calls, if its arguments are valid. Raises `click.UsageError`."""
    found = re.search(r"backburner ([^|)#]*)", line)
    assert found is not None, line
    rest, path, command = shlex.split(found[1]), tuple[str, ...](), app
    while isinstance(command, click.Group):
        name, command, rest = command.resolve_command(click.Context(command), rest)
        path = (*path, name)
    command.make_context(path[-1], rest)
    return path


def test_help_teaches_and_answers_at_once() -> None:
    """Each help page ends with examples, and no slow module is imported."""
    paths = [list(path) for path, _ in helps()]
    code = (
        "import sys; from backburner_cli.main import app\n"
        f"for path in {paths!r}: app.main([*path, '--help'], prog_name='backburner', standalone_mode=False)\n"
        f"print(sorted({SLOW!r} & set(sys.modules)), file=sys.stderr)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=commands.environment({})
    )
    assert shown.stderr.strip() == "[]"
    texts = shown.stdout.split("Usage: ")[1:]
    assert len(texts) == len(paths)
    for (path, command), text in zip(helps(), texts, strict=True):
        assert text.startswith(" ".join(("backburner", *path))), text
        assert command.examples, path
        for example in command.examples:
            assert f"\n  {example}\n" in text.partition("\nExample")[2], (path, example)


@pytest.mark.parametrize("path", [path for path, _ in helps()], ids=" ".join)
def test_every_example_is_a_valid_command_line(path: tuple[str, ...]) -> None:
    """Its options belong to the command whose help shows it, or to one in its group."""
    for example in dict(helps())[path].examples:
        assert parsed(example)[: len(path)] == path, example


def test_every_command_line_in_the_docs_is_valid() -> None:
    """Every line that tells the reader to type `backburner …` counts; a command's synopsis does not."""
    found = 0
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for line in page.read_text(encoding="utf-8").splitlines():
            if re.match(r"(    |)(\.venv/bin/|uvx |)backburner [a-z]+[^.a-z]", line) and "[" not in line:
                parsed(line)
                found += 1
    assert found > 150


BROKEN = {
    "half a deployment": {"BACKBURNER_BUCKET": "b"},
    "a queue that is no address": {
        "BACKBURNER_BUCKET": "b",
        "BACKBURNER_PROVIDER": "openai",
        "BACKBURNER_MODEL": "m",
        **{f"BACKBURNER_{name}_QUEUE_URL": "no address" for name in ("PENDING", "BACKLOG", "DEAD")},
    },
    "no region": {
        "BACKBURNER_BUCKET": "b",
        "BACKBURNER_PROVIDER": "openai",
        "BACKBURNER_MODEL": "m",
        **{f"BACKBURNER_{name}_QUEUE_URL": "http://127.0.0.1:1/q" for name in ("PENDING", "BACKLOG", "DEAD")},
    },
    "profiles that cannot be read": {"XDG_CONFIG_HOME": "{folder}"},
    "half a provider": {"OPENAI_API_KEY": "k", "BACKBURNER_PROVIDER": "no such"},
}
"""Environments in which little works; `{folder}` has a damaged profiles file."""
NEEDS_NONE = {("completion",), ("recipes", "list"), ("recipes", "check"), ("use",)}
"""Commands that may work all the same."""
WALKED = {
    **{(name,): given for name, given in ARGUMENTS.items()},
    ("run",): ["{folder}"],
    ("use",): ["--none"],
    ("completion",): ["fish"],
    ("recipes", "list"): [],
    ("recipes", "check"): [],
    ("recipes", "try"): ["summary", "{file}"],
    ("recipes", "compare"): ["summary", "extract", "--yes"],
    ("up",): [],
    ("demo",): [],
}
STAYS = {("up",), ("demo",), ("provider",)}
"""Commands that start a server: of these environments, only half a provider is wrong for them."""
NAMES_A_REMEDY = re.compile(r"--[a-z]|[A-Z]+_[A-Z_]+|backburner [a-z]|\b(?:check|set|name|give|fix|remove|export)\b")


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("command", sorted(set(leaves()) - {("provider",)}), ids=" ".join)
def test_a_wrong_environment_is_refused_with_the_remedy(command: tuple[str, ...], broken: str, tmp_path) -> None:
    """Every command in every broken environment prints no traceback, and says what to do."""
    if command in STAYS and broken != "half a provider":
        pytest.skip("it starts a server, for which nothing is wrong here")
    (tmp_path / "backburner").mkdir()
    (tmp_path / "backburner/profiles.json").write_text("{")
    file = tmp_path / "a.txt"
    file.write_text("text")
    given = [each.format(file=file, folder=tmp_path) for each in WALKED[command]]
    nowhere = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), "/dev/null")
    setting = {name: value.format(folder=tmp_path) for name, value in BROKEN[broken].items()}
    shown = NOTHING.call(*command, *given, **nowhere, AWS_EC2_METADATA_DISABLED="true", **setting)
    if shown.exit_code == 0 and command in NEEDS_NONE:
        return
    assert NAMES_A_REMEDY.search(refused(shown)), shown.output


WHOLE = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "eu-central-1",
    "BACKBURNER_BUCKET": "bucket",
    "BACKBURNER_PROVIDER": "openai",
    "BACKBURNER_MODEL": "m",
}
"""A deployment with everything that it needs except its address."""
REACHING = sorted({command for command in WALKED if command[0] in ARGUMENTS} - {("down",)})
"""Commands that call the bucket or the queues."""


class Refusing(BaseHTTPRequestHandler):
    """A store and a queue that deny every call."""

    def _refuse(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        is_queue = "x-amz-target" in self.headers
        error = {"__type": "com.amazonaws.sqs#AccessDenied", "message": "Access Denied"}
        xml = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        body = (json.dumps(error) if is_queue else xml).encode()
        self.send_response(403)
        self.send_header("content-type", "application/x-amz-json-1.0" if is_queue else "application/xml")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _refuse  # noqa: N815 - the names that are looked for

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def forbidden() -> Iterator[str]:
    """The address of a server that denies everything."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def at(address: str) -> dict[str, str]:
    """A deployment at this address."""
    queues = {f"BACKBURNER_{name}_QUEUE_URL": f"{address}/1/{name}" for name in ("PENDING", "BACKLOG", "DEAD")}
    return WHOLE | queues | {"AWS_ENDPOINT_URL": address}


@pytest.mark.parametrize("command", REACHING, ids=" ".join)
def test_a_forbidden_call_is_reported(command: tuple[str, ...], tmp_path, forbidden: str) -> None:
    """The message says what the credentials were denied, and where to look."""
    message = refused(NOTHING.call(*arguments(command[0], tmp_path), **at(forbidden)))
    assert re.search(r"403|AccessDenied|denied", message), message
    assert re.search(r"AWS_ENDPOINT_URL|_QUEUE_URL", message), message


@pytest.mark.parametrize("command", thinned(REACHING, 3), ids=" ".join)
def test_a_deployment_that_does_not_answer_is_reported(command: tuple[str, ...], tmp_path) -> None:
    """The message names the address as the thing to check."""
    message = refused(NOTHING.call(*arguments(command[0], tmp_path), **at("http://127.0.0.1:9")))
    assert "AWS_ENDPOINT_URL" in message, message


@pytest.mark.parametrize("command", ARGUMENTS)
def test_a_profile_that_was_removed_is_reported(command: str, tmp_path) -> None:
    """The message has the command that saves it again."""
    assert "backburner use gone --stack" in refused(NOTHING.call(*arguments(command, tmp_path), "--profile", "gone"))


@pytest.mark.parametrize("command", sorted(set(ARGUMENTS) - {"down"}))  # for `down`, Terraform reports it itself
@pytest.mark.parametrize("damaged", ["--terraform", "--folder"])
def test_a_deployment_whose_files_are_damaged_is_reported(command: str, damaged: str, tmp_path) -> None:
    """Terraform's state or a folder's is not JSON."""
    place = tmp_path / "place"
    (place / ".backburner/default-1").mkdir(parents=True)
    (place / ".backburner/default-1/about.json").write_text("{")
    (place / "terraform.tfstate").write_text("{")
    message = refused(NOTHING.call(*arguments(command, tmp_path), damaged, str(place)))
    assert ("run terraform apply" if damaged == "--terraform" else "backburner run") in message


@pytest.mark.parametrize("command", sorted(leaves()), ids=" ".join)
def test_a_wrong_command_line_is_reported(command: tuple[str, ...]) -> None:
    """An unknown option gives exit code 2, and the message says where to look."""
    shown = NOTHING.call(*command, "--no-such-option")
    assert shown.exit_code == 2
    assert "--help" in refused(shown)
