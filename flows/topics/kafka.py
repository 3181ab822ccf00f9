"""The bus in production: Kafka, through confluent-kafka."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from flows.errors import TooFewPartitions
from flows.topics.kafka_cluster import KafkaCluster
from flows.topics.kafka_reader import KafkaReader
from flows.topics.kafka_subscription import KafkaSubscription
from flows.topics.kafka_writer import KafkaWriter
from flows.topics.port import Bounds, TopicSpec

_NO_OPTIONS: Mapping[str, str] = {}


class KafkaTopics:
    """Topics of a Kafka cluster; implements `port.Topics`. Connects when first asked for something.

    `options` are librdkafka's settings by their own names (security, timeouts), for every client alike.
    All methods raise BrokerUnreachable when no broker answers within `answer_s`, and BrokerRefused.
    """

    def __init__(
        self, bootstrap_servers: str, options: Mapping[str, str] = _NO_OPTIONS, *, answer_s: float = 10.0
    ) -> None:
        self._cluster = KafkaCluster(bootstrap_servers, options, answer_s)

    def create(self, specs: Iterable[TopicSpec]) -> list[str]:
        """Create the topics that do not exist yet and return their names; raises TooFewPartitions."""
        counts = self._cluster.counts()
        missing: list[TopicSpec] = []
        for spec in specs:
            has = counts.get(spec.name)
            if has is None:
                missing.append(spec)
            elif has < spec.partitions:
                raise TooFewPartitions(spec.name, has, spec.partitions)
        return self._cluster.create(missing) if missing else []

    def list(self) -> dict[str, TopicSpec]:
        """All topics by name, without those that begin with two underscores."""
        return self._cluster.specs()

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; raises TopicMissing."""
        return self._cluster.partitions(topic)

    def bounds(self, topic: str, partition: int) -> Bounds:
        """The offsets held now; raises TopicMissing."""
        return self._cluster.bounds(topic, partition)

    def reader(self, topic: str, partition: int, offset: int) -> KafkaReader:
        """A reader that begins at `offset`; raises TopicMissing, OffsetExpired, OffsetAhead."""
        return KafkaReader(self._cluster, topic, partition, offset)

    def writer(self) -> KafkaWriter:
        """A new writer."""
        return KafkaWriter(self._cluster)

    def subscribe(self, group: str, topics: Sequence[str], member: str | None = None) -> KafkaSubscription:
        """Join a consumer group, in the place of a killed member of that name; raises TopicMissing."""
        return KafkaSubscription(self._cluster, group, topics, member)

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """The committed offset by partition; partitions without one are left out. Raises TopicMissing."""
        return self._cluster.committed(group, topic)

    def commit(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Note offsets for a group that reads by its own snapshots and so has no members."""
        if offsets:
            self._cluster.commit(group, topic, offsets)

    def close(self) -> None:
        """Nothing to let go of: readers, writers and subscriptions are closed one by one."""
