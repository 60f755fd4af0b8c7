"""`doctor` reports each thing that can be wrong as a finding of its own, with its remedy."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import msgspec
import pytest

from backburner.capacity.limits import ALL_MODELS, Counters, Pause
from backburner.ports import ABSENT
from backburner_cli.operator.deployment import CHECKER_FUNCTION, SUBMIT_FUNCTION
from backburner_cli.operator.findings import Finding, Level
from backburner_cli.operator.store_check import governor_findings, write_findings
from backburner_cli.operator.trigger_check import notification_finding, schedule_finding, ticks_findings
from backburner_cli.standin import StandIn, Timing, serve
from support.fakes import START, FakeBucket, World
from support.system import BUCKET

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:"
NAMED = {SUBMIT_FUNCTION: "ours-submit", CHECKER_FUNCTION: "ours-checker"}


def uploads(function: str, *rules: tuple[str, str]) -> dict:
    """A bucket whose uploads trigger a function."""
    filtered = {"Key": {"FilterRules": [{"Name": name, "Value": value} for name, value in rules]}}
    one = {"LambdaFunctionArn": ARN + function, "Events": ["s3:ObjectCreated:*"], "Filter": filtered}
    return {"LambdaFunctionConfigurations": [one]}


def schedule(function: str = "ours-checker", state: str = "ENABLED") -> dict:
    """The template's schedule."""
    return {
        "Name": "ours-tick",
        "State": state,
        "ScheduleExpression": "rate(1 minute)",
        "Target": {"Arn": ARN + function},
    }


INBOX = ("prefix", "inbox/")


@pytest.mark.parametrize(
    ("configured", "submit", "level", "said"),
    [
        (uploads("ours-submit", INBOX), "ours-submit", Level.OK, "call ours-submit"),
        (uploads("ours-submit:live", INBOX), "ours-submit", Level.OK, "call ours-submit"),
        (uploads("theirs", INBOX), "ours-submit", Level.PROBLEM, "call theirs, not ours-submit"),
        (uploads("theirs", INBOX), None, Level.OK, "call theirs"),
        (uploads("ours-submit", ("Prefix", "inbox/a/")), "ours-submit", Level.WARNING, "send no events"),
        (uploads("ours-submit", INBOX, ("suffix", ".pdf")), "ours-submit", Level.WARNING, "end in .pdf"),
        ({}, "ours-submit", Level.WARNING, "send no events"),
        ({"EventBridgeConfiguration": {}}, "ours-submit", Level.SKIPPED, "EventBridge"),
    ],
)
def test_uploads_must_trigger_this_deployments_submit(configured, submit, level, said) -> None:
    """Another function, a narrower filter or none is reported; what cannot be seen is not called good."""
    finding = notification_finding(configured, submit)
    assert (finding.level, said in finding.message) == (level, True), finding
    assert bool(finding.remedy) is (level is not Level.OK or submit is None)


@pytest.mark.parametrize(
    ("told", "level", "said"),
    [
        (schedule(), Level.OK, "rate(1 minute)"),
        (schedule(state="DISABLED"), Level.PROBLEM, "is disabled"),
        (schedule("theirs"), Level.PROBLEM, "calls theirs, not ours-checker"),
    ],
)
def test_the_schedule_must_call_this_deployments_checker(told, level, said) -> None:
    """It must also be enabled, or nothing is collected."""
    finding = schedule_finding(told, "ours-checker")
    assert (finding.level, said in finding.message) == (level, True), finding
    assert bool(finding.remedy) is (level is not Level.OK)


def test_more_ticks_than_the_timers_are_told() -> None:
    """With one tick a minute the schedule itself says how often."""
    assert ticks_findings(1) == []
    (finding,) = ticks_findings(2)
    assert (finding.level, "twice a minute" in finding.message) == (Level.OK, True)


def examined(cloud, *arguments: str, **more: str) -> dict[str, dict[str, str]]:
    """The command's findings by the name of the check."""
    shown = cloud.call("doctor", *arguments, **more)
    assert "Traceback" not in shown.output
    return {one["check"]: one for one in json.loads(shown.stdout)["findings"]}


def test_what_aws_reports_about_trigger_and_schedule_is_understood(empty) -> None:
    """Both are requested by the names in the stack's outputs; a missing schedule is a problem."""
    access = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "eu-central-1"}
    scheduler = boto3.client("scheduler", endpoint_url=empty.environment["AWS_ENDPOINT_URL"], **access)
    empty.s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration=uploads("theirs", INBOX), SkipDestinationValidation=True
    )
    found = examined(empty, OPENAI_BASE_URL="http://127.0.0.1:9/v1", **NAMED)
    assert "theirs, not ours-submit" in found["trigger"]["message"]
    assert "there is no schedule ours-tick" in found["schedule"]["message"]
    scheduler.create_schedule(
        Name="ours-tick",
        ScheduleExpression="rate(1 minute)",
        State="DISABLED",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": f"{ARN}ours-checker", "RoleArn": "arn:aws:iam::123456789012:role/tick"},
    )
    try:
        found = examined(empty, OPENAI_BASE_URL="http://127.0.0.1:9/v1", **NAMED)
        assert (found["schedule"]["level"], "is disabled" in found["schedule"]["message"]) == ("problem", True)
    finally:
        scheduler.delete_schedule(Name="ours-tick")


def trigger(rule: dict, status: str = "ACTIVE", name: str = "a-trigger") -> dict:
    """A trigger as in `yc serverless trigger list --format json`."""
    return {"id": "a1s", "name": name, "rule": rule, "status": status}


def uploads_in_yandex(function: str = "d4e-submit", **more) -> dict:
    """The upload trigger of the Terraform files."""
    events = ["OBJECT_STORAGE_EVENT_TYPE_CREATE_OBJECT", "OBJECT_STORAGE_EVENT_TYPE_UPDATE_OBJECT"]
    rule = {"event_type": events, "bucket_id": BUCKET, "prefix": "inbox/", "invoke_function": {"function_id": function}}
    return trigger({"object_storage": rule}, **more)


def timer_in_yandex(function: str = "d4e-checker", **more) -> dict:
    """The timer of the Terraform files."""
    called = {"function_id": function, "retry_settings": {"retry_attempts": "1", "interval": "10s"}}
    return trigger({"timer": {"cron_expression": "* * * * ? *", "invoke_function_with_retry": called}}, **more)


@pytest.mark.parametrize(
    ("triggers", "expected"),
    [
        ([uploads_in_yandex(), timer_in_yandex()], ["ok", "ok"]),
        ([uploads_in_yandex("d4e-theirs"), timer_in_yandex("d4e-theirs")], ["problem", "problem"]),
        ([uploads_in_yandex(status="PAUSED"), timer_in_yandex(status="PAUSED")], ["problem", "problem"]),
        ([], ["warning", "problem"]),
        (None, ["skipped", None]),
    ],
)
def test_what_yandex_cloud_reports_about_its_triggers_is_understood(triggers, expected, empty, tmp_path) -> None:
    """`yc` is given the ids from Terraform; a paused trigger is reported with the command that resumes it."""
    program = tmp_path / "yc"
    answer = "exit 1" if triggers is None else f"cat <<'END'\n{json.dumps(triggers)}\nEND"
    program.write_text(f'#!/bin/sh\ntest "$*" = "serverless trigger list --format json" || exit 9\n{answer}\n')
    program.chmod(0o755)
    named = {SUBMIT_FUNCTION: "d4e-submit", CHECKER_FUNCTION: "d4e-checker", "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    yandex = {"BACKBURNER_QUEUE_PROTOCOL": "query", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    found = examined(empty, **named, **yandex)
    levels = [found[name]["level"] if name in found else None for name in ("trigger", "schedule")]
    assert levels == expected, found
    for name in ("trigger", "schedule"):
        assert name not in found or found[name]["level"] == "ok" or found[name]["remedy"], found[name]


class _Lax(FakeBucket):
    """A store that accepts every put, whatever its condition."""

    async def put(self, key, body, **named) -> str:
        there = self.objects.get(key)
        return await super().put(key, body, **named | {"match": there.etag if there else ABSENT})


def written(bucket: FakeBucket, off: timedelta = timedelta(0)) -> list[Finding]:
    """The findings on a machine whose clock is off."""
    return bucket.world.run(write_findings(bucket, START + off))


def test_a_store_without_conditional_writes_is_a_problem() -> None:
    """Both conditions are tried, and nothing is left behind."""
    bucket = _Lax(World())
    (finding,) = written(bucket)
    assert (finding.level, bucket.keys()) == (Level.PROBLEM, [])
    assert "If-None-Match: *, If-Match" in finding.message
    assert "conditional writes" in finding.remedy


@pytest.mark.parametrize(("off_s", "level"), [(0, Level.OK), (-60, Level.WARNING), (900, Level.PROBLEM)])
def test_a_clock_that_is_off_is_reported(off_s: int, level: Level) -> None:
    """It is reported before signed requests are refused."""
    honoured, clock = written(FakeBucket(World()), timedelta(seconds=off_s))
    assert (honoured.level, clock.level) == (Level.OK, level)
    assert ("NTP" in clock.remedy) is (level is not Level.OK)


def test_pauses_and_a_checker_that_has_stopped_are_reported() -> None:
    """Each pause has its reason; no sweep for three times its interval means that nothing ticks."""
    world = World()
    bucket = FakeBucket(world)
    pauses = {ALL_MODELS: Pause(why="401: the key was refused", since=START, next_probe=START)}
    counters = Counters(minute=START, pauses=pauses, last_sweep=START)
    bucket.upload("ledger/governor.json", msgspec.json.encode(counters))
    stored = bucket.objects["ledger/governor.json"]
    (paused,) = governor_findings(stored, sweep_every_s=900)
    assert (paused.check, paused.level, "401" in paused.message) == ("pause", Level.WARNING, True)
    assert "next probe" in paused.remedy
    late = replace(stored, read_at=START + timedelta(hours=2))
    _, stopped = governor_findings(late, sweep_every_s=900)
    assert (stopped.check, stopped.level) == ("checker", Level.PROBLEM)
    assert "schedule" in stopped.remedy
    (damaged,) = governor_findings(replace(stored, body=b"{"), sweep_every_s=900)
    assert (damaged.level, "next tick" in damaged.remedy) == (Level.WARNING, True)


@contextmanager
def provider_that_says(status: int, body: bytes, kind: str) -> Iterator[str]:
    """The address of a provider that gives this answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", 0))
            self.rfile.read(length)
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name that the base class looks for

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def error_body(message: str, code: str) -> bytes:
    """An error in the API's format."""
    return json.dumps({"error": {"message": message, "type": "invalid_request_error", "code": code}}).encode()


JSON, HTML = "application/json", "text/html"


@pytest.mark.parametrize(
    ("answer", "check", "remedy"),
    [
        (
            (401, error_body("Incorrect API key", "invalid_api_key"), JSON),
            "provider's key",
            "put a valid key into the secret",
        ),
        ((403, error_body("No access", "permission_denied"), JSON), "provider's key", "ai.languageModels.user"),
        ((404, b"<html>nginx</html>", HTML), "provider", "ends in /v1"),
        ((404, b'{"detail": "Not Found"}', JSON), "provider", "ends in /v1"),
        (
            (400, error_body("Background mode is not supported", "unsupported_value"), JSON),
            "generation",
            "docs/providers.md",
        ),
    ],
)
def test_a_provider_that_refuses_or_has_no_responses_api_is_reported(answer, check, remedy, empty) -> None:
    """The key is wrong or lacks rights, the address is unrelated, or the model has no background mode."""
    with provider_that_says(*answer) as address:
        found = examined(empty, "--generate", OPENAI_BASE_URL=address, OPENAI_API_KEY="key")
    assert found[check]["level"] == "problem", found
    assert remedy in found[check]["remedy"]


def test_a_provider_that_ignores_background_is_reported(empty) -> None:
    """Its answer to the create looks right, but nothing could ever be collected."""
    with serve(StandIn(profile="openai", timing=Timing())) as running:
        settings = {"OPENAI_BASE_URL": running.base_url, "OPENAI_API_KEY": "key"}
        found = examined(empty, "--generate", BACKBURNER_MODEL="stand-in/completed-at-once", **settings)
    assert (found["generation"]["level"], "background" in found["generation"]["message"]) == ("problem", True)
    assert "docs/providers.md" in found["generation"]["remedy"]
