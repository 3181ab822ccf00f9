"""The source of messages: every partition of a topic from its snapshotted offset, silent until all is bound.

Offsets live in Bytewax's snapshots; they are mirrored to a consumer group only so that lag can be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
import structlog
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from flows.engine.clock import LONGEST_SLEEP_MS, Clock, moment, wall_clock
from flows.engine.gate import Bound, Gate
from flows.engine.told import told
from flows.errors import OffsetExpired, TelltaleError
from flows.topics.port import Message, Reader, Topics

Item = tuple[str, object]
ToItems = Callable[[list[Message]], list[Item]]
OnLag = Callable[[str, int, int], None]
Stopping = Callable[[], bool]

_MIRROR_MS = 4_000
_APART_MS = 997

_log = structlog.get_logger(__name__)


def never() -> bool:
    """The flow runs until it is killed."""
    return False


class Watch(msgspec.Struct, frozen=True):
    """What the sources of one flow share: the clock, when to stop, whether all is bound, who asks for lag.

    `on_lag` gets topic, partition and the messages not yet read, about every four seconds; `on_commit` is called when
    an epoch is on disk.
    """

    clock: Clock = wall_clock
    stopping: Stopping = never
    bound: Bound | None = None
    on_lag: OnLag | None = None
    on_commit: Callable[[], None] | None = None


UNWATCHED = Watch()


class Mirror:
    """Copies offsets that are on disk to a consumer group, and reports lag; never fails the flow."""

    def __init__(self, topics: Topics, group: str, topic: str, partition: int, watch: Watch) -> None:
        self._topics = topics
        self._group = group
        self._topic = topic
        self._partition = partition
        self._watch = watch
        # Apart from its neighbours, so that the flow never stands still for all of them at once.
        self._last = watch.clock() - _MIRROR_MS + partition * _APART_MS % _MIRROR_MS

    def show(self, offset: int) -> None:
        """Mirror an offset that is on disk, at most every four seconds; what fails is tried at the next."""
        if self._watch.on_commit is not None:
            self._watch.on_commit()
        now = self._watch.clock()
        if now - self._last < _MIRROR_MS:
            return
        self._last = now
        try:
            self._topics.commit(self._group, self._topic, {self._partition: offset})
            if self._watch.on_lag is not None:
                end = self._topics.bounds(self._topic, self._partition).end
                self._watch.on_lag(self._topic, self._partition, max(0, end - offset))
        except TelltaleError as error:
            _log.warning(
                "offset not mirrored", topic=self._topic, partition=self._partition, reason=str(error)
            )


class MessagePartition(StatefulSourcePartition[Item, int]):
    """One partition of a topic; its snapshot is the offset of the next message."""

    def __init__(
        self,
        topics: Topics,
        reader: Reader,
        mirror: Mirror,
        gate: Gate,
        to_items: ToItems,
        batch: int,
        watch: Watch,
    ) -> None:
        self._topics = topics
        self._reader = reader
        self._mirror = mirror
        self._gate = gate
        self._to_items = to_items
        self._batch = batch
        self._watch = watch
        self._offset = reader.position
        self._snapshotted: int | None = None
        self._idle = False

    def next_batch(self) -> list[Item]:
        """What is there now; raises StopIteration when the flow is to stop."""
        if self._watch.stopping():
            raise StopIteration
        if not self._gate.is_open():
            self._idle = True
            return []
        with told("messages"):
            if self._snapshotted is not None:  # asked again: that offset is on disk on all workers
                self._mirror.show(self._snapshotted)
                self._snapshotted = None
            messages = self._reader.read(self._batch)
            self._offset = self._reader.position
            self._idle = not messages
            return self._to_items(messages) if messages else []

    def next_awake(self) -> datetime | None:
        """At once after a batch, else in 10 ms."""
        return moment(self._watch.clock() + LONGEST_SLEEP_MS) if self._idle else None

    def snapshot(self) -> int:
        """The offset of the next message."""
        self._gate.epoch_ended()
        self._snapshotted = self._offset
        return self._offset

    def close(self) -> None:
        """Let go of the reader."""
        self._reader.close()
        self._topics.close()


def start_offset(topics: Topics, topic: str, partition: int, resume: int | None) -> int:
    """Where to begin: the snapshotted offset, else the first held; raises OffsetExpired."""
    low = topics.bounds(topic, partition).low
    if resume is None:
        return low
    if resume < low:
        raise OffsetExpired(topic, partition, resume, low)
    return resume


class MessageSource(FixedPartitionedSource[Item, int]):
    """All partitions of a topic; `to_items` makes keyed items of messages and must not fail for a bad one.

    A gated source says nothing in its first epoch. Raises OffsetExpired and TopicMissing at the start.
    """

    def __init__(
        self,
        open_topics: Callable[[], Topics],
        topic: str,
        group: str,
        to_items: ToItems,
        batch: int = 1000,
        gated: bool = True,
        watch: Watch = UNWATCHED,
    ) -> None:
        self._open_topics = open_topics
        self._topic = topic
        self._group = group
        self._to_items = to_items
        self._batch = batch
        self._gated = gated
        self._watch = watch

    def list_parts(self) -> list[str]:
        """The partitions the topic has now, on every worker."""
        return part_names(self._open_topics, self._topic)

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> MessagePartition:
        """One partition from its snapshotted offset."""
        with told(step_id, for_part):
            topics, partition = self._open_topics(), int(for_part)
            offset = start_offset(topics, self._topic, partition, resume_state)
            return MessagePartition(
                topics,
                topics.reader(self._topic, partition, offset),
                Mirror(topics, self._group, self._topic, partition, self._watch),
                Gate(gated=self._gated, bound=self._watch.bound),
                self._to_items,
                self._batch,
                self._watch,
            )


def part_names(open_topics: Callable[[], Topics], topic: str) -> list[str]:
    """One name for each partition of a topic; raises TopicMissing."""
    with told("list partitions", topic):
        topics = open_topics()
        try:
            return [f"{i:05}" for i in range(topics.partitions(topic))]
        finally:
            topics.close()
