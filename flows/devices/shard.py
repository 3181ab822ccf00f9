"""One shard: the devices of one partition of one stream, their rules, and what is to be said of them.

A plain object: raw batches and things in, alarms, events, dead letters and accounts out, snapshots as bytes. What it
says does not depend on how the messages were cut into batches, and neither does the order in which it is said: alarms
and events come as the readings that caused them, those of one reading by rule, and dead letters as their messages.
Whatever only the shard's clock ends is ended at fixed ticks of that clock, just after the reading that moved it past
one: rule by rule, within a rule by device as first seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from flows.devices.alarms import Cause, Place, build_alarm, removed
from flows.devices.attributes import Attributes
from flows.devices.causes import Causes
from flows.devices.cells import keep_episodes, restore_rule, save_rule
from flows.devices.closings import closings
from flows.devices.columns import ReadingsStep
from flows.devices.conditions import Conditions
from flows.devices.decoder import Decoder, Readings, value_of
from flows.devices.kernels import layout as k
from flows.devices.measured import MeasuredWindows
from flows.devices.memory import Memory
from flows.devices.rule_state import RuleState, Transitions, answers_of, ask, rows_of
from flows.devices.shard_state import (
    FORMAT,
    Counts,
    ShardState,
    decode_state,
    encode_state,
    pack_clocks,
    pack_heard,
    pack_lengths,
    unpack_clocks,
    unpack_heard,
    unpack_lengths,
)
from flows.devices.silence import absences, release
from flows.devices.standing import Standing, standing_of
from flows.devices.table import DeviceTable
from flows.devices.ticks import running_clock, segments, tick_of
from flows.rules.model import RuleSet
from flows.schema import Account, Alarm, DeadLetter, Event
from flows.steps import NO_STEPS, Steps
from flows.streams import Stream
from flows.topics.port import Message, RawBatch


def _row(told: tuple[int, Alarm]) -> int:
    """The row at which an alarm is said: the one that caused it, or before which it came."""
    return told[0] if told[0] >= 0 else -1 - told[0]


def _by_device(found: Transitions | None) -> Transitions | None:
    """Transitions that no reading caused, by device: cells stand as they became free, which a restart changes."""
    if found is None or len(found.rows) < 2:
        return found
    order = np.argsort(found.rows[:, k.SLOT], kind="stable")
    return Transitions(found.rows[order], found.facts[order], found.points[order])


class RuleSets(Protocol):
    """Where a shard takes rule sets from."""

    @property
    def current(self) -> RuleSet:
        """The set in force."""
        ...

    def get(self, number: int) -> RuleSet:
        """A set by its number; raises when the topic no longer holds it."""
        ...


class ShardPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Which shard this is, and what it is told: `stale_after` in ms, `max_bytes` of a message.

    Of the `steps` it takes the one for readings.
    """

    tenant: str
    stream: Stream
    partition: int
    partitions: int
    stale_after: int = 900_000
    max_bytes: int = 1_048_576
    steps: Steps = NO_STEPS


class ShardOutput(msgspec.Struct):
    """What a batch brought; `counts` are of this batch, `misplaced` a device whose key belongs to another partition.

    `first` and `last` are the least and the greatest event time (ms) of the batch's readings that are not future.
    """

    alarms: list[Alarm] = []
    events: list[Event] = []
    dead: list[DeadLetter] = []
    accounts: list[Account] = []
    counts: Counts = msgspec.field(default_factory=Counts)
    misplaced: str | None = None
    first: int | None = None
    last: int | None = None


class Shard:
    """The state of one shard under one rule set; a new set is taken up with the first batch after a snapshot."""

    def __init__(self, place: ShardPlace, rule_sets: RuleSets, resume: bytes | None = None) -> None:
        self._place, self._stream, self._rule_sets = place, place.stream, rule_sets
        self._counts = Counts()
        self._greatest_event = self._greatest_append = self._swept = 0
        state = (
            None if resume is None else decode_state(resume, f"shard {place.stream.name}/{place.partition}")
        )
        if state is None:
            self._table = DeviceTable()
            self._clocks = k.Clocks(np.empty(0, np.int64), np.empty(0, np.int64))
            self._memory = Memory()
            self._set = rule_sets.current
            self._next = self._set.number
        else:
            self._table = DeviceTable(state.ids, unpack_lengths(state.lengths))
            own = unpack_clocks(state.clock_base, state.clocks, state.wide_clocks)
            self._clocks = k.Clocks(own, unpack_heard(own, state.heard, state.heard_width))
            self._memory = Memory(len(own), state.recent, state.recent_size, state.seen, state.seen_size)
            self._counts = state.counts
            self._greatest_event, self._greatest_append = state.greatest_event, state.greatest_append
            self._swept = state.swept
            self._set = rule_sets.get(state.rule_set)
            self._next = state.next_rule_set
        self._attributes = Attributes(self._stream)
        self._rules: list[RuleState] = []
        self._measured: MeasuredWindows | None = None
        self._use({})
        for saved in state.rules if state else ():
            for rule_state in self._rules:
                if rule_state.rule.name == saved.rule:
                    restore_rule(rule_state, saved)
        if state is not None and self._measured is not None:
            self._measured.restore(state.measured)
        self._make_room()

    # -- rule sets ------------------------------------------------------------------------------------------------

    def _use(self, old: dict[str, RuleState]) -> None:
        """Build what the set in force needs, keeping the state of rules that mean the same.

        The set's own declaration of the stream holds, for that is what its rules were checked against.
        """
        self._stream = self._set.streams.get(self._stream.name, self._stream)
        self._attributes.declare(self._stream)
        rules = self._set.for_stream(self._stream.name)
        self._rules = []
        for rule in rules:
            before = old.get(rule.name)
            if before is not None and before.rule.fingerprint == rule.fingerprint:
                before.rule = rule
                self._rules.append(before)
                continue
            fresh = RuleState(rule, self._stream.lateness)
            fresh.make_room(self._table.count)
            if before is not None:
                keep_episodes(fresh, before)
            self._rules.append(fresh)
        measured = MeasuredWindows(self._set, self._stream, self._table.device, self._measured)
        measured.make_room(self._table.count)
        self._measured = measured if measured else None
        reads = sorted({name for rule in rules for name in rule.reads} | measured.reads)
        self._step = ReadingsStep(self._place.steps, self._stream)
        self._decoder = Decoder(self._stream, self._step.wanted(reads), self._place.max_bytes)
        self._tick = tick_of(rules, measured.deadlines)
        self._memory.use(self._stream, windows=bool(measured) or any(s.windows for s in self._rules))

    def _take_up(self, out: ShardOutput) -> None:
        """Use the set that the last snapshot named; episodes of rules that are gone lapse."""
        if self._next == self._set.number:
            return
        self._set = self._rule_sets.get(self._next)
        old = {state.rule.name: state for state in self._rules}
        self._use(old)
        kept = {state.rule.name for state in self._rules}
        holding = {state.rule.name for state in self._rules if state.absent_after >= 0}
        for state in old.values():
            if state.rule.name not in holding:
                out.alarms += release(state, self._clock(), self._alarm_place())
            if state.rule.name not in kept:
                under_way = state.cells[
                    (state.cells[:, k.OWNER] >= 0) & (state.cells[:, k.STATE] == k.ACTIVE)
                ]
                lapses = removed(under_way, self._clock())
                out.alarms += self._alarms(state, _by_device(lapses), reason="rule removed")

    # -- what comes in --------------------------------------------------------------------------------------------

    def on_epoch(self) -> ShardOutput:
        """An epoch is on disk: say what was taken in it, and take up a newer rule set."""
        out = ShardOutput()
        c = self._counts
        if c.first >= 0:
            where = {"topic": self._place.stream.topic, "partition": self._place.partition}
            out.accounts.append(msgspec.convert({**msgspec.structs.asdict(c), **where}, Account))
            self._counts = Counts()
        self._take_up(out)
        return out

    def on_things(self, messages: Sequence[Message]) -> list[DeadLetter]:
        """Take what `things` says of devices of this shard; returns what was not understood."""
        keyed = [m for m in messages if m.key]
        slots = [self._table.slot_of(m.key) for m in keyed if m.key]
        self._make_room()
        wrong = self._attributes.take(slots, [m.value for m in keyed])
        return [
            DeadLetter(
                topic=m.topic, partition=m.partition, offset=m.offset, reason="not_json",
                message="the attributes are not a JSON object", value=m.value or b"", key=m.key,
            )
            for m in (keyed[i] for i in wrong)
        ]  # fmt: skip

    def on_readings(self, batch: RawBatch) -> ShardOutput:
        """Take a raw batch; never raises for what a device sent."""
        out = ShardOutput()
        readings = self._step.take(batch, self._decoder.decode(batch))
        out.dead += readings.dead
        slots, misplaced = self._slots(readings)
        out.misplaced = misplaced
        n = len(readings.at)
        status = np.where(readings.at > readings.appended + self._stream.max_ahead, k.FUTURE, k.TAKEN).astype(
            np.uint8
        )
        if n:
            here = readings.at if (status == k.TAKEN).all() else readings.at[status == k.TAKEN]
            if len(here):
                out.first, out.last = int(here.min()), int(here.max())
            self._follow(batch, readings, slots, status, out)
        self._count(batch, readings, status, out)
        # found field by field, but told as their messages came
        out.dead.sort(key=lambda letter: letter.offset)
        return out

    def _slots(self, readings: Readings) -> tuple[NDArray[np.int32], str | None]:
        """Each row's slot; and the first new device that another partition should have."""
        before = self._table.count
        slots = self._table.slots(readings.data, readings.low, readings.high, readings.hashes)
        self._make_room()
        found = self._table.first_misplaced(before, self._place.partitions, self._place.partition)
        return slots, self._table.device(found) if found >= 0 else None

    def _follow(
        self,
        batch: RawBatch,
        readings: Readings,
        slots: NDArray[np.int32],
        status: NDArray[np.uint8],
        out: ShardOutput,
    ) -> None:
        """Drive all rules over the rows, stopping at each tick of the shard's clock."""
        events = np.where(status == k.FUTURE, 0, readings.at)
        clock = running_clock(events, readings.appended, self._greatest_event, self._greatest_append)
        conditions = Conditions(self._stream, len(slots), lambda name: self._column(readings, slots, name))
        asked = [ask(state.rule, conditions) for state in self._rules]
        causes = Causes(self._stream, batch, readings)
        columns = k.RowColumns(slots, readings.at, np.empty(len(slots), np.int64), status)
        for start, stop, boundary in segments(clock, self._tick, self._swept):
            rows = slice(start, stop)
            segment = rows_of(columns, rows)
            self._memory.accept(segment, readings.metrics[rows], clock[rows], self._clocks)
            if self._measured is not None:
                out.events += self._measured.take(
                    segment, lambda name, rows=rows: self._column(readings, slots, name)[rows]
                )
            told: list[tuple[int, Alarm]] = []
            for state, answers in zip(self._rules, asked, strict=True):
                own = answers if stop - start == len(slots) else answers_of(answers, rows)
                found = state.follow(segment, own, self._windows(state, segment, own))
                if found is not None:
                    alarms = self._alarms(state, found, causes, start)
                    told += zip(found.rows[:, k.ROW].tolist(), alarms, strict=True)
            out.alarms += [alarm for _, alarm in sorted(told, key=_row)]
            if boundary is not None:
                self._sweep(boundary, out)
        self._greatest_event = max(self._greatest_event, int(events.max()))
        self._greatest_append = max(self._greatest_append, int(readings.appended.max()))

    def _column(self, readings: Readings, slots: NDArray[np.int32], name: str) -> NDArray[np.float64]:
        """A column of a batch by the name that expressions use."""
        if name.startswith("device."):
            return self._attributes.column(name.removeprefix("device."), slots)
        return readings.columns[readings.fields.index(name)]

    def _windows(self, state: RuleState, rows: k.RowColumns, asked: k.Answers) -> k.ClosedWindows:
        """Take rows into a rule's windows and return those that they closed."""
        every = np.zeros(len(rows.at))
        return closings(
            state,
            self._stream,
            self._attributes,
            lambda p, pattern, windows: windows.take(rows, asked.values[p] if pattern.field else every),
        )

    def _sweep(self, clock: int, out: ShardOutput) -> None:
        """End what only the shard's clock ends."""
        self._swept = clock
        count = self._table.count
        if self._measured is not None:
            out.events += self._measured.sweep(clock, self._clocks, count)
        for state in self._rules:
            if state.windows:
                closed = closings(
                    state,
                    self._stream,
                    self._attributes,
                    lambda _p, _pattern, windows: windows.sweep(clock, self._clocks, count),
                )
                out.alarms += self._alarms(state, _by_device(state.follow_closed(closed)))
            out.alarms += self._alarms(state, _by_device(state.end_silent(clock, self._clocks)))
            if state.absent_after >= 0:
                found, alarm = absences(state, clock, self._clocks, count, self._alarm_place())
                out.alarms += alarm
                out.alarms += self._alarms(state, found)

    # -- what goes out --------------------------------------------------------------------------------------------

    def _alarms(
        self,
        state: RuleState,
        found: Transitions | None,
        causes: Causes | None = None,
        start: int = 0,
        reason: str | None = None,
    ) -> list[Alarm]:
        """The alarms of transitions, one each; `start` is the batch row of the segment's first."""
        if found is None:
            return []
        place = self._alarm_place()
        alarms: list[Alarm] = []
        for i in range(len(found.rows)):
            row, slot = int(found.rows[i, k.ROW]), int(found.rows[i, k.SLOT])
            cause = causes.of(start + row) if causes is not None and row >= 0 else Cause()
            attributes = self._attributes.of(state.rule.attributes, slot)
            why = reason or ("silent" if found.rows[i, k.TRANSITION] == k.LAPSED else None)
            device = self._table.device(slot)
            alarms.append(build_alarm(state.rule, place, found, i, device, attributes, cause, why))
        return alarms

    def _alarm_place(self) -> Place:
        place = self._place
        return Place(place.tenant, self._set.number, self._stream.name, place.partition, place.stale_after)

    def _count(
        self, batch: RawBatch, readings: Readings, status: NDArray[np.uint8], out: ShardOutput
    ) -> None:
        """Count what became of each reading, and keep the future ones as dead letters."""
        n = np.bincount(status, minlength=5)
        late = int(n[k.LATE] + n[k.LATE_IN_WINDOW])
        out.counts = Counts(
            int(batch.offsets[0]), int(batch.offsets[-1]) + 1, len(batch.offsets),
            int(n[k.TAKEN]), late, int(n[k.DUPLICATE]), int(n[k.FUTURE]), readings.refused,
        )  # fmt: skip
        self._counts = self._counts.plus(out.counts)
        for row in np.flatnonzero(status == k.FUTURE).tolist():
            message = int(readings.message[row])
            out.dead.append(
                DeadLetter(
                    topic=batch.topic, partition=batch.partition, offset=int(batch.offsets[message]), reason="future",
                    message=f"more than {self._stream.max_ahead} ms ahead of its append time",
                    value=value_of(batch, message),
                )
            )  # fmt: skip

    # -- state ----------------------------------------------------------------------------------------------------

    def _clock(self) -> int:
        return min(self._greatest_event, self._greatest_append)

    def _make_room(self) -> None:
        """Have a place for every device in all that is kept by slot."""
        devices = self._table.count
        have = len(self._clocks.own)
        if devices > have:
            more = max(devices, have * 9 // 8) - have
            self._clocks = k.Clocks(*(np.concatenate([c, np.full(more, -1, np.int64)]) for c in self._clocks))
            self._memory.make_room(have + more)
        self._attributes.make_room(devices)
        for state in self._rules:
            state.make_room(devices)
        if self._measured is not None:
            self._measured.make_room(devices)

    def snapshot(self) -> bytes:
        """All state as immutable bytes, and the number of the rule set that the next epoch uses."""
        self._next = self._rule_sets.current.number
        ids, offsets = self._table.contents()
        base, clocks, wide = pack_clocks(self._clocks.own[: self._table.count])
        heard, width = (b"", 0) if self._tick is None else pack_heard(*self._clocks, self._table.count)
        recent, recent_size, seen, seen_size = self._memory.save(self._table.count)
        return encode_state(
            ShardState(
                FORMAT, self._place.partition, self._set.number, self._next,
                ids, pack_lengths(offsets), base, clocks, wide, heard, width,
                self._greatest_event, self._greatest_append, self._swept,
                recent, recent_size,
                self._counts,
                tuple(save_rule(state) for state in self._rules),
                seen, seen_size,
                () if self._measured is None else self._measured.save(),
            )
        )  # fmt: skip

    def standing(self, rule: str, device: str) -> Standing | None:
        """How far a rule of this shard is with a device; None for a rule that it has not."""
        state = next((state for state in self._rules if state.rule.name == rule), None)
        if state is None:
            return None
        slot = self._table.slot_of(device.encode())
        self._make_room()
        return standing_of(state, slot, self._clocks, self._clock())

    @property
    def devices(self) -> int:
        """How many devices this shard knows."""
        return self._table.count

    @property
    def clocks(self) -> NDArray[np.int64]:
        """The own clocks (ms) of all devices it has taken a reading of."""
        own = self._clocks.own[: self._table.count]
        return own[own >= 0]

    @property
    def clock(self) -> int:
        """The shard's clock, ms."""
        return self._clock()

    def nbytes(self) -> int:
        """Bytes of state held in memory."""
        own = (
            self._table.nbytes()
            + sum(c.nbytes for c in self._clocks)
            + self._memory.nbytes()
            + self._attributes.nbytes()
        )
        if self._measured is not None:
            own += self._measured.nbytes()
        return own + sum(state.nbytes() for state in self._rules)
