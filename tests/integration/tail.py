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
        self._readers: dict[int, Reader] = {}
        self._found: list[T] = []
        self._partitions = topics.partitions(topic)

    def all(self) -> list[T]:
        """Everything up to the ends seen now; in the order of offsets within a partition."""
        for partition in range(self._partitions):
            bounds = self._topics.bounds(self._topic, partition)
            if partition not in self._readers:
                if bounds.end == bounds.low:
                    continue
                self._readers[partition] = self._topics.reader(self._topic, partition, bounds.low)
            reader = self._readers[partition]
            while reader.position < bounds.end:
                self._found += map(self._decode, reader.read(_AT_ONCE, wait=_WAIT_S))
        return self._found

    def close(self) -> None:
        """Let go of the readers."""
        for reader in self._readers.values():
            reader.close()
