"""The declared profile: running aggregates over a customer's events and alarms, and where they are kept.

What comes in another order, or through other parts, gives the same values.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from flows.customers import cells as kinds
from flows.customers.cells import Cell
from flows.rules.model import Aggregate
from flows.schema import Alarm, Event, Value


class Kept(msgspec.Struct, frozen=True, eq=False):
    """A declared aggregate and where it is kept, found once for all customers."""

    aggregate: Aggregate
    key: str


def kept(aggregate: Aggregate) -> Kept:
    """An aggregate with its place."""
    return Kept(aggregate, cell_key(aggregate))


def cell_key(aggregate: Aggregate) -> str:
    """Where an aggregate is kept: one declared otherwise under the same name begins anew.

    10 hexadecimal digits of what it means, for every customer has one of each.
    """
    matters: list[object] = [aggregate.name, aggregate.take, aggregate.source, aggregate.field]
    matters += [aggregate.half_life, aggregate.over, aggregate.closed_by]
    if aggregate.take == "distinct":
        # A sketch of another size cannot be gone on with.
        matters.append(aggregate.most)
    return hashlib.blake2b(repr(matters).encode(), digest_size=5).hexdigest()


def field_of_event(event: Event, field: str) -> Value:
    """A field of an event's data, dotted for what lies deeper; None when it is missing or no plain value."""
    if "." not in field:
        plain = event.data.get(field)
        return plain if isinstance(plain, bool | int | float | str) else None
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


def take_event(cells: dict[str, Cell], kept: Kept, at: int, event: Event) -> None:
    """Take an event of event time `at` (ms) into an aggregate over it, or into a set of which it closes a value."""
    aggregate = kept.aggregate
    value = None if aggregate.field is None else field_of_event(event, aggregate.field)
    if aggregate.closed_by == event.type:
        _join(cells, kept, kinds.closing(at, value))
    else:
        take_in(cells, kept, at, value)


def take_alarm(cells: dict[str, Cell], kept: Kept, alarm: Alarm) -> None:
    """Take an alarm into an aggregate over its rule."""
    field = kept.aggregate.field
    take_in(cells, kept, alarm.at, None if field is None else field_of_alarm(alarm, field))


def take_in(cells: dict[str, Cell], kept: Kept, at: int, value: Value) -> None:
    """Add one observation at event time `at` (ms); a missing or unfit value changes nothing but counts and times."""
    _join(cells, kept, kinds.one(kept.aggregate, at, value))


def _join(cells: dict[str, Cell], kept: Kept, new: Cell | None) -> None:
    if new is None:
        return
    old = cells.get(kept.key)
    cells[kept.key] = new if old is None else kinds.join(kept.aggregate, old, new)


def combined(parts: Sequence[Mapping[str, Cell]], kept: Kept) -> Cell | None:
    """The cell of all parts of a customer together: what one customer would have kept; None of nothing."""
    if len(parts) == 1:
        return parts[0].get(kept.key)
    return kinds.joined(kept.aggregate, [cells[kept.key] for cells in parts if kept.key in cells])


def value_over(parts: Sequence[Mapping[str, Cell]], kept: Kept, now: int) -> Value:
    """What the profile says of all parts of a customer together at event time `now` (ms)."""
    return kinds.value_of(combined(parts, kept), kept.aggregate, now)


def cell_of(aggregate: Aggregate, at: int, value: Value) -> Cell:
    """The cell that makes the profile say `value`, as if it had been seen at event time `at` (ms)."""
    return kinds.saying(aggregate, at, value)
