"""The local AWS: the real template, deployed to MiniStack on this machine. Leaves nothing behind."""

from backburner_cli.local.aws.cloud import LocalCloud, local_cloud
from backburner_cli.local.aws.errors import LocalCloudError

__all__ = ["LocalCloud", "LocalCloudError", "local_cloud"]
