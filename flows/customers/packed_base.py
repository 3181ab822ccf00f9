"""A base: many customers in one immutable block of bytes, each found by its name without unpacking the others.

A format byte, then counts, the hashes of the names in ascending order, where each record ends, which records have
something due and when, and the records: the length of a name, the name, the customer as MessagePack. Nothing but the
bytes is held in memory, so a million customers are no million objects. Numbers are in the machine's own byte order.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b

from flows.errors import StateUnreadable

_FORMAT = 1
_HEADER = struct.Struct("=BxxxIIQ")
_LENGTH = struct.Struct("=H")
_WHAT = "the customers' base"


class Base:
    """Reads a base; raises StateUnreadable for a format that is not known."""

    def __init__(self, data: bytes) -> None:
        found = data[0] if data else 0
        if found != _FORMAT or len(data) < _HEADER.size:
            raise StateUnreadable(_WHAT, found, _FORMAT)
        self.data = data
        _, self._count, due, self.generation = _HEADER.unpack_from(data)
        view, at = memoryview(data), _HEADER.size
        hashes, ends = at + 8 * self._count, at + 12 * self._count
        places, times = ends + 4 * due, ends + 12 * due
        self._hashes = view[at:hashes].cast("Q")
        self._ends = view[hashes:ends].cast("I")
        self._dues = view[ends:places].cast("I"), view[places:times].cast("q")
        self._first = times

    def __len__(self) -> int:
        """How many customers it holds."""
        return self._count

    def __contains__(self, name: str) -> bool:
        """Whether it holds a customer of that name."""
        return self._find(name.encode()) is not None

    def get(self, name: str) -> bytes | None:
        """The packed customer of that name."""
        return self._find(name.encode())

    def dues(self) -> Iterator[tuple[str, int]]:
        """The customers for whom something is due, and when (ms)."""
        for index, due in zip(*self._dues, strict=True):
            yield self._record(index)[0].decode(), due

    def records(self) -> Iterator[tuple[str, bytes]]:
        """All customers, packed, in the order of their hashes."""
        for index in range(self._count):
            name, packed = self._record(index)
            yield name.decode(), packed

    def _find(self, name: bytes) -> bytes | None:
        wanted = _hash(name)
        index = bisect_left(self._hashes, wanted)
        while index < self._count and self._hashes[index] == wanted:
            found, packed = self._record(index)
            if found == name:
                return packed
            index += 1
        return None

    def _record(self, index: int) -> tuple[bytes, bytes]:
        start = self._first + (self._ends[index - 1] if index else 0)
        begin = start + _LENGTH.size
        end = begin + _LENGTH.unpack_from(self.data, start)[0]
        return self.data[begin:end], self.data[end : self._first + self._ends[index]]


def write_base(customers: Iterable[tuple[str, bytes]], dues: Mapping[str, int], generation: int) -> bytes:
    """The bytes of a base of packed customers by name, each name once; `dues` may name others besides."""
    named = [(name.encode(), packed) for name, packed in customers]
    rows = sorted((_hash(name), name, packed) for name, packed in named)
    hashes, ends, size = array("Q"), array("I"), 0
    places, times = array("I"), array("q")
    records: list[bytes] = []
    for index, (hashed, name, packed) in enumerate(rows):
        records += (_LENGTH.pack(len(name)), name, packed)
        size += _LENGTH.size + len(name) + len(packed)
        hashes.append(hashed)
        ends.append(size)
        due = dues.get(name.decode()) if dues else None
        if due is not None:
            places.append(index)
            times.append(due)
    header = _HEADER.pack(_FORMAT, len(rows), len(places), generation)
    return b"".join((header, hashes, ends, places, times, *records))


def _hash(name: bytes) -> int:
    return int.from_bytes(blake2b(name, digest_size=8).digest(), "little")
