"""The fast way from a raw batch to columns; whatever is unusual is left to the slow decoder."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flows.devices.kernels import scan
from flows.devices.kernels.scan import BOOL, DEVICE, ENUM, FLOAT, INT, TIME, Scanned, Wanted
from flows.streams import MS_PER_UNIT, Field, Stream

_KINDS = {"float": FLOAT, "int": INT, "bool": BOOL, "enum": ENUM}


def _join(words: list[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Words as one block of bytes and the offsets that cut it."""
    offsets = np.zeros(len(words) + 1, np.int64)
    np.cumsum([len(w) for w in words], out=offsets[1:])
    return np.frombuffer(b"".join(words), np.uint8).copy(), offsets


def _scale(stream: Stream) -> list[int]:
    """[multiply, divide] of whole numbers of the time unit to ms."""
    factor = MS_PER_UNIT[stream.time_unit]
    return [int(factor), 1] if factor >= 1 else [1, round(1 / factor)]


class Scanner:
    """Scans for a stream's device, time and some fields (texts excepted), and nothing else of a message."""

    def __init__(self, stream: Stream, fields: tuple[Field, ...]) -> None:
        keys, key_offsets = _join(
            [name.encode() for name in (stream.key, stream.time, *(f.name for f in fields))]
        )
        words, word_offsets = _join([value.encode() for field in fields for value in field.values])
        self._columns = len(fields)
        # RFC 3339 times are texts, which only the slow decoder reads.
        self._able = stream.time_unit != "rfc3339" and len(fields) <= scan.MOST_FIELDS
        self._wanted = Wanted(
            keys,
            key_offsets,
            np.array([DEVICE, TIME, *(_KINDS[f.type] for f in fields)], np.int64),
            words,
            word_offsets,
            np.cumsum([0, 0, 0, *(len(f.values) for f in fields)], dtype=np.int64),
            np.array(_scale(stream) if self._able else [1, 1], np.int64),
        )

    def scan(self, data: NDArray[np.uint8], ends: NDArray[np.int64]) -> Scanned:
        """Scan messages data[ends[i-1]:ends[i]]; rows whose `ok` is 0 hold nothing."""
        n = len(ends)
        rows = Scanned(
            np.empty((self._columns, n)),
            np.zeros(n, np.int64),
            np.zeros(n, np.int64),
            np.zeros(n, np.int64),
            np.zeros(n, np.uint64),
            np.zeros(n, np.uint8),
        )
        if self._able:
            scan.scan(data, ends, self._wanted, rows)
        return rows
