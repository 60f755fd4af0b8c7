"""How the services of Yandex Cloud differ, tested over HTTP."""

import asyncio
import json
from urllib.parse import parse_qs

import boto3

from backburner.adapters.account import account
from backburner.adapters.http import Http
from backburner.adapters.storage import S3Bucket, store_calls
from backburner.maintenance.dead_letters import Kind, understand
from backburner.ports import Stored
from backburner_cli.local.yandex.events import object_event
from support.proxy import serve_proxy
from support.yandex_deployment import YandexDeployment

from .conftest import NewWorld

KEY = "inbox/letter.txt"


def test_the_queues_are_called_by_the_form_protocol_on_request(new_world: NewWorld, endpoint: str) -> None:
    """The setting works from the zip, and the queues' addresses are sent as they were given."""
    with serve_proxy(endpoint) as proxy:
        world = new_world(queue_address=proxy.url, BACKBURNER_QUEUE_PROTOCOL="query")
        world.upload(KEY)
        world.submit(KEY)
        world.settle()
        assert world.problems() == []
        calls = [parse_qs(call.body.decode()) for call in proxy.requests if "x-amz-target" not in call.headers]
        assert len(calls) == len(proxy.requests)
    given = {value for name, value in world.environment.items() if name.endswith("_QUEUE_URL")}
    assert {call["QueueUrl"][0] for call in calls} <= given


def test_metadata_names_come_back_recased_and_are_understood(world: YandexDeployment) -> None:
    """The adapter reads what it wrote, whatever the case of the names on the wire."""
    s3 = boto3.client(
        "s3", endpoint_url=world.storage, region_name=world.region, aws_access_key_id="user", aws_secret_access_key="-"
    )
    s3.put_object(Bucket=world.bucket, Key="results/a.md", Body=b"x", Metadata={"backburner-run": "Job.1"})
    assert s3.head_object(Bucket=world.bucket, Key="results/a.md")["Metadata"] == {"Backburner-Run": "Job.1"}
    s3.close()
    keys = {"AWS_ACCESS_KEY_ID": "user", "AWS_SECRET_ACCESS_KEY": "-"}
    there = account({"AWS_REGION": world.region, "AWS_ENDPOINT_URL": world.storage, **keys})

    async def read() -> Stored | None:
        http = Http(connect_s=5, read_s=5)
        try:
            return await S3Bucket(calls=store_calls(http, there), name=world.bucket).head("results/a.md")
        finally:
            await http.close()

    stored = asyncio.run(read())
    assert stored is not None
    assert stored.metadata == {"backburner-run": "Job.1"}


def test_a_burst_is_paced_and_sends_no_newer_amazon_checksums(new_world: NewWorld) -> None:
    """At most ten creates a second are sent, and the rest wait within the call; other stores may lack those headers."""
    seen: set[str] = set()
    world = new_world(refuse=lambda call: seen.update(call.headers))
    keys = [f"inbox/{number}.txt" for number in range(10)]
    for key in keys:
        world.upload(key, f"{key} speaks of the harbour.")
    world.submit(*keys)
    times = sorted(one.created_at for one in world.stand_in.generations)
    assert (len(times), times[-1] - times[0] >= 0.5) == (10, True)
    assert "authorization" in seen
    assert not [name for name in seen if name.startswith(("x-amz-checksum", "x-amz-sdk-checksum", "x-amz-trailer"))]


def test_a_dead_letter_of_a_trigger_names_its_document() -> None:
    """The message may be alone, with its batch, or the whole event as text."""
    event = object_event("bucket", ["inbox/отчёт + 1%.txt"])
    for body in (event, event["messages"][0], {"payload": json.dumps(event)}):
        letter = understand(json.dumps(body))
        assert (letter.kind, letter.keys) == (Kind.EVENT, ("inbox/отчёт + 1%.txt",))
