"""What Telltale asks of a bus: ordered partitions of messages, offsets, groups, and nothing else.

The adapters are `sqlite` (embedded default) and `kafka`; one contract suite holds for both. Nothing here
waits unless it says so, and every error is one of `flows.errors`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

Headers = tuple[tuple[str, bytes], ...]


class TopicSpec(msgspec.Struct, frozen=True):
    """A topic to create; `retention_ms` None is the broker's default, `compacted` keeps the last per key."""

    name: str
    partitions: int
    compacted: bool = False
    retention_ms: int | None = None


class Message(msgspec.Struct, frozen=True):
    """One message; `appended` is when the bus took it, ms since the epoch; a None value is a tombstone."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    appended: int


class RawBatch(msgspec.Struct, frozen=True):
    """Consecutive messages of one partition as one contiguous block.

    `data` is the values joined without a separator; value i is `data[ends[i-1]:ends[i]]` (a tombstone is
    empty).
    `ends`, `offsets` and `appended` (ms since the epoch) are int64 of the same length, never empty.
    `at_end` says that the partition held nothing more when this batch was read.
    """

    topic: str
    partition: int
    data: bytes
    ends: NDArray[np.int64]
    offsets: NDArray[np.int64]
    appended: NDArray[np.int64]
    at_end: bool


class Bounds(msgspec.Struct, frozen=True):
    """The first offset still held, and the offset the next message will get."""

    low: int
    end: int


class Reader(Protocol):
    """One partition read in order from a given offset; not shared between threads."""

    @property
    def position(self) -> int:
        """The offset of the next message to be read."""
        ...

    @property
    def at_end(self) -> bool:
        """Whether nothing stood behind `position` at the last look; False while the bus does not answer."""
        ...

    def read_batch(self, at_most: int) -> RawBatch | None:
        """Up to `at_most` messages that are there now as one block, or None.

        Raises OffsetExpired, OffsetAhead, TopicMissing, BrokerRefused; waits out a broker that is away.
        """
        ...

    def read(self, at_most: int, wait: float = 0.0) -> list[Message]:
        """Up to `at_most` messages, waiting at most `wait` seconds for the first; raises as `read_batch`."""
        ...

    def close(self) -> None:
        """Let go of everything; the reader is not used after."""
        ...


class Writer(Protocol):
    """Writes messages; what was written is only certain after `flush`."""

    def write(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Headers = (),
        partition: int | None = None,
    ) -> None:
        """Queue one message; without a `partition` the key's murmur2 decides, without a key any partition.

        Raises DeliveryFailed when the message is seen here already to be too large or to have no topic.
        """
        ...

    def poll(self) -> None:
        """Serve delivery reports without waiting; raises DeliveryFailed for what waiting cannot mend."""
        ...

    def flush(self, beat: Callable[[], None] | None = None) -> None:
        """Wait until all is delivered, calling `beat` about once a second; raises DeliveryFailed."""
        ...

    def close(self) -> None:
        """Flush and let go."""
        ...


class Subscription(Protocol):
    """A member of a consumer group over whole topics; starts at what is committed, else at the beginning."""

    def poll(self, at_most: int, wait: float) -> list[Message]:
        """Up to `at_most` messages of the partitions this member holds, waiting at most `wait` seconds."""
        ...

    def commit(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """Commit, for each (topic, partition) still held, the offset of the next message to handle.

        Returns when it is durable; while the group divides its partitions anew it is done at a later poll.
        """
        ...

    def close(self) -> None:
        """Leave the group."""
        ...


class Topics(Protocol):
    """A bus."""

    def create(self, specs: Iterable[TopicSpec]) -> list[str]:
        """Create the topics that do not exist yet and return their names; raises TooFewPartitions."""
        ...

    def list(self) -> dict[str, TopicSpec]:
        """All topics by name (internal ones left out)."""
        ...

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; raises TopicMissing."""
        ...

    def bounds(self, topic: str, partition: int) -> Bounds:
        """The offsets held now; raises TopicMissing."""
        ...

    def reader(self, topic: str, partition: int, offset: int) -> Reader:
        """A reader that begins at `offset`; raises TopicMissing, OffsetExpired, OffsetAhead."""
        ...

    def writer(self) -> Writer:
        """A new writer."""
        ...

    def subscribe(self, group: str, topics: Sequence[str], member: str | None = None) -> Subscription:
        """Join a consumer group; raises TopicMissing.

        Who joins under the `member` name of one that was killed, for the same topics, takes its partitions at
        once, instead of when the group has given it up. Two that live must not have one name.
        """
        ...

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """The committed offset by partition; partitions without one are left out."""
        ...

    def commit(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Note offsets for a group that reads by its own snapshots, so that lag can be seen."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


def read_latest(topics: Topics, topic: str, partition: int) -> tuple[dict[bytes, Message], int]:
    """The last message of every key of one partition up to its end now, without tombstones, and that end."""
    bounds = topics.bounds(topic, partition)
    latest: dict[bytes, Message] = {}
    reader = topics.reader(topic, partition, bounds.low)
    try:
        while reader.position < bounds.end:
            for message in reader.read(10_000, wait=0.2):
                if message.key is None or message.offset >= bounds.end:
                    continue
                if message.value is None:
                    latest.pop(message.key, None)
                else:
                    latest[message.key] = message
    finally:
        reader.close()
    return latest, bounds.end
