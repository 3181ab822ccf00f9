"""Reading one partition of the embedded bus."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from flows.errors import OffsetAhead, OffsetExpired
from flows.topics.port import Message, RawBatch
from flows.topics.sqlite_file import OFFSET_BITS, connect, shard_of, unpack_headers

_OFFSET = (1 << OFFSET_BITS) - 1
_CHUNK = 1_000
_MOST_BYTES = 16 << 20
_PAUSE_S = 0.005


class SqliteReader:
    """One partition in order, through a connection of its own; implements `port.Reader`."""

    def __init__(self, path: Path, topic: str, partition: int, offset: int) -> None:
        self._topic, self._partition = topic, partition
        self._connection = connect(path)
        self._position = offset
        self._at_end = False
        self._shard = shard_of(self._connection, topic, partition)
        self._last = self._shard.place(_OFFSET)
        self._check()

    @property
    def position(self) -> int:
        """The offset of the next message to be read."""
        return self._position

    @property
    def at_end(self) -> bool:
        """Whether nothing stood behind `position` when it was last looked."""
        return self._at_end

    def read_batch(self, at_most: int) -> RawBatch | None:
        """Up to `at_most` messages and about 16 MiB as one block; raises OffsetExpired."""
        rows = self._rows("place, value, appended", at_most)
        if not rows:
            return None
        places, values, appended = zip(*rows, strict=True)
        filled = [value or b"" for value in values]
        return RawBatch(
            topic=self._topic,
            partition=self._partition,
            data=b"".join(filled),
            ends=np.cumsum(np.fromiter(map(len, filled), np.int64, len(filled))),
            offsets=np.array(places, np.int64) & _OFFSET,
            appended=np.array(appended, np.int64),
            at_end=self._at_end,
        )

    def read(self, at_most: int, wait: float = 0.0) -> list[Message]:
        """Up to `at_most` messages, waiting at most `wait` seconds for the first; raises OffsetExpired."""
        give_up = time.monotonic() + wait
        while True:
            rows = self._rows("place, value, appended, key, headers", at_most)
            if rows or time.monotonic() >= give_up:
                break
            # A file tells nobody that it has grown, so it is looked at again.
            time.sleep(min(_PAUSE_S, wait))
        return [
            Message(
                topic=self._topic,
                partition=self._partition,
                offset=place & _OFFSET,
                key=key,
                value=value,
                headers=unpack_headers(headers),
                appended=appended,
            )
            for place, value, appended, key, headers in rows
        ]

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _rows(self, columns: str, at_most: int) -> list[tuple[Any, ...]]:
        """The next rows, all of one moment; a row more than asked for would tell that this is not the end."""
        cursor = self._connection.execute(
            f"SELECT {columns} FROM message WHERE place BETWEEN ? AND ? ORDER BY place LIMIT ?",  # noqa: S608 - ours
            (self._shard.place(self._position), self._last, at_most + 1),
        )
        rows: list[tuple[Any, ...]] = []
        taken = 0
        while taken < _MOST_BYTES and (more := cursor.fetchmany(_CHUNK)):
            rows += more
            taken += sum(len(row[1] or b"") for row in more)
        self._at_end = len(rows) <= at_most and cursor.fetchone() is None
        cursor.close()
        del rows[at_most:]
        if not rows or rows[0][0] & _OFFSET != self._position:
            self._check()  # a gap is compaction's or retention's, and only the second is an error
        if rows:
            self._position = (rows[-1][0] & _OFFSET) + 1
        return rows

    def _check(self) -> None:
        """Raise when what is wanted next is gone, or cannot have been."""
        shard = shard_of(self._connection, self._topic, self._partition)
        if self._position < shard.low:
            raise OffsetExpired(self._topic, self._partition, self._position, shard.low)
        if self._position > shard.end:
            raise OffsetAhead(self._topic, self._partition, self._position, shard.end)
