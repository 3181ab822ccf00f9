"""What is asked of a Kafka cluster as a whole: topics, bounds, groups, and what its errors mean."""

# confluent-kafka's own examples import these names from its admin package, which forgets to declare them.
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
    TopicMetadata,
)

from flows.errors import BrokerRefused, BrokerUnreachable, TelltaleError, TopicMissing
from flows.topics.port import Bounds, TopicSpec

_PAUSE_S = 0.05
_MOST_REPLICAS = 3
_MISSING = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
}
_CHOOSING_LEADER = {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE}
_REFUSED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError._AUTHENTICATION,
    KafkaError.POLICY_VIOLATION,
    KafkaError.INVALID_REPLICATION_FACTOR,
    KafkaError.TOPIC_EXCEPTION,
    KafkaError.INVALID_PARTITIONS,
    KafkaError.INVALID_CONFIG,
}
_LOG = logging.getLogger("flows.topics.kafka")


class KafkaCluster:
    """The settings of every client, and one client for questions, made on first use."""

    def __init__(self, servers: str, options: Mapping[str, str], answer_s: float) -> None:
        self.servers, self.answer_s = servers, answer_s
        self._options = dict(options)
        self._last_error = f"no answer within {answer_s:g} s"
        self._client: Any = None

    def settings(self, on_error: Callable[[KafkaError], None], **own: Any) -> dict[str, Any]:
        """The settings of one librdkafka client: ours, then the options, which win.

        Names are written with underscores for dots. `on_error` gets what concerns the whole client.
        """
        ours = {name.replace("_", "."): value for name, value in own.items()}
        return {
            "allow.auto.create.topics": False,
            "reconnect.backoff.max.ms": 2_000,
            **ours,
            **self._options,
            "bootstrap.servers": self.servers,
            "error_cb": on_error,
            "logger": _LOG,
        }

    def meaning(self, error: KafkaError, topic: str) -> TelltaleError | None:
        """The error of ours for one of Kafka's, or None when waiting may mend it."""
        if error.code() in _MISSING:
            return TopicMissing(topic)
        if error.code() in _REFUSED or error.fatal():
            return BrokerRefused(self.servers, error.str())
        return None

    def failure(self, error: KafkaException, topic: str = "") -> TelltaleError:
        """The error of ours for a question that failed."""
        reason = error.args[0]
        if not isinstance(reason, KafkaError):
            return BrokerRefused(self.servers, str(reason))
        return self.meaning(reason, topic) or BrokerUnreachable(self.servers, self._reason(reason))

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; raises TopicMissing, BrokerUnreachable, BrokerRefused."""
        found = self._metadata(topic).get(topic)
        if found is None or (found.error is not None and found.error.code() in _MISSING):
            raise TopicMissing(topic)
        if found.error is not None:
            raise self.failure(KafkaException(found.error), topic)
        return len(found.partitions)

    def counts(self) -> dict[str, int]:
        """The number of partitions of all topics."""
        return {name: len(topic.partitions) for name, topic in self._metadata(None).items()}

    def specs(self) -> dict[str, TopicSpec]:
        """All topics with what they were created as, without those that begin with two underscores."""
        counts = {name: count for name, count in sorted(self.counts().items()) if not name.startswith("__")}
        if not counts:
            return {}
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in counts]
        answers = self._admin().describe_configs(resources, request_timeout=self.answer_s)
        specs: dict[str, TopicSpec] = {}
        for resource, answer in answers.items():
            config = self._result(answer, resource.name)
            retention = int(config["retention.ms"].value)
            compacted = "compact" in config["cleanup.policy"].value
            kept = None if config["retention.ms"].is_default else retention
            specs[resource.name] = TopicSpec(resource.name, counts[resource.name], compacted, kept)
        return specs

    def create(self, specs: list[TopicSpec]) -> list[str]:
        """Create topics and wait for the leaders of all partitions; returns those nobody else made first."""
        replicas = min(_MOST_REPLICAS, len(self._brokers()))
        new = [NewTopic(spec.name, spec.partitions, replicas, config=_config(spec)) for spec in specs]
        created: list[str] = []
        for name, answer in self._admin().create_topics(new, request_timeout=self.answer_s).items():
            try:
                answer.result(2 * self.answer_s)
                created.append(name)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise self.failure(error, name) from error
        self._await_leaders({spec.name for spec in specs})
        return created

    def bounds(self, topic: str, partition: int) -> Bounds:
        """The offsets held now; raises TopicMissing, BrokerUnreachable, BrokerRefused."""
        if partition >= self.partitions(topic):
            raise TopicMissing(topic)
        low, end = (self._offset(topic, partition, at) for at in (OffsetSpec.earliest(), OffsetSpec.latest()))
        return Bounds(low, end)

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """The committed offset by partition; partitions without one are left out."""
        places = [TopicPartition(topic, partition) for partition in range(self.partitions(topic))]
        asked = [ConsumerGroupTopicPartitions(group, places)]
        answers = self._admin().list_consumer_group_offsets(asked, request_timeout=self.answer_s)
        found = self._result(answers[group], topic).topic_partitions
        return {place.partition: place.offset for place in found if place.offset >= 0}

    def commit(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Set the offsets of a group that has no members."""
        places = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
        asked = [ConsumerGroupTopicPartitions(group, places)]
        answers = self._admin().alter_consumer_group_offsets(asked, request_timeout=self.answer_s)
        for place in self._result(answers[group], topic).topic_partitions:
            if place.error is not None:
                raise self.failure(KafkaException(place.error), topic)

    def note(self, error: KafkaError) -> None:
        """Keep the last trouble of a client, to say it when an answer fails to come."""
        self._last_error = error.str()

    def _admin(self) -> Any:
        """The AdminClient, whose stubs leave the types of all its answers open."""
        if self._client is None:
            self._client = AdminClient(self.settings(self.note))
        return self._client

    def _metadata(self, topic: str | None) -> dict[str, TopicMetadata]:
        """The metadata of one topic or of all."""
        try:
            return self._admin().list_topics(topic, timeout=self.answer_s).topics
        except KafkaException as error:
            raise self.failure(error, topic or "") from error

    def _brokers(self) -> dict[int, Any]:
        """The brokers by id."""
        try:
            return self._admin().list_topics(timeout=self.answer_s).brokers
        except KafkaException as error:
            raise self.failure(error) from error

    def _await_leaders(self, names: set[str]) -> None:
        """Ask until the cluster shows a leader of every partition; raises BrokerUnreachable when none comes."""
        give_up = time.monotonic() + self.answer_s
        while time.monotonic() < give_up:
            topics = self._metadata(None)
            found = [topics[name] for name in names if name in topics]
            led = all(part.leader >= 0 for topic in found for part in topic.partitions.values())
            if led and len(found) == len(names) and all(topic.partitions for topic in found):
                return
            time.sleep(_PAUSE_S)  # metadata is asked for, never told
        raise BrokerUnreachable(self.servers, f"no leader for {', '.join(sorted(names))}")

    def _offset(self, topic: str, partition: int, at: OffsetSpec | None) -> int:
        """One offset of a partition, asked again while its leader is being chosen (as just after its creation)."""
        place = TopicPartition(topic, partition)
        give_up = time.monotonic() + self.answer_s
        while True:
            answer = self._admin().list_offsets({place: at}, request_timeout=self.answer_s)[place]
            error = answer.exception(2 * self.answer_s)
            choosing = isinstance(error, KafkaException) and error.args[0].code() in _CHOOSING_LEADER
            if not choosing or time.monotonic() > give_up:
                return self._result(answer, topic).offset
            time.sleep(_PAUSE_S)  # a new leader is asked for, never told

    def _result(self, answer: Future[Any], topic: str) -> Any:
        """What an answer holds, or its error as ours."""
        try:
            return answer.result(2 * self.answer_s)
        except KafkaException as error:
            raise self.failure(error, topic) from error
        except TimeoutError as error:
            raise BrokerUnreachable(self.servers, self._last_error) from error

    def _reason(self, error: KafkaError) -> str:
        """Why there is no answer: the transport's own words say more than that time is over."""
        timed_out = error.code() in (KafkaError._TIMED_OUT, KafkaError._TRANSPORT)
        return self._last_error if timed_out else error.str()


def _config(spec: TopicSpec) -> dict[str, str]:
    """A topic's settings: the broker's clock stamps each message, so that nobody's own clock decides."""
    config = {"message.timestamp.type": "LogAppendTime"}
    if spec.compacted:
        config["cleanup.policy"] = "compact"
    if spec.retention_ms is not None:
        config["retention.ms"] = str(spec.retention_ms)
    return config
