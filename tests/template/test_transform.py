"""What only the transform shows: circular dependencies between resources, and what SAM adds."""

from graphlib import CycleError, TopologicalSorter
from re import findall

import pytest

from support.depth import thinned

from .conftest import expand


def references(node, names):
    """The logical ids that a part of a template refers to."""
    if isinstance(node, list):
        return {name for item in node for name in references(item, names)}
    if not isinstance(node, dict):
        return set()
    found = set()
    for key, value in node.items():
        match key, value:
            case "Ref" | "DependsOn", str():
                found.add(value)
            case "DependsOn", list():
                found.update(value)
            case "Fn::GetAtt", str():
                found.add(value.split(".")[0])
            case "Fn::GetAtt", [str() as name, *_]:
                found.add(name)
            case "Fn::Sub", str() | [str(), *_]:
                text = value if isinstance(value, str) else value[0]
                found.update(name.split(".")[0] for name in findall(r"\$\{([^!}]+)\}", text))
        found |= references(value, names)
    return found & names


def order(template):
    """Resources in an order in which they can be created. Raises `CycleError`."""
    names = set(template["Resources"])
    graph = {name: references(resource, names) - {name} for name, resource in template["Resources"].items()}
    return list(TopologicalSorter(graph).static_order())


def test_no_two_resources_wait_for_each_other(expanded):
    """CloudFormation refuses a circular dependency, and the linters miss one that the transform makes."""
    assert len(order(expanded)) == len(expanded["Resources"])


@pytest.mark.parametrize(
    "how", thinned([{"Ref": "Bucket"}, {"Fn::GetAtt": ["Bucket", "Arn"]}, {"Fn::Sub": "${Bucket}"}], one_in=3)
)
def test_a_circular_dependency_would_be_found(template, how):
    """Since the bucket notifies submit, submit must not name the bucket by reference."""
    template["Globals"]["Function"]["Environment"]["Variables"]["BACKBURNER_BUCKET"] = how
    with pytest.raises(CycleError):
        order(expand(template))


def test_both_places_that_name_the_bucket_agree(expanded, of_type):
    """The name is derived twice, because a reference would be circular."""
    name = expanded["Resources"]["Bucket"]["Properties"]["BucketName"]
    for function in of_type("AWS::Lambda::Function").values():
        assert function["Environment"]["Variables"]["BACKBURNER_BUCKET"] == name


def test_uploads_and_nothing_else_start_submit(expanded):
    """Results and records that the functions write must never become events."""
    [trigger] = expanded["Resources"]["Bucket"]["Properties"]["NotificationConfiguration"]["LambdaConfigurations"]
    assert trigger["Event"] == "s3:ObjectCreated:*"
    assert trigger["Filter"]["S3Key"]["Rules"] == [{"Name": "prefix", "Value": "inbox/"}]
    assert trigger["Function"] == {"Fn::GetAtt": ["SubmitFunction", "Arn"]}


def test_only_this_accounts_bucket_may_call_submit(of_type):
    """A bucket of the same name in another account must not start our function."""
    [permission] = of_type("AWS::Lambda::Permission").values()
    assert permission["Principal"] == "s3.amazonaws.com"
    assert permission["SourceAccount"] == {"Ref": "AWS::AccountId"}


def test_two_stacks_in_one_account_have_separate_schedules(of_type):
    """SAM would name the schedule by its logical id, and a second stack would fail to deploy."""
    [schedule] = of_type("AWS::Scheduler::Schedule").values()
    assert schedule["Name"] == {"Fn::Sub": "${AWS::StackName}-tick"}


def test_every_chosen_name_includes_the_stacks_name(expanded):
    """Names that are not left to CloudFormation include the stack's name."""
    names = ("Name", "FunctionName", "LogGroupName", "BucketName", "LayerName", "QueueName", "RoleName")
    chosen = [
        (logical_id, value)
        for logical_id, resource in expanded["Resources"].items()
        for name, value in resource.get("Properties", {}).items()
        if name in names and "Ref" not in value
    ]
    assert len(chosen) >= 6
    assert [one for one in chosen if "AWS::StackName" not in str(one)] == []


@pytest.mark.parametrize(
    ("function", "parameter"), [("SubmitFunction", "SubmitConcurrency"), ("CheckerFunction", "CheckerConcurrency")]
)
def test_concurrency_is_reserved_on_request(of_type, function, parameter):
    """A burst of uploads then cannot starve the checker; by default none is reserved, since small accounts cannot."""
    reserved = of_type("AWS::Lambda::Function")[function]["ReservedConcurrentExecutions"]
    assert reserved == {"Fn::If": [f"Has{parameter}", {"Ref": parameter}, {"Ref": "AWS::NoValue"}]}


@pytest.mark.parametrize(
    ("rule", "providers", "parameter"),
    [("AddressOfTheProvider", ["azure", "vllm", "generic"], "BaseUrl"), ("FolderOfYandex", ["yandex"], "ProjectId")],
)
def test_what_a_provider_needs_is_required_before_anything_is_deployed(template, rule, providers, parameter):
    """Otherwise only the first upload would show that it is missing."""
    condition, assertions = template["Rules"][rule]["RuleCondition"], template["Rules"][rule]["Assertions"]
    equals = condition.get("Fn::Or", [condition])
    assert [one["Fn::Equals"] for one in equals] == [[{"Ref": "Provider"}, provider] for provider in providers]
    assert assertions[0]["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]}
    assert parameter in assertions[0]["AssertDescription"]


def test_a_webhook_without_a_secret_is_refused_before_anything_is_deployed(template):
    """Without a secret, nothing could be signed."""
    rule = template["Rules"]["SecretOfTheWebhook"]
    assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "NotifyWebhookUrl"}, ""]}]}
    assert rule["Assertions"][0]["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "NotifyWebhookSecret"}, ""]}]}


def test_the_checker_ticks_every_minute_and_a_lost_tick_is_kept(of_type):
    """A tick that the timer cannot deliver goes to the dead-letter queue."""
    [schedule] = of_type("AWS::Scheduler::Schedule").values()
    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    assert schedule["Target"]["Arn"] == {"Fn::GetAtt": ["CheckerFunction", "Arn"]}
    assert schedule["Target"]["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": ["DeadQueue", "Arn"]}


def test_further_ticks_come_from_a_queue_that_exists_only_for_them(expanded, of_type):
    """With one tick a minute there is neither the queue nor what reads it; each message calls the checker alone."""
    conditional = {name for name, one in expanded["Resources"].items() if one.get("Condition") == "HasFurtherTicks"}
    assert conditional == {"TicksQueue", "FurtherTicks"}
    assert expanded["Conditions"]["HasFurtherTicks"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "TicksPerMinute"}, 1]}]}
    assert of_type("AWS::Lambda::EventSourceMapping") == {
        "FurtherTicks": {
            "EventSourceArn": {"Fn::GetAtt": ["TicksQueue", "Arn"]},
            "FunctionName": {"Ref": "CheckerFunction"},
            "BatchSize": 1,
        }
    }


def test_a_late_tick_is_dropped_and_a_failed_one_is_not_repeated(of_type):
    """Its message is kept for no longer than a minute, and would show again only after that.

    It never becomes a dead letter, however often the function is throttled. The longest delay still fits in.
    """
    queue = of_type("AWS::SQS::Queue")["TicksQueue"]
    assert 45 < queue["MessageRetentionPeriod"] <= 60 < queue["VisibilityTimeout"]
    assert "RedrivePolicy" not in queue


def test_sam_adds_no_rights_to_the_functions(of_type):
    """Each function has the role that is written by hand, without a managed policy."""
    roles = {name: function["Role"] for name, function in of_type("AWS::Lambda::Function").items()}
    assert roles == {
        "SubmitFunction": {"Fn::GetAtt": ["SubmitRole", "Arn"]},
        "CheckerFunction": {"Fn::GetAtt": ["CheckerRole", "Arn"]},
    }
    written = of_type("AWS::IAM::Role")
    assert not any("ManagedPolicyArns" in written[name] for name in ("SubmitRole", "CheckerRole"))
