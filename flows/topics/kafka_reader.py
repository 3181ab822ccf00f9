"""Reading one partition of Kafka, by offsets of our own and in whole blocks."""

from __future__ import annotations

import contextlib
import time
from operator import itemgetter

import numpy as np
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from flows.errors import OffsetAhead, OffsetExpired
from flows.topics.kafka_cluster import KafkaCluster
from flows.topics.port import Message, RawBatch

_ASK_AGAIN_S = 1.0
_STAMP = itemgetter(1)


class KafkaReader:
    """One partition in order, through a consumer of its own that joins no group; implements `port.Reader`."""

    def __init__(self, cluster: KafkaCluster, topic: str, partition: int, offset: int) -> None:
        self._cluster, self._topic, self._partition = cluster, topic, partition
        self._position = offset
        self._marker = -1
        self._troubled = False
        self._asked = 0.0
        self._check()
        self._consumer = Consumer(
            cluster.settings(
                self._on_error,
                group_id="telltale-reader",
                enable_auto_commit=False,
                enable_auto_offset_store=False,
                auto_offset_reset="error",
                enable_partition_eof=True,
                check_crcs=False,
                fetch_message_max_bytes=2 << 20,
                queued_max_messages_kbytes=16384,
                # librdkafka's default of a second is longer than a full queue lasts.
                fetch_queue_backoff_ms=5,
                socket_timeout_ms=10_000,
            )
        )
        self._consumer.assign([TopicPartition(topic, partition, offset)])

    @property
    def position(self) -> int:
        """The offset of the next message to be read."""
        return self._position

    @property
    def at_end(self) -> bool:
        """Whether nothing stood behind `position` at the broker's last answer; False while none comes."""
        if self._troubled:
            return False
        if self._marker == self._position:
            return True
        _, high = self._consumer.get_watermark_offsets(self._place(), cached=True)
        return 0 <= high <= self._position

    def read_batch(self, at_most: int) -> RawBatch | None:
        """Up to `at_most` messages that are there now as one block, or None; raises as the port says."""
        messages = self._take(at_most, 0.0)
        if not messages:
            return None
        count = len(messages)
        values = [value or b"" for value in map(KafkaMessage.value, messages)]
        first, last = _offset(messages[0]), _offset(messages[-1])
        if last - first + 1 == count:
            offsets = np.arange(first, last + 1, dtype=np.int64)
        else:
            offsets = np.fromiter(map(KafkaMessage.offset, messages), np.int64, count)
        return RawBatch(
            topic=self._topic,
            partition=self._partition,
            data=b"".join(values),
            ends=np.cumsum(np.fromiter(map(len, values), np.int64, count)),
            offsets=offsets,
            appended=np.fromiter(map(_STAMP, map(KafkaMessage.timestamp, messages)), np.int64, count),
            at_end=self.at_end,
        )

    def read(self, at_most: int, wait: float = 0.0) -> list[Message]:
        """Up to `at_most` messages, waiting at most `wait` seconds for the first; raises as the port says."""
        return [message_of(message) for message in self._take(at_most, wait)]

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()

    def _place(self) -> TopicPartition:
        return TopicPartition(self._topic, self._partition)

    def _take(self, at_most: int, wait: float) -> list[KafkaMessage]:
        """The next messages, waiting for the first of them; `consume` itself would wait for the last."""
        messages = self._consume(at_most, 0.0)
        give_up = time.monotonic() + wait
        while not messages and (left := give_up - time.monotonic()) > 0:
            messages = self._consume(1, left)
            if messages and at_most > 1:
                messages += self._consume(at_most - 1, 0.0)
        if not messages and self._troubled:
            self._ask_for_end()
        return messages

    def _consume(self, at_most: int, wait: float) -> list[KafkaMessage]:
        """What the consumer has, without the notices among it; moves position and end."""
        messages = self._consumer.consume(at_most, wait)
        if any(map(KafkaMessage.error, messages)):
            messages = self._without_notices(messages)
        if messages:
            self._position = max(self._position, _offset(messages[-1]) + 1)
        return messages

    def _without_notices(self, messages: list[KafkaMessage]) -> list[KafkaMessage]:
        """The messages proper; notes the end of the partition, raises what waiting cannot mend."""
        proper: list[KafkaMessage] = []
        for message in messages:
            error = message.error()
            if error is None:
                proper.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                # Offsets before the end that no message has are control records, or were compacted away.
                self._marker = self._position = _offset(message)
                self._troubled = False  # notices and messages come in order, so this answer is newer
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                self._check()
                self._consumer.assign([TopicPartition(self._topic, self._partition, self._position)])
            elif (meant := self._cluster.meaning(error, self._topic)) is not None:
                raise meant
            else:
                self._troubled = True
        return proper

    def _check(self) -> None:
        """Raise when what is wanted next is gone, or cannot have been."""
        bounds = self._cluster.bounds(self._topic, self._partition)
        if self._position < bounds.low:
            raise OffsetExpired(self._topic, self._partition, self._position, bounds.low)
        if self._position > bounds.end:
            raise OffsetAhead(self._topic, self._partition, self._position, bounds.end)

    def _on_error(self, error: KafkaError) -> None:
        """Know that the broker may not answer; librdkafka connects anew by itself."""
        self._troubled = True
        self._cluster.note(error)

    def _ask_for_end(self) -> None:
        """Ask for the end, once a second: after trouble no marker comes for a partition that stayed quiet."""
        now = time.monotonic()
        if now - self._asked < _ASK_AGAIN_S:
            return
        self._asked = now
        with contextlib.suppress(KafkaException):
            _, end = self._consumer.get_watermark_offsets(self._place(), timeout=0.2)
            self._troubled = False
            self._marker = end


def message_of(message: KafkaMessage) -> Message:
    """One of Kafka's messages as one of ours."""
    headers = message.headers()
    pairs = headers.items() if isinstance(headers, dict) else headers or ()
    return Message(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=_offset(message),
        key=message.key(),
        value=message.value(),
        headers=tuple((name, _bytes(value)) for name, value in pairs),
        appended=message.timestamp()[1],
    )


def _offset(message: KafkaMessage) -> int:
    """The offset, which only a message that was never delivered lacks."""
    offset = message.offset()
    return -1 if offset is None else offset


def _bytes(value: str | bytes | None) -> bytes:
    """A header's value, which other producers may leave out."""
    return value.encode() if isinstance(value, str) else value or b""
