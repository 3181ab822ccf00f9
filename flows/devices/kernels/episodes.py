"""Cells and the transitions of their episodes."""

# pyright: basic, reportReturnType=false

from __future__ import annotations

import numpy as np
from numba import boolean, float64, int64, njit, types

from flows.devices.kernels.layout import (
    ACTIVE,
    ANSWERS,
    AT,
    BEGAN,
    CELL,
    CELLS,
    CLEAR_RUN,
    CLEARED,
    CLEARING,
    CLOSED_COUNT,
    CLOSED_END,
    CLOSED_PATTERN,
    CLOSED_ROW,
    CLOSED_SLOT,
    CLOSED_TRUTH,
    CLOSED_VALUE,
    CLOSED_WINDOWS,
    FIRST,
    INACTIVE,
    LEVEL,
    NTH,
    NUMBER,
    OPENED,
    OPENED_AT,
    OWNER,
    POINT_COUNT,
    POINTS,
    POSITION,
    RAISED,
    RISE,
    ROOM,
    ROW,
    RULE_PARAMETERS,
    SEVERITIES,
    SEVERITY,
    SLOT,
    STANDING,
    STATE,
    TALLIED,
    TRANSITION,
    VALUE,
    WHICH,
    WRITTEN,
)
from flows.devices.kernels.tallies import any_stands, forget_all


@njit(boolean(CELLS, WRITTEN), cache=True)
def has_room(state, out):
    """Whether one more step finds the cells and the transitions it may need."""
    return out.made[0] + ROOM <= out.rows.shape[0] and state.free[0] >= 2


@njit(int64(CELLS, int64), cache=True)
def cell_of(state, slot):
    """The cell of a device, a free one if it has none."""
    c = int64(state.by_slot[slot])
    if c >= 0:
        return c
    c = state.free[state.free[0]]
    state.free[0] -= 1
    state.by_slot[slot] = c
    for q in range(CELL):
        state.cells[c, q] = 0
    state.cells[c, OWNER] = slot
    forget_all(state, c)
    return c


@njit(types.void(CELLS, int64), cache=True)
def release(state, c):
    """Give a cell back."""
    state.by_slot[state.cells[c, OWNER]] = -1
    state.cells[c, OWNER] = -1
    state.free[0] += 1
    state.free[state.free[0]] = c


@njit(types.void(WRITTEN, int64, CELLS, int64, int64), cache=True)
def _write_points(out, k, state, c, p):
    """Copy the readings that a pattern follows, oldest first."""
    ring = state.points.shape[2]
    n = min(state.tallies[c, p, POINTS], ring)
    for i in range(n):
        j = (state.tallies[c, p, POSITION] - n + i) % ring
        out.points[k, i, 0] = state.points[c, p, j, 0]
        out.points[k, i, 1] = state.points[c, p, j, 1]
    out.rows[k, POINT_COUNT] = n


@njit(types.void(WRITTEN, CELLS, int64, int64, int64, int64), cache=True)
def write(out, state, c, row, what, at):
    """Note one transition of a cell, without evidence."""
    k = out.made[0]
    out.made[0] = k + 1
    cell = state.cells[c]
    cell[NUMBER] += 1
    found = out.rows[k]
    found[ROW] = row
    found[SLOT] = cell[OWNER]
    found[TRANSITION] = what
    found[LEVEL] = cell[SEVERITY]
    found[NTH] = cell[NUMBER]
    found[AT] = at
    found[OPENED_AT] = cell[OPENED]
    found[WHICH] = -1
    found[POINT_COUNT] = 0
    out.facts[k, TALLIED] = 0.0
    out.facts[k, RISE] = np.nan
    out.facts[k, BEGAN] = 0.0
    out.facts[k, VALUE] = np.nan


@njit(types.void(WRITTEN, CELLS, int64, int64, float64, float64, float64), cache=True)
def add_evidence(out, state, c, p, tallied, rise, value):
    """Say of the last transition which pattern brought it, and what that saw."""
    k = out.made[0] - 1
    out.rows[k, WHICH] = p
    out.facts[k, TALLIED] = tallied
    out.facts[k, RISE] = rise
    out.facts[k, BEGAN] = state.tallies[c, p, FIRST]
    out.facts[k, VALUE] = value
    _write_points(out, k, state, c, p)


@njit(types.void(WRITTEN, CELLS, int64, int64, int64, int64), cache=True)
def raise_episode(out, state, c, row, at, level):
    """Open an episode."""
    cell = state.cells[c]
    cell[STATE] = ACTIVE
    cell[NUMBER] = 0
    cell[CLEARING] = 0
    cell[OPENED] = at
    cell[SEVERITY] = level
    write(out, state, c, row, RAISED, at)


@njit(int64(RULE_PARAMETERS, ANSWERS, int64, int64), cache=True)
def level_after(rule, asked, row, current):
    """The severity after a reading: up to the highest that holds, else down past those whose clear holds."""
    for level in range(rule.rule[SEVERITIES] - 1, current, -1):
        if asked.severer[level, row] == 1:
            return level
    level = current
    while level > 0 and asked.milder[level, row] == 1:
        level -= 1
    return level


@njit(int64(int64), cache=True)
def before_row(row):
    """What a transition just before a row is noted with: a number below 0, for the row is not its cause.

    Without a row (-1) it is as for the first: what a tick ends comes after all rows of its segment anyway.
    """
    return int64(-1 - max(row, 0))


@njit(types.void(RULE_PARAMETERS, CLOSED_WINDOWS, CELLS, WRITTEN), cache=True)
def take_closed_window(rule, closed, state, out):
    """Take the next closed window into its rule's episode."""
    k = closed.cursor[0]
    closed.cursor[0] = k + 1
    row, facts = closed.rows[k], closed.facts[k]
    p, at = row[CLOSED_PATTERN], int64(facts[CLOSED_END])
    c = int64(state.by_slot[row[CLOSED_SLOT]])
    if row[CLOSED_TRUTH] == 1:
        if c < 0:
            c = cell_of(state, row[CLOSED_SLOT])
        state.tallies[c, p, STANDING] = 1
        if state.cells[c, STATE] == INACTIVE:
            raise_episode(out, state, c, before_row(row[CLOSED_ROW]), at, int64(0))
            add_evidence(out, state, c, p, facts[CLOSED_COUNT], np.nan, facts[CLOSED_VALUE])
        return
    if c < 0 or row[CLOSED_TRUTH] < 0:
        return
    state.tallies[c, p, STANDING] = 0
    if state.cells[c, STATE] == ACTIVE and rule.rule[CLEAR_RUN] == 0 and not any_stands(state, c):
        write(out, state, c, before_row(row[CLOSED_ROW]), CLEARED, at)
        add_evidence(out, state, c, p, facts[CLOSED_COUNT], np.nan, facts[CLOSED_VALUE])
        release(state, c)
