"""The ceiling: nothing but consume and decode, one process's share of the partitions; started by the leg.

It says `ready` when it has read what was there first, and at its end one JSON line of how many it decoded and when.
"""

from __future__ import annotations

import argparse
import signal
import time
from itertools import pairwise
from pathlib import Path

import msgspec
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka import Message as KafkaMessage

from flows.topics.sqlite import SqliteTopics

_BATCH = 4096


class Reading(msgspec.Struct, gc=False):
    """All five fields."""

    device: str
    at: int
    coolant_c: float
    battery_v: float
    speed_kmh: float


class Ended(msgspec.Struct):
    """How many readings were decoded, and when the first after `ready` and the last one were (ms)."""

    readings: int
    began: int
    ended: int


class KafkaShare:
    """Some partitions of a topic on Kafka, through one consumer."""

    def __init__(self, servers: str, topic: str, partitions: list[int]) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": "bench-ceiling",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "check.crcs": False,
                "fetch.message.max.bytes": 2 << 20,
                "queued.max.messages.kbytes": 65_536,
                "fetch.queue.backoff.ms": 5,
            }
        )
        self._consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])

    def take(self) -> list[bytes]:
        """What is there."""
        messages = self._consumer.consume(_BATCH, 0.005)
        if any(map(KafkaMessage.error, messages)):
            raise SystemExit(f"the ceiling cannot read: {next(m.error() for m in messages if m.error())}")
        return list(map(KafkaMessage.value, messages))  # pyright: ignore[reportReturnType]


class SqliteShare:
    """Some partitions of a topic on SQLite."""

    def __init__(self, file: str, topic: str, partitions: list[int]) -> None:
        topics = SqliteTopics(Path(file))
        self._readers = [topics.reader(topic, partition, 0) for partition in partitions]

    def take(self) -> list[bytes]:
        """What is there."""
        values: list[bytes] = []
        for reader in self._readers:
            batch = reader.read_batch(_BATCH)
            if batch is not None:
                ends = [0, *batch.ends.tolist()]
                values += [batch.data[low:high] for low, high in pairwise(ends)]
        return values


def decode_all(share: KafkaShare | SqliteShare, first: int, count: int) -> Ended:
    """Decode `first` readings, say `ready`, decode `count` more."""
    decode = msgspec.json.Decoder(Reading).decode
    done = began = 0
    while done < first:
        done += len([decode(value) for value in share.take()])
    print("ready", flush=True)
    while done < first + count:
        values = share.take()
        began = began or (_now() if values else 0)
        done += len([decode(value) for value in values])
    return Ended(done, began, _now())


def _now() -> int:
    return time.time_ns() // 1_000_000


def main() -> None:
    """As the leg calls it."""
    parser = argparse.ArgumentParser(description="Consume and decode, nothing else.")
    parser.add_argument("bus", choices=["sqlite", "kafka"])
    parser.add_argument("address")
    parser.add_argument("topic")
    parser.add_argument("--partitions", required=True, help="numbers, joined by commas")
    parser.add_argument(
        "--first", type=int, required=True, help="how many readings there are before the start"
    )
    parser.add_argument("--count", type=int, required=True, help="how many come then")
    chosen = parser.parse_args()
    partitions = [int(number) for number in chosen.partitions.split(",")]
    kind = KafkaShare if chosen.bus == "kafka" else SqliteShare
    ended = decode_all(kind(chosen.address, chosen.topic, partitions), chosen.first, chosen.count)
    print(msgspec.json.encode(ended).decode(), flush=True)
    signal.pause()  # the leg reads our CPU time before it kills us


if __name__ == "__main__":
    main()
