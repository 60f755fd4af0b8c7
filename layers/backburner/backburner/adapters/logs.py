"""Log lines that both clouds parse: a line of JSON each, with `level`, `message` and further keys."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers

_LEVELS = {"WARNING": "WARN", "CRITICAL": "FATAL"}
"""Cloud Logging and Lambda know TRACE, DEBUG, INFO, WARN, ERROR and FATAL."""
_MAX_TRACE_CHARACTERS = 12_000
"""As much of a traceback as fits, escaped and beside the other keys, into Cloud Logging's 64 KB for a line."""


class CloudFormatter(LambdaPowertoolsFormatter):
    """Powertools' JSON, with levels that both clouds know and a traceback that fits into a line."""

    def __init__(self) -> None:
        super().__init__(serialize_stacktrace=False)

    def serialize(self, log: Any) -> str:
        """A log entry as one line."""
        level, trace = log.get("level"), log.get("exception")
        log["level"] = _LEVELS.get(level, level)
        if isinstance(trace, str):
            log["exception"] = trace[-_MAX_TRACE_CHARACTERS:]  # the error itself is at the end
        return super().serialize(log)


def function_logger(name: str) -> Logger:
    """The logger of a function."""
    return Logger(service=name, name=name, logger_formatter=CloudFormatter())


def share_with_package(logger: Logger) -> None:
    """Give the package's own log lines the function's format."""
    copy_config_to_registered_loggers(source_logger=logger, include={"backburner"})
