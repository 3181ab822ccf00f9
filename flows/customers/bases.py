"""The bases of buckets between the step that writes them and the one that keeps them.

What a bucket's step saves every epoch is only what changed since its base. The base goes to a second step of the same
key, on the same worker, which saves it in that same epoch; so on disk both are of one generation. At a start that step
leaves the base here, for the bucket to take before it does anything.
"""

from __future__ import annotations

import threading
import zlib

import msgspec

from flows.errors import StateUnreadable

_FORMAT = 1
# Random tokens do not shrink, the words around them do: the quickest level finds them all.
_LEVEL = 1
_LEAST = 8 << 20


class NewBase(msgspec.Struct, frozen=True):
    """A base of a bucket, to be kept."""

    key: str
    data: bytes


class Bases:
    """Of one process: bases read at the start and not yet taken, and how much of them an epoch may write."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, bytes] = {}
        self._saved = self._written = 0
        self._allowed = _LEAST

    def found(self, base: NewBase) -> None:
        """A base was read at the start."""
        with self._lock:
            self._found[base.key] = base.data

    def take(self, key: str) -> bytes | None:
        """The base of a bucket, once; None while it has not been read."""
        with self._lock:
            return self._found.pop(key, None)

    def saved(self, size: int) -> None:
        """At an epoch's end a bucket saved so many bytes of changes."""
        with self._lock:
            self._saved += size

    def may_write(self, size: int) -> bool:
        """Whether a base of so many bytes may be written in this epoch.

        One always may. All of them together may take as much as the changes of the epoch before: so the more there is
        of changes that are written again and again, the more of them are put away.
        """
        with self._lock:
            if self._saved:
                self._allowed, self._saved, self._written = max(_LEAST, self._saved), 0, 0
            if self._written and self._written + size > self._allowed:
                return False
            self._written += size
            return True


def saved_base(base: NewBase) -> bytes:
    """A base as it is kept: a format byte and MessagePack, the data compressed."""
    return bytes([_FORMAT]) + msgspec.msgpack.encode((base.key, zlib.compress(base.data, _LEVEL)))


def read_base(saved: bytes) -> NewBase:
    """Read what was kept; raises StateUnreadable for a format that is not known."""
    if saved[:1] != bytes([_FORMAT]):
        raise StateUnreadable("the customers' base", saved[0] if saved else 0, _FORMAT)
    key, data = msgspec.msgpack.decode(saved[1:], type=tuple[str, bytes])
    return NewBase(key, zlib.decompress(data))
