"""What only the shard's clock ends: silent episodes, absences, the windows of quiet devices."""

# pyright: basic, reportReturnType=false

from __future__ import annotations

from numba import int64, njit, types

from flows.devices.kernels.episodes import (
    cell_of,
    has_room,
    raise_episode,
    release,
    take_closed_window,
    write,
)
from flows.devices.kernels.layout import (
    ABSENT_AFTER,
    ACTIVE,
    CELLS,
    CLOCKS,
    CLOSED_WINDOWS,
    LAPSED,
    OPENED,
    OWNER,
    ROOM,
    RULE_PARAMETERS,
    SILENT,
    SPENT,
    STATE,
    WRITTEN,
    Cells,
    Clocks,
    ClosedWindows,
    RuleParameters,
    Written,
)


@njit(int64(int64, int64, CLOCKS, RULE_PARAMETERS, CELLS, WRITTEN), cache=True)
def end_silent(
    start: int, clock: int, clocks: Clocks, rule: RuleParameters, state: Cells, out: Written
) -> int:
    """End, from cell `start`, episodes of devices silent too long by the shard's `clock`; returns where it stopped."""
    silent = rule.rule[SILENT]
    for c in range(start, state.cells.shape[0]):
        slot = state.cells[c, OWNER]
        if slot < 0 or state.cells[c, STATE] != ACTIVE or clock - clocks.heard[slot] < silent:
            continue
        if out.made[0] + ROOM > out.rows.shape[0]:
            return int64(c)
        write(out, state, int64(c), int64(-1), LAPSED, max(clocks.own[slot] + silent, state.cells[c, OPENED]))
        if rule.rule[ABSENT_AFTER] >= 0:
            state.cells[c, STATE] = SPENT
        else:
            release(state, int64(c))
    return state.cells.shape[0]


@njit(types.UniTuple(int64, 2)(int64, CLOCKS, int64, int64, int64, CELLS), cache=True)
def count_absent(
    clock: int, clocks: Clocks, count: int, after: int, live_within: int, state: Cells
) -> tuple[int, int]:
    """(live devices, those of them overdue and not yet raised); live is heard of within `live_within` ms."""
    live = 0
    overdue = 0
    for slot in range(count):
        silent = clock - clocks.heard[slot]
        if clocks.own[slot] >= 0 and silent < live_within:
            live += 1
            if silent >= after and state.by_slot[slot] < 0:
                overdue += 1
    return live, overdue


@njit(int64(int64, int64, CLOCKS, int64, RULE_PARAMETERS, CELLS, WRITTEN), cache=True)
def raise_absent(
    start: int, clock: int, clocks: Clocks, count: int, rule: RuleParameters, state: Cells, out: Written
) -> int:
    """Raise, from slot `start`, the absences that the shard's `clock` brings; returns the slot it stopped before."""
    after = rule.rule[ABSENT_AFTER]
    for slot in range(start, count):
        own = clocks.own[slot]
        if own < 0 or clock - clocks.heard[slot] < after or state.by_slot[slot] >= 0:
            continue
        if not has_room(state, out):
            return int64(slot)
        raise_episode(out, state, cell_of(state, int64(slot)), int64(-1), own + after, int64(0))
    return count


@njit(int64(RULE_PARAMETERS, CLOSED_WINDOWS, CELLS, WRITTEN), cache=True)
def follow_closed(rule: RuleParameters, closed: ClosedWindows, state: Cells, out: Written) -> int:
    """Take windows that the shard's clock closed into one rule's episodes; 0 when it stopped for want of room."""
    while closed.cursor[0] < closed.rows.shape[0]:
        if not has_room(state, out):
            return 0
        take_closed_window(rule, closed, state, out)
    return 1
