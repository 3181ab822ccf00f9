"""The words of a JSON message: blanks, numbers, names, and times as RFC 3339 spells them."""

# pyright: basic, reportReturnType=false

from __future__ import annotations

import numpy as np
from numba import boolean, int64, njit, types

from flows.devices.kernels.layout import BYTES, INTS, READ_ONLY_BYTES

# how times are written: as numbers, as RFC 3339 with a zone, or as RFC 3339 in UTC where they name none
NUMBER, ZONED, UTC = range(3)
REFUSED = -1
_DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


@njit(int64(READ_ONLY_BYTES, int64, int64), cache=True, inline="always")
def blank(data, i, end):
    """Skip JSON white space."""
    while i < end and (data[i] == 32 or data[i] == 10 or data[i] == 13 or data[i] == 9):
        i += 1
    return i


@njit(types.Tuple((int64, int64, int64, boolean))(READ_ONLY_BYTES, int64, int64), cache=True)
def number(data, i, end):
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
def after(data, i, end, word):
    """The index after `word` if it stands at i, else -1."""
    if i + word.shape[0] > end:
        return REFUSED
    for j in range(word.shape[0]):
        if data[i + j] != word[j]:
            return REFUSED
    return i + word.shape[0]


@njit(int64(READ_ONLY_BYTES, int64, int64, BYTES, INTS, int64, int64, int64), cache=True)
def which(data, start, end, words, offsets, first, count, hint):
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


@njit(int64(READ_ONLY_BYTES, int64, int64), cache=True)
def _digits(data, start, stop):
    """The number that the digits data[start:stop] make, -1 if one is none."""
    found = int64(0)
    for j in range(start, stop):
        if data[j] < 48 or data[j] > 57:
            return REFUSED
        found = found * 10 + (data[j] - 48)
    return found


@njit(int64(int64, int64, int64), cache=True)
def _day(year, month, day):
    """Days since 1970-01-01 in the Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms")."""
    y = year - 1 if month <= 2 else year
    era = y // 400
    of_era = y - era * 400
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


@njit(int64(READ_ONLY_BYTES, int64, int64, int64), cache=True)
def moment(data, i, end, written):
    """The ms of an RFC 3339 text data[i:end] of at most three decimals, -1 for what the slow decoder is to judge."""
    if end - i < 19 or (data[i + 10] != 84 and data[i + 10] != 32):
        return REFUSED
    if data[i + 4] != 45 or data[i + 7] != 45 or data[i + 13] != 58 or data[i + 16] != 58:
        return REFUSED
    year, month, day = _digits(data, i, i + 4), _digits(data, i + 5, i + 7), _digits(data, i + 8, i + 10)
    hour, minute = _digits(data, i + 11, i + 13), _digits(data, i + 14, i + 16)
    second = _digits(data, i + 17, i + 19)
    if year < 1 or month < 1 or month > 12 or day < 1 or hour < 0 or minute < 0 or second < 0:
        return REFUSED
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if day > _DAYS[month - 1] + (1 if leap else 0) or hour > 23 or minute > 59 or second > 59:
        return REFUSED
    at = ((_day(year, month, day) * 24 + hour) * 60 + minute) * 60000 + second * 1000
    i += 19
    if i < end and data[i] == 46:
        i += 1
        unit = 100
        while i < end and 48 <= data[i] <= 57 and unit > 0:
            at += unit * (data[i] - 48)
            unit //= 10
            i += 1
        if unit == 100:
            return REFUSED
    if i == end:
        return at if written == UTC else REFUSED
    if i + 1 == end and data[i] == 90:
        return at
    if end - i != 6 or (data[i] != 43 and data[i] != 45) or data[i + 3] != 58:
        return REFUSED
    hour, minute = _digits(data, i + 1, i + 3), _digits(data, i + 4, i + 6)
    if hour < 0 or hour > 23 or minute < 0 or minute > 59:
        return REFUSED
    ahead = (hour * 60 + minute) * 60000
    return at - ahead if data[i] == 43 else at + ahead
