"""The declared profile: running aggregates over a customer's events and alarms.

What comes in another order gives the same values: `last` and `first` go by event time, the rest do not care.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from flows.rules.model import Aggregate
from flows.schema import Alarm, Event, Value

Cell = list[Value]


def cell_key(aggregate: Aggregate) -> str:
    """Where an aggregate is kept: one declared otherwise under the same name begins anew."""
    return "|".join((aggregate.name, aggregate.take, aggregate.source, aggregate.field or ""))


def field_of_event(event: Event, field: str) -> Value:
    """A field of an event's data, dotted for what lies deeper; None when it is missing or no plain value."""
    found: object = event.data
    for part in field.split("."):
        if not isinstance(found, Mapping):
            return None
        found = cast("Mapping[object, object]", found).get(part)
    return found if isinstance(found, bool | int | float | str) else None


def field_of_alarm(alarm: Alarm, field: str) -> Value:
    """A fact of an alarm's evidence, else a field of the reading that caused it."""
    facts = alarm.evidence.values
    return facts[field] if field in facts else alarm.evidence.reading.get(field)


def take_in(cells: dict[str, Cell], aggregate: Aggregate, at: int, value: Value) -> None:
    """Add one observation at event time `at` (ms); a missing or unfit value leaves all but `count` as it was."""
    key = cell_key(aggregate)
    if aggregate.take == "count":
        cells[key] = [_number(cells.get(key, [0])[0]) + 1]
    elif aggregate.take in ("last", "first"):
        if value is not None:
            _by_time(cells, key, at, value, newest=aggregate.take == "last")
    elif isinstance(value, int | float):
        _by_number(cells, key, aggregate.take, value)


def _by_time(cells: dict[str, Cell], key: str, at: int, value: Value, *, newest: bool) -> None:
    """Keep the value of the greatest or the least event time; of equal times the greater text wins."""
    old = cells.get(key)
    mine = (at if newest else -at, str(value))
    if old is None or mine > ((_number(old[0]) if newest else -_number(old[0])), str(old[1])):
        cells[key] = [at, value]


def _by_number(cells: dict[str, Cell], key: str, take: str, value: float) -> None:
    """Sums, extremes and means."""
    old = cells.get(key)
    match take:
        case "sum":
            cells[key] = [value if old is None else _number(old[0]) + value]
        case "min":
            cells[key] = [value if old is None else min(_number(old[0]), value)]
        case "max":
            cells[key] = [value if old is None else max(_number(old[0]), value)]
        case _:
            cells[key] = [value, 1] if old is None else [_number(old[0]) + value, _number(old[1]) + 1]


def value_of(cells: Mapping[str, Cell], aggregate: Aggregate) -> Value:
    """What the profile says now; a count or sum of nothing is 0, anything else of nothing is missing."""
    cell = cells.get(cell_key(aggregate))
    if cell is None:
        return 0 if aggregate.take in ("count", "sum") else None
    if aggregate.take in ("last", "first"):
        return cell[1]
    return _number(cell[0]) / _number(cell[1]) if aggregate.take == "mean" else cell[0]


def value_over(parts: Sequence[Mapping[str, Cell]], aggregate: Aggregate) -> Value:
    """What the profile says of all parts of a customer together."""
    key = cell_key(aggregate)
    found = [cells[key] for cells in parts if key in cells]
    if len(found) <= 1:
        return value_of({key: found[0]} if found else {}, aggregate)
    take = aggregate.take
    if take in ("last", "first"):
        newest = max if take == "last" else min
        return newest(found, key=lambda cell: (_number(cell[0]), str(cell[1])))[1]
    if take in ("min", "max"):
        return (min if take == "min" else max)(_number(cell[0]) for cell in found)
    summed: Cell = [sum(_number(cell[i]) for cell in found) for i in range(len(found[0]))]
    return value_of({key: summed}, aggregate)


def cell_of(aggregate: Aggregate, at: int, value: Value) -> Cell:
    """The cell that makes the profile say `value`, as if it had been seen at event time `at` (ms)."""
    if aggregate.take in ("last", "first"):
        return [at, value]
    return [value, 1] if aggregate.take == "mean" else [value]


def _number(value: Value) -> float | int:
    """A kept number."""
    return value if isinstance(value, int | float) else 0
