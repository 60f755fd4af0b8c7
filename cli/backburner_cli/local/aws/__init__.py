"""The local cloud: the template that runs on AWS, deployed to MiniStack on this machine, with nothing left behind."""

from backburner_cli.local.aws.cloud import LocalCloud, local_cloud
from backburner_cli.local.aws.errors import LocalCloudError

__all__ = ["LocalCloud", "LocalCloudError", "local_cloud"]
