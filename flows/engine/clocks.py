"""How far a source partition is, for the Clock: noted at a snapshot, told when asked again in the next epoch.

Being asked again means that all read before the snapshot is handled and on disk on all workers, so that no timer
overtakes an event on its way to a bucket.
"""

from __future__ import annotations

from collections.abc import Callable

from flows.clocks import ClockWriter, Note

# A partition tells at most so often (ms), however short the epochs.
_APART_MS = 200
# A broker's answer that nothing is there may be so old (ms).
_ANSWER_MS = 500


class PartitionClock:
    """Of one source partition; `wall` gives ms. Without a writer it tells nobody."""

    def __init__(
        self, topic: str, partition: int, writer: ClockWriter | None, wall: Callable[[], int]
    ) -> None:
        self._topic, self._partition, self._writer, self._wall = topic, partition, writer, wall
        self._at: int | None = None
        self._read: int | None = None
        self._noted: Note | None = None
        self._told = 0

    def has_read(
        self, asked: int, *, at_end: bool, at: int | None = None, appended: int | None = None
    ) -> None:
        """Something was read, or nothing was there.

        `asked` is the wall clock before it was asked for, `at` the greatest event time and `appended` the append time
        of the last message, None where there was none. At its end a partition is as far as the wall clock; nothing
        that a message says goes beyond that.
        """
        if at_end:
            self._move(asked, asked - _ANSWER_MS)
        elif appended is not None:
            self._move(None if at is None else min(at, appended, asked), min(appended, asked))

    def snapshot(self) -> None:
        """An epoch ends: all that was read until now belongs to it."""
        if self._at is not None and self._writer is not None:
            self._noted = Note(self._at, self._read)

    def epoch_ended(self) -> None:
        """Asked again after a snapshot: tell what was noted then, if nothing was told just now."""
        if self._noted is None or self._writer is None:
            return
        now = self._wall()
        if now - self._told >= _APART_MS:
            self._told = now
            self._writer.tell(self._topic, self._partition, self._noted)
            self._noted = None

    def _move(self, at: int | None, read: int) -> None:
        if at is not None:
            self._at = at if self._at is None else max(at, self._at)
        self._read = read if self._read is None else max(read, self._read)
