"""The sink of both flows: what it got before an epoch's end is delivered before that epoch is on disk.

It is a partitioned sink because Bytewax's stateless sinks lie outside the recovery frontier and lose data
when killed. A batch is written in stages, and a stage is flushed before a later one begins: decisions are in
the world before the actions they want. What is of the last stage waits for the end of the epoch, when all else that
shares its routing key is delivered. Where a team's step lies between stages they come in any order: then one writer
holds all of an epoch until its end.
"""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

import msgspec
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from flows.engine.told import told
from flows.topics.port import Headers, Topics, Writer

Beat = Callable[[], None]
Settle = Callable[["list[Outgoing]"], "list[Outgoing]"]

AT_END = 100
"""The last stage: written when all else of the epoch is delivered."""


class Outgoing(msgspec.Struct, frozen=True):
    """A message to write; all of a lower `stage` is delivered before it is written."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    stage: int = 0


def silent() -> None:
    """Nobody watches."""


class TopicSinkPartition(StatefulSinkPartition[Outgoing, int]):
    """One writer; `write_batch` flushes between stages, also when a stage came with an earlier batch."""

    def __init__(self, name: str, writer: Writer, beat: Beat, settle: Settle | None = None) -> None:
        self._name = name
        self._writer = writer
        self._beat = beat
        self._settle = settle
        self._held: list[Outgoing] = []
        self._lowest: int | None = None

    def write_batch(self, values: list[Outgoing]) -> None:
        """Write in the order of stages, and in the order given within one; raises DeliveryFailed."""
        if self._settle is not None:
            self._held += values
            return
        self._held += [message for message in values if message.stage >= AT_END]
        with told("out", self._name):
            self._write([message for message in values if message.stage < AT_END])

    def _write(self, values: list[Outgoing]) -> None:
        for message in sorted(values, key=_stage):
            if self._lowest is not None and message.stage > self._lowest:
                self._flush()
            self._writer.write(message.topic, message.value, key=message.key, headers=message.headers)
            self._lowest = message.stage if self._lowest is None else min(self._lowest, message.stage)
        self._writer.poll()

    def _flush(self) -> None:
        """Wait until all is delivered."""
        self._writer.flush(self._beat)
        self._lowest = None

    def snapshot(self) -> int:
        """Wait until all is delivered; raises DeliveryFailed for what waiting cannot mend."""
        with told("out", self._name):
            held, self._held = self._held, []
            self._write(held if self._settle is None else self._settle(held))
            self._flush()
        return 0

    def close(self) -> None:
        """Flush and let go."""
        self._writer.close()


def _stage(message: Outgoing) -> int:
    return message.stage


class TopicSink(FixedPartitionedSink[Outgoing, int]):
    """Takes `(routing key, Outgoing)`; what shares a routing key is written in order by one writer.

    Bytewax deals the partitions out evenly over its workers. `beat` is called while waiting for delivery. With
    `settle` one of them writes all, at the end of the epoch and as `settle` makes it of what the epoch brought.
    """

    def __init__(
        self,
        open_topics: Callable[[], Topics],
        parts: int = 4,
        beat: Beat = silent,
        settle: Settle | None = None,
    ) -> None:
        self._open_topics = open_topics
        self._parts = parts
        self._beat = beat
        self._settle = settle

    def list_parts(self) -> list[str]:
        """All partitions, on every worker."""
        return [f"out-{i:02}" for i in range(self._parts)]

    def part_fn(self, item_key: str) -> int:
        """CRC-32 of the routing key: alike on every worker and at every start."""
        return 0 if self._settle is not None else crc32(item_key.encode())

    def build_part(
        self,
        step_id: str,
        for_part: str,
        resume_state: int | None,  # noqa: ARG002 - the bus itself is the state
    ) -> TopicSinkPartition:
        """A writer of its own for each partition."""
        with told(step_id, for_part):
            return TopicSinkPartition(for_part, self._open_topics().writer(), self._beat, self._settle)
