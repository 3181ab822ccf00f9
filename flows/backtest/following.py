"""A shard with one rule that follows one device, and is asked after each reading how far the rule is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from flows.backtest.archive import OneSet
from flows.backtest.device_rows import DeviceRows, Piece
from flows.backtest.explained import Changed, Question, Status, Step
from flows.backtest.progress import breaks_of, closed_between
from flows.devices.alarms import as_value
from flows.devices.attributes import Attributes
from flows.devices.columns import ReadingsStep
from flows.devices.conditions import Conditions
from flows.devices.decoder import Decoder, Readings
from flows.devices.rule_state import ask
from flows.devices.shard import Shard, ShardOutput, ShardPlace
from flows.devices.standing import Standing
from flows.devices.ticks import tick_of
from flows.rules.model import Absence, Window
from flows.schema import Alarm, Value
from flows.topics.port import Message, RawBatch

_AT_ONCE = 4_096


class Following:
    """The shard, and beside it the same conditions asked once more to be shown."""

    def __init__(self, question: Question) -> None:
        rule = msgspec.structs.replace(question.rule, mode="live")
        self._question, self._rule = question, rule
        stream = question.rule_set.streams[rule.stream or ""]
        self._stream = stream
        place = ShardPlace(
            tenant=question.rule_set.tenant,
            stream=stream,
            partition=0,
            partitions=1,
            stale_after=question.stale_after,
            max_bytes=question.max_bytes,
            steps=question.steps,
        )
        self._shard = Shard(place, OneSet(msgspec.structs.replace(question.rule_set, rules=(rule,))))
        self._attributes = Attributes(stream)
        self._attributes.make_room(1)
        self._take_thing(question.thing)
        self._step = ReadingsStep(question.steps, stream)
        self._decoder = Decoder(stream, self._step.wanted(rule.reads), question.max_bytes)
        self.absence = any(isinstance(p, Absence) for p in rule.patterns)
        windows = any(isinstance(p, Window) for p in rule.patterns)
        self._wait = stream.lateness if windows else 0
        self._rows = DeviceRows(stream, question.device, tick_of([rule]), self.absence, question.max_bytes)
        self.standing = self._standing()

    def _take_thing(self, thing: bytes | None) -> None:
        self._attributes.take([0], [thing])
        key = self._question.device.encode()
        self._shard.on_things([Message("things", 0, 0, key, thing, (), 0)])

    def _standing(self) -> Standing:
        found = self._shard.standing(self._rule.name, self._question.device)
        if found is None:
            raise KeyError(self._rule.name)
        return found

    def attributes(self) -> dict[str, Value]:
        """What is known of the device that the rule reads."""
        return {
            f"device.{name}": value for name, value in self._attributes.of(self._rule.attributes, 0).items()
        }

    def end(self, steps: tuple[Step, ...]) -> int | None:
        """Up to when the steps tell: an absence by the shard's clock, all else by the device's."""
        if self.absence:
            return self.standing.shard_clock or None
        return max((step.at for step in steps), default=self.standing.clock)

    def pieces(self, batches: Iterable[RawBatch]) -> Iterator[Piece]:
        """What is to be taken, up to the first own reading past the end."""
        until = self._question.until
        clock = -1
        for batch in batches:
            for piece in self._rows.pieces(batch):
                yield piece
                if until is None or not piece.own or piece.at is None:
                    continue
                if piece.at <= int(piece.batch.appended[0]) + self._stream.max_ahead:
                    clock = max(clock, piece.at)
                if clock > until + self._wait:
                    return

    def pass_by(self, pieces: Iterable[Piece]) -> list[Changed]:
        """Take pieces without a word but for the transitions, as many at once as the shard likes."""
        changed: list[Changed] = []
        batch: list[RawBatch] = []
        for piece in pieces:
            batch.append(piece.batch)
            if len(batch) == _AT_ONCE:
                changed += self._changed(self._shard.on_readings(_joined(batch)))
                batch = []
        if batch:
            changed += self._changed(self._shard.on_readings(_joined(batch)))
        self.standing = self._standing()
        return changed

    def take(self, piece: Piece) -> list[Step]:
        """The step of one reading; none when others' readings ended nothing of the device."""
        before = self.standing
        out = self._shard.on_readings(piece.batch)
        after = self.standing = self._standing()
        readings = self._step.take(piece.batch, self._decoder.decode(piece.batch)) if piece.own else None
        scope = self.attributes()
        step = Step(
            at=after.shard_clock,
            status="clock",
            closed=closed_between(self._rule, before, after, scope),
            transitions=tuple(self._changed(out)),
            standing=after,
        )
        if readings is not None and (piece.at is not None or out.dead):
            step = self._read(step, piece, readings, out, before)
        elif not step.closed and not step.transitions:
            return []
        return self._within(step, before)

    def _within(self, step: Step, before: Standing) -> list[Step]:
        """Only what happened up to the end; a reading behind it may still tell of what ended before it."""
        until = self._question.until
        times = [c.at for c in step.transitions] + [c.end for c in step.closed]
        if step.status == "clock" and times:
            step = msgspec.structs.replace(step, at=max(times))
        if until is None or (step.at <= until and all(at <= until for at in times)):
            return [step]
        transitions = tuple(c for c in step.transitions if c.at <= until)
        closed = tuple(c for c in step.closed if c.end <= until)
        if not transitions and not closed:
            return []
        at = max([c.at for c in transitions] + [c.end for c in closed])
        return [Step(at=at, status="clock", transitions=transitions, closed=closed, standing=before)]

    def _read(self, step: Step, piece: Piece, readings: Readings, out: ShardOutput, before: Standing) -> Step:
        """A step with what its reading said."""
        batch, counts = piece.batch, out.counts
        status: Status = "taken"
        for name in ("late", "duplicate", "future"):
            if getattr(counts, name):
                status = name
        holds: tuple[bool | None, ...] = ()
        values: dict[str, Value] = {}
        if len(readings.at):
            holds, values = self._asked(readings)
        else:
            status = "refused"
        appended = int(batch.appended[0])
        return msgspec.structs.replace(
            step,
            at=piece.at if piece.at is not None else before.clock or appended,
            status=status,
            source=batch.topic,
            offset=int(batch.offsets[0]),
            appended=appended,
            values=values,
            holds=holds,
            refused=tuple(letter.message for letter in out.dead if letter.reason != "future"),
            breaks=breaks_of(self._rule, before, step.standing, holds, piece.at)
            if status == "taken" and piece.at is not None
            else (),
        )

    def _asked(self, readings: Readings) -> tuple[tuple[bool | None, ...], dict[str, Value]]:
        """(each pattern's condition, the fields it reads) of the one reading there is."""

        def column(name: str) -> NDArray[np.float64]:
            if name.startswith("device."):
                return self._attributes.column(name.removeprefix("device."), np.zeros(1, np.int32))
            return readings.columns[readings.fields.index(name)]

        asked = ask(self._rule, Conditions(self._stream, 1, column))
        holds = tuple(None if truth < 0 else bool(truth) for truth in asked.holds[:, 0].tolist())
        fields = zip(self._decoder.fields, readings.columns[:, 0].tolist(), strict=True)
        return holds, {
            field.name: as_value(field, number) for field, number in fields if field.name in self._rule.reads
        }

    def _changed(self, out: ShardOutput) -> list[Changed]:
        """The transitions of the device among what was said."""
        until = math.inf if self._question.until is None else self._question.until
        return [
            _changed(alarm)
            for alarm in out.alarms
            if alarm.device == self._question.device and alarm.rule == self._rule.name and alarm.at <= until
        ]


def _changed(alarm: Alarm) -> Changed:
    return Changed(
        transition=alarm.transition,
        severity=alarm.severity,
        at=alarm.at,
        opened_at=alarm.opened_at,
        episode=alarm.episode,
        explanation=alarm.explanation,
        reason=alarm.reason,
    )


def _joined(batches: list[RawBatch]) -> RawBatch:
    """Batches as one; only its data and times are looked at."""
    if len(batches) == 1:
        return batches[0]
    lengths = [np.diff(batch.ends, prepend=0) for batch in batches]
    return msgspec.structs.replace(
        batches[0],
        data=b"".join(batch.data for batch in batches),
        ends=np.cumsum(np.concatenate(lengths)),
        offsets=np.concatenate([batch.offsets for batch in batches]),
        appended=np.concatenate([batch.appended for batch in batches]),
    )
