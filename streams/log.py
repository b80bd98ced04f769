"""Log lines: one JSON object each, or text for people; secrets never."""

from __future__ import annotations

import logging
import re
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

SECRET_NAMES = re.compile(
    r"secret|authorization|signature|cookie|passw|token|api_?key|credential", re.IGNORECASE
)
SECRET_VALUES = re.compile(r"whsec_[A-Za-z0-9+/=_-]+|(?<=://)[^/@\s:]+:[^/@\s]+(?=@)")
HIDDEN = "***"


def configure_logging(role: str, *, as_json: bool, level: int = logging.INFO) -> None:
    """Send all loggers of this process to standard error in one form."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.format_exc_info,
        _with_role(role),
        redact,
    ]
    render: Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # They tell of each fetch and each refused connection; what matters comes up as an error.
    for noisy in ("aiokafka", "faust", "mode", "selenium", "urllib3", "httpx2", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def redact(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Hide values that are secret by their name or by their look."""
    for name, value in event.items():
        if SECRET_NAMES.search(name):
            event[name] = HIDDEN
        elif isinstance(value, str):
            event[name] = SECRET_VALUES.sub(HIDDEN, value)
    return event


def _with_role(role: str) -> Processor:
    def add(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        event["role"] = role
        return event

    return add
