"""Run by the interpreter that has SAM: reads a template as JSON on stdin, writes what CloudFormation gets to stdout."""

import json
import sys
from types import SimpleNamespace

from samtranslator.translator.transform import transform

json.dump(transform(json.load(sys.stdin), {}, SimpleNamespace(load=dict)), sys.stdout)
