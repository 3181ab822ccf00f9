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

# more than a stream may have: makes one number of a time and a metric
METRICS = 512


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


@njit(types.void(TABLE, int64, int64), cache=True)
def _see(seen, slot, metric):
    """Note that a device has sent a metric at its clock."""
    seen[slot, metric // 64] |= int64(1) << (metric % 64)


@njit(types.void(ROW_COLUMNS, INTS, INTS, CLOCKS, TABLE, TABLE), cache=True)
def accept(rows: RowColumns, metrics: Ints, shard: Ints, clocks: Clocks, recent: Ints, seen: Ints) -> None:
    """Say of each row whether it is taken, by its device's own clock, and move that clock.

    `rows.status` comes in as FUTURE where the reading is ahead of its append time and TAKEN elsewhere;
    `rows.previous` gets the device's clock before the row. `shard` is the shard's clock after each row. `recent`
    [devices, R] holds each device's greatest times when windows take late readings (R 0: they do not); a late time
    among them is a duplicate, one older than all of a full row is late. `seen` [devices, W] holds which of a narrow
    stream's metrics each device has sent at its clock (W 0: the stream is wide), `metrics` which one each row is; what
    is remembered then is time × METRICS + metric + 1. One that is not declared (-1) is read by nobody, so it is never a
    duplicate and never remembered.
    """
    size, narrow = recent.shape[1], seen.shape[1] > 0
    for r in range(rows.at.shape[0]):
        slot = int64(rows.slots[r])
        at, now = rows.at[r], clocks.own[slot]
        rows.previous[r] = now
        if rows.status[r] == FUTURE:
            continue
        clocks.heard[slot] = shard[r]
        metric = metrics[r] if narrow else int64(0)
        key = at * METRICS + metric + 1 if narrow else at
        repeated, lowest = _remembered(recent, slot, key)
        if at == now:
            repeated = not narrow or (metric >= 0 and (seen[slot, metric // 64] >> (metric % 64)) & 1 == 1)
        if repeated:
            rows.status[r] = DUPLICATE
            continue
        if at > now:
            clocks.own[slot] = at
            for w in range(seen.shape[1]):
                seen[slot, w] = 0
        if at >= now:
            rows.status[r] = TAKEN
        elif metric >= 0 and size > 0 and key > recent[slot, lowest]:
            rows.status[r] = LATE_IN_WINDOW
        else:
            rows.status[r] = LATE
            continue
        if metric < 0:
            continue
        if narrow and at >= now:
            _see(seen, slot, metric)
        if size > 0 and key > recent[slot, lowest]:
            recent[slot, lowest] = key
