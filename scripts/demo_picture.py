"""Run the demo and write what its terminal showed as docs/images/demo.svg: `make demo-picture`."""

# ruff: noqa: INP001, S603, T201 - a script for a terminal, which runs our own demo

import io
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs/images/demo.svg"
COLUMNS = 88
MAX_BYTES = 60_000
PROMPT = "$ make demo\n"
TELLTALES = re.compile(r"127\.0\.0\.1|localhost|/home/|/root|/work|/tmp|/Users|:\d{4,5}\b")
"""What would name the machine that it was made on."""

THEME = TerminalTheme(
    (24, 26, 31),
    (216, 219, 224),
    [
        (24, 26, 31),
        (240, 113, 120),
        (139, 205, 130),
        (229, 192, 123),
        (97, 175, 239),
        (198, 120, 221),
        (86, 182, 194),
        (216, 219, 224),
    ],
)
FORM = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>make demo: four documents from upload to result</title>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""Rich's own form without its web fonts: the picture asks nobody for anything."""


def demo_output() -> str:
    """What the demo writes to a terminal in colour. Raises `CalledProcessError` if it fails."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OPENAI_", "BACK"))}
    inherited.pop("NO_COLOR", None)
    command = [str(Path(sys.executable).with_name("backburner")), "demo"]
    colours = {"FORCE_COLOR": "1", "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    shown = subprocess.run(command, env=inherited | colours, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return shown.stdout


def picture_of(output: str) -> str:
    """Draw a terminal's output as SVG. Raises `ValueError` where it names this machine or becomes too large."""
    if telltale := TELLTALES.search(output):
        raise ValueError(f"the demo shows {telltale[0]!r}, which is this machine's own")
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text(PROMPT, style="bold"), end="")
    console.print(Text.from_ansi(output))
    svg = console.export_svg(title="make demo", theme=THEME, code_format=FORM, unique_id="demo")
    if len(svg.encode()) > MAX_BYTES:
        raise ValueError(f"the picture has {len(svg.encode())} bytes, more than {MAX_BYTES}")
    return svg


if __name__ == "__main__":
    svg = picture_of(demo_output())
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(svg, encoding="utf-8")
    print(f"{PICTURE.relative_to(ROOT)}: {len(svg.encode()):,} bytes")
