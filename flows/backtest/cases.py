"""Plays the tests of a rule: one shard with the case's device, and what decides behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import numpy as np

from flows.backtest.beats import beats
from flows.backtest.deciding import DEVICE, Deciding
from flows.devices.shard import Shard, ShardPlace
from flows.rules.case import Case, Reading, exact
from flows.rules.model import Rule, RuleSet
from flows.rules.testing import Played
from flows.schema import Alarm, Value, encode
from flows.steps import NO_STEPS, Steps
from flows.streams import Position, Stream
from flows.topics.port import Message, RawBatch

_CLOCK = "clock-of-the-test"
# No field can be called so.
_KEY, _TIME = "$device", "$at"


class OneRule:
    """A rule set that holds one rule and never changes; as the flows ask for it."""

    def __init__(self, rule_set: RuleSet, rule: Rule) -> None:
        live = msgspec.structs.replace(rule, mode="live") if rule.mode == "disabled" else rule
        streams = {name: as_tests_write(stream) for name, stream in rule_set.streams.items()}
        self.newest = self.current = msgspec.structs.replace(rule_set, rules=(live,), streams=streams)

    def get(self, number: int) -> RuleSet:  # noqa: ARG002 - there is only one
        """The only set."""
        return self.current


def as_tests_write(stream: Stream) -> Stream:
    """A stream whose messages hold times in ms and each field under its own name, in its own unit.

    A test speaks of readings, not of what they look like on the wire.
    """
    plain = tuple(
        msgspec.structs.replace(field, source="", scale=1.0, offset=0.0, derived=False)
        for field in stream.fields
    )
    return msgspec.structs.replace(
        stream, key=_KEY, device="", time=_TIME, time_unit="ms", zone="", shape="wide", metric="", value="",
        position=stream.position and Position("latitude", "longitude"), fields=plain,
    )  # fmt: skip


class Backtest:
    """Plays cases under one rule at a time of a rule set; a `flows.rules.testing.Player`."""

    def __init__(self, rule_set: RuleSet, steps: Steps = NO_STEPS) -> None:
        self._rule_set, self._steps = rule_set, steps

    def play(self, rule: Rule, case: Case) -> Played:
        """Readings through the shard, then its alarms with the case's events and outcomes through the decision."""
        sets = OneRule(self._rule_set, rule)
        deciding = Deciding(sets, rule, case)
        if rule.stream is None:
            return Played(tuple(deciding.happened([])), tuple(deciding.unplayed))
        shard = _Sharded(sets, sets.current.streams[rule.stream], case, self._steps)
        happened = tuple(deciding.happened(shard.alarms()))
        return Played(happened, (*shard.unplayed, *deciding.unplayed))


class _Sharded:
    """One shard with the case's device, and one more whose readings are empty and move the shard's clock."""

    def __init__(self, sets: OneRule, stream: Stream, case: Case, steps: Steps) -> None:
        self._stream = stream
        self._case, self._sets = case, sets
        place = ShardPlace(
            tenant=sets.current.tenant, stream=self._stream, partition=0, partitions=1, steps=steps
        )
        self._shard = Shard(place, sets)
        self.unplayed: list[str] = []

    def alarms(self) -> list[Alarm]:
        """The transitions of the device up to the end of the case."""
        case = self._case
        self._shard.on_things([_message(DEVICE, encode(case.given.device))])
        rows = sorted([*self._readings(case.readings), *self._beats()], key=_when)
        if not rows:
            return []
        out = self._shard.on_readings(_batch(self._stream.topic, rows))
        self.unplayed += [
            f"the reading at {exact(rows[dead.offset][0] - case.start)} cannot be read: {dead.message}"
            for dead in out.dead
            if dead.reason != "out_of_range"
        ]
        return [a for a in out.alarms if a.device == DEVICE and a.at <= case.start + case.end]

    def _readings(self, readings: Iterable[Reading]) -> Iterator[tuple[int, bytes]]:
        for reading in readings:
            yield self._row(DEVICE, reading.offset, reading.values)

    def _beats(self) -> Iterator[tuple[int, bytes]]:
        """Empty readings wherever the shard's clock may end something: silence, or a window."""
        start, case = self._case.start, self._case
        (rule,) = self._sets.current.rules
        read = [start + reading.offset for reading in case.readings]
        for at in beats(rule, self._stream.lateness, read, start + case.end):
            yield self._row(_CLOCK, at - start, {})

    def _row(self, device: str, offset: int, values: dict[str, Value]) -> tuple[int, bytes]:
        at = self._case.start + offset
        plain: dict[str, Any] = {self._stream.key: device, self._stream.time: at}
        for name, value in values.items():
            field = self._stream.field(name)
            whole = (
                field is not None and field.type == "int" and isinstance(value, float) and value.is_integer()
            )
            plain[name] = int(value) if whole and isinstance(value, float) else value
        return at, encode(plain)


def _when(row: tuple[int, bytes]) -> int:
    return row[0]


def _message(key: str, value: bytes) -> Message:
    return Message("things", 0, 0, key.encode(), value, (), 0)


def _batch(topic: str, rows: list[tuple[int, bytes]]) -> RawBatch:
    """Rows of (time in ms, value), each taken by the bus at its own time."""
    times = np.array([at for at, _ in rows], np.int64)
    lengths = np.array([len(value) for _, value in rows], np.int64)
    return RawBatch(
        topic,
        0,
        b"".join(value for _, value in rows),
        np.cumsum(lengths),
        np.arange(len(rows), dtype=np.int64),
        times,
        at_end=True,
    )
