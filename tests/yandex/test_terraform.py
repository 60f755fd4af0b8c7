"""The Terraform: the provider knows every argument, every reference resolves, and what else must hold."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from backburner.settings import from_env
from backburner_cli.local.aws.cloud import CHECKOUT

from .hcl import ARGUMENTS, FOLDER, bodies, files, local_values, problems, resources
from .interpreters import RUNTIMES
from .policy import render

TEXTS = files()
TEXT = "\n".join(TEXTS.values())
ENVIRONMENT_BYTES = 4096
INLINE_ZIP_BYTES = 3_500_000
ID, QUEUE = "x" * 20, f"https://message-queue.api.cloud.yandex.net/{'b' * 20}/{'d' * 20}/{'n' * 40}"
MAX = {
    "var.context_tokens": "x" * 256,
    "var.vision_models": "x" * 128,
    "var.line_parameters": "x" * 256,
    "var.bucket": "b" * 63,
    "var.queue_protocol": "query",
    "var.provider_profile": "generic",
    "var.model": "m" * 256,
    "var.base_url": "u" * 258,
    "local.project_id": "p" * 128,
    "var.max_in_flight": "100000",
    "var.submits_per_minute": "60000",
    "var.polls_per_second": "1000",
    "var.ticks_per_minute": "4",
    "var.daily_tokens": "9" * 12,
    "var.daily_cost": "9" * 24,
    "var.deadline_s": "604800",
    "var.lease_s": "900",
    "var.sweep_every_s": "86400",
    "var.max_attempts": "10",
    "local.notify": "documents,folders",
    "var.notify_queue_url": "q" * 256,
    "var.notify_webhook_url": "u" * 256,
    **{f"yandex_message_queue.{name}.id": QUEUE for name in ("pending", "backlog", "dead")},
    "var.ticks_per_minute > 1 ? yandex_message_queue.ticks[0].id : null": QUEUE,
}
"""The longest value that each expression can have, by the variables' own validations."""
LONGEST_SECRETS = {"AWS_ACCESS_KEY_ID": 25, "AWS_SECRET_ACCESS_KEY": 40, "OPENAI_API_KEY": 256}
LONGEST_SECRETS["BACKBURNER_NOTIFY_WEBHOOK_SECRET"] = 2 * len("whsec_" + "x" * 88) + 1
NOT_HERE = {
    *("BACKBURNER_API_KEY_SECRET", "BACKBURNER_API_KEY_STORE", "OPENAI_API_KEY", "OPENAI_ORG_ID"),
    *("BACKBURNER_NOTIFY_TOPIC_ARN", "BACKBURNER_NOTIFY_EVENT_BUS"),
    *("BACKBURNER_NOTIFY_WEBHOOK_SECRET", "BACKBURNER_NOTIFY_WEBHOOK_SECRET_NAME"),
}
"""Secrets come from Lockbox; an organisation is of no use with these providers, and topics and buses are AWS's."""


def test_the_provider_knows_every_resource_block_and_argument() -> None:
    """Each is in its reference pages with its type, and no required one is missing."""
    assert problems(TEXTS) == []
    assert len(resources(TEXTS)) > 15


PLANTED = [
    ("retry_attempts     =", "retry_attemts      =", "yandex_function_trigger.uploads.function.retry_attemts: no such"),
    ("anonymous_access_flags {", "anonymous_acces_flags {", "anonymous_acces_flags: no such block"),
    ('"yandex_logging_group"', '"yandex_log_group"', "yandex_log_group: no such resource"),
    ("entry_for_secret_key = ", "entry_for_secret = ", "output_to_lockbox.entry_for_secret_key: missing"),
    ("  dlq {", "  dead_letters {", "yandex_function_trigger.tick.dead_letters: no such block"),
    ('= "storage.editor"', "= true", "role: True is no String"),
    ("min_level    =", "created_at   =", "log_options.created_at: no such argument"),
    ('environment_variable = "OPENAI_API_KEY"', 'variable = "OPENAI_API_KEY"', "secrets.variable: no such argument"),
    ("  name      = var.name\n", '  name      = var.name\n  status = "x"\n', "logs.status: read only"),
]


@pytest.mark.parametrize(("right", "wrong", "said"), PLANTED, ids=[wrong.strip() for _, wrong, _ in PLANTED])
def test_a_planted_mistake_is_found(right: str, wrong: str, said: str) -> None:
    """An argument, block or resource that is misspelt, missing, read only or of another type fails the gate."""
    planted = {name: text.replace(right, wrong) for name, text in TEXTS.items()}
    assert planted != TEXTS
    assert any(said in problem for problem in problems(planted)), problems(planted)


def test_every_reference_resolves() -> None:
    """Each names a declared resource, variable or local, and an attribute that the resource has."""
    made, variables = resources(TEXTS), bodies(TEXTS, "variable")
    expressions = re.sub(r"#.*", "", TEXT)
    for kind, name, attribute in re.findall(r"\b(yandex_\w+)\.(\w+)(?:\[[^\]]+\])?(?:\.(\w+))?", expressions):
        assert (kind, name) in made, f"{kind}.{name}"
        assert not attribute or attribute in {*ARGUMENTS[kind], "id"}, f"{kind}.{name}.{attribute}"
    assert set(re.findall(r"\bvar\.(\w+)", expressions)) == set(variables)
    assert set(re.findall(r"\blocal\.(\w+)", expressions)) == set(local_values(TEXTS))


def test_every_variable_is_described_and_validated() -> None:
    """Each variable has a type, a description, and a validation that says what to give; outputs are described too."""
    for name, body in bodies(TEXTS, "variable").items():
        assert body["type"], name
        assert len(body["description"]) > 15, name
        if name != "package":
            assert body["validation"][0]["error_message"], name
    assert all(body["description"] for body in bodies(TEXTS, "output").values())


def test_the_runtimes_are_the_services() -> None:
    """Cloud Functions has no Python 3.13."""
    assert re.search(r"contains\((\[[^\]]+\]), var\.runtime\)", TEXT)[1] == json.dumps([*RUNTIMES.values()])


def test_the_functions_get_every_setting_and_nothing_else() -> None:
    """These are what settings.py reads, and the endpoints and region that boto3 reads."""
    source = (CHECKOUT / "layers/backburner/backburner/settings.py").read_text()
    read = set(re.findall(r'"((?:BACKBURNER|OPENAI)_[A-Z_]+)"', source))
    boto3_reads = {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SQS", "AWS_REGION"}
    assert set(local_values(TEXTS)["settings"]) == (read - NOT_HERE) | boto3_reads
    secrets = [one for body in _functions() for one in _secrets(body)]
    assert {one["environment_variable"] for one in secrets} == set(LONGEST_SECRETS)


def test_the_environment_fits_into_4_kb() -> None:
    """Names, values and secrets count at their longest; an expression of unknown length fails here."""
    values = {
        name: MAX[value[2:-1]] if value.startswith("${") else value
        for name, value in local_values(TEXTS)["settings"].items()
    }
    size = sum(len(name) + len(value) for name, value in values.items())
    size += sum(len(name) + length for name, length in LONGEST_SECRETS.items())
    assert size < ENVIRONMENT_BYTES


def test_no_secret_is_in_the_state() -> None:
    """Static keys go to Lockbox, no key is an argument, and no secret's value is written or read here."""
    made = resources(TEXTS)
    for (kind, _), body in made.items():
        assert not {"access_key", "secret_key", "pgp_key"} & set(body)
        if kind == "yandex_iam_service_account_static_access_key":
            assert body["output_to_lockbox"]
    assert not {"yandex_lockbox_secret_version", "yandex_iam_service_account_api_key"} & {kind for kind, _ in made}
    assert not re.search(r"^data ", TEXT, re.MULTILINE)


def test_the_roles_are_the_least_needed() -> None:
    """Submit only sends; the triggers' accounts only call functions and write dead letters."""
    granted = dict(re.findall(r'"(\w+ [\w.]+)" += \{ account = "\w+", role = "([\w.]+)" \}', TEXT))
    assert granted == {
        "submit ymq.writer": "ymq.writer",
        "checker ymq.writer": "ymq.writer",
        "checker ymq.reader": "ymq.reader",
        "submit ai": "ai.languageModels.user",
        "checker ai": "ai.languageModels.user",
    }
    assert set(re.findall(r'role\s+= "([\w.]+)"', TEXT)) == {
        "ai.languageModels.user",
        "functions.functionInvoker",
        "lockbox.payloadViewer",
        "storage.editor",
        "ymq.reader",
        "ymq.writer",
    }


def test_only_the_checker_gets_the_webhooks_secret() -> None:
    """Its function and account get it, and only if there is a webhook."""
    functions = TEXTS["functions.tf"]
    assert 'var.notify_webhook_secret == null || each.key != "checker" ? [] : [var.notify_webhook_secret]' in functions
    member = resources(TEXTS)["yandex_lockbox_secret_iam_member", "notify_webhook_secret"]
    assert member["for_each"] == '${toset(var.notify_webhook_secret == null ? [] : ["checker"])}'
    assert local_values(TEXTS)["notify"] == (
        "${var.notify_webhook_url == null && var.notify_queue_url == null ? null : var.notify}"
    )


@pytest.mark.parametrize("trigger", ["uploads", "tick"])
def test_a_trigger_tries_again_and_then_writes_a_dead_letter(trigger: str) -> None:
    """Without a dead-letter queue, the service deletes what was never accepted."""
    body = resources(TEXTS)["yandex_function_trigger", trigger]
    assert int(body["function"][0]["retry_attempts"]) >= 1
    assert 10 <= int(body["function"][0]["retry_interval"]) <= 60
    assert body["dlq"][0]["queue_id"] == "${yandex_message_queue.dead.arn}"


def test_the_triggers_listen_where_they_must() -> None:
    """They listen to uploads below inbox/ and nowhere else, in batches of at most ten, and to a timer each minute."""
    uploads = resources(TEXTS)["yandex_function_trigger", "uploads"]["object_storage"][0]
    assert (uploads["prefix"], uploads["create"], int(uploads["batch_size"])) == ("inbox/", True, 10)
    tick = resources(TEXTS)["yandex_function_trigger", "tick"]
    assert tick["timer"][0]["cron_expression"] == "* * * * ? *"


def test_what_starts_further_ticks_is_there_only_if_there_are_any() -> None:
    """A queue whose messages are soon gone, a trigger that calls the checker for each, an account that only reads."""
    made = resources(TEXTS)
    kinds = ("yandex_message_queue", "yandex_iam_service_account", "yandex_resourcemanager_folder_iam_member")
    parts = [*((kind, "ticks") for kind in kinds), ("yandex_function_trigger", "further_ticks")]
    assert {made[part]["count"] for part in parts} == {"${var.ticks_per_minute > 1 ? 1 : 0}"}
    queue, trigger = made["yandex_message_queue", "ticks"], made["yandex_function_trigger", "further_ticks"]
    assert int(queue["message_retention_seconds"]) == 60 < int(queue["visibility_timeout_seconds"])
    assert "redrive_policy" not in queue
    assert (trigger["message_queue"][0]["batch_size"], trigger["message_queue"][0]["batch_cutoff"]) == ("1", "0")
    assert trigger["message_queue"][0]["queue_id"] == "${yandex_message_queue.ticks[0].arn}"
    assert trigger["function"][0]["id"] == made["yandex_function_trigger", "tick"]["function"][0]["id"]
    assert made["yandex_resourcemanager_folder_iam_member", "ticks"]["role"] == "ymq.reader"


def test_both_functions_are_the_same_zip(built: bytes) -> None:
    """Entry points are the functions' names, it is small enough to be sent inline, its digest makes a new version."""
    (body,) = _functions()
    assert (body["entrypoint"], body["user_hash"]) == ("${each.key}.handler", "${filesha256(var.package)}")
    assert body["content"][0]["zip_filename"] == "${var.package}"
    assert int(body["execution_timeout"]) <= 600
    assert len(built) < INLINE_ZIP_BYTES


def test_the_example_names_existing_variables() -> None:
    """It also names all that have no default."""
    example = set(re.findall(r"^(\w+) +=", (FOLDER / "terraform.tfvars.example").read_text(), re.MULTILINE))
    variables = bodies(TEXTS, "variable")
    assert {name for name, body in variables.items() if "default" not in body} <= example <= set(variables)


def _functions() -> list[dict]:
    return [body for (kind, _), body in resources(TEXTS).items() if kind == "yandex_function"]


def _secrets(body: dict) -> list[dict]:
    return [*body["secrets"], *(one for made in body["dynamic"] for one in made["secrets"]["content"])]


# ---- what Terraform itself makes of it, without the provider ---------------------------------------------------------


@pytest.fixture
def evaluate(tmp_path: Path):
    """Evaluate an expression over variables and locals, with ids in place of what the provider would return."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not on this machine: the HCL was parsed and checked, not evaluated")
    (tmp_path / "variables.tf").write_text(TEXTS["variables.tf"])
    locals_ = "\n".join(re.findall(r"^locals \{\n.*?^\}\n", TEXT, re.MULTILINE | re.DOTALL))
    (tmp_path / "locals.tf").write_text(re.sub(r"yandex_\w+\.\w+(\[0\])?\.(id|arn)", f'"{ID}"', locals_))
    shutil.copy(FOLDER / "bucket-policy.json.tftpl", tmp_path)
    shutil.copy(FOLDER / "terraform.tfvars.example", tmp_path / "terraform.tfvars")

    def run(expression: str, **variables: str) -> tuple[str, str]:
        given = [part for name, value in variables.items() for part in ("-var", f"{name}={value}")]
        done = subprocess.run(
            ["terraform", f"-chdir={tmp_path}", "console", *given],
            input=expression,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout, done.stderr

    return run


def test_the_example_gives_an_environment_that_works(evaluate) -> None:
    """Terraform evaluates it, the settings accept it, and what is null is left out."""
    printed, wrong = evaluate("jsonencode(local.environment)")
    environment = json.loads(json.loads(printed))
    assert (wrong.count("Error"), environment["OPENAI_PROJECT_ID"][:3]) == (0, "b1g")
    assert not {"OPENAI_BASE_URL", "BACKBURNER_SUBMITS_PER_MINUTE", "BACKBURNER_DAILY_COST"} & set(environment)
    queues = {f"BACKBURNER_{name}_QUEUE_URL": f"https://q/{name}" for name in ("PENDING", "BACKLOG", "DEAD")}
    settings = from_env(environment | queues)
    assert (settings.provider, settings.submits_per_minute, settings.polls_per_second) == ("yandex", 83, 50)


@pytest.mark.parametrize(("ticks", "has_queue"), [("1", False), ("2", True), ("4", True)])
def test_further_ticks_have_their_queue(evaluate, ticks: str, has_queue: bool) -> None:  # noqa: FBT001 - a table's row
    """Its address reaches the functions if there are further ticks, and is not there otherwise."""
    told, _ = evaluate("jsonencode(local.environment)", ticks_per_minute=ticks)
    environment = json.loads(json.loads(told))
    assert environment["BACKBURNER_TICKS_PER_MINUTE"] == ticks
    assert ("BACKBURNER_TICKS_QUEUE_URL" in environment) is has_queue


def test_terraform_renders_the_policy(evaluate) -> None:
    """It renders it as the tests do."""
    values = '{bucket = "b", submit = "s", checker = "c", users = ["u", "v"]}'
    printed, _ = evaluate(f'jsonencode(jsondecode(templatefile("bucket-policy.json.tftpl", {values})))')
    assert json.loads(json.loads(printed)) == render("b", "s", "c", ("u", "v"))


WRONG = {
    "folder_id": "folder", "name": "X", "bucket": "Under_score", "bucket_users": "[]", "provider_profile": "openai",
    "base_url": "ftp://a", "project_id": "a b", "model": "", "max_in_flight": "0", "submits_per_minute": "0",
    "polls_per_second": "0", "ticks_per_minute": "5", "daily_tokens": "0", "daily_cost": "0", "deadline_s": "1",
    "lease_s": "100", "sweep_every_s": "1", "max_attempts": "0", "runtime": "python313", "submit_memory": "600",
    "checker_memory": "100", "queue_protocol": "xml", "superseded_days": "1", "work_days": "1", "context_tokens": '"',
    "line_parameters": "A-B", "vision_models": "a b", "notify": "x", "notify_queue_url": "https://q.example/a.fifo",
    "notify_webhook_url": "http://hooks.example/x",
}  # fmt: skip


def test_a_wrong_value_is_refused_before_anything_is_created(evaluate) -> None:
    """All wrong values are reported at once, each with its own message."""
    _, said = evaluate("1", **WRONG)
    variables = bodies(TEXTS, "variable")
    flat = re.sub(r"\s+", " ", re.sub(r"[│╷╵]", " ", said))
    unsaid = [name for name in WRONG if name != "provider_profile" and f"var.{name}" not in flat]
    assert set(WRONG) == set(variables) - {"package", "provider_key", "notify_webhook_secret"}
    assert unsaid == []
    assert "Only Yandex AI Studio takes an IAM token" in flat


def test_a_webhook_needs_its_secret_and_receives_both_kinds(evaluate) -> None:
    """The URL alone is refused; with the secret, the functions get what to notify and where."""
    url = "https://hooks.example/x"
    _, said = evaluate("1", notify_webhook_url=url)
    assert "A webhook's URL and its secret go together" in re.sub(r"[\s│╷╵]+", " ", said)
    secret = '{secret_id = "s", version_id = "v", key = "k"}'
    printed, _ = evaluate("jsonencode(local.environment)", notify_webhook_url=url, notify_webhook_secret=secret)
    environment = json.loads(json.loads(printed))
    assert environment["BACKBURNER_NOTIFY"] == "documents,folders"
    assert environment["BACKBURNER_NOTIFY_WEBHOOK_URL"] == url
    assert "BACKBURNER_NOTIFY" not in json.loads(json.loads(evaluate("jsonencode(local.environment)")[0]))
