"""What a flow has on disk: the sizes of the snapshots in its recovery store, all of them and epoch by epoch."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

_SIZES = "SELECT step_id, state_key, snap_epoch, length(ser_change) FROM snaps"
_BUSY_S = 30.0


class Snapshots:
    """Of one store, looked at while the flow runs; `epochs` is the most bytes ever seen of each epoch.

    Bytewax removes what is superseded, so whoever wants to see every epoch looks more often than epochs end.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.epochs: dict[int, int] = {}
        self.all = 0

    def look(self) -> None:
        """See what is there now."""
        latest: dict[tuple[str, str], tuple[int, int]] = {}
        epochs = Counter[int]()
        for step, key, epoch, size in self._rows():
            epochs[epoch] += size
            latest[step, key] = max(latest.get((step, key), (-1, 0)), (epoch, size))
        for epoch, size in epochs.items():
            self.epochs[epoch] = max(size, self.epochs.get(epoch, 0))
        self.all = sum(size for _, size in latest.values())

    def _rows(self) -> Iterator[tuple[str, str, int, int]]:
        for file in sorted(self._folder.glob("part-*.sqlite3")):
            uri = f"file:{file}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S)) as connection:
                for step, key, epoch, size in connection.execute(_SIZES):
                    yield step, key, epoch, size or 0
