"""What a function costs and needs while there is nothing to do."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from support.events import SHAPES, TIMERS
from support.warm_deployment import WarmDeployment

IDLE = """
import json, sys
from support.functions import load
counts = load("checker").handler(json.loads(sys.argv[1]), None)
heavy = {"boto3", "botocore.session", "openai", "httpx2", "jsonschema_rs", "yaml"} & set(sys.modules)
print(json.dumps({"counts": counts, "heavy": sorted(heavy)}), file=sys.stderr)
"""


@pytest.mark.parametrize("timer", TIMERS)
def test_an_idle_tick_touches_no_provider_and_imports_no_sdk(world: WarmDeployment, timer: str) -> None:
    """In its own process, a tick that receives nothing asks nothing and does not spend seconds on imports."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", IDLE, json.dumps(TIMERS[timer])],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stderr.splitlines()[-1])
    assert said["counts"] == {}
    assert "openai" not in said["heavy"]
    assert "httpx2" not in said["heavy"]
    assert "botocore.session" not in said["heavy"]
    assert "yaml" not in said["heavy"]
    assert world.stand_in.requests == ()
    assert world.keys() == ["ledger/governor.json"]


@pytest.mark.parametrize("context", [None, SimpleNamespace()], ids=["None", "empty"])
def test_a_context_without_lambdas_extras_is_enough(world: WarmDeployment, context: Any) -> None:
    """Other clouds' contexts have no remaining time and no request id, and some callers pass none at all."""
    world.upload("inbox/a.txt")
    assert world.app("submit").handler(SHAPES["s3"](world.bucket, "inbox/a.txt"), context) == {"records": 1}
    world.later(130)
    assert world.app("checker").handler(TIMERS["aws"], context)["handled"] == 2
    assert world.problems() == []


def test_a_warm_environment_is_used_again(world: WarmDeployment) -> None:
    """Settings, clients and connections are made once, and the second event finds them."""
    app = world.app("submit")
    for number in range(2):
        world.upload(f"inbox/{number}.txt")
        world.submit(f"inbox/{number}.txt")
    info = app.connected.cache_info()
    assert (info.misses, info.hits) == (1, 1)


def test_no_log_line_holds_a_documents_text(world: WarmDeployment, caplog: pytest.LogCaptureFixture) -> None:
    """Ids and document keys are logged; documents, instructions, results and the API key are not."""
    world.recipe("notes", instructions="The secret instructions.")
    world.stand_in.script("refusal")
    for number, text in enumerate(("Whispered words about the harbour.", "Other whispered words.")):
        world.upload(f"inbox/notes/{number}.txt", text)
    world.connect()
    logging.getLogger("backburner").addHandler(
        caplog.handler
    )  # it does not propagate: the functions' own handler has it
    try:
        world.submit(*world.keys("inbox/"))
        world.settle()
    finally:
        logging.getLogger("backburner").removeHandler(caplog.handler)
    ours = [record for record in caplog.records if record.name.startswith(("backburner", "submit", "checker"))]
    log = json.dumps([vars(record) | {"text": record.getMessage()} for record in ours], default=str)
    for word in ("hispered", "secret instructions", "key-of-a-test", "Extract by", "cannot help"):
        assert word not in log
    package = [record for record in ours if record.name.startswith("backburner.")]
    about_jobs = [record for record in package if record.getMessage() != "swept"]  # which is about the whole bucket
    assert {record.getMessage() for record in about_jobs} >= {"job claimed", "generation started", "job done"}
    assert [record for record in about_jobs if not getattr(record, "job_id", None)] == []
