"""The source of a topic that binds its readers: all that is behind at a start in one batch, then what is new.

Its snapshot is the offset of the next message, so what lies behind was not handled in the state that was saved. It all
comes in the first epoch, as what is `published` does, while gated sources are silent.
"""

from __future__ import annotations

from bytewax.inputs import FixedPartitionedSource

from flows.engine.messages import Following, Item, MessagePartition, Place, ToItems, follow, part_names
from flows.engine.told import told
from flows.topics.port import Message

_AT_ONCE = 10_000


class CatchingUpPartition(MessagePartition):
    """One partition: first all up to the end seen at the start, whatever its size."""

    def __init__(
        self, following: Following, at_start: ToItems, to_items: ToItems, batch: int, end: int
    ) -> None:
        super().__init__(following, to_items, batch, None)
        self._at_start, self._end = at_start, end
        self._behind = True

    def next_batch(self) -> list[Item]:
        """All that is behind once, also when the flow is to stop; then what is there now."""
        if not self._behind:
            return super().next_batch()
        self._behind = False
        reader, found = self._following.reader, list[Message]()
        with told("read", self._following.name):
            while reader.position < self._end:
                found += reader.read(_AT_ONCE, wait=0.2)
            self._offset = reader.position
            return self._at_start(found) if found else []


class CatchingUpSource(FixedPartitionedSource[Item, int]):
    """All partitions of a topic; `at_start` makes the items of what is behind, `to_items` those of what comes later.

    Raises OffsetExpired and TopicMissing at the start.
    """

    def __init__(self, place: Place, at_start: ToItems, to_items: ToItems, batch: int = 1000) -> None:
        self._place, self._at_start, self._to_items, self._batch = place, at_start, to_items, batch

    def list_parts(self) -> list[str]:
        """The partitions the topic has now, on every worker."""
        return part_names(self._place.open_topics, self._place.topic)

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> CatchingUpPartition:
        """One partition from its snapshotted offset."""
        with told(step_id, for_part):
            following = follow(self._place, int(for_part), resume_state)
            end = following.topics.bounds(self._place.topic, int(for_part)).end
            return CatchingUpPartition(following, self._at_start, self._to_items, self._batch, end)
