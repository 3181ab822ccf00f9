"""The devices of a shard and their slots: about 24 bytes a device with an eleven-byte id.

A slot is for ever; slots are dense from 0 in order of first sight, so that all other state is plain arrays by slot.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flows.devices.kernels import slots as k


class DeviceTable:
    """`count` devices, slots 0 … count-1; begun anew or from what `contents` gave."""

    def __init__(self, arena: bytes = b"", offsets: NDArray[np.uint32] | None = None) -> None:
        self.count: int = 0 if offsets is None else len(offsets) - 1
        size = 128
        while size * 7 // 10 <= self.count:
            size *= 2
        self._index = k.Index(
            np.full(size, -1, np.int32),
            np.frombuffer(arena, np.uint8).copy() if arena else np.zeros(1024, np.uint8),
            np.zeros(65, np.uint32) if offsets is None else offsets.astype(np.uint32),
        )
        k.rehash(self._index, self.count)

    def slots(
        self,
        data: NDArray[np.uint8],
        low: NDArray[np.int64],
        high: NDArray[np.int64],
        hashes: NDArray[np.uint64],
    ) -> NDArray[np.int32]:
        """The slot of each row's device data[low:high], new devices getting new slots."""
        slots = np.empty(len(low), np.int32)
        done = 0
        while True:
            done = k.assign(data, low, high, hashes, done, self._index, self.count, slots)
            self.count = max(self.count, int(slots[:done].max(initial=-1)) + 1)
            if done == len(low):
                return slots
            self._grow(int(high[done] - low[done]))

    def slot_of(self, device: bytes) -> int:
        """The slot of one device, given a new one if it was never seen."""
        data = np.frombuffer(device, np.uint8)
        low, high = np.zeros(1, np.int64), np.array([len(device)], np.int64)
        return int(self.slots(data, low, high, np.array([hash_of(device)], np.uint64))[0])

    def device(self, slot: int) -> str:
        """The id of the device in a slot."""
        offsets = self._index.offsets
        return bytes(self._index.arena[offsets[slot] : offsets[slot + 1]]).decode("utf-8", "replace")

    def first_misplaced(self, start: int, partitions: int, partition: int) -> int:
        """The first slot from `start` on whose key belongs to another of `partitions` partitions, or -1."""
        return k.first_misplaced(self._index, start, self.count, partitions, partition)

    def _grow(self, length: int) -> None:
        """Make room for one more device of `length` bytes and a quarter more of what is full."""
        table, arena, offsets = self._index
        used = int(offsets[self.count])
        if used + length > len(arena):
            arena = np.concatenate([arena[:used], np.zeros(used // 4 + length + 64, np.uint8)])
        if self.count + 1 >= len(offsets):
            offsets = np.concatenate([offsets, np.zeros(len(offsets) // 4 + 1, np.uint32)])
        full = self.count >= len(table) * 7 // 10
        if full:
            table = np.full(len(table) * 2, -1, np.int32)
        self._index = k.Index(table, arena, offsets)
        if full:
            k.rehash(self._index, self.count)

    def contents(self) -> tuple[bytes, NDArray[np.uint32]]:
        """The joined ids and their offsets [count + 1], for a snapshot."""
        offsets = self._index.offsets[: self.count + 1].copy()
        return self._index.arena[: offsets[-1]].tobytes(), offsets

    def nbytes(self) -> int:
        """Bytes held in memory."""
        return sum(array.nbytes for array in self._index)


def hash_of(device: bytes) -> int:
    """The hash the scanner gives a device id."""
    return int(k.hash_bytes(np.frombuffer(device, np.uint8), 0, len(device)))
