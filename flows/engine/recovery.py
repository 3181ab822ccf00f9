"""What Bytewax leaves undone in its recovery store when a flow is killed: the snapshots of an epoch that never ended.

An epoch's snapshots are written one by one, and the epoch counts once all workers have passed it. One that was killed
before that is run again under the same number, but what it wrote stays (bytewax 0.21.1: the table `snaps` knows no
execution). A key that is not woken in that epoch the second time, because what it was woken by is read a little later,
keeps the snapshot of the first time; and the start after the next kill takes it for true. So it is removed before each
start.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import structlog

from flows.errors import RecoveryUnusable

_BUSY_S = 30.0

_log = structlog.get_logger(__name__)


def forget_unfinished(folder: Path) -> int:
    """Remove the snapshots that no epoch which ended has; returns how many.

    To be called by each process of a flow before it runs, when none does. Raises RecoveryUnusable. Where only some of
    the store's partitions are, nothing can be known, and nothing is removed.
    """
    files = sorted(folder.glob("part-*.sqlite3"))
    epoch = _resume_epoch(files)
    if epoch is None:
        return 0
    removed = 0
    for file in files:
        with _opened(file) as connection:
            removed += connection.execute("DELETE FROM snaps WHERE snap_epoch >= ?", (epoch,)).rowcount
            connection.commit()
    if removed:
        _log.info("snapshots of an epoch that never ended are removed", epoch=epoch, snapshots=removed)
    return removed


def _resume_epoch(files: list[Path]) -> int | None:
    """The first epoch that not all workers of the last execution have passed, as Bytewax counts it itself.

    None before the first execution, and where partitions are missing.
    """
    executions: dict[int, tuple[int, int]] = {}
    passed: dict[tuple[int, int], int] = {}
    wanted = 0
    for file in files:
        with _opened(file) as connection:
            wanted = max(wanted, *(count for (count,) in connection.execute("SELECT part_count FROM parts")))
            for number, workers, epoch in connection.execute(
                "SELECT ex_num, worker_count, resume_epoch FROM exs"
            ):
                executions[number] = workers, epoch
            for number, worker, epoch in connection.execute(
                "SELECT ex_num, worker_index, worker_frontier FROM fronts"
            ):
                passed[number, worker] = max(epoch, passed.get((number, worker), epoch))
    if len(files) < wanted or not executions:
        return None
    last = max(executions)
    workers, began = executions[last]
    return min(max(began, passed.get((last, worker), began)) for worker in range(workers))


@contextmanager
def _opened(file: Path) -> Generator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=rw", uri=True, timeout=_BUSY_S)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise RecoveryUnusable(str(file), str(error)) from error
