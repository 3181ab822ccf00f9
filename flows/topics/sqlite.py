"""The embedded bus: one SQLite file that many processes read and write at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from flows.errors import TooFewPartitions
from flows.topics.port import Bounds, TopicSpec
from flows.topics.sqlite_file import changing, opened, prepare, shard_of, spec_of
from flows.topics.sqlite_reader import SqliteReader
from flows.topics.sqlite_subscription import SqliteSubscription
from flows.topics.sqlite_writer import SqliteWriter

_MOST_BYTES = 1 << 20


class SqliteTopics:
    """Topics in one file; implements `port.Topics`.

    `clock` gives seconds since the epoch; `most_bytes` bounds key, value and headers of one message.
    Raises TopicsFileUnusable when the file cannot be opened.
    """

    def __init__(
        self, path: Path, *, clock: Callable[[], float] = time.time, most_bytes: int = _MOST_BYTES
    ) -> None:
        self._path, self._clock, self._most_bytes = path, clock, most_bytes
        prepare(path)

    def create(self, specs: Iterable[TopicSpec]) -> list[str]:
        """Create the topics that do not exist yet and return their names; raises TooFewPartitions."""
        created: list[str] = []
        with opened(self._path) as connection, changing(connection):
            for spec in specs:
                row = (spec.name, spec.partitions, spec.compacted, spec.retention_ms)
                if connection.execute("INSERT OR IGNORE INTO topic VALUES (?, ?, ?, ?)", row).rowcount:
                    created.append(spec.name)
                    places = [(spec.name, partition) for partition in range(spec.partitions)]
                    connection.executemany("INSERT INTO shard (topic, partition) VALUES (?, ?)", places)
                elif (has := spec_of(connection, spec.name).partitions) < spec.partitions:
                    raise TooFewPartitions(spec.name, has, spec.partitions)
        return created

    def list(self) -> dict[str, TopicSpec]:
        """All topics by name, without those that begin with two underscores."""
        with opened(self._path) as connection:
            names = [row[0] for row in connection.execute("SELECT name FROM topic ORDER BY name")]
            return {name: spec_of(connection, name) for name in names if not name.startswith("__")}

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; raises TopicMissing."""
        with opened(self._path) as connection:
            return spec_of(connection, topic).partitions

    def bounds(self, topic: str, partition: int) -> Bounds:
        """The offsets held now; raises TopicMissing."""
        with opened(self._path) as connection:
            shard = shard_of(connection, topic, partition)
        return Bounds(shard.low, shard.end)

    def reader(self, topic: str, partition: int, offset: int) -> SqliteReader:
        """A reader that begins at `offset`; raises TopicMissing, OffsetExpired, OffsetAhead."""
        return SqliteReader(self._path, topic, partition, offset)

    def writer(self) -> SqliteWriter:
        """A new writer."""
        return SqliteWriter(self._path, self._clock, self._most_bytes)

    def subscribe(self, group: str, topics: Sequence[str], member: str | None = None) -> SqliteSubscription:
        """Join a group, in the place of a killed member of that name; raises TopicMissing."""
        return SqliteSubscription(self._path, self._clock, group, topics, member)

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """The committed offset by partition; partitions without one are left out."""
        with opened(self._path) as connection:
            rows = connection.execute(
                "SELECT partition, next FROM progress WHERE consumer_group = ? AND topic = ?", (group, topic)
            ).fetchall()
        return dict(rows)

    def commit(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Note offsets for a group that reads by its own snapshots."""
        rows = [(group, topic, partition, offset) for partition, offset in offsets.items()]
        with opened(self._path) as connection, changing(connection):
            connection.executemany("INSERT OR REPLACE INTO progress VALUES (?, ?, ?, ?)", rows)

    def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """Remove all messages before an offset, as retention does; raises TopicMissing."""
        with opened(self._path) as connection, changing(connection):
            shard = shard_of(connection, topic, partition)
            low = max(shard.low, min(offset, shard.end))
            connection.execute("UPDATE shard SET low = ? WHERE number = ?", (low, shard.number))
            first = shard.place(shard.low)
            connection.execute(
                "DELETE FROM message WHERE place >= ? AND place < ?", (first, shard.place(low))
            )

    def close(self) -> None:
        """Nothing is held: readers, writers and subscriptions have connections of their own."""
