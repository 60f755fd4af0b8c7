"""A local cloud starts, says what is wrong, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from backburner_cli.local.aws import LocalCloudError, local_cloud
from backburner_cli.local.aws.server import require_space
from support.depth import is_deep

pytestmark = pytest.mark.enable_socket

WAYS_TO_DIE = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL] if is_deep() else [signal.SIGINT, signal.SIGKILL]
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
    """What every cloud here is started with."""
    return {"provider_base_url": "http://127.0.0.1:1/v1", "api_key": "k", "model": "m", "checkout": checkout, **more}


def is_alive(group):
    """Whether any process of a group is there: the server's and its workers' share one."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_nothing_is_left_when_the_block_ends(probe_checkout, eventually):
    """No process, no worker, no folder."""
    with local_cloud(**options(probe_checkout)) as cloud:
        group = cloud.invoke(cloud.checker_function, {"ask": "group"})
        folder = Path(cloud.environment["AWS_CA_BUNDLE"]).parent
        assert is_alive(group)
        assert folder.exists()
    assert not folder.exists()
    eventually(lambda: not is_alive(group))


@pytest.mark.parametrize("how", WAYS_TO_DIE)
def test_nothing_is_left_when_the_program_dies(probe_checkout, eventually, how):
    """Ctrl-C, a polite end, and one that leaves no time for anything."""
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


def test_state_outlives_the_cloud_where_it_is_asked_for(probe_checkout, tmp_path):
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
    """The first thing that goes wrong on a fresh machine."""
    (tmp_path / "template.yaml").touch()
    with pytest.raises(LocalCloudError, match="make setup"), local_cloud(**options(tmp_path)):
        pass


def test_a_place_without_the_template_is_named(tmp_path):
    """The local cloud needs a checkout, not only the installed command."""
    with pytest.raises(LocalCloudError, match=str(tmp_path)), local_cloud(**options(tmp_path)):
        pass


def test_a_refused_parameter_is_named(probe_checkout):
    """The template's constraints hold here as well."""
    wrong = options(probe_checkout, parameters={"LeaseSeconds": "100"})
    with pytest.raises(LocalCloudError, match="LeaseSeconds"), local_cloud(**wrong):
        pass


def test_a_resource_that_fails_is_named_with_its_reason(probe_checkout, tmp_path):
    """Not only that everything was taken back."""
    for name in (".build", ".tools", "functions", "layers"):
        (tmp_path / name).symlink_to(probe_checkout / name)
    text = (probe_checkout / "template.yaml").read_text()
    (tmp_path / "template.yaml").write_text(
        text.replace("MessageRetentionPeriod: 1209600", "MessageRetentionPeriod: 1")
    )
    with pytest.raises(LocalCloudError, match=r"Queue: .*MessageRetentionPeriod"), local_cloud(**options(tmp_path)):
        pass


def test_a_port_in_use_is_named(probe_checkout):
    """A second cloud on the same port is refused at once."""
    with local_cloud(**options(probe_checkout)) as cloud:
        port = urlsplit(cloud.endpoint).port
        with pytest.raises(LocalCloudError, match=f"port {port}"), local_cloud(**options(probe_checkout, port=port)):
            pass


def test_too_little_room_is_said_before_anything_starts(tmp_path):
    """A full temporary folder would stop the local cloud in its middle, without a word."""
    with pytest.raises(LocalCloudError, match="TMPDIR"):
        require_space(tmp_path, min_bytes=2**60)
    require_space(tmp_path)
