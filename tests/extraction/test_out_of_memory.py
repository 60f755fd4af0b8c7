"""Lack of memory is never taken for damage, which would pass off half a document as read."""

import subprocess
import sys

import pytest

PROBE = """
import io, pathlib, re, resource, sys
from backburner.extraction.xmltree import complete_elements, parse_xml

body = b"<r>" + b"<c>abc</c>" * 4_000_000 + b"</r>"
used_kib = int(re.search(r"VmData:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])
limit = used_kib * 1024 + 80 * 2**20
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
try:
    parse_xml(body, "a list") if sys.argv[1] == "tree" else list(complete_elements(io.BytesIO(body), "a list", "other"))
except MemoryError:
    print("out of memory")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems do not bound a process's data")
@pytest.mark.parametrize("reading", ["tree", "stream"])
def test_a_parser_without_memory_says_so(reading: str) -> None:
    """libxml2 itself calls such a document malformed."""
    done = subprocess.run([sys.executable, "-c", PROBE, reading], capture_output=True, text=True, check=False)
    assert done.stdout == "out of memory\n", done.stderr[-2000:]
