"""What devices tell of themselves once a window: the stream aggregates of the profile, and where they are.

A window is told when its device's clock passes its end plus the stream's lateness, which of a quiet device goes on with
the shard's. A window without a known value is not told. Its id says which window of which device it is, so that a
replay tells the same again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray

from flows import ids
from flows.devices.kernels import panes as k
from flows.devices.kernels.layout import Clocks, RowColumns
from flows.devices.shard_state import MeasuredState, OpenWindows
from flows.devices.windows import Closed, WindowState
from flows.rules.model import MEASURED, POSITION, Measure, RuleSet
from flows.schema import Event, Value
from flows.streams import Field, Stream

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_PER_HOUR = 3600.0
Told = list[tuple[int, Event]]
"""Events with the row that brought each, -1 for the shard's clock."""


class _Aggregate(msgspec.Struct, frozen=True):
    """What is told under one name: `windows` of each of `fields`; a position has two, which are known together."""

    name: str
    every: int
    fields: tuple[Field, ...]
    keep: tuple[Measure, ...]
    windows: tuple[WindowState, ...]

    @property
    def meaning(self) -> str:
        """What must be the same for windows under way to go on; of a window all measures are kept."""
        return f"{self.every} {' '.join(field.name for field in self.fields)}"


class MeasuredWindows:
    """The stream aggregates of one shard under one rule set."""

    def __init__(
        self,
        rule_set: RuleSet,
        stream: Stream,
        device: Callable[[int], str],
        old: MeasuredWindows | None = None,
    ) -> None:
        self._tenant, self._stream, self._device = rule_set.tenant, stream, device
        kept = {} if old is None else {each.name: each for each in old._aggregates}
        self._aggregates: list[_Aggregate] = []
        for name, every, names, keep in _declared(rule_set, stream.name):
            fields = tuple(field for each in names if (field := stream.field(each)) is not None)
            if len(fields) == len(names):
                windows = tuple(WindowState(every, every, stream.lateness) for _ in fields)
                fresh = _Aggregate(name, every, fields, keep, windows)
                self._aggregates.append(_going_on(fresh, kept.get(name)))

    def __bool__(self) -> bool:
        """Whether anything is declared of this stream."""
        return bool(self._aggregates)

    @property
    def reads(self) -> set[str]:
        """The columns that are needed."""
        return {field.name for each in self._aggregates for field in each.fields}

    @property
    def deadlines(self) -> list[int]:
        """How long (ms) each window is."""
        return [each.every for each in self._aggregates]

    def make_room(self, devices: int) -> None:
        """Have a place for each of so many devices."""
        for windows in self._windows():
            windows.make_room(devices)

    def take(self, rows: RowColumns, column: Callable[[str], NDArray[np.float64]]) -> list[Event]:
        """Take rows, with what they say of a field, and tell of the windows that they closed, as the rows come."""
        told: Told = []
        for each in self._aggregates:
            pairs = zip(each.windows, each.fields, strict=True)
            told += self._tell(each, [w.take(rows, column(field.name)) for w, field in pairs])
        return [event for _, event in sorted(told, key=lambda one: one[0])]

    def sweep(self, clock: int, clocks: Clocks, count: int) -> list[Event]:
        """Tell of the windows that the shard's clock ends, aggregate by aggregate, then device by device."""
        told: Told = []
        for each in self._aggregates:
            told += self._tell(each, [w.sweep(clock, clocks, count) for w in each.windows])
        return [event for _, event in told]

    def save(self) -> tuple[MeasuredState, ...]:
        """The windows under way, for a snapshot."""
        return tuple(
            MeasuredState(each.name, each.meaning, tuple(OpenWindows(*w.save_open()) for w in each.windows))
            for each in self._aggregates
        )

    def restore(self, saved: Iterable[MeasuredState]) -> None:
        """Go on with the windows of a snapshot."""
        by_name = {state.name: state for state in saved}
        for each in self._aggregates:
            state = by_name.get(each.name)
            if state is not None and state.meaning == each.meaning:
                for windows, was in zip(each.windows, state.windows, strict=True):
                    windows.put_open(was.ring, was.opened, was.places, was.names, was.sums)

    def nbytes(self) -> int:
        """Bytes held in memory."""
        return sum(windows.nbytes() for windows in self._windows())

    def _windows(self) -> Iterable[WindowState]:
        return (windows for each in self._aggregates for windows in each.windows)

    def _tell(self, aggregate: _Aggregate, closed: list[Closed]) -> Told:
        """The events of closed windows; of several fields those that all are known of."""
        first, *others = closed
        if not len(first.rows):
            return []
        also = [
            {(slot, end): i for i, (slot, end) in enumerate(zip(*_slots_and_ends(other), strict=True))}
            for other in others
        ]
        told: Told = []
        for i, (slot, end) in enumerate(zip(*_slots_and_ends(first), strict=True)):
            places = [found.get((slot, end)) for found in also]
            facts = [other.facts[at, 1:] for other, at in zip(others, places, strict=True) if at is not None]
            if len(facts) == len(others):
                event = self._event(aggregate, slot, int(end), [first.facts[i, 1:], *facts])
                if event is not None:
                    told.append((int(first.rows[i, 0]), event))
        return told

    def _event(
        self, aggregate: _Aggregate, slot: int, end: int, sums: list[NDArray[np.float64]]
    ) -> Event | None:
        """One window as an event of its end; None for a time that no calendar holds."""
        try:
            time = (_EPOCH + timedelta(milliseconds=end)).isoformat(timespec="milliseconds")
        except OverflowError:
            return None
        device = self._device(slot)
        data: dict[str, Value] = (
            {measure: _measure(sums[0], measure, aggregate.fields[0]) for measure in aggregate.keep}
            if len(sums) == 1
            else {f.name: float(own[k.LAST_VALUE]) for f, own in zip(aggregate.fields, sums, strict=True)}
        )
        return Event(
            id=ids.measured_id(self._tenant, aggregate.name, device, aggregate.every, end - aggregate.every),
            source=f"telltale/{self._stream.name}",
            type=f"{MEASURED}{aggregate.name}",
            subject=f"device:{device}",
            time=time.replace("+00:00", "Z"),
            data=data,
        )


def _declared(
    rule_set: RuleSet, stream: str
) -> Iterable[tuple[str, int, tuple[str, ...], tuple[Measure, ...]]]:
    """Name, length, fields and measures of all that is told of a stream."""
    for each in rule_set.measured:
        if each.stream == stream:
            yield each.name, each.every, (each.field,), each.keep
    position = rule_set.position
    if position is not None and position.stream == stream:
        yield POSITION, position.every, ("latitude", "longitude"), ("last",)


def _going_on(fresh: _Aggregate, old: _Aggregate | None) -> _Aggregate:
    """The same with the windows that were under way, if they mean the same."""
    if old is None or old.meaning != fresh.meaning:
        return fresh
    for new, windows in zip(fresh.windows, old.windows, strict=True):
        new.put_open(*windows.save_open())
    return fresh


def _slots_and_ends(closed: Closed) -> tuple[list[int], list[float]]:
    return closed.rows[:, 1].tolist(), closed.facts[:, 0].tolist()


def _measure(sums: NDArray[np.float64], measure: Measure, field: Field) -> Value:  # noqa: PLR0911 - one return a measure
    """One measure of a window; a slope is least squares, in units per hour, None where no line can be laid."""
    n, total = float(sums[k.N]), float(sums[k.TOTAL])
    match measure:
        case "count":
            return int(n)
        case "sum":
            return total
        case "mean":
            return total / n
        case "min":
            return float(sums[k.LEAST])
        case "max":
            return float(sums[k.MOST])
        case "last":
            return _said(float(sums[k.LAST_VALUE]), field)
        case "slope":
            times = float(sums[k.TIMES])
            spread = n * float(sums[k.SQUARES]) - times * times
            if n < 2 or spread <= 0:
                return None
            return (n * float(sums[k.PRODUCTS]) - times * total) / spread * _SECONDS_PER_HOUR


def _said(number: float, field: Field) -> Value:
    """A number of a column as what it stands for."""
    match field.type:
        case "bool":
            return number != 0
        case "int":
            return int(number)
        case "enum":
            return field.values[int(number)]
        case _:
            return number
