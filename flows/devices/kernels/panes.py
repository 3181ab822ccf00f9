"""Panes of windows: readings go in, windows that are over come out."""

# pyright: basic, reportReturnType=false

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import float64, int64, njit, types

from flows.devices.kernels.layout import (
    CLOCKS,
    FLOAT_CUBE,
    FLOAT_TABLE,
    FLOATS,
    INTS,
    LATE_IN_WINDOW,
    ROW_COLUMNS,
    TABLE,
    TAKEN,
    Clocks,
    Floats,
    Ints,
    RowColumns,
)

# a window's parameters
LENGTH, EVERY, LATENESS, MEASURE = range(4)
COUNT, SUM, MEAN, MIN, MAX, LAST, SLOPE, ALL = range(8)
# the sums of a pane: times are seconds since its start
N, TOTAL, LEAST, MOST, LAST_AT, LAST_VALUE, TIMES, SQUARES, PRODUCTS = range(9)
PANE = 9
NEVER = -(1 << 62)


class Panes(NamedTuple):
    """`names` [devices, ring] is the pane number in each place, `sums` float64 [devices, ring, PANE].

    `opened` [devices] is the first window that is not closed, NEVER before the first reading.
    """

    names: Ints
    opened: Ints
    sums: Floats


class Over(NamedTuple):
    """Room for windows that are over: `rows` [m, 2] (row or -1, slot), `facts` float64 [m, 3] (end, value, count).

    Where all measures are asked for, `facts` is [m, 1 + PANE]: the end, and the sums of the window.
    """

    rows: Ints
    facts: Floats


PANES = types.NamedTuple([TABLE, INTS, FLOAT_CUBE], Panes)
OVER = types.NamedTuple([TABLE, FLOAT_TABLE], Over)


@njit(types.void(FLOATS), cache=True)
def _empty(pane):
    """A pane or window without readings."""
    for j in range(PANE):
        pane[j] = 0.0
    pane[LEAST] = np.inf
    pane[MOST] = -np.inf
    pane[LAST_AT] = -np.inf


@njit(types.void(FLOATS, float64, float64, float64), cache=True)
def _put(pane, at, seconds, value):
    """One reading into a pane, `seconds` after its start."""
    pane[N] += 1.0
    pane[TOTAL] += value
    pane[LEAST] = min(pane[LEAST], value)
    pane[MOST] = max(pane[MOST], value)
    if at > pane[LAST_AT]:
        pane[LAST_AT] = at
        pane[LAST_VALUE] = value
    pane[TIMES] += seconds
    pane[SQUARES] += seconds * seconds
    pane[PRODUCTS] += seconds * value


@njit(types.void(FLOATS, FLOATS, float64), cache=True)
def _add(window, pane, shift):
    """A pane into its window, which began `shift` seconds before it."""
    window[N] += pane[N]
    window[TOTAL] += pane[TOTAL]
    window[LEAST] = min(window[LEAST], pane[LEAST])
    window[MOST] = max(window[MOST], pane[MOST])
    if pane[LAST_AT] > window[LAST_AT]:
        window[LAST_AT] = pane[LAST_AT]
        window[LAST_VALUE] = pane[LAST_VALUE]
    window[TIMES] += pane[TIMES] + shift * pane[N]
    window[SQUARES] += pane[SQUARES] + 2.0 * shift * pane[TIMES] + shift * shift * pane[N]
    window[PRODUCTS] += pane[PRODUCTS] + shift * pane[TOTAL]


@njit(float64(FLOATS, int64), cache=True)
def _measure(window, measure):
    """One measure of a window; slope is least squares in units per hour."""
    n = window[N]
    if measure == COUNT:
        return n
    if measure == SUM:
        return window[TOTAL]
    if measure == MEAN:
        return window[TOTAL] / n
    if measure == MIN:
        return window[LEAST]
    if measure == MAX:
        return window[MOST]
    if measure == LAST:
        return window[LAST_VALUE]
    spread = n * window[SQUARES] - window[TIMES] * window[TIMES]
    if n < 2.0 or spread <= 0.0:
        return np.nan
    return (n * window[PRODUCTS] - window[TIMES] * window[TOTAL]) / spread * 3600.0


@njit(types.UniTuple(int64, 2)(PANES, int64), cache=True)
def _span(panes, slot):
    """The least and the greatest number of a device's panes that some open window needs."""
    low = int64(1) << 62
    high = -low
    for q in range(panes.names.shape[1]):
        name = panes.names[slot, q]
        if name >= panes.opened[slot]:
            low = min(low, name)
            high = max(high, name)
    return low, high


@njit(int64(INTS, int64, int64, int64, PANES, OVER, int64), cache=True)
def _close(parameters, row, slot, until, panes, over, made):
    """Close the windows of one device that end by `until`; returns how many are written now."""
    length, every = parameters[LENGTH], parameters[EVERY]
    wide = length // every
    ring = panes.names.shape[1]
    last = (until - length) // every
    if panes.opened[slot] > last:
        return made
    low, high = _span(panes, slot)
    window = np.empty(PANE)
    for k in range(max(panes.opened[slot], low - wide + 1), min(last, high) + 1):
        _empty(window)
        for p in range(k, k + wide):
            if panes.names[slot, p % ring] == p:
                _add(window, panes.sums[slot, p % ring], float64((p - k) * every) / 1000.0)
        if window[N] > 0.0:
            over.rows[made, 0] = row
            over.rows[made, 1] = slot
            over.facts[made, 0] = k * every + length
            if parameters[MEASURE] == ALL:
                for j in range(PANE):
                    over.facts[made, 1 + j] = window[j]
            else:
                over.facts[made, 1] = _measure(window, parameters[MEASURE])
                over.facts[made, 2] = window[N]
            made += 1
    panes.opened[slot] = last + 1
    return made


@njit(types.UniTuple(int64, 2)(int64, INTS, ROW_COLUMNS, FLOATS, PANES, OVER), cache=True)
def take_rows(
    start: int, parameters: Ints, rows: RowColumns, values: Floats, panes: Panes, over: Over
) -> tuple[int, int]:
    """Take rows into panes, closing windows before the reading that ends them; (rows done, windows closed)."""
    every = parameters[EVERY]
    wide = parameters[LENGTH] // every
    ring = panes.names.shape[1]
    made = int64(0)
    for r in range(start, rows.at.shape[0]):
        if rows.status[r] != TAKEN and rows.status[r] != LATE_IN_WINDOW:
            continue
        if made + ring + wide + 1 > over.rows.shape[0]:
            return int64(r), made
        slot, at, value = int64(rows.slots[r]), rows.at[r], values[r]
        p = at // every
        if panes.opened[slot] == NEVER:
            panes.opened[slot] = p - wide + 1
        if rows.status[r] == TAKEN:
            made = _close(parameters, int64(r), slot, at - parameters[LATENESS], panes, over, made)
        if value != value or p < panes.opened[slot]:
            continue
        pane = panes.sums[slot, p % ring]
        if panes.names[slot, p % ring] != p:
            panes.names[slot, p % ring] = p
            _empty(pane)
        _put(pane, float64(at), float64(at - p * every) / 1000.0, value)
    return rows.at.shape[0], made


@njit(types.UniTuple(int64, 2)(int64, int64, INTS, int64, CLOCKS, PANES, OVER), cache=True)
def sweep(
    start: int, count: int, parameters: Ints, clock: int, clocks: Clocks, panes: Panes, over: Over
) -> tuple[int, int]:
    """Close what the shard's clock ends, device by device; returns (devices done, windows closed)."""
    wide = parameters[LENGTH] // parameters[EVERY]
    made = int64(0)
    for slot in range(start, count):
        if panes.opened[slot] == NEVER:
            continue
        if made + panes.names.shape[1] + wide + 1 > over.rows.shape[0]:
            return int64(slot), made
        # a quiet device's clock goes on with the shard's
        own = clocks.own[slot] + clock - clocks.heard[slot]
        made = _close(parameters, int64(-1), int64(slot), own - parameters[LATENESS], panes, over, made)
    return count, made
