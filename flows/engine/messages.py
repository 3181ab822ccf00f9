"""The source of messages: every partition of a topic from its snapshotted offset, silent until all is bound.

Offsets live in Bytewax's snapshots; they are mirrored to a consumer group only so that lag can be seen.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from datetime import datetime

import msgspec
import structlog
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from flows.clocks import ClockWriter
from flows.engine.clock import LONGEST_SLEEP_MS, Clock, moment, wall_clock
from flows.engine.clocks import PartitionClock
from flows.engine.gate import Bound, Gate
from flows.engine.told import told
from flows.errors import OffsetExpired, TelltaleError
from flows.topics.port import Message, Reader, Topics

Item = tuple[str, object]
ToItems = Callable[[list[Message]], list[Item]]
TimeOf = Callable[[list[Item]], int | None]
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
    an epoch is on disk; `clocks` takes notes of how far each partition is.
    """

    clock: Clock = wall_clock
    stopping: Stopping = never
    bound: Bound | None = None
    on_lag: OnLag | None = None
    on_commit: Callable[[], None] | None = None
    clocks: ClockWriter | None = None


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


class Following(msgspec.Struct, frozen=True):
    """What one source partition, by its name, reads from and tells."""

    name: str
    topics: Topics
    reader: Reader
    mirror: Mirror
    gate: Gate
    watch: Watch
    clock: PartitionClock


class FollowingPartition(StatefulSourcePartition[Item, int]):
    """One partition of a topic, read on from an offset; its snapshot is the offset of the next message."""

    def __init__(self, following: Following) -> None:
        self._following = following
        self._offset = following.reader.position
        self._snapshotted: int | None = None
        self._idle = False

    @abstractmethod
    def read(self, epoch_ended: bool, asked: int) -> tuple[list[Item], bool]:
        """(the items of what is there now, whether to sleep after them); tells the partition's clock how far it is.

        `epoch_ended` says that all that was read before the last snapshot is handled and on disk on all workers,
        `asked` is the wall clock (ms).
        """
        ...

    def next_batch(self) -> list[Item]:
        """What is there now; raises StopIteration when the flow is to stop."""
        following = self._following
        if following.watch.stopping():
            raise StopIteration
        if not following.gate.is_open():
            self._idle = True
            return []
        with told("read", following.name):
            epoch_ended = self._snapshotted is not None
            if self._snapshotted is not None:
                following.mirror.show(self._snapshotted)
                self._snapshotted = None
            following.clock.epoch_ended()
            items, self._idle = self.read(epoch_ended, following.watch.clock())
            self._offset = following.reader.position
            return items

    def next_awake(self) -> datetime | None:
        """At once after much, else soon."""
        return moment(self._following.watch.clock() + LONGEST_SLEEP_MS) if self._idle else None

    def snapshot(self) -> int:
        """The offset of the next message."""
        self._following.gate.epoch_ended()
        self._following.clock.snapshot()
        self._snapshotted = self._offset
        return self._offset

    def close(self) -> None:
        """Let go of the reader."""
        self._following.reader.close()
        self._following.topics.close()


class MessagePartition(FollowingPartition):
    """One partition of a topic as keyed items."""

    def __init__(self, following: Following, to_items: ToItems, batch: int, time_of: TimeOf | None) -> None:
        super().__init__(following)
        self._to_items, self._batch, self._time_of = to_items, batch, time_of

    def read(self, epoch_ended: bool, asked: int) -> tuple[list[Item], bool]:  # noqa: ARG002 - messages are told no epoch
        """Up to a batch of messages."""
        following = self._following
        messages = following.reader.read(self._batch)
        if not messages:
            following.clock.has_read(asked, at_end=following.reader.at_end)
            return [], True
        items, appended = self._to_items(messages), messages[-1].appended
        at = appended if self._time_of is None else self._time_of(items)
        following.clock.has_read(asked, at_end=following.reader.at_end, at=at, appended=appended)
        return items, False


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

    `time_of` gives the greatest event time (ms) of items, None when none has any; without it a message's time is when
    it was appended. A gated source says nothing in its first epoch. Raises OffsetExpired and TopicMissing at the start.
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
        time_of: TimeOf | None = None,
    ) -> None:
        self._open_topics = open_topics
        self._topic = topic
        self._group = group
        self._to_items = to_items
        self._batch = batch
        self._gated = gated
        self._watch = watch
        self._time_of = time_of

    def list_parts(self) -> list[str]:
        """The partitions the topic has now, on every worker."""
        return part_names(self._open_topics, self._topic)

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> MessagePartition:
        """One partition from its snapshotted offset."""
        with told(step_id, for_part):
            where = Place(self._open_topics, self._topic, self._group, self._gated, self._watch)
            following = follow(where, int(for_part), resume_state)
            return MessagePartition(following, self._to_items, self._batch, self._time_of)


class Place(msgspec.Struct, frozen=True):
    """Which topic a source follows, for which group, whether behind the gate."""

    open_topics: Callable[[], Topics]
    topic: str
    group: str
    gated: bool
    watch: Watch


def follow(place: Place, partition: int, resume: int | None) -> Following:
    """Begin to follow one partition from its snapshotted offset; raises OffsetExpired."""
    topics = place.open_topics()
    offset = start_offset(topics, place.topic, partition, resume)
    return Following(
        f"{place.topic}/{partition}",
        topics,
        topics.reader(place.topic, partition, offset),
        Mirror(topics, place.group, place.topic, partition, place.watch),
        Gate(gated=place.gated, bound=place.watch.bound),
        place.watch,
        PartitionClock(place.topic, partition, place.watch.clocks, place.watch.clock),
    )


def part_names(open_topics: Callable[[], Topics], topic: str) -> list[str]:
    """One name for each partition of a topic; raises TopicMissing."""
    with told("list partitions", topic):
        topics = open_topics()
        try:
            return [f"{i:05}" for i in range(topics.partitions(topic))]
        finally:
            topics.close()
