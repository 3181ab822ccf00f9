"""What the benchmark's legs are given, and what they must answer."""

from __future__ import annotations

import json

import pytest

from flows.ids import partition_of
from load_tests.case import load_case
from load_tests.failures import CaseWrong
from load_tests.load import make_load, make_readings, with_garbage
from load_tests.oracle import answer, rise_of

CASE = load_case("smoke", {})


def test_as_many_episodes_as_were_planted() -> None:
    """Each planted device raises once, no near miss and no healthy device does, and each partition has its marks."""
    load = make_load(make_readings(CASE), CASE.partitions)
    planted = load.expected - load.warm - load.marks
    assert len(planted) == len({device for device, _ in planted}) == CASE.planted
    assert all(device.startswith("veh-9") for device, _ in planted)
    for marks in (load.warm, load.marks):
        assert {partition_of(d.encode(), CASE.partitions) for d, _ in marks} == set(range(CASE.partitions))


def test_the_same_seed_gives_the_same_bytes() -> None:
    """Every run and every leg gets the same readings, and another seed others."""
    other = load_case("smoke", {"seed": CASE.seed + 1})
    assert make_readings(CASE).values == make_readings(CASE).values != make_readings(other).values


def test_no_two_readings_of_a_device_have_one_time() -> None:
    """Every reading counts as taken: the times of each device rise."""
    latest: dict[str, int] = {}
    for value in make_readings(CASE).values:
        reading = json.loads(value)
        assert reading["at"] > latest.get(reading["device"], 0)
        latest[reading["device"]] = reading["at"]


def test_the_last_message_of_each_partition_is_its_mark() -> None:
    """The alarm of a mark says that all of its partition was handled."""
    load = make_load(make_readings(CASE), CASE.partitions)
    last = dict[int, bytes]()
    for key, value in zip(load.body.keys + load.last.keys, load.body.values + load.last.values, strict=True):
        last[partition_of(key, CASE.partitions)] = value
    found = {(r["device"], r["at"]) for r in map(json.loads, last.values())}
    assert found == load.marks


def test_garbage_leaves_the_answer_alone() -> None:
    """Only healthy readings are replaced, as many as it says, and none of what stands there can be read."""
    load = make_load(make_readings(CASE), CASE.partitions)
    dirty, dead = with_garbage(load, 0.05, 3)
    changed = [(old, new) for old, new in zip(load.body.values, dirty.body.values, strict=True) if old != new]
    assert len(changed) == dead > 0
    good = [value for value in dirty.body.values if value not in {new for _, new in changed}]
    assert answer([*load.first.values, *good, *load.last.values]) == load.expected


def test_a_noisy_climb_rises_and_a_spike_does_not() -> None:
    """The rise is that of the median slope, so that one wild reading does not make it."""
    climb = [(t * 1000, v) for t, v in enumerate((81, 83, 82, 85, 84, 87, 86, 89, 88, 91))]
    assert rise_of(climb) == pytest.approx(9.0, abs=1.0)
    assert rise_of([(t * 1000, 90.0 + 50 * (t == 4)) for t in range(10)]) == 0


def test_a_case_that_is_wrong_is_refused_with_its_place() -> None:
    """A case that does not exist, and a size that cannot be."""
    with pytest.raises(CaseWrong, match="nowhere"):
        load_case("nowhere", {})
    with pytest.raises(CaseWrong, match="at least 1"):
        load_case("smoke", {"readings": 0})
