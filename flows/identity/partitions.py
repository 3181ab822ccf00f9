"""The topics that the identity service reads, each partition from the offset that its database holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import sqlalchemy as sa
import structlog

from flows.clocks import ClockWriter
from flows.engine.clocks import PartitionClock
from flows.errors import TelltaleError
from flows.identity.rows import upsert
from flows.identity.tables import consumed
from flows.topics.port import Message, Reader, Topics

Place = tuple[str, int]

GROUP = "telltale-identity"
_SHOWN_EVERY_MS = 4_000

_log = structlog.get_logger(__name__)


class Partitions:
    """Readers of all partitions of some topics; raises TopicMissing, OffsetExpired, OffsetAhead."""

    def __init__(
        self,
        topics: Topics,
        names: Iterable[str],
        offsets: Mapping[Place, int],
        group: str,
        clocks: ClockWriter,
        wall: Callable[[], int],
    ) -> None:
        self._topics, self._group, self._wall = topics, group, wall
        self._readers: dict[Place, Reader] = {}
        self._noting: dict[Place, PartitionClock] = {}
        self._asked: dict[Place, int] = {}
        self._begin = self._shown = 0
        for name in names:
            for partition in range(topics.partitions(name)):
                place = name, partition
                known = offsets.get(place)
                begin = topics.bounds(name, partition).low if known is None else known
                self._readers[place] = topics.reader(name, partition, begin)
                self._noting[place] = PartitionClock(name, partition, clocks, wall)

    def read(self, at_most: int) -> dict[Place, list[Message]]:
        """What is there now, up to so many messages, without waiting; another partition begins each time."""
        places = list(self._readers)
        self._begin = (self._begin + 1) % len(places)
        found: dict[Place, list[Message]] = {}
        for place in places[self._begin :] + places[: self._begin]:
            if at_most <= 0:
                break
            self._asked[place] = self._wall()
            messages = self._readers[place].read(at_most)
            at_most -= len(messages)
            if messages:
                found[place] = messages
        return found

    def positions(self, places: Iterable[Place]) -> dict[Place, int]:
        """The offset of the next message of each."""
        return {place: self._readers[place].position for place in places}

    def at_end(self) -> bool:
        """Whether nothing more was there at the last look."""
        return all(reader.at_end for reader in self._readers.values())

    def handled(self, read: Mapping[Place, list[Message]], times: Mapping[Place, int]) -> None:
        """All that was read is committed and what it caused is on the bus: note how far each partition is."""
        for place, asked in self._asked.items():
            clock, messages = self._noting[place], read.get(place)
            clock.has_read(
                asked,
                at_end=self._readers[place].at_end,
                at=times.get(place),
                appended=messages[-1].appended if messages else None,
            )
            clock.snapshot()
            clock.epoch_ended()
        self._asked.clear()
        if self._wall() - self._shown >= _SHOWN_EVERY_MS:
            self._shown = self._wall()
            self._show()

    def read_again(self, name: str) -> None:
        """Begin a topic anew, with what the bus still holds of it."""
        for (topic, partition), reader in list(self._readers.items()):
            if topic == name:
                reader.close()
                low = self._topics.bounds(topic, partition).low
                self._readers[topic, partition] = self._topics.reader(topic, partition, low)

    def _show(self) -> None:
        """Copy to a consumer group how far each is, only so that lag can be seen; what fails is tried again."""
        for name in {name for name, _ in self._readers}:
            reached = {p: reader.position for (topic, p), reader in self._readers.items() if topic == name}
            try:
                self._topics.commit(self._group, name, reached)
            except TelltaleError as error:
                _log.warning("offsets not mirrored", topic=name, reason=str(error))

    def close(self) -> None:
        """Let go of the readers."""
        for reader in self._readers.values():
            reader.close()


def offsets_in(connection: sa.Connection) -> dict[Place, int]:
    """Up to where topics have been taken in."""
    rows = connection.execute(sa.select(consumed.c.topic, consumed.c.partition, consumed.c.next))
    return {(topic, partition): following for topic, partition, following in rows}


def write_offsets(connection: sa.Connection, offsets: Mapping[Place, int]) -> None:
    """Note up to where topics have been taken in."""
    upsert(
        connection,
        consumed,
        [{"topic": t, "partition": p, "next": following} for (t, p), following in offsets.items()],
    )
