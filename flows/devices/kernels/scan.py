"""From JSON objects straight to columns.

It takes only what it fully understands: one object, nested at most 16 deep, all of it ASCII without escapes, nothing
that is wanted said twice, numbers of at most 18 digits (19 before the point) without exponent, exact in double
precision by the classic fast path: an integer up to 2**53 divided by a power of ten up to 10**22 (Clinger 1990).
What nobody wants is walked by the same loop, and so is JSON too. A row it does not take is left to the slow decoder.
"""

# pyright: basic, reportReturnType=false

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import boolean, float64, int64, njit, types, uint64
from numpy.typing import NDArray

from flows.devices.kernels.layout import (
    BYTES,
    FLOAT_TABLE,
    INTS,
    READ_ONLY_BYTES,
    Bytes,
    Floats,
    Ints,
)
from flows.devices.kernels.words import NUMBER, REFUSED, after, blank, moment, number, which

DEVICE, TIME, FLOAT, INT, BOOL, ENUM, METRIC, VALUE = range(8)
# what a narrow message says as its value
_NOTHING, _NUMERAL, _TEXT, _WORD = range(4)
# what encloses a value: a node of the tree (from the root on), an object nobody wants anything of (-1), a list
ROOT = 0
_LIST = -2
MOST_DEPTH = 16
MOST_DEVICE_BYTES = 255
_EXACT = 1 << 53
LATEST = 1 << 53
_POWERS = np.array([10.0**i for i in range(23)])
_TRUE = np.frombuffer(b"true", np.uint8)
_FALSE = np.frombuffer(b"false", np.uint8)
_NULL = np.frombuffer(b"null", np.uint8)


class Wanted(NamedTuple):
    """The tree of names to look for; node 0 is the root, and node p's children are first[p] … first[p + 1].

    Names stand in `keys` cut by `key_offsets`; `targets` is what a node holds: 0 the device, 1 the time, in a narrow
    stream 2 the metric and 3 its value, then the columns, with their `kinds`, then what only leads further, each a
    target of its own, of the kind -1. Column c is multiplied by
    `factors[c, 0]`, then `factors[c, 1]` is added; its enum values are the words first_word[c] … first_word[c + 1] of
    `words` cut by `word_offsets`. In a narrow stream the metric named by word m of `metrics` cut by `metric_offsets`
    fills column `column_of[m]`, or none (-1). `time` is how times are written, and (multiply, divide) of numbers to
    ms; `needed` is 1 for each target without which a message is not taken.
    """

    keys: Bytes
    key_offsets: Ints
    first: Ints
    targets: Ints
    kinds: Ints
    factors: Floats
    words: Bytes
    word_offsets: Ints
    first_word: Ints
    metrics: Bytes
    metric_offsets: Ints
    column_of: Ints
    time: Ints
    needed: Ints


class Scanned(NamedTuple):
    """Rows of one batch: `columns` [fields, n], `at` ms, device bytes data[low:high] with `hashes`, `ok` 1 if taken.

    `metrics` [n] is which metric a narrow message names, -1 for one that is not declared; wide it is empty.
    """

    columns: Floats
    at: Ints
    low: Ints
    high: Ints
    hashes: NDArray[np.uint64]
    ok: Bytes
    metrics: Ints


WANTED = types.NamedTuple(
    [BYTES, INTS, INTS, INTS, INTS, FLOAT_TABLE, BYTES, INTS, INTS, BYTES, INTS, INTS, INTS, INTS], Wanted
)
SCANNED = types.NamedTuple([FLOAT_TABLE, INTS, INTS, INTS, uint64[::1], BYTES, INTS], Scanned)


@njit(boolean(READ_ONLY_BYTES, int64, WANTED, SCANNED, int64, int64, int64, float64), cache=True)
def _settle(data, r, wanted, rows, said, start, stop, word):
    """Put what a narrow message said into the column of its metric; whether it fits there.

    A numeral is mantissa and exponent in `start` and `stop`, a text data[start:stop], `word` a truth or, for null, NaN.
    """
    metric = rows.metrics[r]
    c = wanted.column_of[metric] if metric >= 0 else REFUSED
    if c < 0 or said == _NOTHING or (said == _WORD and word != word):
        return True
    kind = wanted.kinds[4 + c]
    if said == _TEXT and kind == ENUM:
        count = wanted.first_word[c + 1] - wanted.first_word[c]
        code = which(data, start, stop, wanted.words, wanted.word_offsets, wanted.first_word[c], count, 0)
        rows.columns[c, r] = code
        return code >= 0
    if said == _WORD and kind == BOOL:
        rows.columns[c, r] = word
        return True
    if said != _NUMERAL or (kind != FLOAT and kind != INT):
        return False
    if abs(start) > _EXACT or stop < -22 or (kind == INT and stop != 0):
        return False
    rows.columns[c, r] = float64(start) / _POWERS[-stop] * wanted.factors[c, 0] + wanted.factors[c, 1]
    return True


@njit(types.void(READ_ONLY_BYTES, INTS, WANTED, SCANNED), cache=True)
def scan(data: Bytes, ends: Ints, wanted: Wanted, rows: Scanned) -> None:
    """Take each message data[ends[r-1]:ends[r]] that is understood whole and names all that is needed.

    One long loop on purpose: cut into functions of a value each it takes four times as long.
    """
    keys, key_offsets, first, targets, kinds = (
        wanted.keys,
        wanted.key_offsets,
        wanted.first,
        wanted.targets,
        wanted.kinds,
    )
    factors, words, word_offsets, first_word = (
        wanted.factors,
        wanted.words,
        wanted.word_offsets,
        wanted.first_word,
    )
    columns, at, low, high, hashes, ok, metrics = rows
    written, multiply, divide = wanted.time[0], wanted.time[1], wanted.time[2]
    too_late = LATEST // multiply
    narrow = metrics.shape[0] > 0
    base = 4 if narrow else 2
    metric_count = wanted.column_of.shape[0]
    metric_hint = 0
    # the last row that met each target, so that nothing has to be wiped
    met = np.full(kinds.shape[0], REFUSED, np.int64)
    around = np.empty((MOST_DEPTH, 2), np.int64)
    begin = int64(0)
    for r in range(ends.shape[0]):
        i = begin
        end = ends[r]
        begin = end
        ok[r] = 0
        for c in range(columns.shape[0]):
            columns[c, r] = np.nan
        i = blank(data, i, end)
        if i >= end or data[i] != 123:
            continue
        i += 1
        good = True
        hint = 0
        depth = 0
        inside = int64(ROOT)
        children, count = first[ROOT], first[ROOT + 1] - first[ROOT]
        said, said_start, said_stop, said_number = int64(_NOTHING), int64(0), int64(0), np.nan
        while True:
            node = int64(REFUSED)
            f = int64(REFUSED)
            kind = int64(REFUSED)
            if inside != _LIST:
                i = blank(data, i, end)
                if i >= end or data[i] != 34:
                    good = False
                    break
                i += 1
                k0 = i
                while i < end and data[i] != 34 and data[i] != 92 and data[i] >= 32 and data[i] < 128:
                    i += 1
                if i >= end or data[i] != 34:
                    good = False
                    break
                if inside >= 0:
                    child = which(data, k0, i, keys, key_offsets, children, count, hint)
                    if child >= 0:
                        node = children + child
                        f = targets[node]
                        if met[f] == r:
                            good = False
                            break
                        met[f] = r
                        kind = kinds[f]
                        hint = child + 1 if child + 1 < count else 0
                i = blank(data, i + 1, end)
                if i >= end or data[i] != 58:
                    good = False
                    break
                i += 1
            i = blank(data, i, end)
            if i >= end:
                good = False
                break
            byte = data[i]
            if byte == 34:
                i += 1
                s0 = i
                mixed = uint64(14695981039346656037)
                while i < end and data[i] != 34 and data[i] != 92 and data[i] >= 32 and data[i] < 128:
                    mixed = (mixed ^ uint64(data[i])) * uint64(1099511628211)
                    i += 1
                if i >= end or data[i] != 34:
                    good = False
                    break
                if kind == DEVICE:
                    low[r] = s0
                    high[r] = i
                    hashes[r] = mixed
                    if i == s0 or i - s0 > MOST_DEVICE_BYTES:
                        good = False
                        break
                elif kind == ENUM:
                    c = f - base
                    code = which(
                        data, s0, i, words, word_offsets, first_word[c], first_word[c + 1] - first_word[c], 0
                    )
                    if code < 0:
                        good = False
                        break
                    columns[c, r] = code
                elif kind == TIME:
                    at[r] = moment(data, s0, i, written) if written != NUMBER else 0
                    if at[r] <= 0 or at[r] >= LATEST:
                        good = False
                        break
                elif kind == METRIC:
                    metrics[r] = which(
                        data, s0, i, wanted.metrics, wanted.metric_offsets, 0, metric_count, metric_hint
                    )
                    metric_hint = metrics[r] + 1 if metrics[r] + 1 < metric_count else 0
                elif kind == VALUE:
                    said, said_start, said_stop = int64(_TEXT), s0, i
                elif kind >= 0:
                    good = False
                    break
                i += 1
            elif byte == 45 or 48 <= byte <= 57:
                s0 = i
                mantissa, exponent, i, fine = number(data, i, end)
                if not fine:
                    good = False
                    break
                if kind == TIME:
                    # one of the two is 1, and a division takes as long as a field
                    units = mantissa if divide == 1 else mantissa // divide
                    if written != NUMBER or exponent != 0 or units <= 0 or units >= too_late:
                        good = False
                        break
                    at[r] = units * multiply
                elif kind == FLOAT or kind == INT:
                    if abs(mantissa) > _EXACT or exponent < -22 or (kind == INT and exponent != 0):
                        good = False
                        break
                    value = float64(mantissa)
                    if exponent < 0:
                        value = value / _POWERS[-exponent]
                    c = f - base
                    columns[c, r] = value * factors[c, 0] + factors[c, 1]
                elif kind == VALUE:
                    said, said_start, said_stop = int64(_NUMERAL), mantissa, exponent
                elif kind == DEVICE:
                    if exponent != 0 or (mantissa == 0 and byte == 45):
                        good = False
                        break
                    mixed = uint64(14695981039346656037)
                    for j in range(s0, i):
                        mixed = (mixed ^ uint64(data[j])) * uint64(1099511628211)
                    low[r] = s0
                    high[r] = i
                    hashes[r] = mixed
                elif kind >= 0:
                    good = False
                    break
            elif byte == 116 or byte == 102 or byte == 110:
                past = after(data, i, end, _TRUE)
                value = 1.0
                if past < 0:
                    past = after(data, i, end, _FALSE)
                    value = 0.0
                if past < 0:
                    past = after(data, i, end, _NULL)
                    value = np.nan
                if past < 0:
                    good = False
                    break
                if kind == VALUE:
                    said, said_number = int64(_WORD), value
                elif kind >= 0:
                    if f < base or (kind != BOOL and value == value):
                        good = False
                        break
                    columns[f - base, r] = value
                i = past
            elif byte == 123 or byte == 91:
                # what is wanted is no object, and no list leads to it
                if kind >= 0 or depth == MOST_DEPTH or (byte == 91 and node >= 0):
                    good = False
                    break
                around[depth, 0] = inside
                around[depth, 1] = hint
                depth += 1
                inside = int64(_LIST) if byte == 91 else node
                hint = 0
                if node >= 0:
                    children, count = first[node], first[node + 1] - first[node]
                i = blank(data, i + 1, end)
                if i >= end or data[i] != byte + 2:
                    continue
            else:
                good = False
                break
            more = False
            while True:
                i = blank(data, i, end)
                if i < end and data[i] == 44:
                    i += 1
                    more = True
                    break
                if i >= end or data[i] != (93 if inside == _LIST else 125):
                    good = False
                    break
                i += 1
                if depth == 0:
                    break
                depth -= 1
                inside = around[depth, 0]
                hint = around[depth, 1]
                if inside >= 0:
                    children, count = first[inside], first[inside + 1] - first[inside]
            if not more:
                break
        if not good:
            continue
        for f in range(base):
            if wanted.needed[f] and met[f] != r:
                good = False
        if good and narrow:
            good = _settle(data, r, wanted, rows, said, said_start, said_stop, said_number)
        if good and blank(data, i, end) == end:
            ok[r] = 1
