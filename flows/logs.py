"""How processes log: JSON for collectors, on standard error, so that standard output holds results alone."""

from __future__ import annotations

import sys

import structlog


def log_as_json() -> None:
    """One JSON object a line on standard error, as log collectors want it."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
