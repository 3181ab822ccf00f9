"""Compaction on the embedded bus: of each key of a compacted topic the last message stays.

A partition is gone through when as much has come as stayed the last time, so that it holds at most about twice its
keys, and a message costs the same however many keys there are.
"""

from __future__ import annotations

import sqlite3

from flows.topics.sqlite_file import Shard

# A partition with few keys is not gone through more often than after so many messages.
_LEAST = 1_000


def compact(connection: sqlite3.Connection, shard: Shard) -> None:
    """Remove of each key of a partition all but the last message, within a transaction; tombstones stay."""
    within = (shard.place(shard.low), shard.place(shard.end))
    connection.execute(
        "DELETE FROM message WHERE place >= ? AND place < ? AND key IS NOT NULL AND place NOT IN "
        "(SELECT max(place) FROM message WHERE place >= ? AND place < ? GROUP BY key)",
        (*within, *within),
    )
    kept = connection.execute(
        "SELECT count(*) FROM message WHERE place >= ? AND place < ?", within
    ).fetchone()
    due = shard.end + max(_LEAST, int(kept[0]))
    connection.execute("INSERT OR REPLACE INTO compaction (shard, due) VALUES (?, ?)", (shard.number, due))


def compact_when_due(connection: sqlite3.Connection, shard: Shard) -> None:
    """Compact a partition of a compacted topic when enough has come since the last time, within a transaction."""
    row = connection.execute("SELECT due FROM compaction WHERE shard = ?", (shard.number,)).fetchone()
    if shard.end >= (_LEAST if row is None else row[0]):
        compact(connection, shard)
