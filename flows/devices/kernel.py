"""The compiled kernels that keep episodes: one for a rule over rows, one for what only the shard's clock ends.

They are a fixed set with rules as parameters: a new rule compiles nothing. A device without trouble has no state
under a rule but a -1 in `index`; one with a run, a count or an episode under way has a *cell*.

Layout (int64 unless said otherwise):
  cells    [capacity, CELL]            what the episode is
  tallies  [capacity, patterns, TALLY] how far each pattern is
  points   float64 [capacity, patterns, ring, 2]   (time, value) of the last readings a pattern follows
  out      [capacity, OUT], out_facts float64 [capacity, FACTS], out_points float64 [capacity, ring, 2]
"""

from __future__ import annotations

import numpy as np
from numba import boolean, float64, int8, int32, int64, njit, types

RUN, COUNT, TREND, WINDOW, ABSENCE = range(5)
# what a cell holds
OWNER, STATE, SEVERITY, NUMBER, OPENED, CLEARING = range(6)
CELL = 6
INACTIVE, ACTIVE, SPENT = range(3)  # SPENT: an absence that lapsed and waits for the device's return
# what a tally holds
LENGTH, MASK, LAST, FIRST, POINTS, POSITION, STANDING = range(7)
TALLY = 7
# what a pattern is
KIND, NEED, OUT_OF, MAX_GAP, OVER, WORSENS = range(6)
PATTERN = 6
# what a rule is
CLEAR_RUN, SILENT, ABSENT_AFTER, SEVERITIES = range(4)
# one transition
ROW, SLOT, TRANSITION, LEVEL, NTH, AT, OPENED_AT, WHICH, POINT_COUNT = range(9)
OUT = 9
RAISED, ESCALATED, DEESCALATED, CLEARED, LAPSED = range(5)
# its facts
TALLIED, RISE, BEGAN, VALUE = range(4)
FACTS = 4
# what became of a reading
TAKEN, LATE, DUPLICATE, FUTURE, LATE_IN_WINDOW = range(5)
# room asked for before a step: the most transitions it may make (lapsed, raised or cleared), and to spare
ROOM = 8

_cells = int64[:, ::1]
_tallies = int64[:, :, ::1]
_points = float64[:, :, :, ::1]
_flat = float64[:, ::1]
_cube = float64[:, :, ::1]
_conditions = int8[:, ::1]


@njit(float64(_flat, int64, int64, int64), cache=True)
def theil_sen_rise(points, count, position, over):
    """Median of all pairwise slopes times the time span, over the newest min(count, over) of a ring.

    `position` is where the next point goes. NaN with fewer than two points. (Theil 1950; Sen 1968.)
    """
    ring = points.shape[0]
    n = min(count, over)
    if n < 2:
        return np.nan
    slopes = np.empty(n * (n - 1) // 2)
    k = 0
    first = position - n
    for i in range(n):
        a = (first + i) % ring
        for j in range(i + 1, n):
            b = (first + j) % ring
            slopes[k] = (points[b, 1] - points[a, 1]) / (points[b, 0] - points[a, 0])
            k += 1
    slopes.sort()
    middle = slopes[k // 2] if k % 2 else (slopes[k // 2 - 1] + slopes[k // 2]) / 2.0
    return middle * (points[(position - 1) % ring, 0] - points[first % ring, 0])


@njit(boolean(float64, float64), cache=True)
def _risen(rise, wanted):
    """Whether a rise (or, for a negative wish, a fall) is large enough; NaN is not.

    To one part in 10⁹: a rise of exactly what is wanted must not fail by the rounding of a quotient.
    """
    return rise >= wanted * (1 - 1e-9) if wanted >= 0 else rise <= wanted * (1 - 1e-9)


@njit(int64(int64), cache=True)
def _ones(mask):
    """How many bits are set."""
    n = 0
    bits = np.uint64(mask)
    while bits:
        bits &= bits - np.uint64(1)
        n += 1
    return n


@njit(types.void(_cells, _tallies, int64), cache=True)
def _forget_patterns(cells, tallies, c):
    """Begin every pattern of a cell anew; windows keep whether the last one held out of it too."""
    cells[c, CLEARING] = 0
    for p in range(tallies.shape[1]):
        for t in range(TALLY):
            tallies[c, p, t] = 0


@njit(
    types.void(
        int64[:, ::1], _flat, _cube, int64, _cells, _tallies, _points, int64, int64, int64, int64, int64, int64,
        float64, float64,
    ),
    cache=True,
)  # fmt: skip
def _write(out, facts, out_points, k, cells, tallies, points, c, row, what, at, p, count, rise, value):
    """Note one transition with its evidence."""
    cells[c, NUMBER] += 1
    out[k, ROW] = row
    out[k, SLOT] = cells[c, OWNER]
    out[k, TRANSITION] = what
    out[k, LEVEL] = cells[c, SEVERITY]
    out[k, NTH] = cells[c, NUMBER]
    out[k, AT] = at
    out[k, OPENED_AT] = cells[c, OPENED]
    out[k, WHICH] = p
    out[k, POINT_COUNT] = 0
    facts[k, TALLIED] = count
    facts[k, RISE] = rise
    facts[k, BEGAN] = 0.0
    facts[k, VALUE] = value
    if p < 0:
        return
    facts[k, BEGAN] = tallies[c, p, FIRST]
    ring = points.shape[2]
    n = min(tallies[c, p, POINTS], ring)
    for i in range(n):
        j = (tallies[c, p, POSITION] - n + i) % ring
        out_points[k, i, 0] = points[c, p, j, 0]
        out_points[k, i, 1] = points[c, p, j, 1]
    out[k, POINT_COUNT] = n


@njit(types.void(_tallies, _points, int64, int64, int64, float64), cache=True)
def _follow(tallies, points, c, p, at, value):
    """Put one point in a pattern's ring, if the reading carries the field."""
    ring = points.shape[2]
    if ring == 0 or value != value:
        return
    j = tallies[c, p, POSITION]
    points[c, p, j, 0] = at
    points[c, p, j, 1] = value
    tallies[c, p, POSITION] = (j + 1) % ring
    tallies[c, p, POINTS] = min(tallies[c, p, POINTS] + 1, ring)


@njit(
    types.Tuple((boolean, float64))(
        int64[:, ::1], float64[::1], _tallies, _points, int64, int64, int64, int64, float64
    ),
    cache=True,
)  # fmt: skip
def _step(patterns, rises, tallies, points, c, p, at, condition, value):
    """Take one reading with a known condition into a run, count or trend; whether it holds now, and the rise."""
    kind = patterns[p, KIND]
    gap = patterns[p, MAX_GAP]
    if kind == TREND and (condition == 0 or value != value):
        return False, np.nan
    if gap >= 0 and tallies[c, p, LAST] > 0 and at - tallies[c, p, LAST] > gap:
        for t in range(TALLY):
            tallies[c, p, t] = 0
    if kind == COUNT:
        mask = tallies[c, p, MASK] << 1 | condition
        if patterns[p, OUT_OF] < 64:
            mask &= (int64(1) << patterns[p, OUT_OF]) - 1
        tallies[c, p, MASK] = mask
        tallies[c, p, LAST] = at
        tallies[c, p, LENGTH] = _ones(mask)
        if condition == 1 and tallies[c, p, FIRST] == 0:
            tallies[c, p, FIRST] = at
        holds = tallies[c, p, LENGTH] >= patterns[p, NEED]
        tallies[c, p, STANDING] = holds
        if mask == 0:
            tallies[c, p, LAST] = 0
            tallies[c, p, FIRST] = 0
        return holds, np.nan
    if condition == 0:
        for t in range(TALLY):
            tallies[c, p, t] = 0
        return False, np.nan
    if tallies[c, p, LENGTH] == 0:
        tallies[c, p, FIRST] = at
    tallies[c, p, LENGTH] += 1
    tallies[c, p, LAST] = at
    _follow(tallies, points, c, p, at, value)
    if kind == RUN:
        tallies[c, p, STANDING] = 1
    if tallies[c, p, LENGTH] < patterns[p, NEED]:
        return False, np.nan
    if patterns[p, WORSENS] == 0:
        return True, np.nan
    rise = theil_sen_rise(points[c, p], tallies[c, p, POINTS], tallies[c, p, POSITION], patterns[p, OVER])
    holds = _risen(rise, rises[p])
    if kind == TREND:
        # the trend is as old as the readings it looks at, however long ago the first one came
        over = patterns[p, OVER]
        tallies[c, p, FIRST] = int64(points[c, p, (tallies[c, p, POSITION] - over) % points.shape[2], 0])
        tallies[c, p, STANDING] = holds
    return holds, rise


@njit(boolean(_cells, _tallies, int64), cache=True)
def _neutral(cells, tallies, c):
    """Whether a cell says nothing that an absent cell would not."""
    if cells[c, STATE] != INACTIVE:
        return False
    for p in range(tallies.shape[1]):
        if tallies[c, p, LENGTH] != 0 or tallies[c, p, MASK] != 0 or tallies[c, p, POINTS] != 0:
            return False
    return True


@njit(int64(_cells, _tallies, int32[::1], int64[::1], int64), cache=True)
def _cell(cells, tallies, index, free, slot):
    """The cell of a device, a free one if it has none; `free[0]` counts the free ones, listed after it."""
    c = int64(index[slot])
    if c >= 0:
        return c
    c = free[free[0]]
    free[0] -= 1
    index[slot] = c
    for q in range(CELL):
        cells[c, q] = 0
    cells[c, OWNER] = slot
    _forget_patterns(cells, tallies, c)
    return c


@njit(types.void(_cells, int32[::1], int64[::1], int64), cache=True)
def _release(cells, index, free, c):
    """Give a cell back."""
    index[cells[c, OWNER]] = -1
    cells[c, OWNER] = -1
    free[0] += 1
    free[free[0]] = c


@njit(int64(_conditions, _conditions, int64, int64, int64), cache=True)
def _level(rises, falls, levels, row, current):
    """The severity after a reading: up to the highest that holds, else down past those whose clear holds."""
    for level in range(levels - 1, current, -1):
        if rises[level, row] == 1:
            return level
    level = current
    while level > 0 and falls[level, row] == 1:
        level -= 1
    return level


@njit(
    int64(
        int64[::1], float64[::1], int64[::1], int32[::1], _cells, _tallies, _points, int64[::1],
        int64[:, ::1], _flat, _cube, int64,
    ),
    cache=True,
)  # fmt: skip
def _close_window(closed, facts, rule, index, cells, tallies, points, free, out, out_facts, out_points, made):
    """Take one closed window into its rule's episode; returns how many transitions are made now."""
    slot, p, condition = closed[1], closed[2], closed[3]
    c = int64(index[slot])
    if condition == 1:
        if c < 0:
            c = _cell(cells, tallies, index, free, slot)
        tallies[c, p, STANDING] = 1
        if cells[c, STATE] == INACTIVE:
            cells[c, STATE] = ACTIVE
            cells[c, NUMBER] = 0
            cells[c, CLEARING] = 0
            cells[c, SEVERITY] = 0
            cells[c, OPENED] = int64(facts[0])
            _write(
                out, out_facts, out_points, made, cells, tallies, points, c, -1, RAISED, int64(facts[0]), p,
                int64(facts[2]), np.nan, facts[1],
            )  # fmt: skip
            return made + 1
        return made
    if c < 0 or condition < 0:
        return made
    tallies[c, p, STANDING] = 0
    if cells[c, STATE] == ACTIVE and rule[CLEAR_RUN] == 0:
        for q in range(tallies.shape[1]):
            if tallies[c, q, STANDING] != 0:
                return made
        _write(
            out, out_facts, out_points, made, cells, tallies, points, c, -1, CLEARED, int64(facts[0]), p,
            int64(facts[2]), np.nan, facts[1],
        )  # fmt: skip
        _release(cells, index, free, c)
        return made + 1
    return made


@njit(
    int64(
        int64, int32[::1], int64[::1], int64[::1], types.Array(types.uint8, 1, "C"),
        int64[:, ::1], float64[::1], int64[::1],
        _conditions, _flat, int8[::1], _conditions, _conditions,
        int64[:, ::1], _flat, int64[::1],
        int32[::1], _cells, _tallies, _points, int64[::1],
        int64[:, ::1], _flat, _cube, int64[::1],
    ),
    cache=True,
)  # fmt: skip
def follow_rows(
    start, slots, at, previous, status,
    patterns, rises, rule,
    holds, values, clears, severer, milder,
    closed, closed_values, cursor,
    index, cells, tallies, points, free,
    out, out_facts, out_points, made,
):  # fmt: skip
    """Take rows from `start` into one rule's episodes; returns the row it stopped before for want of room.

    Per row: `slots`, event time `at`, the device's `previous` time (-1: none), `status` (all but TAKEN are passed over). Per pattern
    and row: `holds` (1, 0, -1 unknown) and `values` of the field followed. `clears` as holds (or empty),
    `severer`/`milder` per severity. `closed` [m, 4] are closed windows (row, slot, pattern, condition) in order of
    row with `closed_values` [m, 3] (end, value, readings); `cursor[0]` is the next of them. `made[0]` counts transitions.
    """
    rows = slots.shape[0]
    kinds = patterns.shape[0]
    levels = rule[SEVERITIES]
    for r in range(start, rows):
        if status[r] != TAKEN:
            continue
        waiting = cursor[0] < closed.shape[0] and closed[cursor[0], 0] <= r
        slot = int64(slots[r])
        c = int64(index[slot])
        if c < 0 and not waiting:
            quiet = True
            for p in range(kinds):
                if holds[p, r] == 1:
                    quiet = False
                    break
            if quiet:
                continue
        if made[0] + ROOM > out.shape[0] or free[0] < 2:
            return r
        while waiting:
            k = cursor[0]
            made[0] = _close_window(
                closed[k], closed_values[k], rule, index, cells, tallies, points, free,
                out, out_facts, out_points, made[0],
            )  # fmt: skip
            cursor[0] = k + 1
            waiting = k + 1 < closed.shape[0] and closed[k + 1, 0] <= r
            if made[0] + ROOM > out.shape[0] or free[0] < 2:
                return r
        c = int64(index[slot])
        if c >= 0 and cells[c, STATE] == ACTIVE and rule[SILENT] >= 0 and previous[r] >= 0:
            if at[r] - previous[r] >= rule[SILENT]:
                _write(
                    out, out_facts, out_points, made[0], cells, tallies, points, c, -1, LAPSED,
                    max(previous[r] + rule[SILENT], cells[c, OPENED]), -1, 0, np.nan, np.nan,
                )  # fmt: skip
                made[0] += 1
                cells[c, STATE] = INACTIVE
                _forget_patterns(cells, tallies, c)
        if rule[ABSENT_AFTER] >= 0:
            if c >= 0:
                if cells[c, STATE] == ACTIVE:
                    _write(
                        out, out_facts, out_points, made[0], cells, tallies, points, c, r, CLEARED, at[r], -1, 0,
                        np.nan, np.nan,
                    )  # fmt: skip
                    made[0] += 1
                _release(cells, index, free, c)
            continue
        first = -1
        first_rise = np.nan
        for p in range(kinds):
            if holds[p, r] < 0 or patterns[p, KIND] == WINDOW:
                continue
            if c < 0:
                if holds[p, r] == 0:
                    continue
                c = _cell(cells, tallies, index, free, slot)
            held, rise = _step(
                patterns, rises, tallies, points, c, p, at[r], int64(holds[p, r]), values[p, r]
            )
            if held and first < 0:
                first = p
                first_rise = rise
        if c < 0:
            continue
        if cells[c, STATE] == INACTIVE:
            if first >= 0:
                cells[c, STATE] = ACTIVE
                cells[c, NUMBER] = 0
                cells[c, CLEARING] = 0
                cells[c, OPENED] = at[r]
                cells[c, SEVERITY] = 0
                cells[c, SEVERITY] = _level(severer, milder, levels, r, int64(0))
                _write(
                    out, out_facts, out_points, made[0], cells, tallies, points, c, r, RAISED, at[r], first,
                    tallies[c, first, LENGTH], first_rise, values[first, r],
                )  # fmt: skip
                made[0] += 1
            elif _neutral(cells, tallies, c):
                _release(cells, index, free, c)
            continue
        over = False
        if rule[CLEAR_RUN] > 0:
            if clears[r] == 1:
                cells[c, CLEARING] += 1
                over = cells[c, CLEARING] >= rule[CLEAR_RUN]
            elif clears[r] == 0:
                cells[c, CLEARING] = 0
        else:
            over = True
            for p in range(kinds):
                if tallies[c, p, STANDING] != 0:
                    over = False
                    break
        if over:
            _write(
                out, out_facts, out_points, made[0], cells, tallies, points, c, r, CLEARED, at[r], -1,
                cells[c, CLEARING], np.nan, np.nan,
            )  # fmt: skip
            made[0] += 1
            _release(cells, index, free, c)
            continue
        if levels > 1:
            level = _level(severer, milder, levels, r, cells[c, SEVERITY])
            if level != cells[c, SEVERITY]:
                what = ESCALATED if level > cells[c, SEVERITY] else DEESCALATED
                cells[c, SEVERITY] = level
                _write(
                    out, out_facts, out_points, made[0], cells, tallies, points, c, r, what, at[r], -1, 0, np.nan, np.nan
                )  # fmt: skip
                made[0] += 1
    return rows


@njit(
    int64(
        int64, int64, int64[::1], int64[::1], int64[::1], int32[::1], _cells, _tallies, _points, int64[::1],
        int64[:, ::1], _flat, _cube, int64[::1],
    ),
    cache=True,
)  # fmt: skip
def end_silent(
    start, clock, clocks, heard, rule, index, cells, tallies, points, free, out, out_facts, out_points, made
):
    """End, from cell `start`, episodes of devices silent too long by the shard's `clock`; returns where it stopped."""
    for c in range(start, cells.shape[0]):
        slot = cells[c, OWNER]
        if slot < 0 or cells[c, STATE] != ACTIVE or clock - heard[slot] < rule[SILENT]:
            continue
        if made[0] + ROOM > out.shape[0]:
            return c
        _write(
            out, out_facts, out_points, made[0], cells, tallies, points, c, -1, LAPSED,
            max(clocks[slot] + rule[SILENT], cells[c, OPENED]), -1, 0, np.nan, np.nan,
        )  # fmt: skip
        made[0] += 1
        if rule[ABSENT_AFTER] >= 0:
            cells[c, STATE] = SPENT
        else:
            _release(cells, index, free, c)
    return cells.shape[0]


@njit(types.UniTuple(int64, 2)(int64, int64[::1], int64, int64, int64, int32[::1]), cache=True)
def count_absent(clock, heard, count, after, live_within, index):
    """(live devices, those of them overdue and not yet raised); live is heard of within `live_within` ms."""
    live = 0
    overdue = 0
    for slot in range(count):
        silent = clock - heard[slot]
        if heard[slot] >= 0 and silent < live_within:
            live += 1
            if silent >= after and index[slot] < 0:
                overdue += 1
    return live, overdue


@njit(
    int64(
        int64, int64, int64[::1], int64[::1], int64, int64[::1], int32[::1], _cells, _tallies, _points, int64[::1],
        int64[:, ::1], _flat, _cube, int64[::1],
    ),
    cache=True,
)  # fmt: skip
def raise_absent(
    start, clock, clocks, heard, count, rule, index, cells, tallies, points, free, out, out_facts, out_points, made
):  # fmt: skip
    """Raise, from slot `start`, the absences that the shard's `clock` brings; returns the slot it stopped before."""
    for slot in range(start, count):
        if heard[slot] < 0 or clock - heard[slot] < rule[ABSENT_AFTER] or index[slot] >= 0:
            continue
        if made[0] + ROOM > out.shape[0] or free[0] < 2:
            return slot
        c = _cell(cells, tallies, index, free, slot)
        cells[c, STATE] = ACTIVE
        cells[c, OPENED] = clocks[slot] + rule[ABSENT_AFTER]
        _write(
            out, out_facts, out_points, made[0], cells, tallies, points, c, -1, RAISED, cells[c, OPENED], 0, 0,
            np.nan, np.nan,
        )  # fmt: skip
        made[0] += 1
    return count


@njit(
    int64(
        int64[:, ::1], _flat, int64[::1], int64[::1], int32[::1], _cells, _tallies, _points, int64[::1],
        int64[:, ::1], _flat, _cube, int64[::1],
    ),
    cache=True,
)  # fmt: skip
def follow_closed(
    closed, closed_values, cursor, rule, index, cells, tallies, points, free, out, out_facts, out_points, made
):  # fmt: skip
    """Take windows that the shard's clock closed into one rule's episodes; returns 0 when it stopped for want of room."""
    while cursor[0] < closed.shape[0]:
        if made[0] + ROOM > out.shape[0] or free[0] < 2:
            return 0
        k = cursor[0]
        made[0] = _close_window(
            closed[k], closed_values[k], rule, index, cells, tallies, points, free, out, out_facts, out_points, made[0]
        )  # fmt: skip
        cursor[0] = k + 1
    return 1


@njit(
    types.void(
        int64[::1], int64[::1], int32[::1], int64[::1], int64[::1], types.Array(types.uint8, 1, "C"), int64[::1],
        int64[:, ::1],
    ),
    cache=True,
)  # fmt: skip
def accept(at, shard, slots, clocks, heard, status, previous, recent):
    """Say of each row whether it is taken, by its device's own clock, and move that clock.

    `status` comes in as FUTURE where the reading is ahead of its append time and TAKEN elsewhere; `previous` is the
    device's clock before the row. `shard` is the shard's clock after each row, noted in `heard` for its device.
    `recent` [devices, R] holds each device's greatest times when windows take late
    readings (R 0: they do not); a late time among them is a duplicate, one older than all of a full row is late.
    """
    size = recent.shape[1]
    for r in range(at.shape[0]):
        slot = slots[r]
        previous[r] = clocks[slot]
        if status[r] == FUTURE:
            continue
        heard[slot] = shard[r]
        now = clocks[slot]
        if at[r] == now:
            status[r] = DUPLICATE
            continue
        lowest = 0
        for q in range(size):
            if recent[slot, q] == at[r]:
                status[r] = DUPLICATE
                break
            if recent[slot, q] < recent[slot, lowest]:
                lowest = q
        if status[r] == DUPLICATE:
            continue
        if at[r] > now:
            clocks[slot] = at[r]
            status[r] = TAKEN
        elif size > 0 and at[r] > recent[slot, lowest]:
            status[r] = LATE_IN_WINDOW
        else:
            status[r] = LATE
            continue
        if size > 0:
            recent[slot, lowest] = at[r]
