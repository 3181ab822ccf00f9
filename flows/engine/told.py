"""Say what went wrong before it is lost: a worker that dies shows only "Send thread panic"."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import structlog

from flows.errors import TelltaleError

_log = structlog.get_logger(__name__)


@contextmanager
def told(step: str, part: str = "") -> Generator[None, None, None]:
    """Log any error raised inside with its step and part, and let it go on."""
    try:
        yield
    except TelltaleError as error:
        _log.error("step failed", step=step, part=part, reason=str(error))
        raise
    except StopIteration:
        raise
    except Exception:
        _log.exception("step failed", step=step, part=part)
        raise
