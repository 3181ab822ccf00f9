"""The state of one rule in one shard: its parameters, an index by device, and cells for the few in trouble."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from flows.devices.conditions import Conditions, Numbers, Truths
from flows.devices.kernels import by_clock, rows
from flows.devices.kernels import layout as k
from flows.devices.windows import WindowState
from flows.rules.model import Absence, Count, Pattern, Rule, Run, Trend, Window

_Number = TypeVar("_Number", np.int8, np.float64)
_FIRST_CELLS = 16
_OUT_ROWS = 1024


class Transitions(msgspec.Struct, frozen=True):
    """Transitions in order: `rows` int64 [m, OUT], `facts` float64 [m, FACTS], `points` float64 [m, ring, 2]."""

    rows: NDArray[np.int64]
    facts: NDArray[np.float64]
    points: NDArray[np.float64]


def _parameters(pattern: Pattern) -> tuple[list[int], float, int]:
    """(the pattern's row for the kernel, the wanted rise, how many points it follows)."""
    match pattern:
        case Run(length=length, worsening=worsening, max_gap=gap):
            over = worsening.over if worsening else 0
            rise = worsening.rise if worsening else 0.0
            return (
                [k.RUN, length, 0, -1 if gap is None else gap, over, int(worsening is not None)],
                rise,
                over,
            )
        case Count(count=count, out_of=out_of, max_gap=gap):
            return [k.COUNT, count, out_of, -1 if gap is None else gap, 0, 0], 0.0, 0
        case Trend(over=over, rise=rise, max_gap=gap):
            return [k.TREND, over, 0, -1 if gap is None else gap, over, 1], rise, over
        case Window():
            return [k.WINDOW, 0, 0, -1, 0, 0], 0.0, 0
        case Absence():
            return [k.ABSENCE, 0, 0, -1, 0, 0], 0.0, 0


def rows_of(columns: k.RowColumns, rows: slice) -> k.RowColumns:
    """Some of the rows; not copied."""
    return k.RowColumns(columns.slots[rows], columns.at[rows], columns.previous[rows], columns.status[rows])


def answers_of(asked: k.Answers, rows: slice) -> k.Answers:
    """What was asked of some of the rows."""
    return k.Answers(
        np.ascontiguousarray(asked.holds[:, rows]),
        np.ascontiguousarray(asked.values[:, rows]),
        asked.clears[rows],
        np.ascontiguousarray(asked.severer[:, rows]),
        np.ascontiguousarray(asked.milder[:, rows]),
    )


def _followed(pattern: Pattern) -> str | None:
    """The field whose values a pattern keeps as evidence."""
    if isinstance(pattern, Run):
        return pattern.worsening.field if pattern.worsening else None
    return pattern.field if isinstance(pattern, Trend | Window) else None


def _table(rows: list[NDArray[_Number]]) -> NDArray[_Number]:
    """Rows as a table; a single one is not copied, which small batches feel."""
    return rows[0][np.newaxis, :] if len(rows) == 1 else np.stack(rows)


def ask(rule: Rule, conditions: Conditions) -> k.Answers:
    """Evaluate all of a rule's conditions on one batch."""
    holds: list[Truths] = []
    values: list[Numbers] = []
    for pattern in rule.patterns:
        match pattern:
            case Run(of=of) | Count(of=of):
                holds.append(conditions.truths(of))
            case Trend(field=field, of=of):
                holds.append(conditions.known(field, of))
            case Window() | Absence():
                holds.append(conditions.unknown)
        followed = _followed(pattern)
        values.append(conditions.numbers(followed) if followed else conditions.missing)
    levels, unknown = rule.severities, conditions.unknown
    return k.Answers(
        _table(holds),
        _table(values),
        conditions.truths(rule.clear.of) if rule.clear else unknown,
        _table([conditions.truths(s.when) if s.when else unknown for s in levels] or [unknown]),
        _table([conditions.truths(s.clear) if s.clear else unknown for s in levels] or [unknown]),
    )


class RuleState:
    """One rule's episodes and patterns under way; `index` int32 by slot is the cell, or -1."""

    def __init__(self, rule: Rule, lateness: int) -> None:
        self.rule = rule
        found = [_parameters(pattern) for pattern in rule.patterns]
        self.ring = max((points for _, _, points in found), default=0)
        absence = next((p for p in rule.patterns if isinstance(p, Absence)), None)
        self.absent_after = absence.after if absence else -1
        own = [
            rule.clear.run if rule.clear else 0,
            -1 if rule.ends_silent is None else rule.ends_silent,
            self.absent_after,
            len(rule.severities),
        ]
        self._parameters = k.RuleParameters(
            np.array([row for row, _, _ in found], np.int64).reshape(len(found), k.PATTERN),
            np.array([rise for _, rise, _ in found], np.float64),
            np.array(own, np.int64),
        )
        self.windows = {
            i: WindowState(p.length, p.every, lateness, p.measure)
            for i, p in enumerate(rule.patterns)
            if isinstance(p, Window)
        }
        self.held_since = -1
        self.index = np.empty(0, np.int32)
        self._allocate(_FIRST_CELLS)
        self._out = k.Written(
            np.empty((_OUT_ROWS, k.OUT), np.int64),
            np.empty((_OUT_ROWS, k.FACTS)),
            np.empty((_OUT_ROWS, self.ring, 2)),
            np.zeros(1, np.int64),
        )

    @property
    def _state(self) -> k.Cells:
        return k.Cells(self.index, self.cells, self.tallies, self.points, self._free)

    def _allocate(self, capacity: int) -> None:
        """Empty cells, all free."""
        n = len(self.rule.patterns)
        self.cells = np.zeros((capacity, k.CELL), np.int64)
        self.cells[:, k.OWNER] = -1
        self.tallies = np.zeros((capacity, n, k.TALLY), np.int64)
        self.points = np.zeros((capacity, n, self.ring, 2))
        self._list_free()

    def _list_free(self) -> None:
        """Write down anew which cells are free; the lowest is used first."""
        free = np.flatnonzero(self.cells[:, k.OWNER] < 0)[::-1]
        self._free = np.zeros(len(self.cells) + 1, np.int64)
        self._free[0] = len(free)
        self._free[1 : len(free) + 1] = free

    def _more_cells(self) -> None:
        """Half as many cells again."""
        more = max(_FIRST_CELLS, len(self.cells) // 2)
        cells = np.zeros((more, k.CELL), np.int64)
        cells[:, k.OWNER] = -1
        self.cells = np.concatenate([self.cells, cells])
        self.tallies = np.concatenate([self.tallies, np.zeros((more, *self.tallies.shape[1:]), np.int64)])
        self.points = np.concatenate([self.points, np.zeros((more, *self.points.shape[1:]))])
        self._list_free()

    def make_room(self, devices: int) -> None:
        """Have an index for each of so many devices."""
        have = len(self.index)
        if devices > have:
            more = max(devices, have * 9 // 8) - have
            self.index = np.concatenate([self.index, np.full(more, -1, np.int32)])
        for windows in self.windows.values():
            windows.make_room(devices)

    def _drive(self, total: int, run: Callable[[int], int]) -> Transitions | None:
        """Run a kernel until it has done all, making room when it asks, and gather the transitions."""
        found: list[Transitions] = []
        out, done = self._out, 0
        while done < total:
            done = run(done)
            made = int(out.made[0])
            if made:
                found.append(
                    Transitions(out.rows[:made].copy(), out.facts[:made].copy(), out.points[:made].copy())
                )
                out.made[0] = 0
            if done < total and self._free[0] < k.ROOM:
                self._more_cells()
        if len(found) < 2:
            return found[0] if found else None
        return Transitions(
            np.concatenate([t.rows for t in found]),
            np.concatenate([t.facts for t in found]),
            np.concatenate([t.points for t in found]),
        )

    def follow(self, columns: k.RowColumns, asked: k.Answers, closed: k.ClosedWindows) -> Transitions | None:
        """Take one segment's rows, and the windows that they closed."""
        return self._drive(
            len(columns.slots),
            lambda start: rows.follow_rows(
                start, self._parameters, columns, asked, closed, self._state, self._out
            ),
        )

    def follow_closed(self, closed: k.ClosedWindows) -> Transitions | None:
        """Take windows that the shard's clock closed."""
        return self._drive(
            1, lambda _: by_clock.follow_closed(self._parameters, closed, self._state, self._out)
        )

    def end_silent(self, clock: int, clocks: k.Clocks) -> Transitions | None:
        """Let episodes of devices that have been silent too long lapse."""
        if self.rule.ends_silent is None:
            return None
        return self._drive(
            len(self.cells),
            lambda start: by_clock.end_silent(start, clock, clocks, self._parameters, self._state, self._out),
        )

    def count_absent(self, clock: int, clocks: k.Clocks, count: int, live_within: int) -> tuple[int, int]:
        """(live devices, those of them overdue and not yet raised)."""
        return by_clock.count_absent(clock, clocks, count, self.absent_after, live_within, self._state)

    def raise_absent(self, clock: int, clocks: k.Clocks, count: int) -> Transitions | None:
        """Raise the absences that the shard's clock brings."""
        return self._drive(
            count,
            lambda start: by_clock.raise_absent(
                start, clock, clocks, count, self._parameters, self._state, self._out
            ),
        )

    def used(self) -> NDArray[np.int64]:
        """The cells in use."""
        return np.flatnonzero(self.cells[:, k.OWNER] >= 0)

    def put(self, cells: NDArray[np.int64], tallies: NDArray[np.int64], points: NDArray[np.float64]) -> None:
        """Take over cells (those of a snapshot, or of an older version of the rule) into an empty state."""
        self._allocate(max(_FIRST_CELLS, len(cells) + len(cells) // 4))
        self.cells[: len(cells)] = cells
        self.tallies[: len(cells)] = tallies
        self.points[: len(cells)] = points
        self.index[cells[:, k.OWNER]] = np.arange(len(cells), dtype=np.int32)
        self._list_free()

    def nbytes(self) -> int:
        """Bytes held in memory by state."""
        own = (
            self.index.nbytes
            + self.cells.nbytes
            + self.tallies.nbytes
            + self.points.nbytes
            + self._free.nbytes
        )
        return own + sum(w.nbytes() for w in self.windows.values())
