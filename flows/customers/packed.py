"""The customers of one bucket, packed: what is not touched stays bytes, and a snapshot holds only what changed.

All customers as they once were lie in a base, which is written seldom; what changed since lies in the delta, which is
written at every snapshot. Both carry the number of their base's generation, for only together they are the truth.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Callable

import msgspec

from flows.customers.packed_base import Base, write_base
from flows.customers.state import Customer
from flows.errors import BaseMissing, StateUnreadable

_FORMAT = 1
_HEAD = 9
# Random tokens do not shrink, the words around them do: the quickest level finds them all.
_LEVEL = 1
_WHAT = "the customers' changes"
_SMALLEST = 8 << 10
_PARTS_OF_BASE = 8
# Whom the next batches are likely to be about; the others are packed batch by batch, not all at an epoch's end.
_MOST_UNPACKED = 8
_STALE = 64

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Customer).decode


class _Delta(msgspec.Struct, array_like=True):
    """What a snapshot holds: whole customers that changed since the base, those dropped, and what is due when."""

    changed: dict[str, msgspec.Raw]
    dropped: list[str]
    dues: dict[str, int]


class Packed:
    """Customers by name, from a base and the delta that belongs to it.

    `due` says when (ms) something of a customer is to be looked at. Whom `touch` gives may be changed until the next
    `cool` or `snapshot`, whom `get` gives may not. Raises StateUnreadable for formats that are not known, and
    BaseMissing for a base and a delta that do not belong together.
    """

    def __init__(
        self,
        base: bytes | None = None,
        delta: bytes | None = None,
        due: Callable[[Customer], int | None] = lambda _: None,
        most_unpacked: int = _MOST_UNPACKED,
    ) -> None:
        found = _Delta({}, [], {}) if delta is None else _read(delta)
        self._base = Base(write_base((), {}, 0) if base is None else base)
        self.generation = 0 if delta is None else generation_of(delta)
        if self._base.generation != self.generation:
            raise BaseMissing(self.generation, self._base.generation)
        self._due, self._most_unpacked = due, most_unpacked
        self._delta: dict[str, bytes | None] = {name: bytes(raw) for name, raw in found.changed.items()}
        self._delta |= dict.fromkeys(found.dropped)
        self._bytes = sum(map(_size, self._delta.items()))
        self._unpacked: dict[str, Customer] = {}
        self._changed: dict[str, None] = {}
        self._touched: dict[str, None] = {}
        self._count = len(self._base) + sum(
            (packed is not None) - (name in self._base) for name, packed in self._delta.items()
        )
        self._dues = {name: at for name, at in self._base.dues() if name not in self._delta} | found.dues
        self._queue = sorted((at, name) for name, at in self._dues.items())

    def __len__(self) -> int:
        """How many customers there are."""
        return self._count

    def __contains__(self, name: str) -> bool:
        """Whether there is a customer of that name."""
        if name in self._unpacked:
            return True
        return self._delta[name] is not None if name in self._delta else name in self._base

    def get(self, name: str) -> Customer | None:
        """A customer, to be looked at only."""
        found = self._unpacked.get(name)
        if found is None:
            packed = self._delta[name] if name in self._delta else self._base.get(name)
            if packed is not None:
                found = self._unpacked[name] = _decode(packed)
        return found

    def touch(self, name: str) -> Customer:
        """A customer, to be changed; new if there is none."""
        if name in self._touched:
            return self._unpacked[name]
        found = self.get(name)
        if found is None:
            found = Customer()
            self._count += 1
        # To the end: whoever was touched last is packed last.
        self._unpacked.pop(name, None)
        self._unpacked[name] = found
        self._changed[name] = self._touched[name] = None
        return found

    def put(self, name: str, customer: Customer) -> None:
        """Have this customer from now on, in the place of one of that name."""
        self.touch(name)
        self._unpacked[name] = customer

    def drop(self, name: str) -> None:
        """Forget a customer, if there is one."""
        if name not in self:
            return
        self._count -= 1
        self._unpacked.pop(name, None)
        self._changed.pop(name, None)
        self._touched.pop(name, None)
        self._dues.pop(name, None)
        self._put(name, None)

    def names(self) -> list[str]:
        """The names of all customers, sorted."""
        alive = {name for name, _ in self._base.records()} | self._changed.keys()
        alive |= self._delta.keys()
        return sorted(name for name in alive if name in self)

    def due(self) -> int | None:
        """When (ms) the next customer is due."""
        self._look()
        while self._queue and self._dues.get(self._queue[0][1]) != self._queue[0][0]:
            heapq.heappop(self._queue)
        return self._queue[0][0] if self._queue else None

    def due_by(self, now: int, at_most: int) -> list[str]:
        """The customers who are due by `now` (ms), at most so many, the longest due first.

        They are due until what is due of them has changed.
        """
        found: list[tuple[int, str]] = []
        while len(found) < at_most and (at := self.due()) is not None and at <= now:
            found.append(heapq.heappop(self._queue))
            while self._queue and self._queue[0] == found[-1]:
                heapq.heappop(self._queue)
        for entry in found:
            heapq.heappush(self._queue, entry)
        return [name for _, name in found]

    def cool(self) -> None:
        """A batch is over: note who is due when, and pack again those touched longest ago."""
        self._look()
        for name in list(self._unpacked)[: max(0, len(self._unpacked) - self._most_unpacked)]:
            self._pack(name)

    def snapshot(self) -> bytes:
        """All that changed since the base, whole, and who was dropped.

        A format byte, the generation in eight bytes, and MessagePack, compressed.
        """
        self._look()
        for name in list(self._unpacked):
            self._pack(name)
        delta = self._delta
        changed = {name: msgspec.Raw(packed) for name, packed in delta.items() if packed is not None}
        dropped = [name for name, packed in delta.items() if packed is None]
        dues = {name: self._dues[name] for name in delta if name in self._dues}
        head = bytes([_FORMAT]) + self.generation.to_bytes(_HEAD - 1, "little")
        return head + zlib.compress(_encode(_Delta(changed, dropped, dues)), _LEVEL)

    def wants_base(self) -> int:
        """How many bytes a new base would take, or 0 while the delta is small beside the base."""
        size = len(self._base.data)
        return size + self._bytes if self._bytes > max(_SMALLEST, size // _PARTS_OF_BASE) else 0

    def rebase(self) -> bytes:
        """A new base of all there is, of the next generation, upon which the delta is empty."""
        self._look()
        for name in list(self._changed):
            self._pack(name)
        kept = [(name, packed) for name, packed in self._base.records() if name not in self._delta]
        kept += [(name, packed) for name, packed in self._delta.items() if packed is not None]
        self.generation += 1
        self._base = Base(write_base(kept, self._dues, self.generation))
        self._delta, self._bytes = {}, 0
        return self._base.data

    def nbytes(self) -> int:
        """The bytes that packed customers take, base and delta."""
        return len(self._base.data) + self._bytes

    def _look(self) -> None:
        """Note when those touched since the last look are due."""
        for name in self._touched:
            at = self._due(self._unpacked[name])
            if at is None:
                self._dues.pop(name, None)
            elif self._dues.get(name) != at:
                self._dues[name] = at
                heapq.heappush(self._queue, (at, name))
        self._touched.clear()
        if len(self._queue) > 2 * len(self._dues) + _STALE:
            self._queue = sorted((at, name) for name, at in self._dues.items())

    def _pack(self, name: str) -> None:
        """Put a customer away, its changes into the delta."""
        customer = self._unpacked.pop(name)
        if name in self._changed:
            del self._changed[name]
            packed = _encode(customer)
            if name in self._delta or packed != self._base.get(name):
                self._put(name, packed)

    def _put(self, name: str, packed: bytes | None) -> None:
        if name in self._delta:
            self._bytes -= _size((name, self._delta[name]))
        self._delta[name] = packed
        self._bytes += _size((name, packed))


def generation_of(delta: bytes) -> int:
    """Upon which base a delta lies; 0 is none. Raises StateUnreadable."""
    if delta[:1] != bytes([_FORMAT]):
        raise StateUnreadable(_WHAT, delta[0] if delta else 0, _FORMAT)
    return int.from_bytes(delta[1:_HEAD], "little")


def _size(entry: tuple[str, bytes | None]) -> int:
    return len(entry[0]) + len(entry[1] or b"")


def _read(delta: bytes) -> _Delta:
    generation_of(delta)
    return msgspec.msgpack.decode(zlib.decompress(delta[_HEAD:]), type=_Delta)
