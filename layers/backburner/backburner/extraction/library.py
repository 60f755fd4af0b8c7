"""The general library (xberg), for the formats that no reader of their own is better at."""

import asyncio
from collections.abc import Iterable

import xberg

from backburner.documents import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.formats import Format
from backburner.extraction.packages import MAX_UNPACKED_BYTES

_ESCAPES = ("\\&", "&"), ("\\<", "<"), ("\\>", ">")
"""The library escapes these whatever it is told."""


def read_by_library(body: bytes, kind: Format) -> Extracted:
    """The text as Markdown; each of the library's own warnings is a note. Raises `JobError`."""
    source = xberg.ExtractInput(kind="bytes", bytes=body, mime_type=kind)
    try:
        document = asyncio.run(xberg.extract(source, _config())).results[0]
    except (RuntimeError, xberg.XbergError) as error:
        message = f"a damaged {kind.name} file: save it again and upload it again"
        raise JobError(Reason.UNREADABLE_DOCUMENT, message) from error
    text = document.content
    for escaped, plain in _ESCAPES:
        text = text.replace(escaped, plain)
    return Extracted(text, tuple(_warnings(document.processing_warnings)))


def _warnings(warnings: Iterable[xberg.ProcessingWarning] | None) -> list[str]:
    return [warning.message for warning in warnings or ()]


def _config() -> xberg.ExtractionConfig:
    """No network, no models, no OCR, no cache; everything that is text stays, and nothing is tidied up.

    The limits of the library that would refuse large but honest documents are left to the bound on memory.
    """
    return xberg.ExtractionConfig(
        use_cache=False,
        enable_quality_processing=False,
        disable_ocr=True,
        output_format="markdown",
        escape_markdown=False,
        content_filter=xberg.ContentFilterConfig(
            include_headers=True,
            include_footers=True,
            include_footnotes=True,
            include_watermarks=True,
            strip_repeating_text=False,
        ),
        html_options=xberg.ConversionOptions(extract_metadata=False, compact_tables=True),
        images=xberg.ImageExtractionConfig(extract_images=False, inject_placeholders=False, run_ocr_on_images=False),
        concurrency=xberg.ConcurrencyConfig(max_threads=1),
        security_limits=xberg.SecurityLimits(
            max_archive_size=MAX_UNPACKED_BYTES,
            max_content_size=MAX_UNPACKED_BYTES,
            max_compression_ratio=2_000,
            max_table_cells=10_000_000,
            max_iterations=1_000_000_000,
        ),
    )
