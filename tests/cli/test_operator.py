"""The operator's commands against their own S3 and SQS: what they show, send, and leave alone.

Jobs run over the fakes, in virtual time; what they leave behind is then put into the real services.
"""

import json

import pytest

from backburner.ledger.messages import Message, decode
from support.command_deployment import DONE, EVENTS, FAILED, LOST, OPEN, Cloud
from support.system import BUCKET, System

COMMANDS = ("audit", "status", "dead-letters", "replay", "cancel")


def test_an_audit_that_balances_is_shown(cloud):
    """The exit code is 0, the sum is shown, and remaining messages are explained. No key is needed."""
    for _ in range(3):
        cloud.send("pending", "left by jobs that have ended")
    shown = cloud.run("audit")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "The books balance" in shown.stdout
    assert "objects in inbox/" in shown.stdout
    assert "Messages beyond the open records are guards" in shown.stdout


def test_a_lost_upload_is_listed_and_repaired(cloud):
    """The exit code is 1; the repair opens its job, which waits for the checker: nothing is started here."""
    lost = System()
    lost.upload(LOST, "lost")
    cloud.settle_in(lost, old=LOST)
    shown = cloud.run("audit", "--json")
    assert shown.returncode == 1
    report = json.loads(shown.stdout)
    assert (report["balances"], report["objects"], report["done"], report["failed"]) == (False, 4, 1, 1)
    assert [(finding["kind"], finding["key"]) for finding in report["findings"]] == [("lost", LOST)]
    table = cloud.run("audit")
    assert table.returncode == 1
    assert LOST in table.stdout
    assert "--repair" in table.stdout
    assert cloud.take("backlog") == []
    repaired = cloud.run("audit", "--repair")
    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    delayed = "ApproximateNumberOfMessagesDelayed"
    backlog = cloud.sqs.get_queue_attributes(QueueUrl=cloud.urls["backlog"], AttributeNames=[delayed])
    assert backlog["Attributes"][delayed] == "1"
    states = {record["source"]["key"]: record["state"] for record in map(cloud.json, cloud.keys("ledger/open/"))}
    assert states == {OPEN: "running", LOST: "waiting"}


def test_status_shows_what_is_under_way(cloud):
    """It shows counts, what jobs wait for, the pause and its reason, the budget, and the dead letters."""
    state = cloud.json("ledger/governor.json")
    at = "2031-05-17T12:00:00Z"
    state |= {"pauses": {"*": {"why": "no money", "since": at, "next_probe": at}}, "day": "9999-12-31", "tokens": 40}
    cloud.s3.put_object(Bucket=BUCKET, Key="ledger/governor.json", Body=json.dumps(state))
    record = cloud.json(cloud.keys("ledger/open/")[0]) | {"state": "waiting", "waiting_for": "budget", "run": 2}
    cloud.s3.put_object(Bucket=BUCKET, Key=f"ledger/open/{record['job_id']}.2.json", Body=json.dumps(record))
    cloud.send("dead", "rubbish")
    cloud.s3.put_object(Bucket=BUCKET, Key="inbox/just uploaded.txt", Body=b"text")
    shown = cloud.run("status", "--json", BACKBURNER_DAILY_TOKENS="1000000")
    assert shown.returncode == 0, shown.stderr
    figures = json.loads(shown.stdout)
    assert (figures["waiting"], figures["running"], figures["waiting_for"]) == (1, 1, {"budget": 1})
    assert (figures["dead_letters"], figures["tokens_today"], figures["budget_used"]) == (1, 40, "0%")
    assert figures["pauses"][0]["why"] == "no money"
    documents = {name: figures[f"documents_{name}"] for name in ("done", "failed", "running", "not_claimed_yet")}
    assert documents == {"done": 1, "failed": 1, "running": 1, "not_claimed_yet": 1}
    assert (figures["documents"], figures["too_young_to_judge"], figures["unreadable"]) == (4, 1, {})
    table = cloud.run("status").stdout
    assert figures["cost_today"] is None  # tokens were used, and no recipe names a price
    for word in (
        "unknown: the recipes used today name no price",
        "for budget",
        "no money",
        "dead letters",
        "the whole provider",
    ):
        assert word in table, word


def dead_letters_of_each_kind(cloud):
    """A failed event, a failed tick, a redriven message, rubbish."""
    event = json.loads((EVENTS / "aws/s3-put.json").read_text())
    event["Records"][0]["s3"]["object"]["key"] = FAILED
    context = {"condition": "RetriesExhausted"}
    redriven = Message(job="a" * 32, run=1, key=OPEN, ticket="t").encode()
    cloud.send("dead", json.dumps({"requestContext": context, "requestPayload": event}))
    cloud.send("dead", (EVENTS / "aws/eventbridge-schedule.json").read_text())
    cloud.send("dead", redriven)
    cloud.send("dead", "rubbish")
    return redriven


def test_dead_letters_are_listed_and_stay(cloud):
    """They have kind, reason and documents; a second look shows the same."""
    dead_letters_of_each_kind(cloud)
    for _ in range(2):
        shown = cloud.run("dead-letters", "--json")
        assert shown.returncode == 0, shown.stderr
        letters = {letter["kind"]: letter for letter in json.loads(shown.stdout)}
        assert set(letters) == {"failed_call", "tick", "redriven", "unknown"}
        assert letters["failed_call"]["keys"] == [FAILED]
        assert "RetriesExhausted" in letters["failed_call"]["why"]
    assert FAILED in cloud.run("dead-letters").stdout
    assert len(cloud.take("dead")) == 4
    assert "no dead letters" in cloud.run("dead-letters").stdout


def test_replaying_dead_letters_removes_what_is_accounted_for(cloud):
    """The document runs again, our message goes back unchanged, the tick is dropped; rubbish stays."""
    redriven = dead_letters_of_each_kind(cloud)
    before = cloud.take("pending")
    dry = cloud.run("replay", "--dead", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "would be" in dry.stdout
    assert cloud.take("pending") == []
    shown = cloud.run("replay", "--dead", "--yes")
    assert shown.returncode == 0, shown.stderr
    sent = cloud.take("pending")
    assert redriven in sent
    assert [(decode(body).key, decode(body).run) for body in sent if body != redriven] == [(FAILED, 2)]
    assert cloud.take("dead") == ["rubbish"]
    assert before


def test_failures_are_replayed(cloud):
    """All of them are, or those with one reason; what is done or running is left alone without --rerun."""
    cloud.take("pending")
    dry = cloud.run("replay", "--failed", "--dry-run")
    assert (dry.returncode, cloud.take("pending")) == (0, []), dry.stderr
    assert FAILED in dry.stdout
    other = cloud.run("replay", "--failed", "--reason", "refused", "--yes")
    assert (other.returncode, cloud.take("pending")) == (0, []), other.stderr
    shown = cloud.run("replay", DONE, OPEN, "--all", "--reason", "unknown_recipe", "--yes")
    assert shown.returncode == 0, shown.stderr
    assert f"{OPEN}: left alone, its job is under way" in shown.stdout
    assert f"{DONE}: left alone, its job is done" in shown.stdout
    assert [(decode(body).key, decode(body).run) for body in cloud.take("pending")] == [(FAILED, 2)]
    rerun = cloud.run("replay", DONE, "--rerun")
    assert rerun.returncode == 0, rerun.stderr
    assert [(decode(body).key, decode(body).run) for body in cloud.take("pending")] == [(DONE, 2)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["replay", "inbox/never.txt"], "no longer in the inbox"),
        (["replay", "results/a.md"], "inbox/…"),
        (["replay"], "--failed, --dead or --all"),
        (["replay", "--dead", "--reason", "lost"], "--failed"),
        (["replay", "--failed", "--rerun"], "name the documents"),
        (["replay", "--recipe", "summary"], "--failed or --rerun"),
        (["replay", "--failed", "--prefix", "a/"], "inbox/a/"),
        (["cancel"], "--all"),
        (["cancel", "inbox/a.txt", "--all"], "not both"),
        (["cancel", "inbox/never.txt"], "no open job"),
        (["cancel", "results/a.md"], "inbox/…"),
    ],
)
def test_an_impossible_request_says_why(empty, arguments, said):
    """The exit code is not 0, and the message has the remedy."""
    shown = empty.run(*arguments)
    assert shown.returncode != 0
    assert said in " ".join((shown.stdout + shown.stderr).split())


def test_cancel_records_the_request_and_wakes_the_checker(cloud):
    """Its message has a fresh ticket and the generation's id; a second cancel finds the request there."""
    before = cloud.take("pending")
    shown = cloud.run("cancel", OPEN)
    assert shown.returncode == 0, shown.stderr
    assert f"{OPEN}: was running" in shown.stdout
    record = cloud.json(cloud.keys("ledger/open/")[0])
    assert record["cancelled_for"] == "cancelled"
    (message,) = map(decode, cloud.take("pending"))
    assert message.ticket == record["ticket"] not in {decode(body).ticket for body in before}
    assert message.response_id == record["responses"][-1]["id"]
    assert "already" in cloud.run("cancel", OPEN).stdout
    assert cloud.take("pending") == []


@pytest.mark.parametrize("command", COMMANDS)
def test_without_an_environment_the_ways_to_name_a_deployment_are_shown(command):
    """No single setting is asked of somebody who exports nothing."""
    arguments = ["inbox/a.txt"] if command in ("replay", "cancel") else []
    shown = Cloud(None, None, {}, {}).run(command, *arguments)
    assert shown.returncode == 1
    for name in ("--stack NAME", "BACKBURNER_BUCKET", "BACKBURNER_PENDING_QUEUE_URL", "backburner up"):
        assert name in shown.stderr, name
    assert "yandex" not in shown.stderr
    assert "API_KEY" not in shown.stderr
    assert "Traceback" not in shown.stderr


def test_with_half_an_environment_all_that_is_missing_is_named():
    """The provider's key is not, because it is not needed."""
    shown = Cloud(None, None, {}, {"BACKBURNER_BUCKET": "b"}).call("status")
    assert shown.exit_code == 1
    for name in ("BACKBURNER_PENDING_QUEUE_URL", "BACKBURNER_MODEL"):
        assert name in shown.stderr, name
    assert "API_KEY" not in shown.stderr


def test_missing_certificates_of_a_local_cloud_are_named(empty, tmp_path):
    """A killed `backburner up` left them exported: the address is not the thing to check."""
    gone = tmp_path / "gone.pem"
    shown = empty.call("status", AWS_CA_BUNDLE=str(gone), AWS_ENDPOINT_URL="https://127.0.0.1:9")
    assert shown.exit_code == 1
    assert f"AWS_CA_BUNDLE names {gone}, which is gone" in " ".join(shown.stderr.split())


def test_a_bucket_that_is_not_there_is_named_with_the_remedy(empty):
    """The message has boto3's own words, and says what to look at."""
    shown = empty.run("audit", BACKBURNER_BUCKET="no-such-bucket")
    assert shown.returncode == 1
    assert "NoSuchBucket" in shown.stderr
    assert "AWS_ENDPOINT_URL" in shown.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches(command):
    """It says what the command does, and what it reads."""
    shown = Cloud(None, None, {}, {}).run(command, "--help")
    assert shown.returncode == 0
    assert "BACKBURNER_BUCKET" in shown.stdout
