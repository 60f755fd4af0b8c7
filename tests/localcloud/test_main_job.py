"""The main job on the real template: upload, S3 event, submit, queue, checker and result, with IAM enforced."""

import json
from datetime import datetime
from uuid import uuid4

import pytest

from backburner_cli.standin import StandIn, Timing, serve
from support import scans

pytestmark = pytest.mark.enable_socket
TIMER = {"source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": {}}
TEXT = (
    "The lease of the bakery begins on 1 April 2026. The rent is 3,450 euros a month. The lease runs for seven years."
)


@pytest.fixture(scope="module")
def stand_in():
    """A provider that takes a second for a generation."""
    with serve(StandIn(timing=Timing(queued_s=0.2, running_s=0.8))) as running:
        yield running


@pytest.fixture(scope="module")
def real_cloud(run_cloud, stand_in):
    """This checkout's own functions, deployed by its own template."""
    return run_cloud(
        provider_base_url=stand_in.base_url,
        api_key="key",
        model="stand-in",
        provider_profile="openai",
        settings={"BACKBURNER_VISION_MODELS": "stand-in"},
    )


def stored(cloud, key):
    """An object's bytes, or None if there is none."""
    try:
        return cloud.s3().get_object(Bucket=cloud.bucket, Key=key)["Body"].read()
    except cloud.s3().exceptions.NoSuchKey:
        return None


def upload(cloud, name, body=TEXT):
    """Put a document into the inbox under `name`, and return that name."""
    body = body if isinstance(body, bytes) else body.encode()
    cloud.s3().put_object(Bucket=cloud.bucket, Key=f"inbox/{name}", Body=body)
    return name


def test_the_timer_brings_a_result_by_itself(real_cloud):
    """Nothing invokes the functions but an upload, its event, and a tick within a minute or two."""
    name = upload(real_cloud, f"{uuid4()}.txt")
    waiter = real_cloud.s3().get_waiter("object_exists")
    waiter.wait(
        Bucket=real_cloud.bucket,
        Key=f"results/{name}.run.json",
        WaiterConfig={"Delay": 1, "MaxAttempts": 150},
    )
    record = json.loads(stored(real_cloud, f"results/{name}.run.json"))
    assert stored(real_cloud, record["result_key"]).decode().startswith("The lease of the bakery")


@pytest.mark.parametrize("name", ["a b+c%20d.txt", "ü 文 😀.txt", "x/../y.txt", "'quoted' \"twice\".txt"])
def test_an_upload_comes_back_as_text(real_cloud, stand_in, eventually, name):
    """Through event, role and queue, one generation's text gets to the right key, and no record stays open."""
    name = upload(real_cloud, f"{uuid4()}/{name}", f"{uuid4()} {TEXT}")
    recipe = f"recipes/{name.split('/')[0]}.md"
    assert stored(real_cloud, recipe) is None
    eventually(lambda: stored(real_cloud, f"failed/{name}.error.json"))
    assert json.loads(stored(real_cloud, f"failed/{name}.error.json"))["reason"] == "unknown_recipe"
    real_cloud.s3().put_object(Bucket=real_cloud.bucket, Key=recipe, Body=b"Shorten it.")
    before = len(stand_in.stand_in.generations)
    upload(real_cloud, name)

    def ticked():
        real_cloud.invoke(real_cloud.checker_function, TIMER)
        return stored(real_cloud, f"results/{name}.run.json")

    eventually(ticked)
    record = json.loads(stored(real_cloud, f"results/{name}.run.json"))
    assert record["source"]["key"] == f"inbox/{name}"
    assert stored(real_cloud, f"results/{name}.md").decode().startswith("The lease of the bakery")
    assert stored(real_cloud, f"failed/{name}.error.json") is None
    assert stored(real_cloud, f"ledger/open/{record['job_id']}.1.json") is None
    assert len(stand_in.stand_in.generations) - before == 1


def test_scans_and_pictures_arrive_whole(real_cloud, eventually):
    """The results say what the model saw: every page, in order, upright and within limits."""
    folder = uuid4()
    names = {name: f"{folder}/{name}" for name in scans.chosen()}
    real_cloud.s3().put_object(Bucket=real_cloud.bucket, Key=f"recipes/{folder}.md", Body=b"Copy every page.")
    for name, key in names.items():
        upload(real_cloud, key, scans.document(name))

    def ticked():
        real_cloud.invoke(real_cloud.checker_function, TIMER)
        return all(stored(real_cloud, f"results/{key}.run.json") for key in names.values())

    eventually(ticked, limit_s=150)
    for name, key in names.items():
        seen = scans.seen(stored(real_cloud, f"results/{key}.md").decode())
        assert seen == scans.pages_of(name), name
    if "forty.pdf" in names:
        assert len(json.loads(stored(real_cloud, f"results/{names['forty.pdf']}.run.json"))["parts"]) == 4


def test_the_logs_name_the_job(real_cloud, eventually):
    """Every line about a job has its id, so that a document can be followed, and none has its text."""
    name = upload(real_cloud, f"{uuid4()}.txt")
    key = f"inbox/{name}"

    def lines():
        return [line for line in real_cloud.logs(real_cloud.submit_function) if key in line]

    eventually(lambda: any("generation started" in line for line in lines()))
    started = next(json.loads(line) for line in lines() if "generation started" in line)
    assert len(started["job_id"]) == 32
    assert started["response_id"].startswith("resp_")
    assert not any("bakery" in line for line in real_cloud.logs(real_cloud.submit_function))


def test_the_timers_tick_brings_further_ones(run_cloud, stand_in, eventually):
    """With four a minute: messages start them a quarter of a minute apart, with the rights of the template's role."""
    cloud = run_cloud(
        provider_base_url=stand_in.base_url,
        api_key="key",
        model="stand-in",
        provider_profile="openai",
        settings={"BACKBURNER_TICKS_PER_MINUTE": "4"},
    )
    cloud.invoke(cloud.checker_function, TIMER)

    def ticks(source):
        lines = [line for line in cloud.logs(cloud.checker_function) if f'"started_by":"{source}"' in line]
        return [datetime.fromisoformat(json.loads(line)["timestamp"].replace(",", ".")) for line in lines]

    eventually(lambda: len(ticks("message")) >= 2, limit_s=60)
    first, second = ticks("message")[:2]
    assert 10 <= (second - first).total_seconds() <= 20
    assert not any("further ticks not sent" in line for line in cloud.logs(cloud.checker_function))
