"""The wall clock, handed in everywhere so that tests and replays can bring their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], int]

# How long (ms) any source of a flow may sleep. A source ends its epoch only when it wakes, and no other goes on before
# all have: one that slept for 500 ms would stop the whole flow for so long at the end of every epoch.
LONGEST_SLEEP_MS = 10


def wall_clock() -> int:
    """Now, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def moment(at: int) -> datetime:
    """A time in milliseconds as what Bytewax's `next_awake` wants: a datetime in UTC."""
    return datetime.fromtimestamp(at / 1000, UTC)
