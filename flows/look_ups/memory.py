"""Answers that still hold, so that a system is not asked the same thing again and again; bounded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from flows.schema import Value

MOST = 100_000

# The system, the type of what it is asked about (for Python takes 1 and true for equal), and that itself.
Key = tuple[str, str, Value]


class Memory:
    """The newest answers by system and key, at most `most`; the oldest go first."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._held: OrderedDict[Key, tuple[int, Mapping[str, Value]]] = OrderedDict()

    def get(self, key: Key, now: int) -> Mapping[str, Value] | None:
        """The answer, if it still holds at `now` (ms)."""
        found = self._held.get(key)
        if found is None:
            return None
        until, values = found
        if until <= now:
            del self._held[key]
            return None
        return values

    def put(self, key: Key, values: Mapping[str, Value], until: int) -> None:
        """Keep an answer until a time (ms)."""
        self._held[key] = (until, values)
        self._held.move_to_end(key)
        while len(self._held) > self._most:
            self._held.popitem(last=False)
