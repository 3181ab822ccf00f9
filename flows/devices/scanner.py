"""A compiled scanner from flat JSON objects straight to columns; whatever is unusual is left to the slow decoder.

It takes only what it fully understands: one flat object, no escapes in keys or strings it needs, no repeated key,
numbers of at most 18 digits (19 before the point) without exponent, exact in double precision by the classic fast
path: an integer up to 2**53 divided by a power of ten up to 10**22 (Clinger 1990). A row it does not take has `ok` 0.
"""

from __future__ import annotations

import numpy as np
from numba import boolean, float64, int64, njit, types, uint8, uint64
from numpy.typing import NDArray

DEVICE, TIME, FLOAT, INT, BOOL, ENUM = range(6)

LATEST = 1 << 53

_POWERS = np.array([10.0**i for i in range(23)])

_bytes = types.Array(uint8, 1, "C", readonly=True)
_i64 = int64[::1]


@njit(int64(_bytes, int64, int64), cache=True, inline="always")
def _blank(data, i, end):
    """Skip JSON white space."""
    while i < end and (data[i] == 32 or data[i] == 10 or data[i] == 13 or data[i] == 9):
        i += 1
    return i


@njit(types.Tuple((int64, int64, int64, boolean))(_bytes, int64, int64), cache=True)
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


@njit(int64(_bytes, int64, int64, _bytes), cache=True)
def _literal(data, i, end, word):
    """The index after `word` if it stands at i, else -1."""
    if i + word.shape[0] > end:
        return -1
    for j in range(word.shape[0]):
        if data[i + j] != word[j]:
            return -1
    return i + word.shape[0]


@njit(int64(_bytes, int64, int64, _bytes, _i64, int64, int64, int64), cache=True)
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


TRUE = np.frombuffer(b"true", np.uint8)
FALSE = np.frombuffer(b"false", np.uint8)
NULL = np.frombuffer(b"null", np.uint8)


@njit(
    types.void(
        _bytes, _i64, _bytes, _i64, _i64, _bytes, _i64, _i64, int64, int64,
        float64[:, ::1], _i64, _i64, _i64, uint64[::1], uint8[::1], float64[::1],
    ),
    cache=True,
)  # fmt: skip
def _scan(
    data, ends, keys, key_offsets, kinds, words, word_offsets, first_word, multiply, divide,
    columns, at, low, high, hashes, ok, powers,
):  # fmt: skip
    """One pass over all rows; see `Scanner.scan`. Field 0 is the device, field 1 the time, then the columns."""
    fields = kinds.shape[0]
    begin = 0
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
                if kind == 0:
                    low[r] = s0
                    high[r] = i
                    hashes[r] = mixed
                    if i == s0 or i - s0 > 255:
                        good = False
                        break
                elif kind == 5:
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
                if kind == 1:
                    if exponent != 0 or mantissa < divide or mantissa // divide >= LATEST // multiply:
                        good = False
                        break
                    at[r] = mantissa * multiply // divide
                elif kind == 2 or kind == 3:
                    if abs(mantissa) > 9007199254740992 or exponent < -22 or (kind == 3 and exponent != 0):
                        good = False
                        break
                    value = float64(mantissa)
                    if exponent < 0:
                        value = value / powers[-exponent]
                    columns[f - 2, r] = value
                elif kind >= 0:
                    good = False
                    break
            elif byte == 116 or byte == 102 or byte == 110:
                after = _literal(data, i, end, TRUE)
                value = 1.0
                if after < 0:
                    after = _literal(data, i, end, FALSE)
                    value = 0.0
                if after < 0:
                    after = _literal(data, i, end, NULL)
                    value = np.nan
                if after < 0 or kind == 0 or kind == 1 or (kind >= 0 and kind != 4 and value == value):
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


def _join(words: list[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Words as one block of bytes and the offsets that cut it."""
    offsets = np.zeros(len(words) + 1, np.int64)
    np.cumsum([len(w) for w in words], out=offsets[1:])
    return np.frombuffer(b"".join(words), np.uint8), offsets


class Scanned:
    """Rows of one batch: `columns` float64 [fields, n], `at` int64 ms, device bytes data[low:high], `hashes`, `ok`."""

    __slots__ = ("at", "columns", "hashes", "high", "low", "ok")

    def __init__(self, fields: int, rows: int) -> None:
        self.columns = np.empty((fields, rows), np.float64)
        self.at = np.zeros(rows, np.int64)
        self.low = np.zeros(rows, np.int64)
        self.high = np.zeros(rows, np.int64)
        self.hashes = np.zeros(rows, np.uint64)
        self.ok = np.zeros(rows, np.uint8)


class Scanner:
    """Scans for a device key, a time and given fields, and nothing else of a message.

    `fields` are (name, kind, enum values); `multiply` / `divide` turn a whole number of the stream's time unit into
    ms. With `multiply` 0 (RFC 3339 times) no row is taken.
    """

    def __init__(
        self,
        device: str,
        time: str,
        fields: list[tuple[str, int, tuple[str, ...]]],
        multiply: int,
        divide: int,
    ) -> None:
        names = [device, time, *(name for name, _, _ in fields)]
        self._keys, self._key_offsets = _join([name.encode() for name in names])
        self._kinds = np.array([DEVICE, TIME, *(kind for _, kind, _ in fields)], np.int64)
        words: list[bytes] = []
        first = [0, 0, 0]
        for _, _, values in fields:
            words += [value.encode() for value in values]
            first.append(len(words))
        self._words, self._word_offsets = _join(words)
        self._first_word = np.array(first, np.int64)
        self._multiply, self._divide = multiply, divide
        self._fields = len(fields)

    def scan(self, data: NDArray[np.uint8], ends: NDArray[np.int64]) -> Scanned:
        """Scan rows data[ends[i-1]:ends[i]]."""
        rows = Scanned(self._fields, len(ends))
        if self._multiply > 0 and self._fields <= 60:
            _scan(
                data, ends, self._keys, self._key_offsets, self._kinds, self._words, self._word_offsets,
                self._first_word, self._multiply, self._divide,
                rows.columns, rows.at, rows.low, rows.high, rows.hashes, rows.ok, _POWERS,
            )  # fmt: skip
        return rows
