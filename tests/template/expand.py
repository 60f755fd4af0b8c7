"""Run with the interpreter that has SAM: a template as JSON on stdin, what CloudFormation gets to see on stdout."""

import json
import sys
from types import SimpleNamespace

from samtranslator.translator.transform import transform

json.dump(transform(json.load(sys.stdin), {}, SimpleNamespace(load=dict)), sys.stdout)
