"""Windows of event time, tumbling or hopping, kept as panes: results depend on the readings and not on when they came.

A window of `length` is `length / every` panes. A pane holds what every measure needs, so that hopping windows share
the work (Li et al., "No pane, no gain", 2005). A window closes when its device's clock, or for a quiet device the
shard's, passes its end plus the stream's lateness; until then late readings still count.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
from numba import float64, int32, int64, njit, types
from numpy.typing import NDArray

from flows.devices.kernel import LATE_IN_WINDOW, TAKEN
from flows.rules.model import Window

MEASURES = ("count", "sum", "mean", "min", "max", "last", "slope")
_COUNT, _SUM, _MIN, _MAX, _LAST_AT, _LAST, _T, _TT, _TV = range(9)
PANE = 9
_NEVER = -(1 << 62)

_panes = float64[:, :, ::1]
_i64 = int64[::1]


@njit(float64(float64[::1], int64), cache=True)
def _measure(w, measure):
    """One measure of a window's nine sums; slope is least squares in units per hour, times in seconds."""
    n = w[0]
    if measure == 0:
        return n
    if measure == 1:
        return w[1]
    if measure == 2:
        return w[1] / n
    if measure == 3:
        return w[2]
    if measure == 4:
        return w[3]
    if measure == 5:
        return w[5]
    spread = n * w[7] - w[6] * w[6]
    if n < 2.0 or spread <= 0.0:
        return np.nan
    return (n * w[8] - w[6] * w[1]) / spread * 3600.0


@njit(
    int64(
        int64, int64, int64, int64, int64, int64, int64[:, ::1], _i64, _panes, int64[:, ::1], float64[:, ::1], int64,
    ),
    cache=True,
)  # fmt: skip
def _close(row, slot, until, length, every, measure, names, opened, panes, closed, values, made):
    """Close the windows of one device that end by `until`; returns how many are written now."""
    wide = length // every
    ring = names.shape[1]
    last = (until - length) // every
    if opened[slot] > last:
        return made
    low = int64(1) << 62
    high = -low
    for q in range(ring):
        if names[slot, q] >= opened[slot]:
            low = min(low, names[slot, q])
            high = max(high, names[slot, q])
    total = np.empty(PANE)
    for k in range(max(opened[slot], low - wide + 1), min(last, high) + 1):
        start = float64(k * every)
        total[0] = 0.0
        for p in range(k, k + wide):
            q = p % ring
            if names[slot, q] != p:
                continue
            pane = panes[slot, q]
            # times of a pane are seconds since its start; move them to the window's
            shift = (float64(p * every) - start) / 1000.0
            if total[0] == 0.0:
                for j in range(PANE):
                    total[j] = 0.0
                total[2] = np.inf
                total[3] = -np.inf
                total[4] = -np.inf
            total[0] += pane[0]
            total[1] += pane[1]
            total[2] = min(total[2], pane[2])
            total[3] = max(total[3], pane[3])
            if pane[4] > total[4]:
                total[4] = pane[4]
                total[5] = pane[5]
            total[6] += pane[6] + shift * pane[0]
            total[7] += pane[7] + 2.0 * shift * pane[6] + shift * shift * pane[0]
            total[8] += pane[8] + shift * pane[1]
        if total[0] > 0.0:
            closed[made, 0] = row
            closed[made, 1] = slot
            values[made, 0] = k * every + length
            values[made, 1] = _measure(total, measure)
            values[made, 2] = total[0]
            made += 1
    opened[slot] = last + 1
    return made


@njit(
    types.UniTuple(int64, 2)(
        int64, int64, int32[::1], _i64, types.Array(types.uint8, 1, "C"), float64[::1], int64, int64, int64, int64,
        int64[:, ::1], _i64, _panes, int64[:, ::1], float64[:, ::1], int64,
    ),
    cache=True,
)  # fmt: skip
def _take(start, stop, slots, at, status, values, length, every, lateness, measure, names, opened, panes, closed, facts, made):  # fmt: skip
    """Take rows into panes, closing windows before the reading that ends them; returns (rows done, windows closed)."""
    wide = length // every
    ring = names.shape[1]
    for r in range(start, stop):
        if status[r] != TAKEN and status[r] != LATE_IN_WINDOW:
            continue
        if made + ring + wide + 1 > closed.shape[0]:
            return r, made
        slot = int64(slots[r])
        p = at[r] // every
        if opened[slot] == _NEVER:
            opened[slot] = p - wide + 1
        if status[r] == TAKEN:
            made = _close(
                r, slot, at[r] - lateness, length, every, measure, names, opened, panes, closed, facts, made
            )
        v = values[r]
        if v != v or p < opened[slot]:
            continue
        q = p % ring
        pane = panes[slot, q]
        if names[slot, q] != p:
            names[slot, q] = p
            for j in range(PANE):
                pane[j] = 0.0
            pane[2] = np.inf
            pane[3] = -np.inf
            pane[4] = -np.inf
        t = float64(at[r] - p * every) / 1000.0
        pane[0] += 1.0
        pane[1] += v
        pane[2] = min(pane[2], v)
        pane[3] = max(pane[3], v)
        if float64(at[r]) > pane[4]:
            pane[4] = float64(at[r])
            pane[5] = v
        pane[6] += t
        pane[7] += t * t
        pane[8] += t * v
    return stop, made


@njit(
    types.UniTuple(int64, 2)(
        int64, int64, int64, _i64, _i64, int64, int64, int64, int64, int64[:, ::1], _i64, _panes, int64[:, ::1],
        float64[:, ::1], int64,
    ),
    cache=True,
)  # fmt: skip
def _sweep(start, count, clock, clocks, heard, length, every, lateness, measure, names, opened, panes, closed, facts, made):
    """Close what the shard's clock ends, device by device; returns (devices done, windows closed)."""
    wide = length // every
    for slot in range(start, count):
        if opened[slot] == _NEVER:
            continue
        if made + names.shape[1] + wide + 1 > closed.shape[0]:
            return slot, made
        made = _close(
            -1, slot, clock - lateness, length, every, measure, names, opened, panes, closed, facts, made
        )
    return count, made


_Run = Callable[[int, NDArray[np.int64], NDArray[np.float64]], tuple[int, int]]


class Closed(msgspec.Struct, frozen=True):
    """Closed windows in order: `rows` int64 [m, 2] (row or -1, slot), `facts` float64 [m, 3] (end ms, value, readings)."""

    rows: NDArray[np.int64]
    facts: NDArray[np.float64]


class WindowState:
    """The open windows of one pattern, by slot."""

    def __init__(self, pattern: Window, lateness: int) -> None:
        self._length, self._every, self._lateness = pattern.length, pattern.every, lateness
        self._measure = MEASURES.index(pattern.measure)
        self._ring = pattern.length // pattern.every + -(-lateness // pattern.every) + 2
        self.names = np.empty((0, self._ring), np.int64)
        self.opened = np.empty(0, np.int64)
        self.panes = np.empty((0, self._ring, PANE), np.float64)

    def make_room(self, devices: int) -> None:
        """Have a place for each of so many devices."""
        have = len(self.opened)
        if devices <= have:
            return
        more = max(devices, have * 5 // 4) - have
        self.names = np.concatenate([self.names, np.full((more, self._ring), _NEVER, np.int64)])
        self.opened = np.concatenate([self.opened, np.full(more, _NEVER, np.int64)])
        self.panes = np.concatenate([self.panes, np.zeros((more, self._ring, PANE))])

    def take(
        self,
        slots: NDArray[np.int32],
        at: NDArray[np.int64],
        status: NDArray[np.uint8],
        values: NDArray[np.float64],
    ) -> Closed:
        """Take rows (`values` NaN where missing) and return the windows that they closed."""
        return self._collect(
            len(at),
            lambda start, closed, facts: _take(
                start, len(at), slots, at, status, values, self._length, self._every, self._lateness, self._measure,
                self.names, self.opened, self.panes, closed, facts, 0,
            ),
        )  # fmt: skip

    def sweep(self, clock: int, clocks: NDArray[np.int64], heard: NDArray[np.int64], count: int) -> Closed:
        """Close what ends by the shard's clock, for the first `count` devices."""
        return self._collect(
            count,
            lambda start, closed, facts: _sweep(
                start, count, clock, clocks, heard, self._length, self._every, self._lateness, self._measure,
                self.names, self.opened, self.panes, closed, facts, 0,
            ),
        )  # fmt: skip

    def _collect(self, total: int, run: _Run) -> Closed:
        """Run a kernel until it has done all, gathering what it wrote each time."""
        rows: list[NDArray[np.int64]] = []
        facts: list[NDArray[np.float64]] = []
        size = 256 + 4 * self._ring
        done = 0
        while done < total:
            closed, values = np.empty((size, 2), np.int64), np.empty((size, 3))
            done, made = run(done, closed, values)
            rows.append(closed[:made])
            facts.append(values[:made])
        if not rows:
            return Closed(np.empty((0, 2), np.int64), np.empty((0, 3)))
        return Closed(np.concatenate(rows), np.concatenate(facts))

    def put(self, ring: int, names: bytes, opened: bytes, panes: bytes) -> None:
        """Take over the windows of a snapshot, `ring` panes a device."""
        self.names = np.frombuffer(names, np.int64).reshape(-1, ring).copy()
        self.opened = np.frombuffer(opened, np.int64).copy()
        self.panes = np.frombuffer(panes, np.float64).reshape(-1, ring, PANE).copy()

    def nbytes(self) -> int:
        """Bytes held in memory."""
        return self.names.nbytes + self.opened.nbytes + self.panes.nbytes
