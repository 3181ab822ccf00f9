"""The same work as most would write it first: Bytewax's own Kafka source and sink, one state a device."""

from __future__ import annotations

import bytewax.operators as op
import msgspec
from bytewax.connectors.kafka import KafkaError, KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow

from load_tests.oracle import TenInARow, Watcher

_RULE = TenInARow()


class Reading(msgspec.Struct):
    """All five fields."""

    device: str
    at: int
    coolant_c: float
    battery_v: float
    speed_kmh: float


_decoder = msgspec.json.Decoder(Reading)


def _decode(
    message: KafkaSourceMessage[bytes | None, bytes | None] | KafkaError[bytes | None, bytes | None],
) -> tuple[str, Reading]:
    if isinstance(message, KafkaError):
        raise SystemExit(f"the naive flow cannot read: {message.err}")
    reading = _decoder.decode(message.value or b"")
    return reading.device, reading


def _watch(watcher: Watcher | None, reading: Reading) -> tuple[Watcher, int | None]:
    watcher = watcher or Watcher(_RULE)
    return watcher, reading.at if watcher.take(reading.at, reading.coolant_c) else None


def _message(item: tuple[str, int | None]) -> KafkaSinkMessage | None:
    device, opened_at = item
    if opened_at is None:
        return None
    value = msgspec.json.encode({"device": device, "opened_at": opened_at})
    return KafkaSinkMessage(device.encode(), value)


def flow(servers: str, topic: str, out: str) -> Dataflow:
    """The dataflow from one topic to another."""
    flow = Dataflow("naive")
    messages = op.input("in", flow, KafkaSource([servers], [topic]))
    keyed = op.map("decode", messages, _decode)
    watched = op.stateful_map("watch", keyed, _watch)
    op.output("out", op.filter_map("raised", watched, _message), KafkaSink([servers], out))
    return flow
