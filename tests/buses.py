"""A bus for tests: which adapter, where it is, and what only its operator can do to it."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from flows.topics.kafka import KafkaTopics
from flows.topics.port import Topics, TopicSpec
from flows.topics.sqlite import SqliteTopics
from load_tests.broker import start_broker
from load_tests.broker_jars import NoBrokerError


class Bus(msgspec.Struct, frozen=True):
    """`kind` is sqlite or kafka, `address` a file or `host:port`: enough to open it in another process."""

    kind: str
    address: str

    def open(self, **options: str) -> Topics:
        """The bus; `options` are Kafka's, with underscores for dots."""
        if self.kind == "sqlite":
            return SqliteTopics(Path(self.address))
        return KafkaTopics(self.address, {name.replace("_", "."): value for name, value in options.items()})

    def expire_before(self, topic: str, partition: int, offset: int) -> None:
        """Remove messages as retention does."""
        if self.kind == "sqlite":
            SqliteTopics(Path(self.address)).delete_before(topic, partition, offset)
        else:
            admin = AdminClient({"bootstrap.servers": self.address})
            for done in admin.delete_records([TopicPartition(topic, partition, offset)]).values():
                done.result(10)


def new_topic(topics: Topics, partitions: int = 1, *, compacted: bool = False) -> str:
    """A topic that no other test has."""
    name = f"t-{uuid.uuid4().hex}"
    topics.create([TopicSpec(name, partitions, compacted=compacted)])
    return name


@contextlib.contextmanager
def broker_or_skip(*, port: int | None = None, directory: Path | None = None) -> Iterator[str]:
    """A broker; skips where none can be had, or fails under TELLTALE_REQUIRE_KAFKA=1."""
    with contextlib.ExitStack() as stack:
        try:
            servers = stack.enter_context(start_broker(port=port, directory=directory))
        except NoBrokerError as error:
            if os.environ.get("TELLTALE_REQUIRE_KAFKA") == "1":
                pytest.fail(f"A Kafka broker is required here: {error}", pytrace=False)
            pytest.skip(f"No Kafka broker: {error}")
        yield servers
