"""Writing to the embedded bus: messages are gathered and stored in one transaction."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec

from flows.errors import DeliveryFailed
from flows.ids import partition_of
from flows.topics.port import Headers
from flows.topics.sqlite_compaction import compact_when_due
from flows.topics.sqlite_file import Shard, connect, pack_headers, passes, shard_of

_GATHERED_MESSAGES = 2_000
_GATHERED_BYTES = 8 << 20


class _Waiting(msgspec.Struct):
    """What is to be stored in one partition: rows of key, value and headers."""

    topic: str
    partition: int
    rows: list[tuple[bytes | None, bytes | None, bytes | None]]


class SqliteWriter:
    """Gathers messages and stores them all or none; implements `port.Writer`."""

    def __init__(self, path: Path, clock: Callable[[], float], most_bytes: int) -> None:
        self._connection = connect(path)
        self._clock = clock
        self._most_bytes = most_bytes
        self._partitions: dict[str, int] = {}
        self._compacted: set[str] = set()
        self._any = itertools.count()
        self._waiting: dict[tuple[str, int], _Waiting] = {}
        self._messages = 0
        self._bytes = 0

    def write(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Headers = (),
        partition: int | None = None,
    ) -> None:
        """Gather one message; raises DeliveryFailed when it is too large or has nowhere to go."""
        count = self._partitions.get(topic) or self._count(topic)
        if partition is None:
            partition = next(self._any) % count if key is None else partition_of(key, count)
        elif not 0 <= partition < count:
            raise DeliveryFailed(topic, f"it has no partition {partition}")
        packed = pack_headers(headers)
        size = len(value or b"") + len(key or b"") + len(packed or b"")
        if size > self._most_bytes:
            raise DeliveryFailed(topic, f"it has {size} bytes, and {self._most_bytes} are allowed")
        waiting = self._waiting.get((topic, partition))
        if waiting is None:
            waiting = self._waiting[topic, partition] = _Waiting(topic, partition, [])
        waiting.rows.append((key, value, packed))
        self._messages += 1
        self._bytes += size
        if self._messages >= _GATHERED_MESSAGES or self._bytes >= _GATHERED_BYTES:
            self.flush()

    def poll(self) -> None:
        """Store what is gathered, unless others write for a whole second; raises DeliveryFailed."""
        self._store()

    def flush(self, beat: Callable[[], None] | None = None) -> None:
        """Store what is gathered, waiting while others write; raises DeliveryFailed."""
        while not self._store():
            if beat is not None:
                beat()

    def close(self) -> None:
        """Store what is gathered and close the connection."""
        try:
            self.flush()
        finally:
            self._connection.close()

    def _count(self, topic: str) -> int:
        """How many partitions a topic has, which never changes here, nor whether it is compacted."""
        row = self._connection.execute(
            "SELECT partitions, compacted FROM topic WHERE name = ?", (topic,)
        ).fetchone()
        if row is None:
            raise DeliveryFailed(topic, "it does not exist; create it with `telltale topics create`")
        if row[1]:
            self._compacted.add(topic)
        return self._partitions.setdefault(topic, row[0])

    def _store(self) -> bool:
        """Store all in one transaction and say whether that was possible now."""
        if not self._waiting:
            return True
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                appended = int(self._clock() * 1000)
                for waiting in self._waiting.values():
                    self._append(waiting, appended)
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            if passes(error):
                return False
            topics = ", ".join(sorted({waiting.topic for waiting in self._waiting.values()}))
            raise DeliveryFailed(topics, str(error)) from error
        self._waiting.clear()
        self._messages = self._bytes = 0
        return True

    def _append(self, waiting: _Waiting, appended: int) -> None:
        """Give the rows of one partition their offsets and store them."""
        shard = shard_of(self._connection, waiting.topic, waiting.partition)
        end = shard.end + len(waiting.rows)
        self._connection.execute("UPDATE shard SET end = ? WHERE number = ?", (end, shard.number))
        self._connection.executemany(
            "INSERT INTO message (place, key, value, headers, appended) VALUES (?, ?, ?, ?, ?)",
            ((place, *row, appended) for place, row in enumerate(waiting.rows, shard.place(shard.end))),
        )
        if waiting.topic in self._compacted:
            compact_when_due(self._connection, Shard(shard.number, shard.low, end))
