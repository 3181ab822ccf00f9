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
        """Whether the system is left alone at `now` (ms)."""
        return self._failures >= FAILURES and now < self._until

    def lets(self, now: int) -> bool:
        """Whether it may be asked now; who comes first after the pause tries it, and the others wait for that."""
        if self.is_open(now):
            return False
        if self._failures >= FAILURES:
            self._until = now + PAUSE_MS
        return True

    def failed(self, now: int) -> None:
        """It did not answer."""
        self._failures += 1
        self._until = now + PAUSE_MS

    def answered(self) -> None:
        """It did."""
        self._failures = 0
