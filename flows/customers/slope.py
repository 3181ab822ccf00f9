"""How fast a value rises or falls over a sliding stretch of time, from sums in a fixed number of panes.

The stretch is cut into 16 panes; of each the cell keeps the sums that a least-squares line needs, with times in days
from the pane's beginning. So a cell holds at most 97 numbers, whatever is observed, and what is asked covers between
15 and 16 sixteenths of the stretch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from flows.schema_people import Value

Cell = list[Value]

PANES = 16
# Panes between the first value and the last: what happened within minutes says nothing of a day.
_LEAST_APART = 4
_DAY_MS = 86_400_000
_SUMS = 5  # how many, and the sums of t, y, t·t and t·y
_EACH = 1 + _SUMS


def one(over: int, at: int, value: float) -> Cell:
    """The cell of one observation; `over` and `at` are ms. Layout: time, then a pane's number and its five sums."""
    width = _width(over)
    t = at % width / _DAY_MS
    y = float(value)
    return [at, at // width, 1, t, y, t * t, t * y]


def joined(a: Cell, b: Cell) -> Cell:
    """Sums of equal panes added; panes that the newest one has left 16 behind are dropped."""
    # Mostly it is one value more in the newest pane.
    if len(b) == 1 + _EACH and len(a) > 1 and a[-_EACH] == b[1]:
        both = zip(cast("list[float]", a[-_SUMS:]), cast("list[float]", b[-_SUMS:]), strict=True)
        return [max(cast("int", a[0]), cast("int", b[0])), *a[1:-_SUMS], *(x + y for x, y in both)]
    sums = dict(_panes(a))
    for pane, found in _panes(b):
        known = sums.get(pane)
        sums[pane] = found if known is None else [x + y for x, y in zip(known, found, strict=True)]
    newest = max(sums)
    kept = [v for pane in sorted(sums) if pane > newest - PANES for v in (pane, *sums[pane])]
    return [max(cast("int", a[0]), cast("int", b[0])), *kept]


def per_day(over: int, cell: Cell, now: int) -> float | None:
    """The least-squares slope a day over what the stretch before `now` (ms) holds.

    None where its values span less than a quarter of the stretch.
    """
    width = _width(over)
    oldest = now // width - PANES
    panes = [(pane, sums) for pane, sums in _panes(cell) if pane > oldest]
    if not panes or panes[-1][0] - panes[0][0] < _LEAST_APART:
        return None
    origin = panes[0][0]
    n = st = sy = stt = sty = 0.0
    for pane, (count, t, y, tt, ty) in panes:
        shift = (pane - origin) * width / _DAY_MS
        n += count
        st += t + count * shift
        sy += y
        stt += tt + 2 * shift * t + count * shift * shift
        sty += ty + shift * y
    return (n * sty - st * sy) / (n * stt - st * st)


def _width(over: int) -> int:
    """The width of a pane in ms."""
    return max(1, -(-over // PANES))


def _panes(cell: Cell) -> Iterator[tuple[int, list[float]]]:
    """The panes of a cell by number, oldest first."""
    for begin in range(1, len(cell), _EACH):
        yield cast("int", cell[begin]), cast("list[float]", cell[begin + 1 : begin + _EACH])
