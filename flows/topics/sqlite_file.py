"""The SQLite file behind the embedded bus: its tables, how it is opened, which errors pass by waiting."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from flows.errors import TopicMissing, TopicsFileUnusable
from flows.topics.port import Headers, TopicSpec

# A message's place is one integer, its shard's number and its offset, so that a range of offsets is a range
# of neighbouring rows: 2**40 messages a partition, 2**23 partitions.
OFFSET_BITS = 40
BUSY_S = 1.0
_FORMAT = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS topic (
    name TEXT PRIMARY KEY, partitions INTEGER NOT NULL, compacted INTEGER NOT NULL, retention_ms INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shard (
    number INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    low INTEGER NOT NULL DEFAULT 0, end INTEGER NOT NULL DEFAULT 0, UNIQUE (topic, partition)
);
CREATE TABLE IF NOT EXISTS message (
    place INTEGER PRIMARY KEY, key BLOB, value BLOB, headers BLOB, appended INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS compaction (shard INTEGER PRIMARY KEY, due INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS progress (
    consumer_group TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,
    PRIMARY KEY (consumer_group, topic, partition)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS member (
    consumer_group TEXT NOT NULL, name TEXT NOT NULL, until INTEGER NOT NULL,
    PRIMARY KEY (consumer_group, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS holding (
    consumer_group TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, member TEXT NOT NULL,
    PRIMARY KEY (consumer_group, topic, partition)
) WITHOUT ROWID;
"""


class Shard(msgspec.Struct, frozen=True):
    """One partition as the file knows it: its number there, and the offsets it holds."""

    number: int
    low: int
    end: int

    def place(self, offset: int) -> int:
        """Where the message of an offset stands in the table of messages."""
        return (self.number << OFFSET_BITS) + offset


def prepare(path: Path) -> None:
    """Make the file and its tables where they are missing; raises TopicsFileUnusable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TopicsFileUnusable(str(path), str(error)) from error
    with opened(path) as connection, changing(connection):
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if found not in (0, _FORMAT):
            raise TopicsFileUnusable(str(path), f"it has format {found}, and this version knows {_FORMAT}")
        for statement in _TABLES.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_FORMAT}")


def connect(path: Path) -> sqlite3.Connection:
    """A connection for one thread at a time; raises TopicsFileUnusable.

    A committed transaction outlives the death of every process; only a power cut may take the last ones with
    it (`synchronous = NORMAL`), as on a Kafka broker that stands alone.
    """
    try:
        # Several processes of a flow run their workers in other threads than the one that first read the rules.
        connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as error:
                if not passes(error):
                    raise
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error as error:
        raise TopicsFileUnusable(str(path), str(error)) from error
    return connection


@contextmanager
def opened(path: Path) -> Generator[sqlite3.Connection]:
    """A connection for a moment, for what is asked rarely, so that threads and forks share none."""
    connection = connect(path)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def changing(connection: sqlite3.Connection) -> Generator[None]:
    """One transaction that writes, all or nothing; waits while another process writes."""
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            break
        except sqlite3.OperationalError as error:
            if not passes(error):
                raise
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def passes(error: sqlite3.Error) -> bool:
    """Whether an error says only that another process is writing now."""
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def spec_of(connection: sqlite3.Connection, topic: str) -> TopicSpec:
    """What a topic was created as; raises TopicMissing."""
    row = connection.execute(
        "SELECT name, partitions, compacted, retention_ms FROM topic WHERE name = ?", (topic,)
    ).fetchone()
    if row is None:
        raise TopicMissing(topic)
    return TopicSpec(row[0], row[1], bool(row[2]), row[3])


def shard_of(connection: sqlite3.Connection, topic: str, partition: int) -> Shard:
    """One partition as it is now; raises TopicMissing."""
    row = connection.execute(
        "SELECT number, low, end FROM shard WHERE topic = ? AND partition = ?", (topic, partition)
    ).fetchone()
    if row is None:
        raise TopicMissing(topic)
    return Shard(*row)


def pack_headers(headers: Headers) -> bytes | None:
    """Headers as one value of the table."""
    return msgspec.msgpack.encode(headers) if headers else None


def unpack_headers(packed: bytes | None) -> Headers:
    """The headers back from the table."""
    return msgspec.msgpack.decode(packed, type=Headers) if packed else ()
