"""The wall clock, handed in everywhere so that tests and replays can bring their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], int]


def wall_clock() -> int:
    """Now, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def moment(at: int) -> datetime:
    """A time in milliseconds as what Bytewax's `next_awake` wants: a datetime in UTC."""
    return datetime.fromtimestamp(at / 1000, UTC)
