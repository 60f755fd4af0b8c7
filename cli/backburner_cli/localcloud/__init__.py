"""The local cloud: the template that runs on AWS, deployed to MiniStack on this machine, with nothing left behind."""

from backburner_cli.localcloud.cloud import LocalCloud, local_cloud
from backburner_cli.localcloud.errors import LocalCloudError

__all__ = ["LocalCloud", "LocalCloudError", "local_cloud"]
