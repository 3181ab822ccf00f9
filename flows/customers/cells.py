"""What is kept of an aggregate: a short list of plain values, made of one observation and joined with any other.

Joining is all that ever happens to a cell, and for each kind it is commutative and associative: so neither the order
of observations nor how they are divided among the parts of customers changes what is said (sums of floats up to
rounding). Every cell begins with the event time (ms) of what it says last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import reduce
from typing import cast

import msgspec

from flows.customers import sets, slope
from flows.rules.model import Aggregate
from flows.schema_people import Value

Cell = list[Value]

DAY_MS = 86_400_000
_EXACT = 1 << 53
_MAX_TEXT = 1000


class _Taking(msgspec.Struct, frozen=True):
    """One kind: the cell of one observation (None when it is unfit), two cells joined, and what a cell says.

    `full` tells whether there may be more than the cell could keep.
    """

    one: Callable[[Aggregate, int, Value], Cell | None]
    join: Callable[[Aggregate, Cell, Cell], Cell]
    value: Callable[[Aggregate, Cell, int], Value]
    full: Callable[[Cell], bool] = lambda _cell: False


def one(aggregate: Aggregate, at: int, value: Value) -> Cell | None:
    """The cell of one observation at event time `at` (ms); None when the value is missing or unfit."""
    return _TAKINGS[aggregate.take].one(aggregate, at, _plain(value))


def closing(at: int, value: Value) -> Cell | None:
    """The cell that says that a value of an `open_set` was closed at event time `at` (ms)."""
    value = _plain(value)
    return None if value is None else sets.closed(at, value)


def join(aggregate: Aggregate, a: Cell, b: Cell) -> Cell:
    """What one customer would have kept of all that two cells have seen."""
    return _TAKINGS[aggregate.take].join(aggregate, a, b)


def joined(aggregate: Aggregate, cells: Iterable[Cell]) -> Cell | None:
    """What one customer would have kept of all that the cells have seen; None of no cells."""
    found = list(cells)
    return reduce(lambda a, b: join(aggregate, a, b), found) if found else None


def value_of(cell: Cell | None, aggregate: Aggregate, now: int) -> Value:
    """What a cell says at event time `now` (ms).

    A count, a sum and how many there are of nothing is 0, anything else of nothing is missing.
    """
    if cell is None:
        return 0 if aggregate.take in ("count", "sum", "distinct", "open_set") else None
    found = _TAKINGS[aggregate.take].value(aggregate, cell, now)
    return None if isinstance(found, float) and not math.isfinite(found) else found


def changed_at(cell: Cell) -> int:
    """The event time (ms) of what a cell says last: of the latest observation, or of the one that was chosen."""
    return cast("int", cell[0])


def days_since(cell: Cell, now: int) -> float:
    """Days between the latest observation and `now` (ms), 0 when it is not older."""
    return max(0, now - changed_at(cell)) / DAY_MS


def is_full(cell: Cell | None, aggregate: Aggregate) -> bool:
    """Whether there were more values than are kept, so that the value is an estimate or the least it can be."""
    return cell is not None and _TAKINGS[aggregate.take].full(cell)


def saying(aggregate: Aggregate, at: int, value: Value) -> Cell:
    """A cell that says `value` at event time `at` (ms), as far as its kind can say it."""
    number = value if isinstance(value, int | float) else 0
    match aggregate.take:
        case "mean":
            return [at, number, 1]
        case "ewma":
            return [at, 1.0, float(number)]
        case "since":
            return [at - round(number * DAY_MS), None]
        case "slope":
            over = aggregate.over or DAY_MS
            rise = number * (over // 2) / DAY_MS
            return slope.joined(slope.one(over, at - over // 2, 0.0), slope.one(over, at, rise))
        case "distinct" | "open_set":
            most = aggregate.most or 1
            found = (one(aggregate, at, f"{i}") for i in range(min(int(number), most)))
            return joined(aggregate, [cell for cell in found if cell is not None]) or [at, False]
        case _:
            return [at, value]


def _plain(value: Value) -> Value:
    """A value that can be kept: numbers beyond 2^53 are floats, what is not finite is missing."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return _bounded(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _bounded(number: float) -> float | int:
    """A number that every format can carry; one too great for a float is infinite."""
    if isinstance(number, float) or -_EXACT <= number <= _EXACT:
        return number
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _number(value: Value) -> float | int:
    return value if isinstance(value, int | float) else 0


def _count_one(_aggregate: Aggregate, at: int, _value: Value) -> Cell | None:
    return [at, 1]


def _sum_one(_aggregate: Aggregate, at: int, value: Value) -> Cell | None:
    return [at, value] if isinstance(value, int | float) else None


def _mean_one(_aggregate: Aggregate, at: int, value: Value) -> Cell | None:
    return [at, value, 1] if isinstance(value, int | float) else None


def _any_one(_aggregate: Aggregate, at: int, value: Value) -> Cell | None:
    if value is None:
        return None
    return [at, value[:_MAX_TEXT] if isinstance(value, str) else value]


def _add(_aggregate: Aggregate, a: Cell, b: Cell) -> Cell:
    """The later time; every number behind it summed."""
    sums: Cell = [max(changed_at(a), changed_at(b))]
    for place in range(1, len(a)):
        sums.append(_bounded(_number(a[place]) + _number(b[place])))
    return sums


def _choose(sign: int, place: int) -> Callable[[Aggregate, Cell, Cell], Cell]:
    """The cell with the greater (or, by `sign`, lesser) time or value; of equal ones the same whatever the order."""

    def chosen(_aggregate: Aggregate, a: Cell, b: Cell) -> Cell:
        def rank(cell: Cell) -> tuple[float, int, str, str]:
            value = cell[1]
            return (sign * _number(cell[place]), -changed_at(cell), str(value), type(value).__name__)

        one, other = sign * _number(a[place]), sign * _number(b[place])
        if one != other:
            return a if one > other else b
        return a if rank(a) >= rank(b) else b

    return chosen


def _second(_aggregate: Aggregate, cell: Cell, _now: int) -> Value:
    return cell[1]


def _mean(_aggregate: Aggregate, cell: Cell, _now: int) -> Value:
    return _number(cell[1]) / _number(cell[2])


def _since_one(_aggregate: Aggregate, at: int, _value: Value) -> Cell | None:
    return [at, None]


def _since_join(_aggregate: Aggregate, a: Cell, b: Cell) -> Cell:
    """The two greatest times that differ, since what is asked about an event is how long before it the last was."""
    newest, before = cast("int", a[0]), cast("int | None", a[1])
    for each in b:
        at = cast("int | None", each)
        if at is None or at in (newest, before):
            continue
        if at > newest:
            newest, before = at, newest
        elif before is None or at > before:
            before = at
    return [newest, before]


def _since(_aggregate: Aggregate, cell: Cell, now: int) -> Value:
    """Days between `now` and the last time before it; 0 when something came after."""
    newest, before = cast("int", cell[0]), cast("int | None", cell[1])
    last = before if newest == now else newest
    return None if last is None else max(0, now - last) / DAY_MS


def _ewma_one(_aggregate: Aggregate, at: int, value: Value) -> Cell | None:
    return [at, 1.0, float(value)] if isinstance(value, int | float) else None


def _ewma_join(aggregate: Aggregate, a: Cell, b: Cell) -> Cell:
    """Weight and weighted sum at the later of the two times; what is older counts half each half-life.

    Source: forward decay (Cormode, Shkapenyuk, Srivastava, Xu, "Forward decay", ICDE 2009), which needs no order.
    """
    older, newer = sorted((a, b), key=changed_at)
    age = changed_at(newer) - changed_at(older)
    fade = 0.5 ** (age / (aggregate.half_life or 1))
    sums = [_number(x) + fade * _number(y) for x, y in zip(newer[1:], older[1:], strict=True)]
    return [newer[0], *sums]


def _ewma(_aggregate: Aggregate, cell: Cell, _now: int) -> Value:
    return _number(cell[2]) / _number(cell[1])


def _slope_one(aggregate: Aggregate, at: int, value: Value) -> Cell | None:
    return slope.one(aggregate.over or DAY_MS, at, value) if isinstance(value, int | float) else None


def _slope_join(_aggregate: Aggregate, a: Cell, b: Cell) -> Cell:
    return slope.joined(a, b)


def _slope(aggregate: Aggregate, cell: Cell, now: int) -> Value:
    return slope.per_day(aggregate.over or DAY_MS, cell, now)


def _distinct_one(_aggregate: Aggregate, at: int, value: Value) -> Cell | None:
    return None if value is None else sets.seen(at, value)


def _distinct_join(aggregate: Aggregate, a: Cell, b: Cell) -> Cell:
    return sets.seen_joined(a, b, aggregate.most or 1)


def _distinct(_aggregate: Aggregate, cell: Cell, _now: int) -> Value:
    return sets.seen_count(cell)


def _open_one(_aggregate: Aggregate, at: int, value: Value) -> Cell | None:
    return None if value is None else sets.opened(at, value)


def _open_join(aggregate: Aggregate, a: Cell, b: Cell) -> Cell:
    return sets.open_joined(a, b, aggregate.most or 1)


def _open(_aggregate: Aggregate, cell: Cell, _now: int) -> Value:
    return sets.open_count(cell)


_TAKINGS: dict[str, _Taking] = {
    "count": _Taking(_count_one, _add, _second),
    "sum": _Taking(_sum_one, _add, _second),
    "mean": _Taking(_mean_one, _add, _mean),
    "last": _Taking(_any_one, _choose(1, 0), _second),
    "first": _Taking(_any_one, _choose(-1, 0), _second),
    "min": _Taking(_sum_one, _choose(-1, 1), _second),
    "max": _Taking(_sum_one, _choose(1, 1), _second),
    "ewma": _Taking(_ewma_one, _ewma_join, _ewma),
    "slope": _Taking(_slope_one, _slope_join, _slope),
    "distinct": _Taking(_distinct_one, _distinct_join, _distinct, sets.is_full),
    "open_set": _Taking(_open_one, _open_join, _open, sets.is_full),
    "since": _Taking(_since_one, _since_join, _since),
}
