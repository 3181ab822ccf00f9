"""The source of readings: raw batches of every partition, each under the key of its shard.

It tells a shard when an epoch is over: being asked again after `snapshot()` means that the epoch is handled and on
disk on all workers, so that the shard may say what it took in it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from flows.engine.clock import moment
from flows.engine.gate import Gate
from flows.engine.messages import UNWATCHED, Mirror, Watch, part_names, start_offset
from flows.engine.spread import key_names
from flows.engine.told import told
from flows.topics.port import RawBatch, Reader, Topics

_IDLE_MS = 5


class EpochEnded(msgspec.Struct, frozen=True):
    """All that the shard of this partition took before is on disk."""

    partition: int


RawItem = tuple[str, RawBatch | EpochEnded]


def shard_key(stream: str, partition: int, partitions: int) -> str:
    """The state key of a shard; spread evenly over workers, and never changed."""
    return key_names(f"{stream}.", partitions)[partition]


class RawPartition(StatefulSourcePartition[RawItem, int]):
    """One partition of a stream's topic; its snapshot is the offset of the next message."""

    def __init__(
        self,
        key: str,
        partition: int,
        topics: Topics,
        reader: Reader,
        mirror: Mirror,
        gate: Gate,
        batch: int,
        watch: Watch,
    ) -> None:
        self._partition = partition
        self._key, self._topics, self._reader, self._mirror = key, topics, reader, mirror
        self._gate, self._batch, self._watch = gate, batch, watch
        self._offset = reader.position
        self._snapshotted: int | None = None
        self._spoke = True  # what the last execution took may still have to be told
        self._idle = False

    def next_batch(self) -> list[RawItem]:
        """What is there now, after the end of the last epoch; raises StopIteration when the flow is to stop."""
        if self._watch.stopping():
            raise StopIteration
        if not self._gate.is_open():
            self._idle = True
            return []
        with told("readings", self._key):
            items: list[RawItem] = []
            if self._snapshotted is not None:
                self._mirror.show(self._snapshotted)
                self._snapshotted = None
                if self._spoke:
                    items.append((self._key, EpochEnded(self._partition)))
                    self._spoke = False
            batch = self._reader.read_batch(self._batch)
            self._offset = self._reader.position
            # A small batch costs nearly what a large one does: let more come together before the next.
            self._idle = batch is None or len(batch.offsets) * 4 < self._batch
            if batch is not None:
                items.append((self._key, batch))
                self._spoke = True
            return items

    def next_awake(self) -> datetime | None:
        """At once after a large batch, else in 5 ms."""
        return moment(self._watch.clock() + _IDLE_MS) if self._idle else None

    def snapshot(self) -> int:
        """The offset of the next message."""
        self._gate.epoch_ended()
        self._snapshotted = self._offset
        return self._offset

    def close(self) -> None:
        """Let go of the reader."""
        self._reader.close()
        self._topics.close()


class RawSource(FixedPartitionedSource[RawItem, int]):
    """All partitions of a stream's topic, at most `batch` messages at once; raises OffsetExpired, TopicMissing.

    Gated while `things` must be read first.
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
    ) -> None:
        self._open_topics, self._stream, self._topic, self._group = open_topics, stream, topic, group
        self._batch, self._gated, self._watch = batch, gated, watch

    def list_parts(self) -> list[str]:
        """The partitions the topic has now, on every worker."""
        return part_names(self._open_topics, self._topic)

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> RawPartition:
        """One partition from its snapshotted offset."""
        with told(step_id, for_part):
            topics, partition = self._open_topics(), int(for_part)
            offset = start_offset(topics, self._topic, partition, resume_state)
            return RawPartition(
                shard_key(self._stream, partition, topics.partitions(self._topic)),
                partition,
                topics,
                topics.reader(self._topic, partition, offset),
                Mirror(topics, self._group, self._topic, partition, self._watch),
                Gate(gated=self._gated, bound=self._watch.bound),
                self._batch,
                self._watch,
            )
