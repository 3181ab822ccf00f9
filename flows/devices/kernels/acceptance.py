"""Which readings count: each device's own clock takes, or finds late or repeated."""

# pyright: basic, reportReturnType=false

from __future__ import annotations

from numba import boolean, int64, njit, types

from flows.devices.kernels.layout import (
    CLOCKS,
    DUPLICATE,
    FUTURE,
    INTS,
    LATE,
    LATE_IN_WINDOW,
    ROW_COLUMNS,
    TABLE,
    TAKEN,
    Clocks,
    Ints,
    RowColumns,
)


@njit(types.Tuple((boolean, int64))(TABLE, int64, int64), cache=True)
def _remembered(recent, slot, at):
    """(whether a device's recent times hold this one, where the least of them stands)."""
    lowest = 0
    for q in range(recent.shape[1]):
        if recent[slot, q] == at:
            return True, int64(lowest)
        if recent[slot, q] < recent[slot, lowest]:
            lowest = q
    return False, int64(lowest)


@njit(types.void(ROW_COLUMNS, INTS, CLOCKS, TABLE), cache=True)
def accept(rows: RowColumns, shard: Ints, clocks: Clocks, recent: Ints) -> None:
    """Say of each row whether it is taken, by its device's own clock, and move that clock.

    `rows.status` comes in as FUTURE where the reading is ahead of its append time and TAKEN elsewhere;
    `rows.previous` gets the device's clock before the row. `shard` is the shard's clock after each row. `recent`
    [devices, R] holds each device's greatest times when windows take late readings (R 0: they do not); a late time
    among them is a duplicate, one older than all of a full row is late.
    """
    size = recent.shape[1]
    for r in range(rows.at.shape[0]):
        slot = int64(rows.slots[r])
        at, now = rows.at[r], clocks.own[slot]
        rows.previous[r] = now
        if rows.status[r] == FUTURE:
            continue
        clocks.heard[slot] = shard[r]
        repeated, lowest = _remembered(recent, slot, at)
        if at == now or repeated:
            rows.status[r] = DUPLICATE
            continue
        if at > now:
            clocks.own[slot] = at
            rows.status[r] = TAKEN
        elif size > 0 and at > recent[slot, lowest]:
            rows.status[r] = LATE_IN_WINDOW
        else:
            rows.status[r] = LATE
            continue
        if size > 0:
            recent[slot, lowest] = at
