"""From flat JSON objects straight to columns.

It takes only what it fully understands: one flat object, no escapes in keys or strings it needs, no repeated key,
numbers of at most 18 digits (19 before the point) without exponent, exact in double precision by the classic fast
path: an integer up to 2**53 divided by a power of ten up to 10**22 (Clinger 1990). A row it does not take is left to
the slow decoder.
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

DEVICE, TIME, FLOAT, INT, BOOL, ENUM = range(6)
MOST_FIELDS = 60
MOST_DEVICE_BYTES = 255
_REFUSED = -1
_EXACT = 1 << 53
LATEST = 1 << 53
_POWERS = np.array([10.0**i for i in range(23)])
_TRUE = np.frombuffer(b"true", np.uint8)
_FALSE = np.frombuffer(b"false", np.uint8)
_NULL = np.frombuffer(b"null", np.uint8)


class Wanted(NamedTuple):
    """The fields to look for: device, time, then the columns.

    Names stand in `keys` cut by `key_offsets`, with their `kinds`; field f's enum values are the words
    first_word[f] … first_word[f + 1] of `words` cut by `word_offsets`. `scale` is (multiply, divide) of times to ms.
    """

    keys: Bytes
    key_offsets: Ints
    kinds: Ints
    words: Bytes
    word_offsets: Ints
    first_word: Ints
    scale: Ints


class Scanned(NamedTuple):
    """Rows of one batch: `columns` [fields, n], `at` ms, device bytes data[low:high] with `hashes`, `ok` 1 if taken."""

    columns: Floats
    at: Ints
    low: Ints
    high: Ints
    hashes: NDArray[np.uint64]
    ok: Bytes


WANTED = types.NamedTuple([BYTES, INTS, INTS, BYTES, INTS, INTS, INTS], Wanted)
SCANNED = types.NamedTuple([FLOAT_TABLE, INTS, INTS, INTS, uint64[::1], BYTES], Scanned)


@njit(int64(READ_ONLY_BYTES, int64, int64), cache=True, inline="always")
def _blank(data, i, end):
    """Skip JSON white space."""
    while i < end and (data[i] == 32 or data[i] == 10 or data[i] == 13 or data[i] == 9):
        i += 1
    return i


@njit(types.Tuple((int64, int64, int64, boolean))(READ_ONLY_BYTES, int64, int64), cache=True)
def _number(data, i, end):
    """(mantissa, decimal exponent ≤ 0, next index, ok) of a JSON number without exponent."""
    negative = data[i] == 45
    if negative:
        i += 1
    start = i
    mantissa = 0
    digits = 0
    while i < end and 48 <= data[i] <= 57:
        # times in nanoseconds have 19 digits
        if mantissa > 900000000000000000:
            return 0, 0, i, False
        mantissa = mantissa * 10 + (data[i] - 48)
        if mantissa > 0:
            digits += 1
        i += 1
    if i == start or (data[start] == 48 and i > start + 1):
        return 0, 0, i, False
    exponent = 0
    if i < end and data[i] == 46:
        i += 1
        fraction = i
        while i < end and 48 <= data[i] <= 57:
            mantissa = mantissa * 10 + (data[i] - 48)
            if mantissa > 0:
                digits += 1
            exponent -= 1
            if digits > 18:
                return 0, 0, i, False
            i += 1
        if i == fraction:
            return 0, 0, i, False
    if i < end and (data[i] == 101 or data[i] == 69):
        return 0, 0, i, False
    return (-mantissa if negative else mantissa), exponent, i, True


@njit(int64(READ_ONLY_BYTES, int64, int64, READ_ONLY_BYTES), cache=True)
def _after(data, i, end, word):
    """The index after `word` if it stands at i, else -1."""
    if i + word.shape[0] > end:
        return _REFUSED
    for j in range(word.shape[0]):
        if data[i + j] != word[j]:
            return _REFUSED
    return i + word.shape[0]


@njit(int64(READ_ONLY_BYTES, int64, int64, BYTES, INTS, int64, int64, int64), cache=True)
def _which(data, start, end, words, offsets, first, count, hint):
    """Which of the words first … first+count-1 equals data[start:end], tried from `hint` on; -1 if none."""
    for t in range(count):
        c = hint + t
        if c >= count:
            c -= count
        w = first + c
        if offsets[w + 1] - offsets[w] == end - start:
            same = True
            for q in range(end - start):
                if words[offsets[w] + q] != data[start + q]:
                    same = False
                    break
            if same:
                return c
    return -1


@njit(types.void(READ_ONLY_BYTES, INTS, WANTED, SCANNED), cache=True)
def scan(data: Bytes, ends: Ints, wanted: Wanted, rows: Scanned) -> None:
    """Take each message data[ends[r-1]:ends[r]] that is understood whole and names a device and a time.

    One long loop on purpose: cut into functions of a value each it takes four times as long.
    """
    keys, key_offsets, kinds, words, word_offsets, first_word, scale = wanted
    columns, at, low, high, hashes, ok = rows
    multiply, divide = scale[0], scale[1]
    fields = kinds.shape[0]
    begin = int64(0)
    for r in range(ends.shape[0]):
        i = begin
        end = ends[r]
        begin = end
        ok[r] = 0
        seen = 0
        for f in range(fields - 2):
            columns[f, r] = np.nan
        i = _blank(data, i, end)
        if i >= end or data[i] != 123:
            continue
        i += 1
        good = True
        hint = 0
        while True:
            i = _blank(data, i, end)
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
            f = _which(data, k0, i, keys, key_offsets, 0, fields, hint)
            if f >= 0:
                if seen >> f & 1:
                    good = False
                    break
                seen |= 1 << f
                hint = f + 1 if f + 1 < fields else 0
            i = _blank(data, i + 1, end)
            if i >= end or data[i] != 58:
                good = False
                break
            i = _blank(data, i + 1, end)
            if i >= end:
                good = False
                break
            byte = data[i]
            kind = kinds[f] if f >= 0 else -1
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
                    count = first_word[f + 1] - first_word[f]
                    code = _which(data, s0, i, words, word_offsets, first_word[f], count, 0)
                    if code < 0:
                        good = False
                        break
                    columns[f - 2, r] = code
                elif kind >= 0:
                    good = False
                    break
                i += 1
            elif byte == 45 or 48 <= byte <= 57:
                mantissa, exponent, i, fine = _number(data, i, end)
                if not fine:
                    good = False
                    break
                if kind == TIME:
                    if exponent != 0 or mantissa < divide or mantissa // divide >= LATEST // multiply:
                        good = False
                        break
                    at[r] = mantissa * multiply // divide
                    if at[r] <= 0:
                        good = False
                        break
                elif kind == FLOAT or kind == INT:
                    if abs(mantissa) > _EXACT or exponent < -22 or (kind == INT and exponent != 0):
                        good = False
                        break
                    value = float64(mantissa)
                    if exponent < 0:
                        value = value / _POWERS[-exponent]
                    columns[f - 2, r] = value
                elif kind >= 0:
                    good = False
                    break
            elif byte == 116 or byte == 102 or byte == 110:
                after = _after(data, i, end, _TRUE)
                value = 1.0
                if after < 0:
                    after = _after(data, i, end, _FALSE)
                    value = 0.0
                if after < 0:
                    after = _after(data, i, end, _NULL)
                    value = np.nan
                if (
                    after < 0
                    or kind == DEVICE
                    or kind == TIME
                    or (kind >= 0 and kind != BOOL and value == value)
                ):
                    good = False
                    break
                if kind >= 0:
                    columns[f - 2, r] = value
                i = after
            else:
                good = False
                break
            i = _blank(data, i, end)
            if i < end and data[i] == 44:
                i += 1
                continue
            if i < end and data[i] == 125:
                i += 1
                break
            good = False
            break
        if good:
            i = _blank(data, i, end)
            if i == end and (seen & 3) == 3:
                ok[r] = 1
