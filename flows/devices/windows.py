"""Windows of event time, tumbling or hopping, kept as panes: results depend on the readings and not on when they came.

A window of `length` is `length / every` panes. A pane holds what every measure needs, so that hopping windows share
the work (Li et al., "No pane, no gain", 2005). A window closes when its device's clock, which goes on with the shard's
while it is quiet, passes its end plus the stream's lateness; until then late readings still count.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from flows.devices.kernels import panes as k
from flows.devices.kernels.layout import Clocks, RowColumns
from flows.rules.model import Measure

_MEASURES = {
    "count": k.COUNT,
    "sum": k.SUM,
    "mean": k.MEAN,
    "min": k.MIN,
    "max": k.MAX,
    "last": k.LAST,
    "slope": k.SLOPE,
}
_Run = Callable[[int, k.Over], tuple[int, int]]


class Closed(msgspec.Struct, frozen=True):
    """Closed windows in order: `rows` int64 [m, 2] (row or -1, slot), `facts` float64 [m, 3] (end, value, readings).

    Of windows of all measures `facts` is float64 [m, 1 + PANE]: the end, and the sums.
    """

    rows: NDArray[np.int64]
    facts: NDArray[np.float64]


class WindowState:
    """The open windows of one pattern, by slot; without a `measure`, of all measures."""

    def __init__(self, length: int, every: int, lateness: int, measure: Measure | None = None) -> None:
        which = k.ALL if measure is None else _MEASURES[measure]
        self._parameters = np.array([length, every, lateness, which], np.int64)
        self._facts = 3 if measure is not None else 1 + k.PANE
        self._ring = length // every + -(-lateness // every) + 2
        self._panes = k.Panes(
            np.empty((0, self._ring), np.int64),
            np.empty(0, np.int64),
            np.empty((0, self._ring, k.PANE), np.float64),
        )

    @property
    def lateness(self) -> int:
        """How long a window waits for late readings after its end, in ms."""
        return int(self._parameters[k.LATENESS])

    def make_room(self, devices: int) -> None:
        """Have a place for each of so many devices."""
        panes, have = self._panes, len(self._panes.opened)
        if devices <= have:
            return
        more = max(devices, have * 5 // 4) - have
        self._panes = k.Panes(
            np.concatenate([panes.names, np.full((more, self._ring), k.NEVER, np.int64)]),
            np.concatenate([panes.opened, np.full(more, k.NEVER, np.int64)]),
            np.concatenate([panes.sums, np.zeros((more, self._ring, k.PANE))]),
        )

    def take(self, rows: RowColumns, values: NDArray[np.float64]) -> Closed:
        """Take rows (`values` NaN where missing) and return the windows that they closed."""
        return self._collect(
            len(rows.at),
            lambda start, over: k.take_rows(start, self._parameters, rows, values, self._panes, over),
        )

    def sweep(self, clock: int, clocks: Clocks, count: int) -> Closed:
        """Close what ends by the shard's clock, for the first `count` devices."""
        return self._collect(
            count,
            lambda start, over: k.sweep(start, count, self._parameters, clock, clocks, self._panes, over),
        )

    def save_open(self) -> tuple[int, bytes, bytes, bytes, bytes]:
        """(panes a device, `opened`, then of panes that an open window needs their places, names and sums)."""
        names = self._panes.names
        places = np.flatnonzero((names != k.NEVER) & (names >= self._panes.opened[:, np.newaxis]))
        sums = self._panes.sums.reshape(-1, k.PANE)[places]
        return (
            self._ring,
            self._panes.opened.tobytes(),
            places.tobytes(),
            names.reshape(-1)[places].tobytes(),
            sums.tobytes(),
        )

    def put_open(self, ring: int, opened: bytes, places: bytes, names: bytes, sums: bytes) -> None:
        """Take over what `save_open` saved."""
        begun = np.frombuffer(opened, np.int64)
        all_names = np.full(len(begun) * ring, k.NEVER, np.int64)
        all_sums = np.zeros((len(begun) * ring, k.PANE))
        there = np.frombuffer(places, np.int64)
        all_names[there] = np.frombuffer(names, np.int64)
        all_sums[there] = np.frombuffer(sums, np.float64).reshape(-1, k.PANE)
        self.put(ring, all_names.tobytes(), opened, all_sums.tobytes())

    def under_way(self, slot: int) -> Closed:
        """The windows of one device that hold readings and are not closed, each as if it closed now (rows -1)."""
        length, every, lateness, _ = (int(number) for number in self._parameters)
        one, held = slice(slot, slot + 1), self._panes
        panes = k.Panes(held.names[one].copy(), held.opened[one].copy(), held.sums[one].copy())
        # the newest pane can be in windows that end a length after it
        over = (max(int(panes.names.max()), 0) + 1) * every + length + lateness
        clocks = Clocks(np.full(1, over, np.int64), np.full(1, over, np.int64))
        return self._collect(
            1, lambda start, out: k.sweep(start, 1, self._parameters, over, clocks, panes, out)
        )

    def _collect(self, total: int, run: _Run) -> Closed:
        """Run a kernel until it has done all, gathering what it wrote each time."""
        size = 256 + 4 * self._ring
        rows, facts = [np.empty((0, 2), np.int64)], [np.empty((0, self._facts))]
        done = 0
        while done < total:
            over = k.Over(np.empty((size, 2), np.int64), np.empty((size, self._facts)))
            done, made = run(done, over)
            rows.append(over.rows[:made])
            facts.append(over.facts[:made])
        return Closed(np.concatenate(rows), np.concatenate(facts))

    def save(self) -> tuple[int, bytes, bytes, bytes]:
        """(panes a device, names, opened, sums) for a snapshot."""
        panes = self._panes
        return self._ring, panes.names.tobytes(), panes.opened.tobytes(), panes.sums.tobytes()

    def put(self, ring: int, names: bytes, opened: bytes, sums: bytes) -> None:
        """Take over the windows of a snapshot, `ring` panes a device; another ring means another lateness since."""
        saved = k.Panes(
            np.frombuffer(names, np.int64).reshape(-1, ring).copy(),
            np.frombuffer(opened, np.int64).copy(),
            np.frombuffer(sums, np.float64).reshape(-1, ring, k.PANE).copy(),
        )
        self._panes = saved if ring == self._ring else self._moved(saved)

    def _moved(self, saved: k.Panes) -> k.Panes:
        """Panes at their places in a ring of this size; where two want one place the newer stays."""
        devices = len(saved.opened)
        names = np.full((devices, self._ring), k.NEVER, np.int64)
        sums = np.zeros((devices, self._ring, k.PANE))
        for place in range(saved.names.shape[1]):
            name = saved.names[:, place]
            there = np.flatnonzero(name > names[np.arange(devices), name % self._ring])
            names[there, name[there] % self._ring] = name[there]
            sums[there, name[there] % self._ring] = saved.sums[there, place]
        return k.Panes(names, saved.opened, sums)

    def nbytes(self) -> int:
        """Bytes held in memory."""
        return sum(array.nbytes for array in self._panes)
