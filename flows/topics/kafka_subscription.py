"""A member of a Kafka consumer group that commits by hand and only what it still holds."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from flows.errors import BrokerUnreachable, OffsetAhead, OffsetExpired
from flows.topics.kafka_cluster import KafkaCluster
from flows.topics.kafka_reader import message_of
from flows.topics.port import Message

# The group is dividing its partitions anew: what is still held afterwards is committed then.
_MOVING = {
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError._ASSIGNMENT_LOST,
}
_Place = tuple[str, int]
_LEAVE_S = 1.0


def _static(member: str | None, topics: Sequence[str]) -> dict[str, str]:
    """Static membership (KIP-345) of a named member.

    The broker hands its old assignment to who takes its place, so another list of topics is another member.
    """
    if member is None:
        return {}
    listed = hashlib.blake2b("\n".join(sorted(topics)).encode(), digest_size=6).hexdigest()
    return {"group_instance_id": f"{member}-{listed}"}


class KafkaSubscription:
    """A group member; implements `port.Subscription`."""

    def __init__(
        self, cluster: KafkaCluster, group: str, topics: Sequence[str], member: str | None = None
    ) -> None:
        self._cluster = cluster
        self._held: set[_Place] = set()
        self._uncommitted: dict[_Place, int] = {}
        self._closing = False
        for topic in topics:
            cluster.partitions(topic)
        self._consumer = Consumer(
            cluster.settings(
                cluster.note,
                group_id=group,
                partition_assignment_strategy="cooperative-sticky",
                enable_auto_commit=False,
                enable_auto_offset_store=False,
                auto_offset_reset="error",
                queued_max_messages_kbytes=16384,
                **_static(member, topics),
            )
        )
        self._consumer.subscribe(
            list(topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )

    def poll(self, at_most: int, wait: float) -> list[Message]:
        """Up to `at_most` messages of the partitions held, waiting at most `wait` seconds.

        Raises OffsetExpired, OffsetAhead, TopicMissing, BrokerUnreachable, BrokerRefused.
        """
        give_up = time.monotonic() + wait
        messages = self._consume(at_most, 0.0)
        while not messages and (left := give_up - time.monotonic()) > 0:
            messages = self._consume(1, left)
            if messages and at_most > 1:
                messages += self._consume(at_most - 1, 0.0)
        if self._uncommitted:
            self.commit({})
        return [message for message in messages if (message.topic, message.partition) in self._held]

    def commit(self, offsets: Mapping[_Place, int]) -> None:
        """Commit offsets of partitions still held, or at a later poll while the group moves."""
        wanted = {**self._uncommitted, **offsets}
        held = {place: offset for place, offset in wanted.items() if place in self._held}
        self._uncommitted = {}
        if not held:
            return
        places = [TopicPartition(topic, partition, offset) for (topic, partition), offset in held.items()]
        try:
            for place in self._consumer.commit(offsets=places, asynchronous=False):
                if place.error is not None:
                    raise KafkaException(place.error)
        except KafkaException as error:
            if error.args[0].code() not in _MOVING:
                raise self._cluster.failure(error) from error
            self._uncommitted = held

    def close(self) -> None:
        """Commit what was put off, and leave; a named member leaves only by giving up its topics first."""
        try:
            self.commit({})
        finally:
            self._closing = True
            self._consumer.unsubscribe()
            give_up = time.monotonic() + _LEAVE_S
            while self._held and time.monotonic() < give_up:
                self._consumer.poll(_LEAVE_S / 10)
            self._consumer.close()

    def _consume(self, at_most: int, wait: float) -> list[Message]:
        """Messages only; raises what waiting cannot mend."""
        proper: list[Message] = []
        for message in self._consumer.consume(at_most, wait):
            error = message.error()
            if error is None:
                proper.append(message_of(message))
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                self._raise_out_of_range(message)
            elif (meant := self._cluster.meaning(error, message.topic() or "")) is not None:
                raise meant
        return proper

    def _raise_out_of_range(self, message: KafkaMessage) -> None:
        """Say which messages the group has lost to retention."""
        topic, partition = message.topic() or "", message.partition() or 0
        wanted = self._cluster_committed(topic, partition)
        bounds = self._cluster.bounds(topic, partition)
        if wanted > bounds.end:
            raise OffsetAhead(topic, partition, wanted, bounds.end)
        raise OffsetExpired(topic, partition, wanted, bounds.low)

    def _cluster_committed(self, topic: str, partition: int) -> int:
        """The committed offset of a partition, 0 when there is none."""
        places = self._consumer.committed([TopicPartition(topic, partition)], timeout=self._cluster.answer_s)
        return max(places[0].offset, 0)

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Start each new partition at its committed offset, else at its beginning."""
        if self._closing:  # an assignment that comes while leaving is for nobody, and nobody would answer
            return
        try:
            places = consumer.committed(partitions, timeout=self._cluster.answer_s) if partitions else []
        except KafkaException as error:
            raise self._cluster.failure(error) from error
        for place in places:
            if place.error is not None:
                raise BrokerUnreachable(self._cluster.servers, place.error.str())
            if place.offset < 0:
                place.offset = OFFSET_BEGINNING
        consumer.incremental_assign(places)
        self._held |= {(place.topic, place.partition) for place in places}

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Forget partitions that others hold from now on; what was not committed they read again."""
        self._held -= {(place.topic, place.partition) for place in partitions}
        consumer.incremental_unassign(partitions)
