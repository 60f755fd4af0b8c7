"""Draw the pictures of the console in docs/images, and with a folder every view in light and dark into it.

    python scripts/console_pictures.py [FOLDER]

What they show is a local deployment with documents of this script's own, processed by the stand-in.
"""

# ruff: noqa: INP001, T201 - a script for a terminal

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))

from fpdf import FPDF  # noqa: E402 - after the path is known

from console.serving import Served, served  # noqa: E402
from handlers.conftest import deployments  # noqa: E402
from support.browsers import chromium  # noqa: E402
from support.cloud import client, serve_cloud  # noqa: E402
from support.many_jobs import many_jobs  # noqa: E402
from support.no_browser import MISSING  # noqa: E402
from support.warm_deployment import WarmDeployment  # noqa: E402

IMAGES = ROOT / "docs/images"
SIZE: Any = {"width": 1280, "height": 860}
LEASE = "inbox/summary/2026/lease-harbour-12.pdf"
NEWER = "inbox/summary/2036/lease-harbour-14.pdf"
TEXT = (
    "This lease is made between the harbour of Veldt and the Grain Company of the North. The tenant takes warehouse 12 "
    "from 2031-05-01 for five years. The rent is 4200 crowns a month and is due on the third working day. The deposit "
    "is 12600 crowns. The harbour keeps the roof, the tenant keeps the cranes. Either side may end it with notice of "
    "six months. Repairs above 1750 crowns need the consent of both. Nobody may store oil in the warehouse."
)


def lease(text: str = TEXT) -> bytes:
    """A document as an office writes it."""
    page = FPDF(format="A5")
    page.add_page()
    page.set_font("Helvetica", "B", 15)
    page.cell(0, 12, "Lease of warehouse 12")
    page.ln(14)
    page.set_font("Helvetica", size=11)
    for sentence in text.split(". "):
        page.multi_cell(0, 6, sentence.rstrip(".") + ".")
        page.ln(2)
    return bytes(page.output())


def fill(world: WarmDeployment) -> None:
    """Documents of every state."""
    many_jobs(world, 4200, open_jobs=90, errors_each=50)
    for name in ("summary", "extract", "translate"):
        world.recipe(name, "price: {input: 0.40, output: 1.60}")
    world.process(LEASE, lease())
    world.process(NEWER, lease(TEXT.replace("12 from 2031-05-01 for five", "14 from 2036-05-01 for seven")))
    world.upload("inbox/summary/2026/tender-0007.docx", b"PK")


def shoot(console: Served, folder: Path | None) -> None:
    """Take every picture."""
    with chromium() as browser:
        if browser is None:
            sys.exit(MISSING)
        failed = next(row["key"] for row in console.get("/api/jobs", state="failed")["rows"])
        views = {
            "overview": "#/",
            "documents": "#/documents",
            "failures": "#/failures",
            "recipes": "#/recipes?name=summary",
            "upload": "#/upload",
            "document": f"#/document?key={LEASE}",
            "failed": f"#/document?key={failed}",
            "compare": f"#/compare?key={LEASE}&with={NEWER}",
        }
        kept = {
            ("overview", "light"): "console-overview.png",
            ("document", "dark"): "console-document.png",
            ("compare", "light"): "console-compare.png",
        }
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport=SIZE, color_scheme=scheme, locale="en-GB", timezone_id="UTC")
            page.on("console", lambda message: print("browser:", message.text))
            page.on("pageerror", lambda error: print("error:", error))
            page.goto(console.address.url)
            for name, hash_ in views.items():
                page.evaluate("hash => { location.hash = hash; }", hash_)
                page.wait_for_timeout(2500)
                if folder is not None:
                    page.screenshot(path=folder / f"{name}-{scheme}.png")
                if (name, scheme) in kept:
                    page.screenshot(path=IMAGES / kept[name, scheme])
            page.close()


def main() -> None:
    """Fill a deployment, serve its console, and look at it."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with serve_cloud() as endpoint:
        clients = client("s3", endpoint), client("sqs", endpoint)
        with deployments(endpoint, clients) as make:
            world = make()
            fill(world)
            with served(world.environment, "stack backburner in eu-central-1") as console:
                console.ready()
                shoot(console, folder)


if __name__ == "__main__":
    main()
