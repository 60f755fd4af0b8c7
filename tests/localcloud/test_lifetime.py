"""A local cloud starts, reports what is wrong, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from backburner_cli.local.aws import LocalCloudError, local_cloud
from backburner_cli.local.aws.server import require_space
from backburner_cli.local.aws.stack import deploy, locate_code
from backburner_cli.local.aws.template import load_template
from support.depth import is_deep

pytestmark = pytest.mark.enable_socket

WAYS_TO_DIE = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL] if is_deep() else [signal.SIGKILL]
"""What Ctrl-C leaves of a cloud is also tested with `backburner up` in `cli/test_commands.py`, in the quick run too."""
HOLD = """
import sys
from pathlib import Path
from backburner_cli.local.aws import local_cloud
options = {"provider_base_url": "http://127.0.0.1:1/v1", "api_key": "k", "model": "m", "checkout": Path(sys.argv[1])}
with local_cloud(**options) as cloud:
    print(cloud.invoke(cloud.checker_function, {"ask": "group"}), cloud.environment["AWS_CA_BUNDLE"], flush=True)
    sys.stdin.read()
"""


def options(checkout, **more):
    """The options that every cloud here is started with."""
    return {"provider_base_url": "http://127.0.0.1:1/v1", "api_key": "k", "model": "m", "checkout": checkout, **more}


def is_alive(group):
    """Whether any process of a group is alive: the server and its workers share one."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_nothing_is_left_when_the_block_ends(probe_checkout, eventually):
    """No process, worker or folder is left."""
    with local_cloud(**options(probe_checkout)) as cloud:
        group = cloud.invoke(cloud.checker_function, {"ask": "group"})
        folder = Path(cloud.environment["AWS_CA_BUNDLE"]).parent
        assert is_alive(group)
        assert folder.exists()
    assert not folder.exists()
    eventually(lambda: not is_alive(group))


@pytest.mark.parametrize("how", WAYS_TO_DIE)
def test_nothing_is_left_when_the_program_dies(probe_checkout, eventually, how):
    """The program ends by Ctrl-C, by a request to terminate, or by one that leaves no time for anything."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, probe_checkout],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as program:
        group, bundle = program.stdout.readline().split(maxsplit=1)
        assert is_alive(int(group))
        os.kill(program.pid, how)
        program.wait()
    eventually(lambda: not is_alive(int(group)) and not Path(bundle.strip()).parent.exists())


def test_state_outlives_the_cloud_on_request(probe_checkout, tmp_path):
    """Objects and messages are there again under the same addresses."""
    with local_cloud(**options(probe_checkout, state=tmp_path)) as cloud:
        cloud.s3().put_object(Bucket=cloud.bucket, Key="recipes/kept.md", Body=b"kept")
        cloud.sqs().send_message(QueueUrl=cloud.backlog_queue_url, MessageBody="kept")
        outputs, port = cloud.outputs, urlsplit(cloud.endpoint).port
    with local_cloud(**options(probe_checkout, state=tmp_path, port=port)) as cloud:
        assert cloud.outputs == outputs
        assert cloud.s3().get_object(Bucket=cloud.bucket, Key="recipes/kept.md")["Body"].read() == b"kept"
        received = cloud.sqs().receive_message(QueueUrl=cloud.backlog_queue_url)
        assert [message["Body"] for message in received["Messages"]] == ["kept"]


def test_a_missing_ministack_names_the_remedy(tmp_path):
    """This is the first thing that goes wrong on a fresh machine."""
    (tmp_path / "template.yaml").touch()
    with pytest.raises(LocalCloudError, match="make setup"), local_cloud(**options(tmp_path)):
        pass


def test_a_place_without_the_template_is_named(tmp_path):
    """The local cloud needs a checkout, not only the installed command."""
    with pytest.raises(LocalCloudError, match=str(tmp_path)), local_cloud(**options(tmp_path)):
        pass


def deploy_beside(cloud, checkout, template=None, **parameters):
    """Deploy the template as a second stack of a running cloud, with the code of its first."""
    (code,) = {one["Key"] for one in cloud.s3().list_objects_v2(Bucket="backburner-code", MaxKeys=1)["Contents"]}
    located = locate_code(
        template or load_template(checkout / "template.yaml"), lambda _: f"s3://backburner-code/{code}"
    )
    given = {"ApiKeySecret": "a", "BaseUrl": "http://127.0.0.1:1/v1", "Model": "m", "Provider": "generic", **parameters}
    deploy(cloud.client("cloudformation"), f"second-{uuid4().hex[:8]}", located, given)


def test_a_refused_parameter_is_named(cloud, probe_checkout):
    """The template's constraints hold here as well."""
    with pytest.raises(LocalCloudError, match="LeaseSeconds"):
        deploy_beside(cloud, probe_checkout, LeaseSeconds="100")


def test_a_resource_that_fails_is_named_with_its_reason(cloud, probe_checkout):
    """The error does not only say that the stack was rolled back."""
    template = load_template(probe_checkout / "template.yaml")
    template["Resources"]["PendingQueue"]["Properties"]["MessageRetentionPeriod"] = 1
    with pytest.raises(LocalCloudError, match=r"Queue: .*MessageRetentionPeriod"):
        deploy_beside(cloud, probe_checkout, template)


def test_a_port_in_use_is_named(cloud, probe_checkout):
    """A second cloud on the same port is refused at once."""
    port = urlsplit(cloud.endpoint).port
    with pytest.raises(LocalCloudError, match=f"port {port}"), local_cloud(**options(probe_checkout, port=port)):
        pass


def test_too_little_room_is_reported_before_anything_starts(tmp_path):
    """A full temporary folder would otherwise stop the local cloud later, without a message."""
    with pytest.raises(LocalCloudError, match="TMPDIR"):
        require_space(tmp_path, min_bytes=2**60)
    require_space(tmp_path)
