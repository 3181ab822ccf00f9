"""Groups on the embedded bus: members share the partitions of their topics through leases in the file."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from flows.topics.port import Message
from flows.topics.sqlite_file import changing, connect, shard_of, spec_of
from flows.topics.sqlite_reader import SqliteReader

_LEASE_MS = 10_000
_RENEW_MS = 1_000
_PAUSE_S = 0.005


class SqliteSubscription:
    """A member of a group whose members all name the same topics; implements `port.Subscription`.

    A member that has not polled for 10 s is taken for dead, and its partitions go to the others.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float],
        group: str,
        topics: Sequence[str],
        member: str | None = None,
    ) -> None:
        self._path, self._clock, self._group = path, clock, group
        self._name = member or uuid.uuid4().hex
        self._connection = connect(path)
        self._partitions = [
            (topic, partition)
            for topic in sorted(topics)
            for partition in range(spec_of(self._connection, topic).partitions)
        ]
        self._readers: dict[tuple[str, int], SqliteReader] = {}
        self._renew_at = 0

    def poll(self, at_most: int, wait: float) -> list[Message]:
        """Up to `at_most` messages of what is held, waiting at most `wait` seconds; raises OffsetExpired."""
        give_up = time.monotonic() + wait
        while True:
            self._renew()
            messages: list[Message] = []
            for place, reader in list(self._readers.items()):
                messages += reader.read(at_most - len(messages))
                self._readers[place] = self._readers.pop(
                    place
                )  # asked last next time, so that none is starved
                if len(messages) >= at_most:
                    break
            if messages or time.monotonic() >= give_up:
                return messages
            time.sleep(min(_PAUSE_S, wait))

    def commit(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """Commit offsets of partitions still held; those of others are left to who holds them now."""
        with changing(self._connection):
            for (topic, partition), offset in offsets.items():
                self._connection.execute(
                    "INSERT OR REPLACE INTO progress (consumer_group, topic, partition, next) "
                    "SELECT consumer_group, topic, partition, ? FROM holding "
                    "WHERE consumer_group = ? AND topic = ? AND partition = ? AND member = ?",
                    (offset, self._group, topic, partition, self._name),
                )

    def close(self) -> None:
        """Leave the group, so that others take over at once."""
        with changing(self._connection):
            mine = (self._group, self._name)
            self._connection.execute("DELETE FROM holding WHERE consumer_group = ? AND member = ?", mine)
            self._connection.execute("DELETE FROM member WHERE consumer_group = ? AND name = ?", mine)
        for reader in self._readers.values():
            reader.close()
        self._connection.close()

    def _renew(self) -> None:
        """Say about once a second that this member lives, and even out the shares."""
        now = int(self._clock() * 1000)
        if now < self._renew_at:
            return
        with changing(self._connection):
            held = self._take_share(now)
        self._renew_at = now + _RENEW_MS
        for place in self._readers.keys() - held:
            self._readers.pop(place).close()
        for topic, partition in sorted(held - self._readers.keys()):
            start = self._start(topic, partition)
            self._readers[topic, partition] = SqliteReader(self._path, topic, partition, start)

    def _take_share(self, now: int) -> set[tuple[str, int]]:
        """Let go of what is not this member's share, take what is free of it, and return all held then."""
        run, group, name = self._connection.execute, self._group, self._name
        run("DELETE FROM member WHERE consumer_group = ? AND until < ?", (group, now))
        run(
            "INSERT OR REPLACE INTO member (consumer_group, name, until) VALUES (?, ?, ?)",
            (group, name, now + _LEASE_MS),
        )
        members = [
            row[0] for row in run("SELECT name FROM member WHERE consumer_group = ? ORDER BY name", (group,))
        ]
        rows = run(
            "SELECT topic, partition, member FROM holding WHERE consumer_group = ?", (group,)
        ).fetchall()
        holders = {(topic, partition): member for topic, partition, member in rows if member in members}
        held: set[tuple[str, int]] = set()
        for i, (topic, partition) in enumerate(self._partitions):
            holder = holders.get((topic, partition))
            if members[i % len(members)] == name:
                if holder in (None, name):
                    held.add((topic, partition))
                    run("INSERT OR REPLACE INTO holding VALUES (?, ?, ?, ?)", (group, topic, partition, name))
            elif holder == name:
                run(
                    "DELETE FROM holding WHERE consumer_group = ? AND topic = ? AND partition = ?",
                    (group, topic, partition),
                )
        return held

    def _start(self, topic: str, partition: int) -> int:
        """The committed offset, else the beginning."""
        row = self._connection.execute(
            "SELECT next FROM progress WHERE consumer_group = ? AND topic = ? AND partition = ?",
            (self._group, topic, partition),
        ).fetchone()
        return shard_of(self._connection, topic, partition).low if row is None else row[0]
