"""The table of verdicts as rows: what a model does, and what must become of its document."""

from dataclasses import dataclass
from typing import Any

from support.deployment import DOCUMENT

SCHEMA = "schema: {type: object, additionalProperties: false, required: [town], properties: {town: {type: string}}}"
QUOTES = SCHEMA.replace("type: string", "type: string, x-quote: true")
CAP = "max_output_tokens: 400"
DEADLINE = "deadline: 1s"


@dataclass(frozen=True)
class Row:
    """A model's behaviour, and what must become of its document."""

    behaviour: str
    reason: str | None
    """None means done."""
    creates: int = 1
    """Create requests that the provider saw."""
    orphans: int = 0
    front: str = ""
    partial: bool = False
    """Whether the error record has a partial text."""
    says: str = ""
    """What the error record's message must contain."""

    @property
    def name(self) -> str:
        """The name of its recipe and of its folder."""
        return f"{self.behaviour} {self.front.partition(':')[0]}".strip().replace(":", "-")

    @property
    def key(self) -> str:
        """The key of its document."""
        return f"inbox/{self.name}/a.txt"

    @property
    def text(self) -> str:
        """The text of its document."""
        sentence = f"This document meets {self.name}."
        if self.reason != "document_too_large":
            return f"{DOCUMENT} {sentence}"
        return sentence if self.behaviour.startswith("failed") else self.name[-4:]  # a short one makes few parts


def done(behaviour: str, creates: int = 1, orphans: int = 0, front: str = "") -> Row:
    """A row whose document is done."""
    return Row(behaviour, None, creates, orphans, front)


def failed(behaviour: str, reason: str, creates: int = 1, **more: Any) -> Row:
    """A row whose document fails for good."""
    return Row(behaviour, reason, creates, **more)


ROWS = [
    # The generation has a usable answer, or is cut off.
    done("already-completed"),
    done("completed-at-once"),
    failed("completed-cut-off", "output_truncated", partial=True),
    failed("completed-cut-off", "output_truncated", 2, front=CAP, partial=True),
    done("no-usage"),
    done("truncate-below-800", 2, front=CAP),
    done("never-ends-cancel-completes", front=DEADLINE),
    done("completed-bad-schema:1", 2, front=SCHEMA),
    # The generation ends otherwise.
    done("completed-empty:1", 2),
    failed("completed-empty", "empty_output", 3),
    failed("completed-blank", "empty_output", 3, partial=True),
    failed("completed-bad-schema", "schema_mismatch", 3, front=SCHEMA, partial=True, says="at the top"),
    done("invented-quotes:1", 2, front=QUOTES),
    failed("invented-quotes", "unverified_quote", 3, front=QUOTES, partial=True, says="at /town"),
    failed("refusal", "refused", partial=True),
    failed("incomplete-max-tokens", "output_truncated", partial=True),
    failed("incomplete-max-tokens", "output_truncated", 2, front=CAP, partial=True),
    failed("truncate-below-5000", "output_truncated", 2, front=CAP, partial=True),
    failed("incomplete-content-filter", "content_filter", partial=True),
    done("failed-rate-limit:2", 3),
    failed("failed-rate-limit", "provider_failed", 3, says="rate_limit_exceeded"),
    failed("failed-server-error", "provider_failed", 3, says="server_error"),
    failed("failed-unknown-code", "provider_failed", 3, says="solar_flare"),
    failed("failed-invalid-prompt", "rejected_by_provider", says="invalid_prompt"),
    failed("failed-context-length", "document_too_large", says="context_length_exceeded"),
    done("cancelled-by-provider:1", 2),
    failed("cancelled-by-provider", "provider_failed", 3, says="cancelled"),
    failed("unknown-status", "deadline_exceeded", front=DEADLINE, says="paused"),
    failed("never-ends", "deadline_exceeded", front=DEADLINE),
    # A retrieve fails.
    done("young-404:1"),
    done("retrieve-400"),
    done("retrieve-404"),
    done("retrieve-425"),
    done("retrieve-429"),
    done("retrieve-500"),
    done("retrieve-drop"),
    done("retrieve-slow"),
    done("retrieve-hint"),
    done("garbage:2"),
    # A create starts nothing.
    failed("create-400", "rejected_by_provider", says="This request was refused."),
    failed("create-404", "rejected_by_provider", says="model_not_found"),
    failed("create-405", "rejected_by_provider", says="Method not allowed."),
    failed("create-413", "rejected_by_provider", says="Request entity too large."),
    failed("create-422", "rejected_by_provider", says="This request cannot be processed."),
    failed("create-context-length", "document_too_large"),
    failed("create-context-length-422", "document_too_large"),
    failed("create-too-long", "document_too_large", says="maximum context length"),
    done("create-429", 3),
    done("create-503:3", 4),
    # A create may have started something.
    done("create-500", 3, orphans=2),
    failed("create-500:3", "provider_failed", 3, orphans=3),
    done("create-500-after:1", 2, orphans=1),
    failed("create-500-after", "provider_failed", 3, orphans=3),
    done("create-drop-after:1", 2, orphans=1),
    failed("create-drop-after", "provider_failed", 3, orphans=3),
    done("create-garbage-after:1", 2, orphans=1),
]
PAUSES = [
    done("retrieve-401"),
    done("retrieve-403"),
    done("retrieve-quota"),
    done("unauthorized:2", 3),
    done("quota-exhausted:2", 3),
    done("forbidden:2", 3),
    done("no-store:2", 3),
    done("no-endpoint:2", 3),
]
LOST = [
    done("lost:2"),  # an absence that passes within two minutes is not a loss
    done("lost:3", 2, orphans=1),
    failed("lost", "lost", 3, orphans=3),
]
