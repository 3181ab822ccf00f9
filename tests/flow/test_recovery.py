"""What a killed epoch left in Bytewax's recovery store is not taken for true by a later start."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pytest
from bytewax.recovery import init_db_dir

from flows.engine.recovery import forget_unfinished
from flows.errors import RecoveryUnusable


def write(folder: Path, part: int, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
    """Rows in one partition of a store."""
    connection = sqlite3.connect(folder / f"part-{part}.sqlite3")
    connection.executemany(statement, rows)
    connection.commit()
    connection.close()


def snapshots(folder: Path, part: int, *epochs: int) -> None:
    """A key's snapshots of some epochs."""
    sql = "INSERT INTO snaps (step_id, state_key, snap_epoch, ser_change) VALUES ('s', 'k', ?, x'00')"
    write(folder, part, sql, [(epoch,) for epoch in epochs])


def held(folder: Path) -> list[int]:
    """The epochs of all snapshots."""
    found: list[int] = []
    for file in sorted(folder.glob("part-*.sqlite3")):
        connection = sqlite3.connect(file)
        found += [epoch for (epoch,) in connection.execute("SELECT snap_epoch FROM snaps ORDER BY 1")]
        connection.close()
    return found


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two partitions; of two workers the last execution, begun at 5, has passed 7 and 8, the one before more."""
    init_db_dir(tmp_path, 2)
    write(
        tmp_path,
        0,
        "INSERT INTO exs (ex_num, worker_count, resume_epoch) VALUES (?, ?, ?)",
        [(0, 3, 1), (1, 2, 5)],
    )
    fronts = "INSERT INTO fronts (ex_num, worker_index, worker_frontier) VALUES (?, ?, ?)"
    write(tmp_path, 0, fronts, [(0, 0, 9), (1, 0, 8)])
    write(tmp_path, 1, fronts, [(0, 1, 9), (1, 1, 7)])
    snapshots(tmp_path, 0, 3, 6, 7, 8)
    snapshots(tmp_path, 1, 6, 7)
    return tmp_path


def test_snapshots_of_an_epoch_that_not_all_workers_passed_are_removed(store: Path) -> None:
    """What lies before the epoch that is run again stays, and a second look finds nothing."""
    assert forget_unfinished(store) == 3
    assert held(store) == [3, 6, 6]
    assert forget_unfinished(store) == 0


def test_a_worker_that_passed_nothing_is_where_the_execution_began(store: Path) -> None:
    """Killed in its first epoch it wrote no progress, and all that the others wrote is undone."""
    write(store, 1, "DELETE FROM fronts WHERE ex_num = ? AND worker_index = 1", [(1,)])
    assert forget_unfinished(store) == 5
    assert held(store) == [3]


def test_nothing_is_removed_before_the_first_execution_or_without_all_partitions(store: Path) -> None:
    """Where it cannot be known what counts, all stays."""
    (store / "part-1.sqlite3").rename(store / "elsewhere")
    assert forget_unfinished(store) == 0
    assert held(store) == [3, 6, 7, 8]
    fresh = store / "fresh"
    fresh.mkdir()
    init_db_dir(fresh, 2)
    snapshots(fresh, 0, 1)
    assert forget_unfinished(fresh) == 0
    assert held(fresh) == [1]


def test_a_store_that_cannot_be_read_is_named(store: Path) -> None:
    """A broken file stops the start, with what to do."""
    (store / "part-1.sqlite3").write_bytes(b"no database at all, but long enough to be looked at" * 40)
    with pytest.raises(RecoveryUnusable, match=r"part-1\.sqlite3.*put back a copy"):
        forget_unfinished(store)
