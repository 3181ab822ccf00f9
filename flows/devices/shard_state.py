"""A shard's state as bytes: versioned, immutable, small; about 16 bytes a quiet device.

A snapshot is one msgpack value. Device ids are joined with their lengths (a byte each), clocks are kept as 32-bit
distances from the least when they fit, and of a rule only the cells in use.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from flows.errors import StateUnreadable

FORMAT = 3
# before 2 there were no narrow streams, before 3 no stream aggregates
_READABLE = (1, 2, 3)
_NEVER = -1


class CellsState(msgspec.Struct, frozen=True, array_like=True):
    """One rule's cells in use, arrays as bytes; `patterns` and `ring` are their inner shape.

    `held_since` is when absences began to be held (ms), -1 if they are not.
    """

    rule: str
    fingerprint: str
    patterns: int
    ring: int
    held_since: int
    cells: bytes
    tallies: bytes
    points: bytes
    windows: dict[int, WindowsState]


class WindowsState(msgspec.Struct, frozen=True, array_like=True):
    """One window pattern's open panes; `ring` panes a device."""

    ring: int
    names: bytes
    opened: bytes
    panes: bytes


class MeasuredState(msgspec.Struct, frozen=True, array_like=True):
    """The open windows of one stream aggregate, one of its fields each, arrays as bytes."""

    name: str
    meaning: str
    windows: tuple[OpenWindows, ...]


class OpenWindows(msgspec.Struct, frozen=True, array_like=True):
    """Windows as `WindowState.save_open` saves them; `ring` panes a device."""

    ring: int
    opened: bytes
    places: bytes
    names: bytes
    sums: bytes


class Counts(msgspec.Struct, array_like=True):
    """What the next account will say; -1 for `first` when nothing was read since the last one."""

    first: int = -1
    next: int = -1
    messages: int = 0
    taken: int = 0
    late: int = 0
    duplicate: int = 0
    future: int = 0
    dead: int = 0

    def plus(self, more: Counts) -> Counts:
        """Both together; `more` comes right after."""
        return Counts(
            self.first if self.first >= 0 else more.first,
            more.next,
            self.messages + more.messages,
            self.taken + more.taken,
            self.late + more.late,
            self.duplicate + more.duplicate,
            self.future + more.future,
            self.dead + more.dead,
        )


class ShardState(msgspec.Struct, frozen=True, array_like=True):
    """All of a shard; `rule_set` made the state, `next_rule_set` is taken up with the next batch.

    `recent` and `seen` are what `Memory` keeps, `recent_size` and `seen_size` numbers a device.
    """

    format: int
    partition: int
    rule_set: int
    next_rule_set: int
    ids: bytes
    lengths: bytes
    clock_base: int
    clocks: bytes
    wide_clocks: bool
    heard: bytes
    heard_width: int
    greatest_event: int
    greatest_append: int
    swept: int
    recent: bytes
    recent_size: int
    counts: Counts
    rules: tuple[CellsState, ...]
    seen: bytes = b""
    seen_size: int = 0
    measured: tuple[MeasuredState, ...] = ()


def pack_clocks(clocks: NDArray[np.int64]) -> tuple[int, bytes, bool]:
    """(base, bytes, whether they are 64 bits wide) of clocks in ms, -1 for a device that was never heard."""
    heard = clocks[clocks >= 0]
    base = int(heard.min()) if len(heard) else 0
    if len(heard) and int(heard.max()) - base >= 0xFFFFFFFE:
        return 0, clocks.tobytes(), True
    return base, np.where(clocks < 0, 0, clocks - base + 1).astype(np.uint32).tobytes(), False


def unpack_clocks(base: int, packed: bytes, wide: bool) -> NDArray[np.int64]:
    """The clocks that `pack_clocks` packed."""
    if wide:
        return np.frombuffer(packed, np.int64).copy()
    distances = np.frombuffer(packed, np.uint32).astype(np.int64)
    return np.where(distances == 0, _NEVER, distances + base - 1)


def pack_heard(clocks: NDArray[np.int64], heard: NDArray[np.int64], count: int) -> tuple[bytes, int]:
    """(bytes, width of each) of how far the shard's clock was ahead of each device's when it was last heard."""
    ahead = heard[:count] - clocks[:count]
    most = int(np.abs(ahead).max(initial=0))
    width = next((w for w in (1, 2, 4) if most < 1 << (8 * w - 1)), 8)
    return ahead.astype(f"i{width}").tobytes(), width


def unpack_heard(clocks: NDArray[np.int64], packed: bytes, width: int) -> NDArray[np.int64]:
    """When each device was heard by the shard's clock; with width 0, nothing was kept, by its own."""
    return clocks.copy() if width == 0 else clocks + np.frombuffer(packed, f"i{width}")


def pack_lengths(offsets: NDArray[np.uint32]) -> bytes:
    """Lengths of the ids, a byte each; the decoder takes none longer than 255."""
    return np.diff(offsets.astype(np.int64)).astype(np.uint8).tobytes()


def unpack_lengths(lengths: bytes) -> NDArray[np.uint32]:
    """The offsets [count + 1] that lengths add up to."""
    sizes = np.frombuffer(lengths, np.uint8).astype(np.int64)
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.uint32)


def encode_state(state: ShardState) -> bytes:
    """A snapshot's bytes."""
    return msgspec.msgpack.encode(state)


def decode_state(data: bytes, what: str) -> ShardState:
    """Read a snapshot of this format or an older one; raises StateUnreadable for any other."""
    start: Any = msgspec.msgpack.decode(data, type=list[Any])
    if start[0] not in _READABLE:
        raise StateUnreadable(what, int(start[0]), FORMAT)
    return msgspec.msgpack.decode(data, type=ShardState)


def partition_of_state(data: bytes) -> int:
    """Which partition's snapshot this is."""
    start: Any = msgspec.msgpack.decode(data, type=list[Any])
    return int(start[1])
