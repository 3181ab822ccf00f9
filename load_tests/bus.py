"""The bus a benchmark runs on, and how readings are held back on it until everybody is ready for them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from flows.ids import partition_of
from flows.topics.kafka import KafkaTopics
from flows.topics.port import Message, Topics
from flows.topics.sqlite import SqliteTopics
from load_tests.broker import start_broker

_ANSWER_S = 30.0
_HELD_MS = 900_000
_AT_MOST = 10_000
_WAIT_S = 0.2


class Bus(msgspec.Struct, frozen=True):
    """`address` is a file or `host:port`."""

    kind: Literal["sqlite", "kafka"]
    address: str

    def open(self) -> Topics:
        """A connection of one's own."""
        return SqliteTopics(Path(self.address)) if self.kind == "sqlite" else KafkaTopics(self.address)

    def settings(self, prefix: str, partitions: int) -> str:
        """The table `[topics]` of a telltale.toml."""
        where = "path" if self.kind == "sqlite" else "bootstrap_servers"
        return (
            f'[topics]\nbus = "{self.kind}"\n{where} = "{self.address}"\n'
            f'prefix = "{prefix}"\npartitions = {partitions}\n'
        )

    def write(self, topic: str, messages: Iterable[tuple[bytes, bytes]]) -> None:
        """Write messages by key, and wait until the bus has them."""
        topics = self.open()
        writer = topics.writer()
        try:
            for key, value in messages:
                writer.write(topic, value, key=key)
            writer.flush()
        finally:
            writer.close()
            topics.close()

    def ends(self, topic: str) -> list[int]:
        """The offset of the next message of each partition."""
        topics = self.open()
        try:
            return [topics.bounds(topic, partition).end for partition in range(topics.partitions(topic))]
        finally:
            topics.close()

    def latest(self, topic: str, keys: Iterable[str]) -> dict[str, bytes]:
        """The last values of some keys."""
        wanted, found = {key.encode() for key in keys}, dict[str, bytes]()
        topics = self.open()
        try:
            partitions = topics.partitions(topic)
            for partition in sorted({partition_of(key, partitions) for key in wanted}):
                for message in _all_of(topics, topic, partition):
                    if message.key in wanted and message.key is not None and message.value is not None:
                        found[message.key.decode()] = message.value
        finally:
            topics.close()
        return found

    def remove(self, prefix: str) -> None:
        """Delete the topics behind a prefix, as far as the bus can."""
        if self.kind == "kafka":
            admin = AdminClient({"bootstrap.servers": self.address, "log_level": 4})
            names = [name for name in admin.list_topics(timeout=_ANSWER_S).topics if name.startswith(prefix)]
            for done in admin.delete_topics(names).values() if names else ():
                done.result(_ANSWER_S)


def _all_of(topics: Topics, topic: str, partition: int) -> Iterator[Message]:
    """What a partition holds up to its end now."""
    bounds = topics.bounds(topic, partition)
    reader = topics.reader(topic, partition, bounds.low)
    try:
        while reader.position < bounds.end:
            yield from reader.read(_AT_MOST, wait=_WAIT_S)
    finally:
        reader.close()


@contextlib.contextmanager
def open_bus(kind: Literal["sqlite", "kafka"], servers: str | None, folder: Path) -> Iterator[Bus]:
    """A new SQLite file in the folder, or the Kafka broker named, or one started for as long as the block lasts."""
    if kind == "sqlite":
        yield Bus("sqlite", str(folder / "topics.db"))
    elif servers:
        yield Bus("kafka", servers)
    else:
        with start_broker() as started:
            yield Bus("kafka", started)


class Hold:
    """Holds back what is written to a topic of Kafka from now on until `release`, so that nobody fetches ahead.

    Consumers that read committed messages, as librdkafka's do, stop before an open transaction: here one with one
    message in each partition, aborted in the end.
    """

    def __init__(self, servers: str, topic: str, partitions: int) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "transactional.id": f"hold-{topic}",
                "transaction.timeout.ms": _HELD_MS,
                "log_level": 4,
            }
        )
        self._producer.init_transactions(_ANSWER_S)
        self._producer.begin_transaction()
        for partition in range(partitions):
            self._producer.produce(topic, value=b"held", partition=partition)
        self._producer.flush(_ANSWER_S)

    def release(self) -> None:
        """Let everybody see it, at once."""
        self._producer.abort_transaction(_ANSWER_S)


def held(
    bus: Bus, topic: str, partitions: int, messages: Iterable[tuple[bytes, bytes]]
) -> Callable[[], None]:
    """Write messages so that nobody sees them before the result is called.

    SQLite holds nothing back, so there they are written only then, and what is measured is of no account.
    """
    if bus.kind == "sqlite":
        return lambda: bus.write(topic, messages)
    hold = Hold(bus.address, topic, partitions)
    bus.write(topic, messages)
    return hold.release
