"""Drives a real shard the way the operator does, and turns its alarms into what the oracle says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from flows.devices.shard import Shard, ShardOutput, ShardPlace
from flows.expressions import parse
from flows.rules.model import Rule, RuleSet, Run
from flows.schema import Alarm, Event
from flows.streams import Stream
from flows.topics.port import Message, RawBatch
from tests.unit.devices.oracle import Sent
from tests.unit.devices.oracle_episodes import Said

COUNTED = ("taken", "late", "duplicate", "future", "dead")


class Sets:
    """Published rule sets, numbered from 1."""

    def __init__(self, *rules: Rule, **more: Any) -> None:
        self.sets: list[RuleSet] = []
        self.publish(*rules, **more)

    def publish(self, *rules: Rule, **more: Any) -> None:
        number = len(self.sets) + 1
        self.sets.append(RuleSet(number=number, tenant="t", rules=rules, purposes={}, profile=(), **more))

    @property
    def current(self) -> RuleSet:
        return self.sets[-1]

    def get(self, number: int) -> RuleSet:
        return self.sets[number - 1]


def raw_batch(
    messages: Sequence[bytes], appended: Sequence[int] | int, first: int = 0, topic: str = "telemetry"
) -> RawBatch:
    """Messages as a source hands them over, with consecutive offsets from `first`."""
    n = len(messages)
    times = np.full(n, appended, np.int64) if isinstance(appended, int) else np.array(appended, np.int64)
    ends = np.cumsum([len(m) for m in messages]).astype(np.int64)
    return RawBatch(topic, 0, b"".join(messages), ends, np.arange(first, first + n), times, at_end=True)


def message_of(sent: Sent) -> bytes:
    """A reading as a device sends it; what is missing is left out."""
    there = {name: value for name, value in sent.values.items() if value is not None}
    if sent.metric:
        there = {"name": sent.metric, "value": there.get(sent.metric)}
    return msgspec.json.encode({"device": sent.device, "at": sent.at, **there})


def thing(device: str, attributes: Mapping[str, float] | None) -> Message:
    """What the topic `things` says of a device."""
    value = None if attributes is None else msgspec.json.encode(attributes)
    return Message("things", 0, 0, device.encode(), value, (), 0)


class Driven:
    """A shard with everything it has said so far."""

    def __init__(self, stream: Stream, sets: Sets, things: Mapping[str, Mapping[str, float]] | None = None):
        self.place = ShardPlace(tenant="t", stream=stream, partition=0, partitions=1)
        self.sets, self.things = sets, dict(things or {})
        self.alarms: list[Alarm] = []
        self.events: list[Event] = []
        self.counts: Counter[str] = Counter()
        self.outputs: list[ShardOutput] = []
        self.offset = 0
        self.shard = Shard(self.place, sets)
        self.shard.on_things([thing(device, said) for device, said in self.things.items()])

    def send(self, messages: Sequence[bytes], appended: Sequence[int] | int) -> ShardOutput:
        """One raw batch."""
        output = self.shard.on_readings(raw_batch(messages, appended, self.offset))
        self.offset += len(messages)
        self.alarms += output.alarms
        self.events += output.events
        self.outputs.append(output)
        self.counts.update({name: getattr(output.counts, name) for name in COUNTED})
        return output

    def read(self, sent: Sequence[Sent]) -> ShardOutput:
        """One raw batch of readings, a message each."""
        return self.send([message_of(one) for one in sent], [one.appended for one in sent])

    def epoch(self) -> ShardOutput:
        """A snapshot, and the epoch after it."""
        self.shard.snapshot()
        output = self.shard.on_epoch()
        self.alarms += output.alarms
        return output

    def restart(self) -> None:
        """Go on in a new shard from a snapshot's bytes, as after a crash; `things` is read again."""
        self.shard = Shard(self.place, self.sets, self.shard.snapshot())
        self.shard.on_things([thing(device, said) for device, said in self.things.items()])
        self.alarms += self.shard.on_epoch().alarms


def said(alarm: Alarm) -> Said:
    """An alarm as the oracle says it."""
    facts = {
        n: v for n, v in alarm.evidence.values.items() if n in ("run", "count", "out_of", "rise", "value")
    }
    return Said(
        alarm.device, alarm.rule, alarm.transition, alarm.severity, alarm.at, alarm.opened_at, alarm.number,
        facts if alarm.transition == "raised" else {},
    )  # fmt: skip


def by_episode(found: Iterable[Said]) -> dict[tuple[str, str], list[Said]]:
    """Transitions by device and rule, each in the order they were said: the order that is promised."""
    told: dict[tuple[str, str], list[Said]] = {}
    for one in found:
        told.setdefault((one.device, one.rule), []).append(one)
    return told


RAISE_ALWAYS = Rule(
    name="always",
    stream="s",
    patterns=(Run(length=1, of=parse("1 == 1")),),
    reads=("f", "i", "b", "e"),
    fingerprint="always",
)
