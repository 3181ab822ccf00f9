"""The shard as a step of a Bytewax dataflow: one key is one shard."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from bytewax.operators import StatefulBatchLogic  # pyright: ignore[reportMissingTypeStubs]

from flows.devices.shard import Shard, ShardOutput
from flows.devices.shard_state import partition_of_state
from flows.engine.names import DEVICES_FLOW
from flows.engine.raw import EpochEnded
from flows.engine.sink import Outgoing
from flows.engine.told import told
from flows.metrics import Metrics
from flows.schema import Alarm, DeadLetter, encode
from flows.topics.names import TopicNames
from flows.topics.port import Message, RawBatch

ShardItem = RawBatch | EpochEnded | tuple[Message, ...]
OutItem = tuple[str, Outgoing | Alarm]

_log = structlog.get_logger(__name__)


def alarm_out(alarm: Alarm, names: TopicNames) -> tuple[str, Outgoing]:
    """An alarm as a message; its key is its device."""
    return alarm.device, Outgoing(names.alarms, alarm.device.encode(), encode(alarm))


def _partition(item: ShardItem) -> int:
    """Which partition an item is of."""
    return item[0].partition if isinstance(item, tuple) else item.partition


class ShardLogic(StatefulBatchLogic[ShardItem, OutItem, bytes]):
    """Drives one shard; `build` makes it of its partition and the bytes of its last snapshot.

    Alarms leave it as messages, or, `stepped`, as they are: for a step.
    """

    def __init__(
        self,
        stream: str,
        build: Callable[[int, bytes | None], Shard],
        names: TopicNames,
        metrics: Metrics,
        resume: bytes | None,
        stepped: bool = False,
    ) -> None:
        self._stream, self._build = stream, build
        self._names, self._metrics, self._stepped = names, metrics, stepped
        self._misplaced = False
        self._name, self._labels = stream, {"stream": stream}
        self._built: Shard | None = None
        if resume is not None:
            self._open(partition_of_state(resume), resume)

    def _open(self, partition: int, resume: bytes | None) -> None:
        """Build the shard; Bytewax tells a logic no key, so a new one learns its partition from its first item."""
        self._name = f"{self._stream}/{partition}"
        self._labels = {"stream": self._stream, "partition": str(partition)}
        with told("shards", self._name):
            self._built = self._build(partition, resume)

    @property
    def _shard(self) -> Shard:
        if self._built is None:
            raise RuntimeError("a shard was asked before its first item")
        return self._built

    def on_batch(self, values: list[ShardItem]) -> tuple[list[OutItem], bool]:
        """Take what came in its order."""
        out: list[OutItem] = []
        if self._built is None:
            self._open(_partition(values[0]), None)
        with told("shards", self._name):
            for value in values:
                if isinstance(value, RawBatch):
                    began = time.perf_counter()
                    found = self._shard.on_readings(value)
                    self._metrics.batch_seconds.labels(self._stream).observe(time.perf_counter() - began)
                    self._count(found, value)
                elif isinstance(value, EpochEnded):
                    found = self._shard.on_epoch()
                else:
                    found = ShardOutput(dead=self._shard.on_things(value))
                out += self._outgoing(found)
        return out, StatefulBatchLogic.RETAIN

    def _outgoing(self, found: ShardOutput) -> list[OutItem]:
        """Alarms, events, accounts and dead letters as messages."""
        names, out = self._names, list[OutItem]()
        for alarm in found.alarms:
            self._metrics.alarms.labels(alarm.rule, alarm.transition).inc()
            out.append((alarm.device, alarm) if self._stepped else alarm_out(alarm, names))
        for event in found.events:
            out.append((event.subject, Outgoing(names.events, event.subject.encode(), encode(event))))
        for account in found.accounts:
            key = f"{account.topic}/{account.partition}"
            out.append((key, Outgoing(names.accounts, key.encode(), encode(account))))
        for letter in found.dead:
            out.append((self._name, self._dead(letter)))
        return out

    def _dead(self, letter: DeadLetter) -> Outgoing:
        self._metrics.dead_letters.labels(letter.reason).inc()
        return Outgoing(self._names.dead_letters, letter.key, letter.value, letter.headers())

    def _count(self, found: ShardOutput, batch: RawBatch) -> None:
        """Metrics of one batch; a misplaced device is said once a shard."""
        counts = found.counts
        for result in ("taken", "late", "duplicate", "future", "dead"):
            amount = getattr(counts, result)
            if amount:
                self._metrics.readings.labels(self._stream, result).inc(amount)
        lag = (int(batch.appended[-1]) - self._shard.clock) / 1000
        self._metrics.clock_lag_seconds.labels(**self._labels).set(max(0.0, lag))
        if found.misplaced is not None:
            self._metrics.misplaced_devices.labels(self._stream).inc()
            if not self._misplaced:
                self._misplaced = True
                _log.warning(
                    "a device is in a partition that its key does not belong to, so two shards may watch it; "
                    "let the producer use murmur2 and the device as key",
                    shard=self._name,
                    device=found.misplaced,
                )

    def on_notify(self) -> tuple[list[OutItem], bool]:
        """Never asked for: shards go by event time."""
        return [], StatefulBatchLogic.RETAIN

    def on_eof(self) -> tuple[list[OutItem], bool]:
        """A partition that ends keeps its state."""
        return [], StatefulBatchLogic.RETAIN

    def notify_at(self) -> None:
        """Nothing waits for the wall clock."""
        return None

    def snapshot(self) -> bytes:
        """The shard's bytes."""
        with told("shards", self._name):
            began = time.perf_counter()
            data = self._shard.snapshot()
            self._metrics.stopped(DEVICES_FLOW, time.perf_counter() - began)
            self._metrics.snapshot_bytes.labels(DEVICES_FLOW, self._name).set(len(data))
            self._metrics.state_bytes.labels(**self._labels).set(self._shard.nbytes())
        return data
