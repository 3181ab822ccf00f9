"""One rule follows the rows of a batch, device by device."""

# pyright: basic, reportReturnType=false

from __future__ import annotations

import numpy as np
from numba import boolean, float64, int64, njit, types

from flows.devices.kernels.episodes import (
    add_evidence,
    before_row,
    cell_of,
    has_room,
    level_after,
    raise_episode,
    release,
    take_closed_window,
    write,
)
from flows.devices.kernels.layout import (
    ABSENT_AFTER,
    ACTIVE,
    ANSWERS,
    CELLS,
    CLEAR_RUN,
    CLEARED,
    CLEARING,
    CLOSED_ROW,
    CLOSED_WINDOWS,
    DEESCALATED,
    ESCALATED,
    INACTIVE,
    KIND,
    LAPSED,
    LENGTH,
    OPENED,
    ROW_COLUMNS,
    RULE_PARAMETERS,
    SEVERITIES,
    SEVERITY,
    SILENT,
    STATE,
    TAKEN,
    WINDOW,
    WRITTEN,
    Answers,
    Cells,
    ClosedWindows,
    RowColumns,
    RuleParameters,
    Written,
)
from flows.devices.kernels.tallies import any_stands, forget_all, neutral, take


@njit(types.void(RULE_PARAMETERS, ROW_COLUMNS, int64, CELLS, int64, WRITTEN), cache=True)
def _lapse_if_silent(rule, rows, r, state, c, out):
    """End an active episode before this reading, if the device's last one was too long ago."""
    silent, previous = rule.rule[SILENT], rows.previous[r]
    if state.cells[c, STATE] != ACTIVE or silent < 0 or previous < 0 or rows.at[r] - previous < silent:
        return
    write(out, state, c, before_row(r), LAPSED, max(previous + silent, state.cells[c, OPENED]))
    state.cells[c, STATE] = INACTIVE
    forget_all(state, c)


@njit(
    types.Tuple((int64, int64, float64))(RULE_PARAMETERS, ROW_COLUMNS, ANSWERS, int64, CELLS, int64),
    cache=True,
)
def _take_patterns(rule, rows, asked, r, state, c):
    """Let all patterns take the reading; (the cell or -1, the first pattern that holds or -1, its rise)."""
    first, first_rise = int64(-1), np.nan
    for p in range(rule.patterns.shape[0]):
        truth = int64(asked.holds[p, r])
        if truth < 0 or rule.patterns[p, KIND] == WINDOW:
            continue
        if c < 0:
            if truth == 0:
                continue
            c = cell_of(state, int64(rows.slots[r]))
        held, rise = take(rule, state, c, int64(p), rows.at[r], truth, asked.values[p, r])
        if held and first < 0:
            first, first_rise = int64(p), rise
    return c, first, first_rise


@njit(boolean(RULE_PARAMETERS, ANSWERS, int64, CELLS, int64), cache=True)
def _is_clear(rule, asked, r, state, c):
    """Whether this reading ends the episode."""
    if rule.rule[CLEAR_RUN] == 0:
        return not any_stands(state, c)
    if asked.clears[r] == 1:
        state.cells[c, CLEARING] += 1
    elif asked.clears[r] == 0:
        state.cells[c, CLEARING] = 0
    return state.cells[c, CLEARING] >= rule.rule[CLEAR_RUN]


@njit(types.void(RULE_PARAMETERS, ROW_COLUMNS, ANSWERS, int64, CELLS, int64, WRITTEN), cache=True)
def _follow_active(rule, rows, asked, r, state, c, out):
    """Clear an active episode, or change its severity."""
    if _is_clear(rule, asked, r, state, c):
        write(out, state, c, int64(r), CLEARED, rows.at[r])
        release(state, c)
        return
    if rule.rule[SEVERITIES] < 2:
        return
    before = state.cells[c, SEVERITY]
    level = level_after(rule, asked, int64(r), before)
    if level != before:
        state.cells[c, SEVERITY] = level
        write(out, state, c, int64(r), ESCALATED if level > before else DEESCALATED, rows.at[r])


@njit(types.void(RULE_PARAMETERS, ROW_COLUMNS, ANSWERS, int64, CELLS, WRITTEN), cache=True)
def _take_row(rule, rows, asked, r, state, out):
    """Take one reading into its device's episode."""
    c = int64(state.by_slot[rows.slots[r]])
    if c >= 0:
        _lapse_if_silent(rule, rows, r, state, c, out)
    if rule.rule[ABSENT_AFTER] >= 0:
        if c >= 0:
            if state.cells[c, STATE] == ACTIVE:
                write(out, state, c, int64(r), CLEARED, rows.at[r])
            release(state, c)
        return
    c, first, rise = _take_patterns(rule, rows, asked, r, state, c)
    if c < 0:
        return
    if state.cells[c, STATE] != INACTIVE:
        _follow_active(rule, rows, asked, r, state, c, out)
    elif first >= 0:
        raise_episode(out, state, c, int64(r), rows.at[r], level_after(rule, asked, int64(r), int64(0)))
        add_evidence(out, state, c, first, state.tallies[c, first, LENGTH], rise, asked.values[first, r])
    elif neutral(state, c):
        release(state, c)


@njit(boolean(ANSWERS, int64), cache=True)
def _any_holds(asked, r):
    """Whether some condition is true at a row."""
    for p in range(asked.holds.shape[0]):
        if asked.holds[p, r] == 1:
            return True
    return False


@njit(int64(int64, RULE_PARAMETERS, ROW_COLUMNS, ANSWERS, CLOSED_WINDOWS, CELLS, WRITTEN), cache=True)
def follow_rows(
    start: int,
    rule: RuleParameters,
    rows: RowColumns,
    asked: Answers,
    closed: ClosedWindows,
    state: Cells,
    out: Written,
) -> int:
    """Take rows from `start` into one rule's episodes; returns the row it stopped before for want of room.

    The windows that a row closes are taken just before it; all rows but those TAKEN are passed over.
    """
    for r in range(start, rows.slots.shape[0]):
        if rows.status[r] != TAKEN:
            continue
        k = closed.cursor[0]
        waiting = k < closed.rows.shape[0] and closed.rows[k, CLOSED_ROW] <= r
        if not waiting and state.by_slot[rows.slots[r]] < 0 and not _any_holds(asked, int64(r)):
            continue
        while waiting:
            if not has_room(state, out):
                return int64(r)
            take_closed_window(rule, closed, state, out)
            k = closed.cursor[0]
            waiting = k < closed.rows.shape[0] and closed.rows[k, CLOSED_ROW] <= r
        if not has_room(state, out):
            return int64(r)
        _take_row(rule, rows, asked, int64(r), state, out)
    return rows.slots.shape[0]
