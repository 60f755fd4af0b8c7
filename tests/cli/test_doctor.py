"""`doctor` says what is in order, and reports each problem with its remedy."""

import asyncio
import json
from dataclasses import replace

import pytest

from backburner.settings import from_env
from backburner_cli.operator.deployment import DEPLOYED_VERSION
from backburner_cli.operator.findings import Level
from backburner_cli.operator.queue_check import queue_findings
from backburner_cli.operator.quota_check import (
    concurrency_findings,
    limit_findings,
    own_version,
    quota_findings,
    version_findings,
)
from backburner_cli.operator.running import announced
from backburner_cli.standin import StandIn, Timing, serve
from support.system import BUCKET


@pytest.fixture(scope="module")
def provider():
    """A stand-in provider."""
    with serve(StandIn(profile="openai", timing=Timing())) as running:
        yield running


@pytest.fixture
def deployed(empty, provider):
    """A deployment as the template makes it, except for the trigger."""
    dead = empty.sqs.get_queue_attributes(QueueUrl=empty.urls["dead"], AttributeNames=["QueueArn"])["Attributes"]
    redrive = json.dumps({"deadLetterTargetArn": dead["QueueArn"], "maxReceiveCount": 1000})
    for name in ("pending", "backlog"):
        attributes = {"VisibilityTimeout": "120", "RedrivePolicy": redrive}
        empty.sqs.set_queue_attributes(QueueUrl=empty.urls[name], Attributes=attributes)
    empty.environment.update(OPENAI_BASE_URL=provider.base_url, OPENAI_API_KEY="key", BACKBURNER_MODEL="stand-in")
    return empty


def examined(cloud, *arguments, **more):
    """The exit code, and the findings by the name of the check."""
    shown = cloud.call("doctor", *arguments, **more)
    assert shown.exit_code in (0, 1), shown.output
    assert "Traceback" not in shown.output
    return shown.exit_code, {one["check"]: one for one in json.loads(shown.stdout)["findings"]}


def test_a_sound_deployment_is_reported_and_nothing_is_left_behind(deployed) -> None:
    """The exit code is 0, the written object is gone, and the provider has started nothing."""
    code, found = examined(deployed)
    levels = {name: one["level"] for name, one in found.items()}
    assert code == 0, found
    for name in (
        "settings",
        "bucket",
        "conditional writes",
        "clock",
        "recipes",
        "pending queue",
        "dead queue",
        "limits",
        "model",
    ):
        assert levels[name] == "ok", found[name]
    assert levels["quotas"] == levels["version"] == "skipped"  # there is no Lambda and no template here
    assert levels["trigger"] == levels["checker"] == "warning"  # no functions are deployed here
    assert "accepts the key" in found["provider"]["message"]
    assert deployed.keys("") == []


@pytest.mark.parametrize("kind", ["aws", "yandex"])
def test_a_local_cloud_is_examined_as_the_cloud_it_imitates(kind, deployed, tmp_path) -> None:
    """No remedy refers to a template, a trigger or a quota that the local cloud lacks."""
    reached_by = {name: value for name, value in deployed.environment.items() if name != "OPENAI_API_KEY"}
    if kind == "yandex":  # it has no single endpoint for everything
        address = reached_by.pop("AWS_ENDPOINT_URL")
        reached_by |= {"AWS_ENDPOINT_URL_S3": address, "AWS_ENDPOINT_URL_SQS": address}
    here = {"XDG_STATE_HOME": str(tmp_path), "XDG_RUNTIME_DIR": ""}
    with announced(here, kind, reached_by):
        found = examined(replace(deployed, environment=here), "--local")[1]
    assert (found["quotas"]["level"], found["quotas"]["remedy"]) == ("ok", "")
    assert (found["provider's key"]["level"], found["provider's key"]["remedy"]) == ("skipped", "")  # none is needed
    findings = {
        name: (found[name]["level"], found[name]["message"]) for name in ("trigger", "schedule") if name in found
    }
    if kind == "yandex":
        assert findings == {
            "trigger": ("ok", "backburner up calls submit for uploads below inbox/"),
            "schedule": ("ok", "backburner up calls the checker once a minute"),
        }
    else:
        assert findings["trigger"][0] == "warning"  # this bucket sends no events, and the local AWS knows


def test_a_generation_is_tried_only_with_consent(deployed, provider) -> None:
    """It is a single one, and it is cancelled."""
    provider.stand_in.reset()
    assert "generation" not in examined(deployed)[1]
    assert not provider.stand_in.generations
    tried = examined(deployed, "--generate")[1]["generation"]
    assert tried["level"] == "ok"
    assert len(provider.stand_in.generations) == 1
    assert provider.stand_in.open == 0
    refused = examined(deployed, "--generate", BACKBURNER_MODEL="no-such-model")[1]
    assert refused["model"]["level"] == "warning"
    assert refused["generation"]["level"] == "problem"
    assert "docs/providers.md" in refused["generation"]["remedy"]


def test_a_missing_provider_is_reported(deployed) -> None:
    """The message has its address."""
    code, found = examined(deployed, OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert (code, found["provider"]["level"]) == (1, "problem")
    assert "OPENAI_BASE_URL" in found["provider"]["remedy"]


def test_without_a_key_the_rest_is_checked(deployed) -> None:
    """Only the functions have the key; the message shows how to check it."""
    code, found = examined(deployed, OPENAI_API_KEY="")
    assert (code, found["provider"]["level"], found["provider's key"]["level"]) == (0, "ok", "skipped")
    assert "OPENAI_API_KEY" in found["provider's key"]["remedy"]


def test_each_problem_is_reported_with_its_remedy(deployed) -> None:
    """It finds a failing recipe, another deployment's queue, a short lease, and a missing bucket."""
    deployed.s3.put_object(Bucket=BUCKET, Key="recipes/bad.md", Body=b"---\nmodle: x\n---\nGo.")
    code, found = examined(
        deployed, BACKBURNER_LEASE_S="90", BACKBURNER_BACKLOG_QUEUE_URL=deployed.urls["backlog"] + "-no"
    )
    assert code == 1
    for name, said in (("recipes", "recipes/bad.md"), ("lease", "90 s"), ("backlog queue", "")):
        assert found[name]["level"] == "problem", found[name]
        assert said in found[name]["message"]
        assert found[name]["remedy"]
    assert examined(deployed, BACKBURNER_BUCKET="no-such-bucket")[1]["bucket"]["level"] == "problem"
    assert examined(deployed, BACKBURNER_MODEL="")[1]["settings"]["level"] == "problem"


@pytest.mark.parametrize(
    ("attributes", "level", "remedy"),
    [
        ({"VisibilityTimeout": "30"}, Level.PROBLEM, "120 s"),
        ({"VisibilityTimeout": "120", "RedrivePolicy": '{"maxReceiveCount": "5"}'}, Level.PROBLEM, "1000"),
        ({"VisibilityTimeout": "120"}, Level.WARNING, "redrive policy"),
        ({"VisibilityTimeout": "120", "RedrivePolicy": '{"maxReceiveCount": 1000}'}, Level.OK, ""),
    ],
)
def test_a_queues_limits_are_compared_with_the_functions(attributes, level, remedy) -> None:
    """A message must stay hidden longer than a tick runs, and waiting must not make dead letters."""
    finding = queue_findings("pending", attributes)[0]
    assert finding.level is level
    assert remedy in finding.remedy


def test_dead_letters_are_a_warning() -> None:
    """The message says how to see them."""
    (finding,) = queue_findings("dead", {"ApproximateNumberOfMessages": "3"})
    assert finding.level is Level.WARNING
    assert "backburner dead-letters" in finding.remedy


@pytest.mark.parametrize(("kept_s", "level"), [("60", Level.OK), ("120", Level.OK), ("345600", Level.WARNING)])
def test_a_ticks_queue_that_keeps_old_ticks_is_reported(kept_s: str, level: Level) -> None:
    """It needs no dead-letter queue; but what it keeps through an outage would start many ticks at once."""
    (finding,) = queue_findings("ticks", {"MessageRetentionPeriod": kept_s, "VisibilityTimeout": "120"})
    assert finding.level is level
    assert bool(finding.remedy) is (level is not Level.OK)


@pytest.mark.parametrize(
    ("account", "level", "remedy"),
    [
        ((10, 10), Level.WARNING, "request-service-quota-increase"),
        ((1000, 2), Level.PROBLEM, "CheckerConcurrency"),
        ((1000, 900), Level.OK, ""),
    ],
)
def test_the_accounts_concurrency_is_compared_with_both_functions(account, level, remedy) -> None:
    """Ten uploads use up a new account's ten; what other functions have reserved is not available."""
    limits = dict(zip(("ConcurrentExecutions", "UnreservedConcurrentExecutions"), account, strict=True))
    (finding,) = concurrency_findings(limits)
    assert finding.level is level
    assert remedy in finding.remedy
    assert f"{account[0]:,} concurrent" in finding.message


def test_the_quotas_of_yandex_cloud_are_left_to_people_who_may_see_them() -> None:
    """The message has the command that shows them."""
    (finding,) = asyncio.run(quota_findings("ru-central1", is_yandex=True))
    assert finding.level is Level.SKIPPED
    assert "yc quota-manager" in finding.remedy


def test_limits_above_the_published_quotas_are_reported() -> None:
    """Each names the variable to change; more in flight than a queue holds cannot work at all."""
    settings = {
        "BACKBURNER_PROVIDER": "yandex",
        "OPENAI_PROJECT_ID": "folder",
        "BACKBURNER_MODEL": "m",
        "BACKBURNER_BUCKET": "b",
        "BACKBURNER_PENDING_QUEUE_URL": "http://q/p",
        "BACKBURNER_BACKLOG_QUEUE_URL": "http://q/b",
        "BACKBURNER_DEAD_QUEUE_URL": "http://q/d",
    }
    assert [one.level for one in limit_findings(from_env(settings))] == [Level.OK]
    more = {"BACKBURNER_MAX_IN_FLIGHT": "200000", "BACKBURNER_SUBMITS_PER_MINUTE": "900"}
    found = limit_findings(from_env(settings | more))
    assert [one.level for one in found] == [Level.PROBLEM, Level.WARNING]
    assert "BACKBURNER_MAX_IN_FLIGHT" in found[0].remedy
    assert "BACKBURNER_SUBMITS_PER_MINUTE" in found[1].remedy


@pytest.mark.parametrize(
    ("deployed", "level"), [(own_version(), Level.OK), ("0.0.1", Level.WARNING), ("", Level.WARNING)]
)
def test_the_deployed_version_is_compared_with_this_command(deployed: str, level: Level) -> None:
    """A template of another or of no stated version has to be deployed again."""
    (finding,) = version_findings({DEPLOYED_VERSION: deployed})
    assert finding.level is level
    assert ("deploy again" in finding.remedy) is (level is Level.WARNING)
