"""The input step `published`: at a start it hands out again what was published and may be forgotten.

Its snapshot is the end of the partition as seen then. A source snapshots an epoch before any worker
handles an item of the next, so everything published later lies behind that mark; an older mark is as
safe, for numbers tell what the state holds already. At a start all behind the mark comes in one batch of
the first epoch, while every other source is silent (see `gate`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from flows.engine.clock import LONGEST_SLEEP_MS, moment
from flows.engine.messages import UNWATCHED, Item, ToItems, Watch, part_names, start_offset
from flows.engine.told import told
from flows.errors import PublishedNotFolded, TelltaleError
from flows.topics.port import Message, Topics

_MARK_MS = 2_000

_log = structlog.get_logger(__name__)


def read_on(topics: Topics, topic: str, partition: int, offset: int) -> tuple[list[Message], int]:
    """The messages of a partition from `offset` to the end seen now, and that end."""
    end = topics.bounds(topic, partition).end
    found: list[Message] = []
    reader = topics.reader(topic, partition, offset)
    try:
        while reader.position < end:
            found.extend(m for m in reader.read(10_000, wait=0.2) if m.offset < end)
    finally:
        reader.close()
    return found, end


class PublishedPartition(StatefulSourcePartition[Item, int]):
    """One partition: all behind the mark in one batch, then only the mark."""

    def __init__(
        self, topics: Topics, topic: str, partition: int, mark: int | None, to_items: ToItems, watch: Watch
    ) -> None:
        self._topics = topics
        self._topic = topic
        self._partition = partition
        start = start_offset(topics, topic, partition, mark)
        self._found: list[Message] | None
        self._found, end = read_on(topics, topic, partition, start)
        self._mark = start
        self._marked = 0
        self._to_items = to_items
        self._watch = watch
        if self._found:
            _log.info("published decisions to fold", partition=partition, mark=start, end=end)

    def next_batch(self) -> list[Item]:
        """All that was found, once."""
        if self._found is None:
            if self._watch.stopping():
                raise StopIteration
            return []
        found, self._found = self._found, None
        with told("published", str(self._partition)):
            return self._to_items(found)

    def next_awake(self) -> datetime | None:
        """At once while there is something to hand out, then every 10 ms, so that no epoch waits for it."""
        return None if self._found is not None else moment(self._watch.clock() + LONGEST_SLEEP_MS)

    def snapshot(self) -> int:
        """The end of the partition as last seen, at most two seconds ago unless the bus does not answer."""
        if self._found is not None:
            raise PublishedNotFolded(self._topic, self._partition)
        now = self._watch.clock()
        if now - self._marked < _MARK_MS:
            return self._mark
        try:
            self._mark = self._topics.bounds(self._topic, self._partition).end
            self._marked = now
        except TelltaleError as error:
            _log.warning("mark kept", topic=self._topic, partition=self._partition, reason=str(error))
        return self._mark

    def close(self) -> None:
        """Let go of the bus."""
        self._topics.close()


class PublishedSource(FixedPartitionedSource[Item, int]):
    """All partitions of `decisions`; raises OffsetExpired when retention has passed a mark."""

    def __init__(
        self, open_topics: Callable[[], Topics], topic: str, to_items: ToItems, watch: Watch = UNWATCHED
    ) -> None:
        self._open_topics = open_topics
        self._topic = topic
        self._to_items = to_items
        self._watch = watch

    def list_parts(self) -> list[str]:
        """The partitions the topic has now, on every worker."""
        return part_names(self._open_topics, self._topic)

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> PublishedPartition:
        """Read one partition from its mark to the end seen now."""
        with told(step_id, for_part):
            return PublishedPartition(
                self._open_topics(), self._topic, int(for_part), resume_state, self._to_items, self._watch
            )
