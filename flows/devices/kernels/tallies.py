"""How far each pattern of one device is: runs, counts and trends take a reading."""

# pyright: basic, reportReturnType=false

from __future__ import annotations

import numpy as np
from numba import boolean, float64, int64, njit, types

from flows.devices.kernels.layout import (
    CELLS,
    CLEARING,
    COUNT,
    FIRST,
    FLOAT_TABLE,
    INACTIVE,
    KIND,
    LAST,
    LENGTH,
    MASK,
    MAX_GAP,
    NEED,
    OUT_OF,
    OVER,
    POINTS,
    POSITION,
    RULE_PARAMETERS,
    RUN,
    STANDING,
    STATE,
    TALLY,
    TREND,
    WORSENS,
)

_HELD = types.Tuple((boolean, float64))


@njit(float64(FLOAT_TABLE, int64, int64, int64), cache=True)
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


@njit(types.void(CELLS, int64, int64), cache=True)
def _forget(state, c, p):
    """Begin one pattern anew."""
    for t in range(TALLY):
        state.tallies[c, p, t] = 0


@njit(types.void(CELLS, int64), cache=True)
def forget_all(state, c):
    """Begin every pattern of a cell anew; the windows' readings are kept elsewhere."""
    state.cells[c, CLEARING] = 0
    for p in range(state.tallies.shape[1]):
        _forget(state, c, p)


@njit(boolean(CELLS, int64), cache=True)
def neutral(state, c):
    """Whether a cell says nothing that an absent cell would not."""
    if state.cells[c, STATE] != INACTIVE:
        return False
    for p in range(state.tallies.shape[1]):
        tally = state.tallies[c, p]
        if tally[LENGTH] != 0 or tally[MASK] != 0 or tally[POINTS] != 0:
            return False
    return True


@njit(boolean(CELLS, int64), cache=True)
def any_stands(state, c):
    """Whether some pattern stands."""
    for p in range(state.tallies.shape[1]):
        if state.tallies[c, p, STANDING] != 0:
            return True
    return False


@njit(types.void(CELLS, int64, int64, int64, float64), cache=True)
def _keep_point(state, c, p, at, value):
    """Put one point in a pattern's ring, if the reading carries the field."""
    ring = state.points.shape[2]
    if ring == 0 or value != value:
        return
    tally = state.tallies[c, p]
    j = tally[POSITION]
    state.points[c, p, j, 0] = at
    state.points[c, p, j, 1] = value
    tally[POSITION] = (j + 1) % ring
    tally[POINTS] = min(tally[POINTS] + 1, ring)


@njit(boolean(RULE_PARAMETERS, CELLS, int64, int64, int64, int64), cache=True)
def _take_count(rule, state, c, p, at, condition):
    """Take a known condition into a count."""
    tally = state.tallies[c, p]
    mask = tally[MASK] << 1 | condition
    if rule.patterns[p, OUT_OF] < 64:
        mask &= (int64(1) << rule.patterns[p, OUT_OF]) - 1
    tally[MASK] = mask
    tally[LAST] = at
    tally[LENGTH] = _ones(mask)
    if condition == 1 and tally[FIRST] == 0:
        tally[FIRST] = at
    if mask == 0:
        tally[LAST] = 0
        tally[FIRST] = 0
    tally[STANDING] = tally[LENGTH] >= rule.patterns[p, NEED]
    return tally[STANDING] != 0


@njit(_HELD(RULE_PARAMETERS, CELLS, int64, int64, int64, float64), cache=True)
def _lengthen(rule, state, c, p, at, value):
    """Take a reading that satisfies its condition into a run or a trend."""
    pattern = rule.patterns[p]
    tally = state.tallies[c, p]
    if tally[LENGTH] == 0:
        tally[FIRST] = at
    tally[LENGTH] += 1
    tally[LAST] = at
    _keep_point(state, c, p, at, value)
    if pattern[KIND] == RUN:
        tally[STANDING] = 1
    if tally[LENGTH] < pattern[NEED]:
        return False, np.nan
    if pattern[WORSENS] == 0:
        return True, np.nan
    rise = theil_sen_rise(state.points[c, p], tally[POINTS], tally[POSITION], pattern[OVER])
    holds = _risen(rise, rule.rises[p])
    if pattern[KIND] == TREND:
        # the trend is as old as the readings it looks at, however long ago the first one came
        oldest = (tally[POSITION] - pattern[OVER]) % state.points.shape[2]
        tally[FIRST] = int64(state.points[c, p, oldest, 0])
        tally[STANDING] = holds
    return holds, rise


@njit(_HELD(RULE_PARAMETERS, CELLS, int64, int64, int64, int64, float64), cache=True)
def take(rule, state, c, p, at, condition, value):
    """Take one reading with a known condition into a run, count or trend; whether it holds now, and the rise."""
    kind = rule.patterns[p, KIND]
    if kind == TREND and (condition == 0 or value != value):
        return False, np.nan
    gap = rule.patterns[p, MAX_GAP]
    last = state.tallies[c, p, LAST]
    if gap >= 0 and last > 0 and at - last > gap:
        _forget(state, c, p)
    if kind == COUNT:
        return _take_count(rule, state, c, p, at, condition), np.nan
    if condition == 0:
        _forget(state, c, p)
        return False, np.nan
    return _lengthen(rule, state, c, p, at, value)
