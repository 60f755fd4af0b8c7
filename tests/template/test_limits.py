"""Time, memory, retention, encryption, parameters, alarms: what every resource of a kind must have."""

from re import search

import pytest

from backburner.settings import from_env
from backburner_cli.local.aws.cloud import CHECKOUT

NAMES = {
    *("BACKBURNER_BUCKET", "BACKBURNER_PENDING_QUEUE_URL", "BACKBURNER_BACKLOG_QUEUE_URL", "BACKBURNER_DEAD_QUEUE_URL"),
    *("BACKBURNER_PROVIDER", "OPENAI_BASE_URL", "OPENAI_PROJECT_ID", "OPENAI_ORG_ID", "BACKBURNER_API_KEY_SECRET"),
    "BACKBURNER_API_KEY_STORE",
    *(
        "BACKBURNER_MODEL",
        "BACKBURNER_CONTEXT_TOKENS",
        "BACKBURNER_VISION_MODELS",
        "BACKBURNER_LINE_PARAMETERS",
        "BACKBURNER_MAX_IN_FLIGHT",
        "BACKBURNER_SUBMITS_PER_MINUTE",
        "BACKBURNER_POLLS_PER_SECOND",
        "BACKBURNER_TICKS_PER_MINUTE",
        "BACKBURNER_TICKS_QUEUE_URL",
    ),
    *("BACKBURNER_DAILY_TOKENS", "BACKBURNER_DAILY_COST", "BACKBURNER_DEADLINE_S", "BACKBURNER_LEASE_S"),
    *("BACKBURNER_SWEEP_EVERY_S", "BACKBURNER_MAX_ATTEMPTS"),
    *("BACKBURNER_NOTIFY", "BACKBURNER_NOTIFY_TOPIC_ARN", "BACKBURNER_NOTIFY_EVENT_BUS"),
    *("BACKBURNER_NOTIFY_WEBHOOK_URL", "BACKBURNER_NOTIFY_WEBHOOK_SECRET_NAME"),
}
"""Section 4 of the design, without the key itself and without what Lambda sets by itself."""
CONSTRAINTS = {"AllowedValues", "AllowedPattern", "MinValue"}


def functions(of_type):
    return of_type("AWS::Lambda::Function")


def test_the_environment_is_that_of_the_contract(of_type):
    """Users script against these names, so none is missing and none is extra."""
    for function in functions(of_type).values():
        assert set(function["Environment"]["Variables"]) == NAMES


def test_the_defaults_are_settings_that_the_functions_accept(expanded, of_type):
    """A stack deployed with only the required parameters must start."""
    given = {"ApiKeySecret": "key", "Model": "yandexgpt/latest", "ProjectId": "folder"}
    for function in functions(of_type).values():
        environment = {}
        for name, value in function["Environment"]["Variables"].items():
            match value:
                case {"Ref": reference} if reference in expanded["Parameters"]:
                    environment[name] = str(given.get(reference, expanded["Parameters"][reference].get("Default")))
                case {"Ref": reference}:
                    environment[name] = f"https://sqs.eu-central-1.amazonaws.com/123456789012/{reference}"
                case {"Fn::If": [_, {"Ref": reference}, _]} if given.get(reference):
                    environment[name] = given[reference]
                case {"Fn::Sub": text}:
                    environment[name] = text
        assert from_env(environment).lease_s == 120
        assert not from_env(environment).notify.is_on


def test_every_function_is_bounded_and_its_failures_are_kept(of_type):
    """Each has a timeout, memory, log retention and a failure destination."""
    destinations = {
        config["FunctionName"]["Ref"]: config["DestinationConfig"]["OnFailure"]["Destination"]
        for config in of_type("AWS::Lambda::EventInvokeConfig").values()
    }
    for name, function in functions(of_type).items():
        assert function["Timeout"] <= 100
        assert function["MemorySize"]
        logs = of_type("AWS::Logs::LogGroup")[function["LoggingConfig"]["LogGroup"]["Ref"]]
        assert logs["RetentionInDays"]
        assert destinations[name] == {"Fn::GetAtt": ["DeadQueue", "Arn"]}


def test_every_queue_has_a_dead_letter_path(of_type):
    """A message received a thousand times is set aside, in a queue with the longest retention.

    The ticks queue has its own rules, in `test_transform.py`: no document depends on its messages.
    """
    queues = of_type("AWS::SQS::Queue")
    for name, queue in queues.items():
        if name == "TicksQueue":
            continue
        assert queue["MessageRetentionPeriod"] == 14 * 86400
        if name != "DeadQueue":
            assert queue["RedrivePolicy"] == {
                "deadLetterTargetArn": {"Fn::GetAtt": ["DeadQueue", "Arn"]},
                "maxReceiveCount": 1000,
            }


def test_a_lease_is_longer_than_a_function_may_run(expanded, of_type):
    """Whoever finds that a lease is out may take the owner for dead; no queue delays by more than 900 s."""
    longest_s = max(function["Timeout"] for function in functions(of_type).values())
    lease = expanded["Parameters"]["LeaseSeconds"]
    assert longest_s < lease["MinValue"] <= lease["Default"] <= lease["MaxValue"] == 900


def test_messages_stay_hidden_as_long_as_a_tick_may_run(of_type):
    """Otherwise the next tick would receive what this one is still handling."""
    longest_s = max(function["Timeout"] for function in functions(of_type).values())
    assert all(queue["VisibilityTimeout"] > longest_s for queue in of_type("AWS::SQS::Queue").values())


def test_everything_is_encrypted_and_etags_stay_digests(of_type):
    """The bucket has SSE-S3, since an ETag under KMS is not a digest, and all queues have SSE."""
    [bucket] = of_type("AWS::S3::Bucket").values()
    [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    assert all(queue["SqsManagedSseEnabled"] is True for queue in of_type("AWS::SQS::Queue").values())


def test_the_bucket_is_private_and_outlives_the_stack(expanded):
    """There is no public access of any kind, and deleting the stack deletes no document."""
    bucket = expanded["Resources"]["Bucket"]
    assert all(bucket["Properties"]["PublicAccessBlockConfiguration"].values())
    assert len(bucket["Properties"]["PublicAccessBlockConfiguration"]) == 4
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("Retain", "Retain")


@pytest.mark.parametrize("kind", ["AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"])
def test_nothing_is_served_without_tls(of_type, kind):
    """TLS is required of everyone by a denial, whatever else a policy may allow."""
    [policy] = of_type(kind).values()
    [statement] = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_every_queue_is_under_the_tls_policy(of_type):
    """The policy lists all queues, and the bucket's policy covers the bucket and its objects."""
    [policy] = of_type("AWS::SQS::QueuePolicy").values()
    further = {"Fn::If": ["HasFurtherTicks", {"Ref": "TicksQueue"}, {"Ref": "AWS::NoValue"}]}
    always = [queue["Ref"] for queue in policy["Queues"] if queue != further]
    assert {*always, "TicksQueue"} == set(of_type("AWS::SQS::Queue"))
    assert further in policy["Queues"]
    [policy] = of_type("AWS::S3::BucketPolicy").values()
    [statement] = policy["PolicyDocument"]["Statement"]
    assert statement["Resource"] == [{"Fn::GetAtt": ["Bucket", "Arn"]}, {"Fn::Sub": "${Bucket.Arn}/*"}]


def test_only_what_is_no_longer_needed_expires(of_type):
    """Notes of response ids, old notices and unfinished uploads expire too; nothing else does."""
    [bucket] = of_type("AWS::S3::Bucket").values()
    *expiries, unfinished = bucket["LifecycleConfiguration"]["Rules"]
    assert [(expiry["Prefix"], expiry["ExpirationInDays"]) for expiry in expiries] == [
        ("ledger/superseded/", {"Ref": "SupersededDays"}),
        ("ledger/responses/", {"Ref": "SupersededDays"}),
        ("ledger/notices/", 30),
        ("ledger/work/", {"Ref": "WorkDays"}),
    ]
    assert unfinished["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert "ExpirationInDays" not in unfinished


def test_every_parameter_is_described_and_constrained(template):
    """Each parameter has a description and constraints, so that a typo is refused before anything is deployed."""
    for name, parameter in template["Parameters"].items():
        assert parameter["Description"], name
        assert CONSTRAINTS & set(parameter), name
        assert (
            parameter["Type"] != "Number" or {"MinValue", "MaxValue"} <= set(parameter) or "AllowedValues" in parameter
        )


def test_every_alarm_names_its_paragraph_of_the_runbook(of_type):
    """Whoever is woken up must find what to do."""
    titles = (CHECKOUT / "docs/runbook.md").read_text(encoding="utf-8").splitlines()
    anchors = {line.removeprefix("## ").lower().replace(" ", "-") for line in titles if line.startswith("## ")}
    alarms = of_type("AWS::CloudWatch::Alarm")
    assert len(alarms) >= 2
    for name, alarm in alarms.items():
        found = search(r"docs/runbook\.md#([a-z-]+)", alarm["AlarmDescription"])
        assert found, name
        assert found[1] in anchors, name


def test_the_layer_is_built_for_the_runtime(of_type):
    """Compiled wheels match one version of Python only."""
    makefile = (CHECKOUT / "layers/backburner/Makefile").read_text(encoding="utf-8")
    built_for = search(r"(?m)^PYTHON_VERSION := (.+)$", makefile)
    assert {function["Runtime"] for function in functions(of_type).values()} == {f"python{built_for[1]}"}
    [layer] = of_type("AWS::Lambda::LayerVersion").values()
    assert layer["CompatibleRuntimes"] == [f"python{built_for[1]}"]
