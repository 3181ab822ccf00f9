"""Device ids to slots: open addressing over a byte arena.

Linear probing over FNV-1a hashes (Fowler, Noll, Vo), at most 70 % full.
"""

# pyright: basic, reportReturnType=false

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import int32, int64, njit, types, uint32, uint64
from numpy.typing import NDArray

from flows.devices.kernels.layout import BYTES, INTS, READ_ONLY_BYTES, SLOTS, Bytes, Ints, Slots


class Index(NamedTuple):
    """`table` int32 (a power of two; -1 is free) of slots, whose ids are arena[offsets[s]:offsets[s + 1]]."""

    table: Slots
    arena: Bytes
    offsets: NDArray[np.uint32]


INDEX = types.NamedTuple([int32[::1], BYTES, uint32[::1]], Index)


@njit(uint64(READ_ONLY_BYTES, int64, int64), cache=True)
def hash_bytes(data: Bytes, low: int, high: int) -> int:
    """FNV-1a of data[low:high]."""
    mixed = uint64(14695981039346656037)
    for q in range(low, high):
        mixed = (mixed ^ uint64(data[q])) * uint64(1099511628211)
    return mixed


@njit(int64(uint64, int64), cache=True)
def _place(mixed, size):
    """Where to look first in a table."""
    return int64((mixed ^ (mixed >> uint64(29))) & uint64(size - 1))


@njit(int64(INDEX, READ_ONLY_BYTES, int64, int64, uint64), cache=True)
def _find(index, data, low, high, mixed):
    """The place in the table of the id data[low:high], or the free one where it belongs."""
    length = high - low
    size = index.table.shape[0]
    p = _place(mixed, size)
    while True:
        s = index.table[p]
        if s < 0:
            return p
        o = int64(index.offsets[s])
        if int64(index.offsets[s + 1]) - o == length:
            same = True
            for q in range(length):
                if index.arena[o + q] != data[low + q]:
                    same = False
                    break
            if same:
                return p
        p = (p + 1) & (size - 1)


@njit(int64(READ_ONLY_BYTES, INTS, INTS, uint64[::1], int64, INDEX, int64, SLOTS), cache=True)
def assign(
    data: Bytes,
    low: Ints,
    high: Ints,
    hashes: NDArray[np.uint64],
    start: int,
    index: Index,
    count: int,
    slots: Slots,
) -> int:
    """Give each row from `start` its slot, new ids the next from `count` on; returns the rows done, fewer when full."""
    limit = index.table.shape[0] * 7 // 10
    for r in range(start, low.shape[0]):
        p = _find(index, data, low[r], high[r], hashes[r])
        s = index.table[p]
        if s < 0:
            used, length = int64(index.offsets[count]), high[r] - low[r]
            if count >= limit or count + 1 >= index.offsets.shape[0] or used + length > index.arena.shape[0]:
                return int64(r)
            s = int32(count)
            index.table[p] = s
            for q in range(length):
                index.arena[used + q] = data[low[r] + q]
            count += 1
            index.offsets[count] = used + length
        slots[r] = s
    return low.shape[0]


@njit(types.void(INDEX, int64), cache=True)
def rehash(index: Index, count: int) -> None:
    """Fill an empty table with the first `count` ids of the arena."""
    size = index.table.shape[0]
    for s in range(count):
        p = _place(hash_bytes(index.arena, int64(index.offsets[s]), int64(index.offsets[s + 1])), size)
        while index.table[p] >= 0:
            p = (p + 1) & (size - 1)
        index.table[p] = s


@njit(int64(READ_ONLY_BYTES, int64, int64, int64), cache=True)
def partition_of(data: Bytes, low: int, high: int, partitions: int) -> int:
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


@njit(int64(INDEX, int64, int64, int64, int64), cache=True)
def first_misplaced(index: Index, start: int, count: int, partitions: int, partition: int) -> int:
    """The first slot from `start` whose device's key belongs to another partition, or -1."""
    for s in range(start, count):
        low, high = int64(index.offsets[s]), int64(index.offsets[s + 1])
        if partition_of(index.arena, low, high, partitions) != partition:
            return int64(s)
    return int64(-1)
