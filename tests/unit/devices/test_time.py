"""Late, duplicate, future: what counts, what does not, and what windows still take."""

from __future__ import annotations

import pytest

from flows.expressions import parse
from flows.rules.model import Count, Pattern, Rule, Run, Window
from tests.unit.devices.driving import Driven, Sets
from tests.unit.devices.oracle import Sent
from tests.unit.devices.series import START, stream_of

HOT = parse("heat >= 2")


def watch(lateness: int, pattern: Pattern, *readings: tuple[int, float]) -> Driven:
    """(seconds, heat) of one device, appended as they happen."""
    rule = Rule(name="r", stream="machine", patterns=(pattern,), reads=("heat",), fingerprint="r")
    shard = Driven(stream_of(lateness * 1000), Sets(rule))
    sent = [Sent("a", START + s * 1000, START + 10_000_000, {"heat": heat}) for s, heat in readings]
    shard.read(sent)
    return shard


def counted(shard: Driven) -> tuple[int, int, int]:
    """Taken, late, duplicate."""
    return shard.counts["taken"], shard.counts["late"], shard.counts["duplicate"]


def test_of_equal_times_the_first_wins() -> None:
    """A second reading of the same time is a duplicate, whatever it says."""
    shard = watch(0, Count(count=1, out_of=1, of=HOT), (1, 1), (1, 3), (2, 1))
    assert counted(shard) == (2, 0, 1)
    assert shard.alarms == []


def test_late_readings_neither_extend_nor_break() -> None:
    """A run sees the device's readings in the order of its clock; what is older does not count."""
    late_false = watch(0, Run(length=3, of=HOT), (1, 2), (2, 2), (0, 1), (3, 2))
    assert [a.at for a in late_false.alarms] == [START + 3000]
    late_true = watch(0, Run(length=3, of=HOT), (1, 2), (3, 2), (2, 2))
    assert late_true.alarms == []
    assert (counted(late_false), counted(late_true)) == ((3, 1, 0), (2, 1, 0))


def test_devices_have_clocks_of_their_own() -> None:
    """One device far ahead makes nobody late."""
    rule = Rule(
        name="r", stream="machine", patterns=(Run(length=1, of=HOT),), reads=("heat",), fingerprint="r"
    )
    shard = Driven(stream_of(), Sets(rule))
    shard.read([Sent("a", START + 200_000, START, {"heat": 1}), Sent("b", START, START, {"heat": 2})])
    assert shard.counts["taken"] == 2
    assert [a.device for a in shard.alarms] == ["b"]


WINDOW = Window(length=10_000, every=10_000, measure="sum", field="heat", of=parse("value > 0"))


@pytest.mark.parametrize(
    ("lateness", "late_after", "total"),
    [(0, 12, 1.0), (5, 12, 3.0), (5, 14, 3.0), (5, 15, 1.0), (60, 69, 3.0)],
)
def test_a_window_waits_for_the_late(lateness: int, late_after: int, total: float) -> None:
    """A late reading counts until the device's clock has passed the window's end by the lateness."""
    shard = watch(lateness, WINDOW, (1, 1), (late_after, 1), (2, 2), (200, 1))
    assert counted(shard) == (3, 1, 0)
    first = shard.alarms[0]
    assert (first.at, first.evidence.values["value"]) == (START + 10_000, total)


def test_a_late_duplicate_counts_once() -> None:
    """What a window took before is known again among the last thirty-two times of its device."""
    shard = watch(60, WINDOW, (1, 1), (3, 1), (2, 2), (2, 2), (1, 5), (200, 1))
    assert counted(shard) == (3 + 0, 1, 2)
    assert shard.alarms[0].evidence.values["value"] == 4


def test_older_than_the_last_thirty_two_is_only_late() -> None:
    """Of a time before all those remembered nobody can say whether it came before, so no window takes it."""
    readings = [(10 + s, 1.0) for s in range(32)]
    window = Window(length=100_000, every=100_000, measure="count", field=None, of=parse("value > 0"))
    taken = watch(600, window, *readings[:-1], (5, 1), (999, 1))
    refused = watch(600, window, *readings, (5, 1), (999, 1))
    assert taken.alarms[0].evidence.values["value"] == 32
    assert refused.alarms[0].evidence.values["value"] == 32
    assert (counted(taken), counted(refused)) == ((32, 1, 0), (33, 1, 0))


def test_the_clock_of_the_shard_needs_both_times() -> None:
    """It is the lesser of the greatest event time and the greatest append time, future readings left out."""
    shard = Driven(stream_of(), Sets())
    shard.read([Sent("a", START, START - 100_000, {}), Sent("b", START - 500_000, START - 50_000, {})])
    assert shard.shard.clock == START - 50_000
    shard.read([Sent("c", START + 900_000, START + 100_000, {})])
    assert shard.counts["future"] == 1
    assert shard.shard.clock == START
