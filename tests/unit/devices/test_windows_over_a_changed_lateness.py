"""A stream's lateness may change over a restart: open windows keep their readings."""

from __future__ import annotations

import numpy as np

from flows.devices.kernels.layout import TAKEN, Clocks, RowColumns
from flows.devices.windows import WindowState
from flows.expressions import parse
from flows.rules.model import Window

MINUTE = 60_000
SUMS = Window(length=4 * MINUTE, every=MINUTE, measure="sum", field="load", of=parse("value > 0"))


def rows(*minutes: int) -> RowColumns:
    """One device's readings at these minutes, all taken."""
    n = len(minutes)
    at = np.array(minutes, np.int64) * MINUTE
    return RowColumns(np.zeros(n, np.int32), at, at - 1, np.full(n, TAKEN, np.uint8))


def test_open_windows_survive_another_lateness() -> None:
    """Windows begun with one lateness and closed with another, longer or shorter, hold every reading once."""
    for before, after in ((0, 5 * MINUTE), (5 * MINUTE, 0)):
        old = WindowState(SUMS.length, SUMS.every, before, SUMS.measure)
        old.make_room(1)
        first = old.take(rows(10, 11, 12), np.array([1.0, 2.0, 4.0]))
        new = WindowState(SUMS.length, SUMS.every, after, SUMS.measure)
        new.put(*old.save())
        clocks = Clocks(np.array([12 * MINUTE]), np.array([12 * MINUTE]))
        second = new.sweep(60 * MINUTE, clocks, 1)
        closed = np.concatenate([first.facts, second.facts])
        assert dict(zip((closed[:, 0] // MINUTE).tolist(), closed[:, 1].tolist(), strict=True)) == {
            11: 1.0,
            12: 3.0,
            13: 7.0,
            14: 7.0,
            15: 6.0,
            16: 4.0,
        }
