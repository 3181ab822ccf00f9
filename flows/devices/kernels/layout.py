"""What stands where in the arrays that the kernels share.

A device without trouble has no state under a rule but a -1 in `by_slot`; one with a run, a count or an episode under
way has a *cell*. All is int64 unless said otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import float64, int8, int32, int64, types, uint8
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Truths = NDArray[np.int8]
Slots = NDArray[np.int32]
Bytes = NDArray[np.uint8]

# kinds of patterns
RUN, COUNT, TREND, WINDOW, ABSENCE = range(5)
# a cell: what the episode is; SPENT is an absence that lapsed and waits for the device's return
OWNER, STATE, SEVERITY, NUMBER, OPENED, CLEARING = range(6)
CELL = 6
INACTIVE, ACTIVE, SPENT = range(3)
# a tally: how far one pattern is
LENGTH, MASK, LAST, FIRST, POINTS, POSITION, STANDING = range(7)
TALLY = 7
# a pattern's parameters
KIND, NEED, OUT_OF, MAX_GAP, OVER, WORSENS = range(6)
PATTERN = 6
# a rule's parameters
CLEAR_RUN, SILENT, ABSENT_AFTER, SEVERITIES = range(4)
# a transition, and its facts; ROW is the row that caused it, or -1 - r if it came just before row r, without a cause
ROW, SLOT, TRANSITION, LEVEL, NTH, AT, OPENED_AT, WHICH, POINT_COUNT = range(9)
OUT = 9
RAISED, ESCALATED, DEESCALATED, CLEARED, LAPSED = range(5)
TALLIED, RISE, BEGAN, VALUE = range(4)
FACTS = 4
# what became of a reading
TAKEN, LATE, DUPLICATE, FUTURE, LATE_IN_WINDOW = range(5)
# a closed window, and its facts
CLOSED_ROW, CLOSED_SLOT, CLOSED_PATTERN, CLOSED_TRUTH = range(4)
CLOSED_END, CLOSED_VALUE, CLOSED_COUNT = range(3)
# room asked for before a step: the most transitions it may make (lapsed, raised or cleared), and to spare
ROOM = 8


class RuleParameters(NamedTuple):
    """`patterns` [p, PATTERN], wanted `rises` float64 [p], and the `rule`'s own [4]; -1 is none."""

    patterns: Ints
    rises: Floats
    rule: Ints


class RowColumns(NamedTuple):
    """Per row: `slots` int32, event time `at`, its device's `previous` time (-1: none), `status` uint8."""

    slots: Slots
    at: Ints
    previous: Ints
    status: Bytes


class Answers(NamedTuple):
    """What a rule asked of the rows: truths int8 (1, 0, -1 unknown) per pattern and severity, followed `values`."""

    holds: Truths
    values: Floats
    clears: Truths
    severer: Truths
    milder: Truths


class ClosedWindows(NamedTuple):
    """`rows` [m, 4] and `facts` float64 [m, 3] in the order they are to be taken; `cursor` [1] is the next."""

    rows: Ints
    facts: Floats
    cursor: Ints


class Cells(NamedTuple):
    """`by_slot` int32 is each device's cell or -1; `cells` [c, CELL], `tallies` [c, p, TALLY].

    `points` float64 [c, p, ring, 2] are (time, value).

    `free[0]` counts the free cells, which are listed after it.
    """

    by_slot: Slots
    cells: Ints
    tallies: Ints
    points: Floats
    free: Ints


class Written(NamedTuple):
    """Room for transitions: `rows` [m, OUT], `facts` float64 [m, FACTS], `points` float64 [m, ring, 2], `made` [1]."""

    rows: Ints
    facts: Floats
    points: Floats
    made: Ints


class Clocks(NamedTuple):
    """By slot: the device's own clock `own` (-1: never heard), and the shard's clock when it was last `heard`."""

    own: Ints
    heard: Ints


INTS = int64[::1]
FLOATS = float64[::1]
TRUTHS = int8[::1]
SLOTS = int32[::1]
BYTES = uint8[::1]
READ_ONLY_BYTES = types.Array(uint8, 1, "C", readonly=True)
TABLE = int64[:, ::1]
FLOAT_TABLE = float64[:, ::1]
FLOAT_CUBE = float64[:, :, ::1]
_TRUTH_TABLE = int8[:, ::1]

RULE_PARAMETERS = types.NamedTuple([TABLE, FLOATS, INTS], RuleParameters)
ROW_COLUMNS = types.NamedTuple([SLOTS, INTS, INTS, BYTES], RowColumns)
ANSWERS = types.NamedTuple([_TRUTH_TABLE, FLOAT_TABLE, TRUTHS, _TRUTH_TABLE, _TRUTH_TABLE], Answers)
CLOSED_WINDOWS = types.NamedTuple([TABLE, FLOAT_TABLE, INTS], ClosedWindows)
CELLS = types.NamedTuple([SLOTS, TABLE, int64[:, :, ::1], float64[:, :, :, ::1], INTS], Cells)
WRITTEN = types.NamedTuple([TABLE, FLOAT_TABLE, FLOAT_CUBE, INTS], Written)
CLOCKS = types.NamedUniTuple(INTS, 2, Clocks)
