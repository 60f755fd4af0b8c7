"""Every error the core raises, split by what its caller must do.

BackburnerError
├── RefusedError          refuse: nothing was begun, the caller's input is wrong
│   ├── ConfigError       settings missing or contradictory, all problems in one message
│   ├── UnknownEventError an event of an unknown shape
│   └── MessageError      a queue message that is not one of ours
├── JobError              this job fails for good, for one of the reasons below
└── RetryLaterError       the store or a queue refused: leave the message, try again
    └── UnreadableError   one object cannot be read until a person looks at it
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a job failed for good, as written in error records (DESIGN section 6)."""

    UNKNOWN_RECIPE = "unknown_recipe"
    INVALID_RECIPE = "invalid_recipe"
    EMPTY_DOCUMENT = "empty_document"
    UNREADABLE_DOCUMENT = "unreadable_document"
    UNSUPPORTED_TYPE = "unsupported_type"
    UNSUPPORTED_ENDPOINT = "unsupported_endpoint"
    VISION_UNSUPPORTED = "vision_unsupported"
    DOCUMENT_TOO_LARGE = "document_too_large"
    SOURCE_MISSING = "source_missing"
    REJECTED_BY_PROVIDER = "rejected_by_provider"
    REFUSED = "refused"
    CONTENT_FILTER = "content_filter"
    OUTPUT_TRUNCATED = "output_truncated"
    EMPTY_OUTPUT = "empty_output"
    SCHEMA_MISMATCH = "schema_mismatch"
    UNVERIFIED_QUOTE = "unverified_quote"
    PROVIDER_FAILED = "provider_failed"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    LOST = "lost"
    CANCELLED = "cancelled"
    OVER_BUDGET = "over_budget"
    INTERNAL_ERROR = "internal_error"


class BackburnerError(Exception):
    """The root of all errors here."""


class RefusedError(BackburnerError):
    """Refuse the input; nothing was begun."""


class ConfigError(RefusedError):
    """The settings cannot work. The text lists every problem, and never contains a secret."""


class UnknownEventError(RefusedError):
    """An event of an unknown shape. The text names the known shapes."""


class MessageError(RefusedError):
    """A queue message that is not one of ours."""


class JobError(BackburnerError):
    """The job fails for good."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class RetryLaterError(BackburnerError):
    """The bucket, a queue or a secret store refused or did not answer; this says nothing about the job."""


class UnreadableError(RetryLaterError):
    """One object, `key`, is damaged, or we cannot read it: a person must look at it. Other objects are unaffected."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key
