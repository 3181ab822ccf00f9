"""The barrier at a start: nothing but what was published is read until that is folded in everywhere.

Bytewax handles epochs in order, and asks a source in its next epoch only when all workers have handled the
last one and have it on disk. So a source that stays silent until its own first `snapshot()` of this execution
speaks after all that ungated sources emitted in the first epoch.
"""

from __future__ import annotations

import threading


class Bound:
    """Of one process: whether all published decisions are folded in, so that timers may fire."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def __bool__(self) -> bool:
        """Whether a source of this process was asked in its second epoch."""
        return self._event.is_set()

    def set(self) -> None:
        """All that was published is folded in."""
        self._event.set()


class Gate:
    """Of one source partition: closed until its first snapshot, unless it is not gated."""

    def __init__(self, *, gated: bool, bound: Bound | None) -> None:
        self._open = not gated
        self._snapshotted = False
        self._bound = bound

    def is_open(self) -> bool:
        """Whether the partition may speak; after an epoch's end, being asked means that all is bound."""
        if self._snapshotted and self._bound is not None:
            self._bound.set()
        return self._open

    def epoch_ended(self) -> None:
        """Called by `snapshot()`."""
        self._open = self._snapshotted = True
