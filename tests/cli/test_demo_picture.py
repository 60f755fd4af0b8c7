"""The picture of the demo: it makes no requests, and reveals nothing of the machine that it was made on."""

import importlib.util
import re
from pathlib import Path

import pytest
from lxml import etree

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs/images/demo.svg"


@pytest.fixture(scope="module")
def drawing():
    """The script that draws the picture."""
    spec = importlib.util.spec_from_file_location("demo_picture", ROOT / "scripts/demo_picture.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check(svg):
    """Check that it is well-formed and small, and names no address except its own format's."""
    text = "".join(etree.fromstring(svg.encode()).itertext())
    assert len(svg.encode()) < 60_000
    assert re.findall(r"https?://[^\"' )]+", svg) == ["http://www.w3.org/2000/svg"]
    assert "@font-face" not in svg
    return text.replace("\xa0", " ")


def test_the_picture_that_is_kept_shows_a_whole_run(drawing):
    """It goes from the command to what to try next, and shows no port or path of a machine."""
    text = check(PICTURE.read_text(encoding="utf-8"))
    for shown in (
        "$ make demo",
        "failed: unknown_recipe",
        "0.40 per million",
        "not written by a language model",
        "README.md",
    ):
        assert shown in text, shown
    assert not drawing.TELLTALES.search(text)


def test_colours_become_styles(drawing):
    text = check(drawing.picture_of("\x1b[32mdone\x1b[0m <&> “ф”\n"))
    for shown in ("done", "<&>", "“ф”"):
        assert shown in text


@pytest.mark.parametrize("told", ["https://127.0.0.1:38875", "/home/me/backburner", "/tmp/x", "host:54321"])
def test_traces_of_the_machine_are_refused(drawing, told):
    """They are refused before anything is written."""
    with pytest.raises(ValueError, match="this machine's own"):
        drawing.picture_of(f"at {told}\n")
