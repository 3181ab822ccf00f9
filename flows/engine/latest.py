"""The source of a compacted topic: all that is latest in one batch at every start, then what is new.

It needs no gate and no offset: its first batch lies in the first epoch, before any gated source speaks, so
that the step it feeds has read the partition to the end seen then before it answers anything. It reads when it is
first asked and not when it is built: an epoch is under way by then, and what takes long counts into its time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from flows.engine.clock import LONGEST_SLEEP_MS, moment
from flows.engine.clocks import PartitionClock
from flows.engine.messages import UNWATCHED, Item, ToItems, Watch, part_names
from flows.engine.told import told
from flows.topics.port import Message, Reader, Topics, read_latest

AtStart = Callable[[list[Message], int | None], list[Item]]


class LatestPartition(StatefulSourcePartition[Item, int]):
    """One partition of a compacted topic: first the last message of each key, in the order of offsets."""

    def __init__(
        self,
        topics: Topics,
        topic: str,
        partition: int,
        to_items: ToItems,
        at_start: Callable[[list[Message]], list[Item]],
        batch: int,
        watch: Watch,
    ) -> None:
        self._topics, self._topic, self._partition = topics, topic, partition
        self._reader: Reader | None = None
        self._to_items, self._at_start = to_items, at_start
        self._batch = batch
        self._watch = watch
        self._clock = PartitionClock(topic, partition, watch.clocks, watch.clock)
        self._idle = False

    def next_batch(self) -> list[Item]:
        """First all that is latest, whatever its size; then what is new, tombstones too."""
        reader = self._reader
        if reader is not None and self._watch.stopping():
            raise StopIteration
        with told("latest"):
            self._clock.epoch_ended()
            if reader is None:
                messages = self._latest()
                self._idle = not messages
                return self._at_start(messages) if messages else []
            asked = self._watch.clock()
            messages = reader.read(self._batch)
            appended = messages[-1].appended if messages else None
            self._clock.has_read(asked, at_end=reader.at_end, at=appended, appended=appended)
            self._idle = not messages
            return self._to_items(messages) if messages else []

    def next_awake(self) -> datetime | None:
        """At once at first and after a batch, else in 10 ms."""
        return moment(self._watch.clock() + LONGEST_SLEEP_MS) if self._idle else None

    def snapshot(self) -> int:
        """How far it has read: a start reads all again, but may tell what is new to it."""
        if self._reader is None:
            raise RuntimeError("a compacted topic was saved before it was read")
        self._clock.snapshot()
        return self._reader.position

    def close(self) -> None:
        """Let go of the reader."""
        if self._reader is not None:
            self._reader.close()
        self._topics.close()

    def _latest(self) -> list[Message]:
        """All that is latest up to the end seen now, behind which it is read on."""
        found, end = read_latest(self._topics, self._topic, self._partition)
        self._reader = self._topics.reader(self._topic, self._partition, end)
        return sorted(found.values(), key=lambda message: message.offset)


class LatestSource(FixedPartitionedSource[Item, int]):
    """All partitions of a compacted topic.

    `at_start` makes the items of what is latest at a start; it is also given the offset up to which an earlier
    execution has read, None if there was none.
    """

    def __init__(
        self,
        open_topics: Callable[[], Topics],
        topic: str,
        to_items: ToItems,
        batch: int = 1000,
        watch: Watch = UNWATCHED,
        at_start: AtStart | None = None,
    ) -> None:
        self._open_topics = open_topics
        self._topic = topic
        self._to_items = to_items
        self._at_start = at_start
        self._batch = batch
        self._watch = watch

    def list_parts(self) -> list[str]:
        """The partitions the topic has now, on every worker."""
        return part_names(self._open_topics, self._topic)

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> LatestPartition:
        """One partition, not yet read."""
        to_items, at_start = self._to_items, self._at_start

        def first(messages: list[Message]) -> list[Item]:
            return to_items(messages) if at_start is None else at_start(messages, resume_state)

        with told(step_id, for_part):
            return LatestPartition(
                self._open_topics(), self._topic, int(for_part), to_items, first, self._batch, self._watch
            )
