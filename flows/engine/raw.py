"""The source of readings: raw batches of every partition, each under the key of its shard.

It tells a shard when an epoch is over: being asked again after `snapshot()` means that the epoch is handled and on
disk on all workers, so that the shard may say what it took in it.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from bytewax.inputs import FixedPartitionedSource

from flows.engine.messages import (
    UNWATCHED,
    Following,
    FollowingPartition,
    Item,
    Place,
    Watch,
    follow,
    part_names,
)
from flows.engine.spread import key_names
from flows.engine.told import told
from flows.topics.port import RawBatch, Topics

TimeOfMessage = Callable[[bytes], int | None]


class EpochEnded(msgspec.Struct, frozen=True):
    """All that the shard of this partition took before is on disk."""

    partition: int


def shard_key(stream: str, partition: int, partitions: int) -> str:
    """The state key of a shard; spread evenly over workers, and never changed."""
    return key_names(f"{stream}.", partitions)[partition]


def last_value(batch: RawBatch) -> bytes:
    """The value of the last message of a batch."""
    start = int(batch.ends[-2]) if len(batch.ends) > 1 else 0
    return batch.data[start : int(batch.ends[-1])]


class RawPartition(FollowingPartition):
    """One partition of a stream's topic as raw batches for its shard."""

    def __init__(
        self, following: Following, key: str, partition: int, batch: int, time_of: TimeOfMessage
    ) -> None:
        super().__init__(following)
        self._key, self._partition, self._batch, self._time_of = key, partition, batch, time_of
        self._spoke = True  # what the last execution took may still have to be told

    def read(self, epoch_ended: bool, asked: int) -> tuple[list[Item], bool]:
        """The end of an epoch in which something was read, then what is there now."""
        items: list[Item] = []
        if epoch_ended and self._spoke:
            items.append((self._key, EpochEnded(self._partition)))
            self._spoke = False
        reader, clock = self._following.reader, self._following.clock
        batch = reader.read_batch(self._batch)
        if batch is None:
            clock.has_read(asked, at_end=reader.at_end)
            return items, True
        clock.has_read(
            asked, at_end=batch.at_end, at=self._time_of(last_value(batch)), appended=int(batch.appended[-1])
        )
        items.append((self._key, batch))
        self._spoke = True
        # A small batch costs nearly what a large one does: let more come together before the next.
        return items, len(batch.offsets) * 4 < self._batch


class RawSource(FixedPartitionedSource[Item, int]):
    """All partitions of a stream's topic, at most `batch` messages at once; raises OffsetExpired, TopicMissing.

    Gated while `things` must be read first. `time_of` gives the event time (ms) of a message, None of one that cannot
    be read: the last of each batch tells how far the partition is.
    """

    def __init__(
        self,
        open_topics: Callable[[], Topics],
        stream: str,
        topic: str,
        group: str,
        batch: int,
        gated: bool,
        watch: Watch = UNWATCHED,
        time_of: TimeOfMessage = lambda _: None,
    ) -> None:
        self._place = Place(open_topics, topic, group, gated, watch)
        self._stream, self._batch, self._time_of = stream, batch, time_of

    def list_parts(self) -> list[str]:
        """The partitions the topic has now, on every worker."""
        return part_names(self._place.open_topics, self._place.topic)

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> RawPartition:
        """One partition from its snapshotted offset."""
        with told(step_id, for_part):
            partition, place = int(for_part), self._place
            following = follow(place, partition, resume_state)
            partitions = following.topics.partitions(place.topic)
            key = shard_key(self._stream, partition, partitions)
            return RawPartition(following, key, partition, self._batch, self._time_of)
