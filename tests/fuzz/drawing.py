"""How many examples are drawn: a few that are always the same, or with FUZZ=deep many, and others in every run."""

import os

from hypothesis import settings

settings.register_profile("fuzz", settings.get_profile("backburner"), max_examples=25)
settings.register_profile("deep", settings.get_profile("backburner"), max_examples=1500, derandomize=False)

fuzzed = settings.get_profile("deep" if os.environ.get("FUZZ") == "deep" else "fuzz")
"""Decorates each test here; `scripts/fuzz.py` runs rounds of the deep one until its minutes are over."""
