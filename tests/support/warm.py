"""Imported once by the server of forks: what handlers or the operator's command are slow to import or build."""

import gc
import importlib
import sys

for _module in (
    "support.warm_libraries",
    "backburner.adapters.connect",
    "backburner.adapters.metrics",
    "backburner.events",
    "backburner.maintenance.health",
    "backburner_cli.main",
    "backburner_cli.folder.command",
):
    importlib.import_module(_module)
for _name in [name for name in sys.modules if name.partition(".")[0] == "backburner_cli"]:
    del sys.modules[_name]  # it reads the environment when it is imported, which each command does again
gc.collect()
gc.freeze()  # otherwise a fork's collector would write to every page that it shares with us
