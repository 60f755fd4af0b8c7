"""What each function may do, decided from the policy statements themselves."""

from fnmatch import fnmatchcase
from re import sub

import pytest

BUCKET = "arn:aws:s3:::stack-123456789012-region"
VALUES = {
    "AWS::Partition": "aws",
    "AWS::StackName": "stack",
    "AWS::AccountId": "123456789012",
    "AWS::Region": "region",
    "ApiKeySecret": "key",
    "NotifyWebhookSecret": "hook",
}
KMS_KEY = "arn:aws:kms:region:123456789012:key/1"
"""What the parameter `KmsKeyArns` names."""
ROLES = ["SubmitRole", "CheckerRole"]


def rendered(resource):
    """A resource as text, in which values known only after deployment are logical ids."""
    match resource:
        case {"Ref": name}:
            return name
        case {"Fn::Sub": text}:
            return sub(r"\$\{([^}]+)\}", lambda found: VALUES[found[1]], text)
        case {"Fn::GetAtt": [name, "Arn"]}:
            return name
    return resource


def many(value):
    """A value as a list, which it may be already."""
    return value if isinstance(value, list) else [value]


CONDITIONS = {"TellsTopic": "NotifyTopicArn", "TellsEventBus": "NotifyEventBusArn", "TellsWebhook": "NotifyWebhookUrl"}
"""The parameter behind each condition under which notifications are sent."""


def statements(of_type, role, *, in_parameter_store=False, has_kms_keys=False, tells="", ticks_more=False):
    """A role's statements, with their conditions resolved."""
    holds = {"KeyInParameterStore": in_parameter_store, "HasKmsKeys": has_kms_keys, "HasFurtherTicks": ticks_more}
    holds |= {condition: condition == tells for condition in CONDITIONS}
    for policy in of_type("AWS::IAM::Role")[role]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            resolved = resolve(statement, holds)
            if resolved != {"Ref": "AWS::NoValue"}:
                yield {**resolved, "Resource": [KMS_KEY]} if resolved["Resource"] == {"Ref": "KmsKeyArns"} else resolved


def resolve(statement, holds):
    """A statement without its `Fn::If`, or several nested ones."""
    while "Fn::If" in statement:
        condition, then, otherwise = statement["Fn::If"]
        statement = then if holds[condition] else otherwise
    return statement


def may(of_type, role, action, resource, **conditions):
    """Decide as IAM does: a denial wins, and what is not allowed is denied."""
    effects = {
        statement["Effect"]
        for statement in statements(of_type, role, **conditions)
        if any(fnmatchcase(action, pattern) for pattern in many(statement["Action"]))
        and any(fnmatchcase(resource, rendered(pattern)) for pattern in many(statement["Resource"]))
    }
    return effects == {"Allow"}


WRITES = ["s3:PutObject", "s3:DeleteObject", "s3:PutObjectAcl", "s3:DeleteObjectVersion", "s3:RestoreObject"]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("action", WRITES)
def test_nobody_may_write_uploads(of_type, role, action):
    """Uploads belong to users: writing and deleting them is explicitly denied, not merely not allowed."""
    assert not may(of_type, role, action, f"{BUCKET}/inbox/a.txt")
    denials = [statement for statement in statements(of_type, role) if statement["Effect"] == "Deny"]
    patterns = [pattern for statement in denials for pattern in statement["Action"]]
    assert any(fnmatchcase(action, pattern) for pattern in patterns)
    assert [rendered(statement["Resource"]) for statement in denials] == [f"{BUCKET}/inbox/*"]


@pytest.mark.parametrize("role", ROLES)
def test_both_may_list_the_bucket(of_type, role):
    """Without that right S3 answers 403 for an absent key, and every first upload would fail."""
    assert may(of_type, role, "s3:ListBucket", BUCKET)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("key", ["inbox/a", "recipes/a.md", "results/a.run.json", "failed/a.error.json", "ledger/x"])
def test_both_may_read_what_a_job_consists_of(of_type, role, key):
    """That is the document, its recipe, and every kind of record."""
    assert may(of_type, role, "s3:GetObject", f"{BUCKET}/{key}")


@pytest.mark.parametrize(
    ("role", "action", "key", "allowed"),
    [
        ("SubmitRole", "s3:PutObject", "ledger/open/1.1.json", True),
        ("SubmitRole", "s3:DeleteObject", "ledger/open/1.1.json", True),
        ("SubmitRole", "s3:PutObject", "failed/a.error.json", True),
        ("SubmitRole", "s3:DeleteObject", "failed/a.error.json", False),
        ("SubmitRole", "s3:PutObject", "results/a.md", False),
        ("SubmitRole", "s3:PutObject", "results/a.run.json", False),
        ("SubmitRole", "s3:DeleteObject", "results/a.run.json", False),
        ("SubmitRole", "s3:GetObject", "results/a.md", False),
        ("SubmitRole", "s3:PutObject", "recipes/a.md", False),
        ("CheckerRole", "s3:PutObject", "results/a.md", True),
        ("CheckerRole", "s3:DeleteObject", "results/a.md", True),
        ("CheckerRole", "s3:DeleteObject", "failed/a.error.json", True),
        ("CheckerRole", "s3:PutObject", "ledger/governor.json", True),
        ("CheckerRole", "s3:DeleteObject", "ledger/work/1.1/0", True),
        ("CheckerRole", "s3:PutObject", "recipes/a.md", False),
        ("CheckerRole", "s3:DeleteObject", "recipes/a.md", False),
    ],
)
def test_each_writes_only_its_own_keys(of_type, role, action, key, allowed):
    """Submit writes records and failures; only the checker writes results."""
    assert may(of_type, role, action, f"{BUCKET}/{key}") is allowed


@pytest.mark.parametrize(
    ("role", "action", "queues"),
    [
        ("SubmitRole", "sqs:SendMessage", {"PendingQueue", "BacklogQueue", "DeadQueue"}),
        ("SubmitRole", "sqs:ReceiveMessage", set()),
        ("SubmitRole", "sqs:DeleteMessage", set()),
        ("CheckerRole", "sqs:SendMessage", {"PendingQueue", "BacklogQueue", "DeadQueue"}),
        ("CheckerRole", "sqs:ReceiveMessage", {"PendingQueue", "BacklogQueue"}),
        ("CheckerRole", "sqs:DeleteMessage", {"PendingQueue", "BacklogQueue"}),
        ("CheckerRole", "sqs:ChangeMessageVisibility", {"PendingQueue", "BacklogQueue"}),
        ("CheckerRole", "sqs:PurgeQueue", set()),
    ],
)
def test_queues_are_used_as_the_design_says(of_type, role, action, queues):
    """Submit only sends; nobody receives from the dead-letter queue or purges any queue."""
    assert {name for name in of_type("AWS::SQS::Queue") if may(of_type, role, action, name)} == queues


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("in_parameter_store", "action", "resource"),
    [
        (False, "secretsmanager:GetSecretValue", "arn:aws:secretsmanager:region:123456789012:secret:{}-AbCdEf"),
        (True, "ssm:GetParameter", "arn:aws:ssm:region:123456789012:parameter{}"),
    ],
)
def test_each_may_read_one_secret_only(of_type, role, in_parameter_store, action, resource):
    """It is the provider's key, in the one store that the parameter names."""
    ways = {"in_parameter_store": in_parameter_store}
    assert may(of_type, role, action, resource.format("key"), **ways)
    assert not may(of_type, role, action, resource.format("another"), **ways)
    assert not may(of_type, role, action, resource.format("key"), in_parameter_store=not in_parameter_store)


HOOK_SECRET = "arn:aws:secretsmanager:region:123456789012:secret:hook-AbCdEf"
HOOK_PARAMETER = "arn:aws:ssm:region:123456789012:parameter/hook"


@pytest.mark.parametrize(
    ("action", "resource", "tells", "in_parameter_store"),
    [
        ("sns:Publish", "NotifyTopicArn", "TellsTopic", False),
        ("events:PutEvents", "NotifyEventBusArn", "TellsEventBus", False),
        ("secretsmanager:GetSecretValue", HOOK_SECRET, "TellsWebhook", False),
        ("ssm:GetParameter", HOOK_PARAMETER, "TellsWebhook", True),
    ],
)
def test_only_the_checker_may_notify_and_only_what_the_stack_names(
    of_type, action, resource, tells, in_parameter_store
):
    """By default nobody may; one topic, one bus and one secret are allowed if their parameters are set."""
    ways = {"in_parameter_store": in_parameter_store}
    assert may(of_type, "CheckerRole", action, resource, tells=tells, **ways)
    for other in ("", *(CONDITIONS.keys() - {tells})):
        assert not may(of_type, "CheckerRole", action, resource, tells=other, **ways)
    assert not may(of_type, "CheckerRole", action, f"another-{resource}", tells=tells, **ways)
    assert not may(of_type, "SubmitRole", action, resource, tells=tells, **ways)


@pytest.mark.parametrize("action", ["SendMessage", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"])
def test_only_the_checker_uses_the_ticks_queue_and_only_if_there_is_one(of_type, action):
    """It sends, and Lambda receives with its role; nothing else is allowed."""
    assert may(of_type, "CheckerRole", f"sqs:{action}", "TicksQueue", ticks_more=True)
    assert not may(of_type, "CheckerRole", f"sqs:{action}", "TicksQueue")
    assert not may(of_type, "SubmitRole", f"sqs:{action}", "TicksQueue", ticks_more=True)
    assert not may(of_type, "CheckerRole", "sqs:ChangeMessageVisibility", "TicksQueue", ticks_more=True)


def test_events_are_put_only_under_our_own_source(of_type):
    """A bus's rules may trust the source of an event."""
    found = [
        one for one in statements(of_type, "CheckerRole", tells="TellsEventBus") if one["Sid"] == "TellTheEventBus"
    ]
    assert found[0]["Condition"] == {"StringEquals": {"events:source": "backburner"}}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("tells", ["", *CONDITIONS])
def test_nothing_is_allowed_wholesale(of_type, role, tells):
    """No action has a wildcard, and no resource is everything."""
    for statement in statements(of_type, role, tells=tells, ticks_more=True):
        if statement["Effect"] == "Allow":
            assert not any("*" in action for action in many(statement["Action"])), statement["Sid"]
            assert all(rendered(resource) != "*" for resource in many(statement["Resource"])), statement["Sid"]


@pytest.mark.parametrize("role", ROLES)
def test_only_lambda_may_assume_a_role(of_type, role):
    """No person and no other service may."""
    [trust] = of_type("AWS::IAM::Role")[role]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}


@pytest.mark.parametrize("name", ["key", "/team/key"])
def test_a_parameter_is_read_with_and_without_a_leading_slash(of_type, monkeypatch, name):
    """The policy follows `ApiKeyStore`, not the form of the name."""
    monkeypatch.setitem(VALUES, "ApiKeySecret", name)
    parameter = f"arn:aws:ssm:region:123456789012:parameter/{name.removeprefix('/')}"
    assert may(of_type, "SubmitRole", "ssm:GetParameter", parameter, in_parameter_store=True)


@pytest.mark.parametrize("role", ROLES)
def test_customer_keys_may_only_be_used_to_decrypt(of_type, role):
    """Only the keys that the parameter names may be used, and none by default."""
    assert may(of_type, role, "kms:Decrypt", KMS_KEY, has_kms_keys=True)
    assert not may(of_type, role, "kms:Decrypt", KMS_KEY)
    assert not may(of_type, role, "kms:Encrypt", KMS_KEY, has_kms_keys=True)
