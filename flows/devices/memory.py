"""What a shard remembers of the readings it took, so that one that comes again is known.

Of each device that is, in a narrow stream, which metrics it has sent at its clock: a bit each. And where windows take
late readings, its greatest times: in a narrow stream, its greatest pairs of time and metric.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flows.devices.kernels.acceptance import METRICS, accept
from flows.devices.kernels.layout import Clocks, RowColumns
from flows.streams import Stream

_RECENT = 32
_RECENT_NARROW = 128
_LONG_AGO = -(1 << 62)
_BITS = 64


class Memory:
    """By slot: `recent` int64 [devices, R], `seen` int64 [devices, W] of 64 metrics each; R and W may be 0."""

    def __init__(
        self, devices: int = 0, recent: bytes = b"", size: int = 0, seen: bytes = b"", words: int = 0
    ) -> None:
        self.recent: NDArray[np.int64] = np.frombuffer(recent, np.int64).reshape(devices, size).copy()
        self.seen: NDArray[np.int64] = np.frombuffer(seen, np.int64).reshape(devices, words).copy()
        self._metrics: tuple[str, ...] | None = None

    def use(self, stream: Stream, *, windows: bool) -> None:
        """Remember what a declaration needs, keeping what was remembered of metrics that it still has."""
        narrow, devices = stream.shape == "narrow", len(self.recent)
        size = (_RECENT_NARROW if narrow else _RECENT) if stream.lateness > 0 and windows else 0
        words = len(stream.metrics) // _BITS + 1 if narrow else 0
        before, self._metrics = self._metrics, stream.metrics
        if size != self.recent.shape[1]:
            self.recent = np.full((devices, size), _LONG_AGO, np.int64)
        if before is not None and before != stream.metrics:
            self._move(before, stream.metrics, words)
        elif words != self.seen.shape[1]:
            self.seen = np.zeros((devices, words), np.int64)

    def _move(self, before: tuple[str, ...], after: tuple[str, ...], words: int) -> None:
        """Metrics have other places now; what is remembered of one that is gone is forgotten."""
        place = np.full(METRICS, -1, np.int64)
        old = self.seen
        self.seen = np.zeros((len(old), words), np.int64)
        for m, metric in enumerate(before):
            place[m + 1] = n = after.index(metric) + 1 if metric in after else -1
            if n > 0 and words and m // _BITS < old.shape[1]:
                bit = old[:, m // _BITS].astype(np.uint64) >> np.uint64(m % _BITS) & np.uint64(1)
                moved = bit << np.uint64((n - 1) % _BITS)
                self.seen[:, (n - 1) // _BITS] |= moved.astype(np.int64)
        known = self.recent != _LONG_AGO
        moved = np.where(known, place[np.where(known, self.recent % METRICS, 0)], -1)
        self.recent = np.where(moved > 0, self.recent // METRICS * METRICS + moved, _LONG_AGO)

    def make_room(self, devices: int) -> None:
        """Have a place for each of so many devices."""
        more = devices - len(self.recent)
        if more > 0:
            recent = np.full((more, self.recent.shape[1]), _LONG_AGO, np.int64)
            self.recent = np.concatenate([self.recent, recent])
            self.seen = np.concatenate([self.seen, np.zeros((more, self.seen.shape[1]), np.int64)])

    def accept(
        self, rows: RowColumns, metrics: NDArray[np.int64], clock: NDArray[np.int64], clocks: Clocks
    ) -> None:
        """Say of each row what becomes of it, move its device's clock, and remember it."""
        accept(rows, metrics, clock, clocks, self.recent, self.seen)

    def save(self, devices: int) -> tuple[bytes, int, bytes, int]:
        """(recent, R, seen, W) of the first devices, for a snapshot."""
        return (
            self.recent[:devices].tobytes(),
            self.recent.shape[1],
            self.seen[:devices].tobytes(),
            self.seen.shape[1],
        )

    def nbytes(self) -> int:
        """Bytes held in memory."""
        return self.recent.nbytes + self.seen.nbytes
