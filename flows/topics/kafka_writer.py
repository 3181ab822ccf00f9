"""Writing to Kafka: every message is delivered once and in order, or an error is raised."""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as KafkaMessage

from flows.errors import DeliveryFailed, TopicMissing
from flows.topics.kafka_cluster import KafkaCluster
from flows.topics.port import Headers

_BEAT_S = 1.0
_FULL_S = 0.1


class KafkaWriter:
    """An idempotent producer; implements `port.Writer`.

    It waits for a broker for as long as it takes, so a delivery that fails is one that waiting cannot mend.
    """

    def __init__(self, cluster: KafkaCluster) -> None:
        self._cluster = cluster
        self._failed: DeliveryFailed | None = None
        self._producer = Producer(
            cluster.settings(
                cluster.note,
                enable_idempotence=True,
                linger_ms=5,
                compression_type="lz4",
                partitioner="murmur2_random",
                message_timeout_ms=0,
                delivery_report_only_error=True,
                topic_metadata_propagation_max_ms=5_000,
                queue_buffering_max_kbytes=131_072,
            )
            | {"on_delivery": self._on_delivery}
        )

    def write(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Headers = (),
        partition: int | None = None,
    ) -> None:
        """Queue one message, waiting while the queue is full; raises DeliveryFailed."""
        where = -1 if partition is None else partition
        pairs: list[tuple[str, str | bytes | None]] | None = [*headers] if headers else None
        while True:
            try:
                self._producer.produce(topic, value=value, key=key, partition=where, headers=pairs)
                return
            except BufferError:
                self._producer.poll(_FULL_S)
                self._raise_failed()
            except KafkaException as error:
                raise self._refusal(topic, error.args[0]) from error

    def poll(self) -> None:
        """Serve delivery reports without waiting; raises DeliveryFailed."""
        self._producer.poll(0)
        self._raise_failed()

    def flush(self, beat: Callable[[], None] | None = None) -> None:
        """Wait until all is delivered, calling `beat` about once a second; raises DeliveryFailed."""
        while self._producer.flush(_BEAT_S) > 0:
            self._raise_failed()
            if beat is not None:
                beat()
        self._raise_failed()

    def close(self) -> None:
        """Wait until all is delivered."""
        self.flush()

    def _on_delivery(self, error: KafkaError | None, message: KafkaMessage) -> None:
        """Keep the first failure until the caller looks."""
        if error is not None and self._failed is None:
            self._failed = self._refusal(message.topic() or "", error)

    def _refusal(self, topic: str, error: KafkaError) -> DeliveryFailed:
        """Why a message was not taken, and how to mend it where we know."""
        if isinstance(self._cluster.meaning(error, topic), TopicMissing):
            code = error.code()
            if code == KafkaError._UNKNOWN_PARTITION:
                return DeliveryFailed(topic, "it has no such partition")
            return DeliveryFailed(topic, "it does not exist; create it with `telltale topics create`")
        return DeliveryFailed(topic, error.str())

    def _raise_failed(self) -> None:
        """Raise the failure that was kept, once."""
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed
