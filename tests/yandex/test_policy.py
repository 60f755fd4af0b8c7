"""What each function may do in the bucket, on paper and where the policy is enforced."""

import boto3
import pytest
from botocore.exceptions import ClientError

from support.yandex_deployment import YandexDeployment

from .conftest import NewWorld
from .policy import allows, render

OBJECTS = "arn:aws:s3:::bucket"
RIGHTS = [
    ("s3:GetObject", "inbox/a", True, True),
    ("s3:GetObject", "recipes/a.md", True, True),
    ("s3:GetObject", "results/a.run.json", True, True),
    ("s3:GetObject", "failed/a.error.json", True, True),
    ("s3:GetObject", "ledger/open/a.json", True, True),
    ("s3:PutObject", "ledger/open/a.json", True, True),
    ("s3:DeleteObject", "ledger/open/a.json", True, True),
    ("s3:PutObject", "failed/a.error.json", True, True),
    ("s3:DeleteObject", "failed/a.error.json", False, True),
    ("s3:PutObject", "results/a.md", False, True),
    ("s3:DeleteObject", "results/a.md", False, True),
    ("s3:PutObject", "inbox/a", False, False),
    ("s3:PutObjectAcl", "inbox/a", False, False),
    ("s3:DeleteObject", "inbox/a", False, False),
    ("s3:PutObject", "recipes/a.md", False, False),
    ("s3:PutObject", "elsewhere", False, False),
]


@pytest.mark.parametrize(("action", "key", "submit", "checker"), RIGHTS)
def test_a_function_may_do_what_it_needs_and_nothing_else(action: str, key: str, submit: bool, checker: bool) -> None:  # noqa: FBT001
    """Neither writes uploads or recipes, and submit writes no result."""
    policy, resource = render("bucket"), f"{OBJECTS}/{key}"
    assert (allows(policy, "submit", action, resource), allows(policy, "checker", action, resource)) == (
        submit,
        checker,
    )


@pytest.mark.parametrize("function", ["submit", "checker"])
def test_both_may_list_the_bucket(function: str) -> None:
    """Without that right, a missing key is answered with 403, and every first upload would fail."""
    assert allows(render("bucket"), function, "s3:ListBucket", OBJECTS)


def test_nobody_else_has_access() -> None:
    """Named users may do everything over TLS; anybody else may do nothing."""
    policy = render("bucket")
    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        assert allows(policy, "user", action, f"{OBJECTS}/inbox/a")
        assert not allows(policy, "user", action, f"{OBJECTS}/inbox/a", tls=False)
        assert not allows(policy, "anonymous", action, f"{OBJECTS}/inbox/a")
    allowed = [statement for statement in policy["Statement"] if statement["Effect"] == "Allow"]
    assert "*" not in [statement["Principal"] for statement in allowed]


def test_the_policy_is_not_too_long() -> None:
    """The service takes 10,240 characters, and the template's limit of users keeps the policy below that."""
    users = tuple(f"ajeyyyyyyyyyyyyyyy{number:03}"[:20] for number in range(100))
    assert len(str(render("b" * 63, "a" * 20, "a" * 20, users))) < 10_240


def test_a_forbidden_read_is_never_taken_for_an_absent_key(new_world: NewWorld) -> None:
    """Without the right to list, a missing key gets a 403: the call fails and is repeated, and nothing is decided."""
    world = new_world(refuse=lambda call: "AccessDenied" if call.key.startswith(("recipes/", "results/")) else None)
    world.upload("inbox/notes/a.txt")
    with pytest.raises(Exception, match="403 AccessDenied; may this function list the bucket"):
        world.submit("inbox/notes/a.txt")
    assert (world.keys("failed/"), world.creates()) == ([], [])


def test_every_other_test_here_runs_under_the_policy(world: YandexDeployment) -> None:
    """The local Object Storage refuses a function's requests whenever the policy does."""
    world.upload("inbox/a.txt")
    s3 = boto3.client(
        "s3",
        endpoint_url=world.storage,
        region_name=world.region,
        aws_access_key_id="checker",
        aws_secret_access_key="-",
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=world.bucket, Key="inbox/b.txt", Body=b"x")
    s3.put_object(Bucket=world.bucket, Key="results/b.txt", Body=b"x")
    s3.close()
    assert world.keys("inbox/") == ["inbox/a.txt"]
