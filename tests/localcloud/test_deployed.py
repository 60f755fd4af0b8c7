"""The template as MiniStack runs it, with IAM enforced and TLS on."""

import json
import ssl
import urllib.error
import urllib.request
from uuid import uuid4

import pytest

from backburner_cli.operator.deployment import CHECKER_FUNCTION, SUBMIT_FUNCTION
from support import commands

from .conftest import API_KEY

pytestmark = pytest.mark.enable_socket

ODD_KEYS = ["a b+c%20d.txt", "ü 文 😀.txt", "x/../y.txt", "'quoted' \"twice\" & <tagged>.txt", "/twice//slashed.txt"]


def seen(cloud, key):
    """Whether submit has noted an upload."""
    page = cloud.s3().list_objects_v2(Bucket=cloud.bucket, Prefix=f"ledger/seen/{key.encode().hex()[-200:]}")
    return page["KeyCount"] == 1


@pytest.mark.parametrize("name", ODD_KEYS)
def test_an_upload_reaches_submit_with_its_key(cloud, eventually, name):
    """Keys are any UTF-8, and the event has them form-encoded, as on S3."""
    key = f"inbox/{uuid4()}/{name}"
    cloud.s3().put_object(Bucket=cloud.bucket, Key=key, Body=b"text")
    eventually(lambda: seen(cloud, key))


def test_nothing_outside_the_inbox_starts_submit(cloud, eventually):
    """What the functions write must never become an event."""
    other, key = f"results/{uuid4()}.md", f"inbox/{uuid4()}.txt"
    for name in (other, key):
        cloud.s3().put_object(Bucket=cloud.bucket, Key=name, Body=b"text")
    eventually(lambda: seen(cloud, key))
    assert not seen(cloud, other)


def test_a_burst_waits_for_its_turn(cloud, eventually):
    """Of many more uploads than workers, every one is handled and none becomes a dead letter."""
    keys = [f"inbox/{uuid4()}.txt" for _ in range(40)]
    for key in keys:
        cloud.s3().put_object(Bucket=cloud.bucket, Key=key, Body=b"text")
    eventually(lambda: all(seen(cloud, key) for key in keys))


def test_an_upload_that_always_fails_ends_in_the_dead_letter_queue(cloud):
    """The dead letter has its event, so that it can be looked into."""
    key = f"inbox/unlucky-{uuid4()}.txt"
    cloud.s3().put_object(Bucket=cloud.bucket, Key=key, Body=b"text")
    received = cloud.sqs().receive_message(QueueUrl=cloud.dead_queue_url, WaitTimeSeconds=20)
    assert any(key in message["Body"] for message in received["Messages"])


BATCH_ENTRY = {"Id": "1", "MessageBody": "{}", "DelaySeconds": 900}
RIGHTS = [
    ("put_object", "ledger/probe", "ok", "ok"),
    ("put_object", "failed/probe", "ok", "ok"),
    ("put_object", "results/probe", "AccessDenied", "ok"),
    ("put_object", "inbox/probe", "AccessDenied", "AccessDenied"),
    ("put_object", "recipes/probe", "AccessDenied", "AccessDenied"),
    ("delete_object", "inbox/probe", "AccessDenied", "AccessDenied"),
    ("delete_object", "results/probe", "AccessDenied", "ok"),
    ("delete_object", "failed/probe", "AccessDenied", "ok"),
    ("delete_object", "ledger/probe", "ok", "ok"),
    ("get_object", "inbox/absent", "NoSuchKey", "NoSuchKey"),
    ("get_object", "results/absent.run.json", "NoSuchKey", "NoSuchKey"),
    ("get_object", "results/absent.md", "AccessDenied", "NoSuchKey"),
]


@pytest.mark.parametrize("role", ["submit", "checker"])
def test_the_rights_hold_on_a_cloud_that_enforces_them(cloud, role):
    """They are those of the table that the template's own tests check on paper."""
    function = cloud.submit_function if role == "submit" else cloud.checker_function
    attempts = [("s3", method, {"Bucket": cloud.bucket, "Key": key}) for method, key, _, _ in RIGHTS]
    answers = cloud.invoke(function, {"ask": "rights", "attempts": attempts})
    expected = [submit if role == "submit" else checker for _, _, submit, checker in RIGHTS]
    assert answers == expected


@pytest.mark.parametrize(("role", "answer"), [("submit", "AccessDenied"), ("checker", "ok")])
def test_only_the_checker_takes_messages(cloud, role, answer):
    """Submit sends to both queues and receives from none."""
    function = cloud.submit_function if role == "submit" else cloud.checker_function
    attempts = [
        ("sqs", "send_message", {"QueueUrl": cloud.pending_queue_url, "MessageBody": "{}", "DelaySeconds": 900}),
        ("sqs", "send_message", {"QueueUrl": cloud.backlog_queue_url, "MessageBody": "{}", "DelaySeconds": 900}),
        ("sqs", "send_message_batch", {"QueueUrl": cloud.pending_queue_url, "Entries": [BATCH_ENTRY]}),
        ("sqs", "receive_message", {"QueueUrl": cloud.pending_queue_url}),
    ]
    assert cloud.invoke(function, {"ask": "rights", "attempts": attempts}) == ["ok", "ok", "ok", answer]


def test_a_function_sees_its_settings_and_nothing_of_the_operator(cloud):
    """The key comes from the secret store, the provider is reached, and imports come from the layer."""
    report = cloud.invoke(cloud.submit_function, {"ask": "environment"})
    assert report["secret"] == API_KEY
    assert API_KEY not in str(report["variables"])
    assert not {"OPENAI_API_KEY", "LOG_LEVEL", "AWS_PROFILE"} & set(report["variables"])
    assert report["variables"]["BACKBURNER_MODEL"] == "probe"
    assert report["provider"] == 200
    assert 90_000 < report["remaining_ms"] <= 100_000
    assert "/.build/layer-" in report["boto3"]


def test_what_a_function_prints_is_in_its_log(cloud):
    """Each call leaves at least the lines that frame it."""
    cloud.invoke(cloud.checker_function, {})
    assert any(line.startswith("REPORT RequestId") for line in cloud.logs(cloud.checker_function))


def test_a_page_in_the_operators_browser_cannot_reach_the_cloud(cloud):
    """It is refused under another host name for this machine, and at the controls without a token."""
    context = ssl.create_default_context(cafile=cloud.environment["AWS_CA_BUNDLE"])
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))

    def status(path, **headers):
        request = urllib.request.Request(cloud.endpoint + path, headers=headers)  # noqa: S310 - our own server
        try:
            with opener.open(request, timeout=30) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    port = cloud.endpoint.rpartition(":")[2]
    token = {"Authorization": f"Bearer {cloud.environment['AWS_SECRET_ACCESS_KEY']}"}
    assert status("/_ministack/health") == 200
    assert status("/_ministack/health", Host=f"rebound.example:{port}") == 403
    assert status("/_ministack/sqs/messages") == 403
    assert status("/_ministack/sqs/messages", Authorization="Bearer no") == 403
    assert status("/_ministack/sqs/messages", **token) != 403


def test_the_doctor_sees_what_calls_the_functions(cloud):
    """It sees what the cloud reports for the deployed template; a function other than the named one is a problem."""
    own = {SUBMIT_FUNCTION: cloud.submit_function, CHECKER_FUNCTION: cloud.checker_function}

    def checked(**named):
        shown = commands.run("doctor", "--json", **cloud.environment, **named)
        return {one["check"]: (one["level"], one["message"]) for one in json.loads(shown.stdout)["findings"]}

    found = checked(**own)
    assert found["trigger"] == ("ok", f"uploads below inbox/ call {cloud.submit_function}"), found
    assert found["schedule"][0] == "ok", found
    assert checked(**own | {SUBMIT_FUNCTION: "another"})["trigger"][0] == "problem"
