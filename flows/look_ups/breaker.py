"""A system that does not answer is left alone for a while, so that nobody waits for it in vain."""

from __future__ import annotations

FAILURES = 5
PAUSE_MS = 10_000


class Breaker:
    """Of one system: after five failures in a row it is not asked for ten seconds, then once, to see."""

    def __init__(self) -> None:
        self._failures = 0
        self._until = 0

    def is_open(self, now: int) -> bool:
        """Whether the system is not to be asked at `now` (ms); who may ask first after the pause, tries it."""
        if self._failures < FAILURES:
            return False
        if now < self._until:
            return True
        self._until = now + PAUSE_MS
        return False

    def failed(self, now: int) -> None:
        """It did not answer."""
        self._failures += 1
        self._until = now + PAUSE_MS

    def answered(self) -> None:
        """It did."""
        self._failures = 0
