"""The operator's remedy for each reason of failure."""

from backburner.errors import Reason

REMEDIES: dict[Reason, str] = {
    Reason.UNKNOWN_RECIPE: "upload recipes/NAME.md with the name of the folder, or move the documents; then replay",
    Reason.INVALID_RECIPE: "fix the recipe as the message says, upload it, then replay",
    Reason.EMPTY_DOCUMENT: "there was nothing in it: upload the complete document",
    Reason.UNREADABLE_DOCUMENT: "a scan: run OCR, or use a model that sees (docs/scans.md); damaged: save it again",
    Reason.UNSUPPORTED_TYPE: "save it in a format of docs/formats.md, and upload that; pictures need a model that sees",
    Reason.UNSUPPORTED_ENDPOINT: "the batch is for another API: write its lines for /v1/responses",
    Reason.VISION_UNSUPPORTED: "use a model that sees, or name it in BACKBURNER_VISION_MODELS if it does; then replay",
    Reason.DOCUMENT_TOO_LARGE: "split it up, or set split in the recipe; or raise the functions' memory if it says so",
    Reason.SOURCE_MISSING: "the document was removed: upload it again",
    Reason.REJECTED_BY_PROVIDER: "read the message; usually the recipe's model or parameters are wrong: fix it, replay",
    Reason.REFUSED: "the model declined: reword the recipe, or use another model; a replay alone rarely helps",
    Reason.CONTENT_FILTER: "the provider's filter stopped it: reword the recipe, or use another provider or model",
    Reason.OUTPUT_TRUNCATED: "raise max_output_tokens in the recipe, or ask for less; then replay",
    Reason.EMPTY_OUTPUT: "replay once; if it happens again, reword the recipe or use another model",
    Reason.SCHEMA_MISMATCH: "simplify the recipe's schema, or use a model that keeps to schemas; then replay",
    Reason.UNVERIFIED_QUOTE: "ask for whole sentences as quotes, or use a model that copies faithfully; then replay",
    Reason.PROVIDER_FAILED: "the provider's fault: replay once it works again",
    Reason.DEADLINE_EXCEEDED: "replay; if it happens again, raise the recipe's deadline or BACKBURNER_DEADLINE_S",
    Reason.LOST: "the provider forgot the generation: replay",
    Reason.CANCELLED: "somebody cancelled it: replay if it is wanted after all",
    Reason.OVER_BUDGET: "more than a whole day's budget: raise BACKBURNER_DAILY_TOKENS or BACKBURNER_DAILY_COST",
    Reason.INTERNAL_ERROR: "a bug in Backburner: replay; if it happens again, report it with the function's log",
}
"""Remedies by reason; the error record's message has the details."""
