"""A topic as a test reads it: all that has come so far, asked for again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from flows.topics.port import Message, Reader, Topics

T = TypeVar("T")
_AT_ONCE = 10_000
_WAIT_S = 0.2


class Tail(Generic[T]):
    """Reads on in each partition where it left off; `decode` makes something of each message."""

    def __init__(self, topics: Topics, topic: str, decode: Callable[[Message], T]) -> None:
        self._topics, self._topic, self._decode = topics, topic, decode
        self._readers: list[Reader] = []
        self._found: list[T] = []

    def so_far(self) -> list[T]:
        """What is here without waiting, which may lag behind; in the order of offsets within a partition."""
        if not self._readers:
            lows = [self._low(partition) for partition in range(self._topics.partitions(self._topic))]
            self._readers = [self._topics.reader(self._topic, i, low) for i, low in enumerate(lows)]
        for reader in self._readers:
            self._found += map(self._decode, reader.read(_AT_ONCE))
        return self._found

    def all(self) -> list[T]:
        """Everything up to the ends seen now."""
        self.so_far()
        for partition, reader in enumerate(self._readers):
            end = self._topics.bounds(self._topic, partition).end
            while reader.position < end:
                self._found += map(self._decode, reader.read(_AT_ONCE, wait=_WAIT_S))
        return self._found

    def close(self) -> None:
        """Let go of the readers."""
        for reader in self._readers:
            reader.close()

    def _low(self, partition: int) -> int:
        return self._topics.bounds(self._topic, partition).low
