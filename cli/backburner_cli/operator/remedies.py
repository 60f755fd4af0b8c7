"""What an operator does about each reason for which documents fail."""

from backburner.errors import Reason

REMEDIES: dict[Reason, str] = {
    Reason.UNKNOWN_RECIPE: "upload recipes/NAME.md with the name of the folder, or move the documents; then replay",
    Reason.INVALID_RECIPE: "mend the recipe as the message says, upload it, then replay",
    Reason.EMPTY_DOCUMENT: "nothing was in it: upload the document again, whole",
    Reason.UNREADABLE_DOCUMENT: "a scan, or damaged: recognise its text (OCR) or save it again, then upload it",
    Reason.UNSUPPORTED_TYPE: "save it in one of the formats of docs/formats.md, and upload that",
    Reason.UNSUPPORTED_ENDPOINT: "the batch is for another API: write its lines for /v1/responses",
    Reason.VISION_UNSUPPORTED: "take a model that sees, or name it in BACKBURNER_VISION_MODELS if it does; then replay",
    Reason.DOCUMENT_TOO_LARGE: "split it up, or set split in the recipe; more memory for the functions if it says so",
    Reason.SOURCE_MISSING: "the document was removed: upload it again",
    Reason.REJECTED_BY_PROVIDER: "read the provider's words: mostly the recipe's model or parameters; mend it, replay",
    Reason.REFUSED: "the model declined: reword the recipe, or take another model; a replay alone rarely helps",
    Reason.CONTENT_FILTER: "the provider's filter stopped it: reword the recipe, or take another provider or model",
    Reason.OUTPUT_TRUNCATED: "raise max_output_tokens in the recipe, or ask for less; then replay",
    Reason.EMPTY_OUTPUT: "replay once; if it stays so, reword the recipe or take another model",
    Reason.SCHEMA_MISMATCH: "simplify the recipe's schema, or take a model that keeps to schemas; then replay",
    Reason.PROVIDER_FAILED: "the provider's fault: replay when it is well again",
    Reason.DEADLINE_EXCEEDED: "replay; if it stays so, raise the recipe's deadline or BACKBURNER_DEADLINE_S",
    Reason.LOST: "the provider forgot the generation: replay",
    Reason.CANCELLED: "somebody cancelled it: replay if it is wanted after all",
    Reason.OVER_BUDGET: "dearer than a whole day's budget: raise BACKBURNER_DAILY_TOKENS or BACKBURNER_DAILY_COST",
    Reason.INTERNAL_ERROR: "a fault of Backburner's: replay; if it comes back, report it with the function's log",
}
"""By reason; the error record's own message has the details."""
