"""Device ids to slots: open addressing over a byte arena, about 24 bytes a device with an eleven-byte id.

Linear probing over FNV-1a hashes (Fowler, Noll, Vo), at most 70 % full. A slot is for ever; slots are dense from 0
in order of first sight, so that all other state is plain arrays by slot.
"""

from __future__ import annotations

import numpy as np
from numba import int32, int64, njit, types, uint8, uint32, uint64
from numpy.typing import NDArray

_bytes = types.Array(uint8, 1, "C", readonly=True)


@njit(uint64(_bytes, int64, int64), cache=True)
def _hash(data, low, high):
    """FNV-1a of data[low:high]."""
    mixed = uint64(14695981039346656037)
    for q in range(low, high):
        mixed = (mixed ^ uint64(data[q])) * uint64(1099511628211)
    return mixed


@njit(
    types.Tuple((int64, int64, int64))(
        _bytes, int64[::1], int64[::1], uint64[::1], uint8[::1], int64, int32[::1], uint8[::1], uint32[::1],
        int64, int64, int32[::1],
    ),
    cache=True,
)  # fmt: skip
def _assign(data, low, high, hashes, ok, start, table, arena, offsets, count, used, slots):
    """Give each row from `start` its slot; returns (rows done, devices, arena bytes), fewer rows when full."""
    mask = uint64(table.shape[0] - 1)
    limit = table.shape[0] * 7 // 10
    for r in range(start, low.shape[0]):
        if ok[r] == 0:
            slots[r] = -1
            continue
        length = high[r] - low[r]
        h = hashes[r]
        p = (h ^ (h >> uint64(29))) & mask
        while True:
            s = table[p]
            if s < 0:
                if count >= limit or count + 1 >= offsets.shape[0] or used + length > arena.shape[0]:
                    return r, count, used
                s = count
                count += 1
                table[p] = s
                for q in range(length):
                    arena[used + q] = data[low[r] + q]
                used += length
                offsets[s + 1] = used
                break
            o = int64(offsets[s])
            if int64(offsets[s + 1]) - o == length:
                same = True
                for q in range(length):
                    if arena[o + q] != data[low[r] + q]:
                        same = False
                        break
                if same:
                    break
            p = (p + uint64(1)) & mask
        slots[r] = s
    return low.shape[0], count, used


@njit(types.void(int32[::1], _bytes, uint32[::1], int64), cache=True)
def _rehash(table, arena, offsets, count):
    """Fill an empty table with the devices of the arena."""
    mask = uint64(table.shape[0] - 1)
    for s in range(count):
        h = _hash(arena, int64(offsets[s]), int64(offsets[s + 1]))
        p = (h ^ (h >> uint64(29))) & mask
        while table[p] >= 0:
            p = (p + uint64(1)) & mask
        table[p] = s


@njit(int64(_bytes, int64, int64, int64), cache=True)
def _partition(data, low, high, partitions):
    """The partition Kafka's murmur2 gives data[low:high]; the same as `flows.ids.partition_of`."""
    m = uint64(0x5BD1E995)
    wide = uint64(0xFFFFFFFF)
    length = high - low
    h = uint64(0x9747B28C) ^ uint64(length)
    i = low
    while i + 4 <= high:
        k = (
            uint64(data[i])
            | (uint64(data[i + 1]) << uint64(8))
            | (uint64(data[i + 2]) << uint64(16))
            | (uint64(data[i + 3]) << uint64(24))
        )
        k = (k * m) & wide
        k ^= k >> uint64(24)
        h = ((h * m) & wide) ^ ((k * m) & wide)
        i += 4
    rest = high - i
    if rest > 0:
        for q in range(rest):
            h ^= uint64(data[i + q]) << uint64(8 * q)
        h = (h * m) & wide
    h ^= h >> uint64(13)
    h = (h * m) & wide
    h ^= h >> uint64(15)
    return int64(h & uint64(0x7FFFFFFF)) % partitions


@njit(int64(_bytes, uint32[::1], int64, int64, int64, int64), cache=True)
def _first_misplaced(arena, offsets, start, count, partitions, partition):
    """The first slot from `start` whose device's key belongs to another partition, or -1."""
    for s in range(start, count):
        if _partition(arena, int64(offsets[s]), int64(offsets[s + 1]), partitions) != partition:
            return s
    return -1


class DeviceTable:
    """The devices of one shard; `count` of them, slots 0 … count-1."""

    def __init__(self, arena: bytes = b"", offsets: NDArray[np.uint32] | None = None) -> None:
        self._arena = np.frombuffer(arena, np.uint8).copy() if arena else np.zeros(1024, np.uint8)
        self._offsets = np.zeros(65, np.uint32) if offsets is None else offsets.astype(np.uint32)
        self.count = 0 if offsets is None else len(offsets) - 1
        self._used = int(self._offsets[self.count])
        size = 128
        while size * 7 // 10 <= self.count:
            size *= 2
        self._table = np.full(size, -1, np.int32)
        _rehash(self._table, self._arena, self._offsets, self.count)

    def slots(
        self,
        data: NDArray[np.uint8],
        low: NDArray[np.int64],
        high: NDArray[np.int64],
        hashes: NDArray[np.uint64],
        ok: NDArray[np.uint8],
    ) -> NDArray[np.int32]:
        """The slot of each row's device data[low:high] (-1 where not ok), new devices getting new slots."""
        slots = np.empty(len(low), np.int32)
        done = 0
        while True:
            done, self.count, self._used = _assign(
                data, low, high, hashes, ok, done, self._table, self._arena, self._offsets, self.count, self._used, slots
            )  # fmt: skip
            if done == len(low):
                return slots
            self._grow(int(high[done] - low[done]))

    def slot_of(self, device: bytes) -> int:
        """The slot of one device, given a new one if it was never seen."""
        data = np.frombuffer(device, np.uint8)
        low, high = np.zeros(1, np.int64), np.array([len(device)], np.int64)
        hashes = np.array([_hash(data, 0, len(device))], np.uint64)
        return int(self.slots(data, low, high, hashes, np.ones(1, np.uint8))[0])

    def device(self, slot: int) -> str:
        """The id of the device in a slot."""
        return bytes(self._arena[self._offsets[slot] : self._offsets[slot + 1]]).decode("utf-8", "replace")

    def first_misplaced(self, start: int, partitions: int, partition: int) -> int:
        """The first slot from `start` on whose key belongs to another of `partitions` partitions, or -1."""
        return int(_first_misplaced(self._arena, self._offsets, start, self.count, partitions, partition))

    def _grow(self, length: int) -> None:
        """Make room for one more device of `length` bytes and a quarter more of what is full."""
        if self._used + length > len(self._arena):
            arena = np.zeros(len(self._arena) * 5 // 4 + length, np.uint8)
            arena[: self._used] = self._arena[: self._used]
            self._arena = arena
        if self.count + 1 >= len(self._offsets):
            offsets = np.zeros(len(self._offsets) * 5 // 4 + 1, np.uint32)
            offsets[: self.count + 1] = self._offsets[: self.count + 1]
            self._offsets = offsets
        if self.count >= len(self._table) * 7 // 10:
            self._table = np.full(len(self._table) * 2, -1, np.int32)
            _rehash(self._table, self._arena, self._offsets, self.count)

    def contents(self) -> tuple[bytes, NDArray[np.uint32]]:
        """The joined ids and their offsets [count + 1], for a snapshot."""
        return self._arena[: self._used].tobytes(), self._offsets[: self.count + 1].copy()

    def nbytes(self) -> int:
        """Bytes held in memory."""
        return self._arena.nbytes + self._offsets.nbytes + self._table.nbytes


def hash_of(device: bytes) -> int:
    """The hash the scanner gives a device id."""
    return int(_hash(np.frombuffer(device, np.uint8), 0, len(device)))
