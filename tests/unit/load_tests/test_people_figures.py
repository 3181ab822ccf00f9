"""What the legs about people make of what they measured."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
from bytewax.recovery import init_db_dir

from load_tests.alone import Alone
from load_tests.case import load_case
from load_tests.crowd import Crowd
from load_tests.crowded import Rushed
from load_tests.customers import figures_of
from load_tests.figures import Figure
from load_tests.hot_customer import figures_of as hot_figures
from load_tests.identified import Taken
from load_tests.identity import storm_figures
from load_tests.snapshots import Snapshots

CROWD = Crowd(seed=1, customers=1_000, active=50, events=10_000, began=0)
ALONE = Alone(
    fill_s=1.0, rush_s=0.5, cpu_s=0.4, view=50_000, state=300_000, packed=0, verdicts={}, profiles={}
)
RUSHED = Rushed(
    fill_rate=9_000.0,
    wall_s=0.8,
    cpu_s=0.9,
    resident=2_000_000,
    on_disk=150_000,
    written=12.0,
    longest_stop=40.0,
    longest_silence=90.0,
    restart_s=3.0,
)


def by_name(figures: list[Figure]) -> dict[str, Figure]:
    return {figure.name: figure for figure in figures}


def test_the_flow_is_told_beside_its_objects() -> None:
    """Rate and ratio are of the events that followed the fill, memory and disk of each customer."""
    found = by_name(figures_of(CROWD, ALONE, RUSHED))
    rate = found["1,000 customers: rate"]
    assert (rate.median, rate.reaches(rate.bar), rate.reaches(rate.aim)) == (12_500, True, False)
    assert found["1,000 customers: flow ÷ objects"].median == 0.625
    assert found["1,000 customers: memory, state alone"].median == 300
    assert found["1,000 customers: on disk"].median == 150


def test_the_share_that_is_written_has_a_bar_for_a_million() -> None:
    """Bases have a least size, so of a few customers nearly all is written, which says nothing of many."""
    many = msgspec.structs.replace(CROWD, customers=1_000_000)
    assert by_name(figures_of(CROWD, ALONE, RUSHED))["1,000 customers: written in an epoch"].bar is None
    written = by_name(figures_of(many, ALONE, RUSHED))["1,000,000 customers: written in an epoch"]
    assert written.reaches(written.bar) is False


def test_a_storm_that_slows_down_is_not_bounded() -> None:
    """Each third of a bounded storm takes as long as the first; what it publishes is told a person."""
    plain = Taken(rows=300, wall_s=3.0, cpu_s=1.0, entries=900, progress=[(0.0, 0), (3.0, 300)])
    steady = [(float(t), 100 * t) for t in range(4)]
    slowing = [(0.0, 0), (1.0, 100), (3.0, 200), (9.0, 300)]
    for progress, met in ((steady, True), (slowing, False)):
        storm = Taken(rows=300, wall_s=progress[-1][0], cpu_s=1.0, entries=306, progress=progress)
        found = by_name(storm_figures(300, plain, storm))
        third = found["300 merges through one id: last third ÷ first"]
        assert third.reaches(third.bar) is met
        assert found["300 merges through one id: published"].median == 1.02


def test_others_are_compared_with_themselves() -> None:
    """The ratio is of how long their orders took beside the hot customer to how long they took alone."""
    case = load_case("smoke", {})
    found = by_name(hot_figures(case, [10] * 200, [10] * 100 + [30] * 100))
    assert found["others beside one with 50 events/s: p99 ratio"].median == 3.0
    assert found["others beside one with 50 events/s: p99 ratio"].reaches(1.5) is False


def test_the_store_is_read_epoch_by_epoch(tmp_path: Path) -> None:
    """All is the newest snapshot of each key; of an epoch counts the most that was ever there of it."""
    init_db_dir(tmp_path, 1)
    snapshots = Snapshots(tmp_path)
    with closing(sqlite3.connect(tmp_path / "part-0.sqlite3")) as connection:
        insert = "INSERT INTO snaps (step_id, state_key, snap_epoch, ser_change) VALUES ('s', ?, ?, ?)"
        connection.executemany(insert, [("a", 1, b"x" * 10), ("b", 1, b"x" * 20)])
        connection.commit()
        snapshots.look()
        assert (snapshots.all, snapshots.epochs) == (30, {1: 30})
        connection.execute(insert, ("a", 2, b"x" * 15))
        connection.execute("DELETE FROM snaps WHERE state_key = 'a' AND snap_epoch = 1")
        connection.commit()
        snapshots.look()
    assert (snapshots.all, snapshots.epochs) == (35, {1: 30, 2: 15})
