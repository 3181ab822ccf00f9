"""The planted truths against a slow, obvious watcher: all of them are raised, and nothing else is."""

import msgspec
import pytest

from flows.simulator.compare import compare
from flows.simulator.expectation import expected
from flows.simulator.plan import Plan
from flows.simulator.planting import KINDS
from flows.simulator.simulate import simulate
from tests.unit.simulator.slow_watcher import SlowWatcher

pytestmark = pytest.mark.slow

PLAN = Plan(start=1_760_000_000_000, vehicles=100, duration=30 * 60_000)
SEEDS = (1, 2, 3)


def append_time(mode, plan, sent):
    """When the bus takes a message: at its time, at the end, or in between as a replay at twelve-fold pace would."""
    if mode == "live":
        return sent.appended
    if mode == "at_once":
        return plan.end + 3_000
    return plan.end - (plan.end - sent.appended) // 12


def watched(plan, mode):
    watcher = SlowWatcher()
    for sent in simulate(plan):
        watcher.take(sent, append_time(mode, plan, sent))
    return watcher


@pytest.mark.parametrize("mode", ["live", "paced", "at_once"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_right_watcher_raises_every_planted_truth_and_nothing_else(seed, mode):
    """For each seed and way of sending, alarms and counts of the oracle are exactly those that the plan expects."""
    plan = msgspec.structs.replace(PLAN, seed=seed)
    truths = expected(plan, mode)
    watcher = watched(plan, mode)
    result = compare(truths.alarms, watcher.alarms)
    assert result.right, (result.missing[:3], result.unexpected[:3])
    counts = msgspec.structs.asdict(truths.counts)
    assert counts.pop("dead_letters") == dict(watcher.letters)
    assert counts == {name: watcher.counts[name] for name in counts}


def test_every_truth_is_expected_where_it_must_raise():
    """Each kind that has alarms is in the list, with all transitions of a climb and both of a silence."""
    found = {(one.truth, one.rule, one.transition) for one in expected(PLAN, "live").alarms}
    climbs = ("raised", "escalated", "deescalated", "cleared")
    assert found == {
        *(("overheating", "engine-overheating", one) for one in climbs),
        *(("stale_overheating", "engine-overheating", one) for one in climbs),
        *(
            (truth, "vehicle-silent", one)
            for truth in ("silence", "stale_overheating")
            for one in ("raised", "cleared")
        ),
        *(("battery", "battery-decline", one) for one in ("raised", "cleared")),
        *(("lamp", "check-engine", one) for one in ("raised", "cleared")),
    }


def test_every_count_is_exercised():
    """Late, duplicate, future and dead readings all occur, and every reason of a dead letter."""
    counts = expected(PLAN, "live").counts
    assert all(getattr(counts, name) > 0 for name in ("late", "duplicate", "future", "dead"))
    reasons = {"not_json", "wrong_type", "missing_field", "too_deep", "too_big", "out_of_range", "future"}
    assert counts.dead_letters.keys() == reasons


@pytest.mark.parametrize("interval", [5_000, 30_000])
def test_truths_hold_at_other_intervals(interval):
    """With readings every five or thirty seconds the oracle still comes to exactly what is expected."""
    plan = msgspec.structs.replace(
        PLAN, interval=interval, vehicles=30, duration=max(30 * 60_000, 170 * interval)
    )
    truths = expected(plan, "live")
    result = compare(truths.alarms, watched(plan, "live").alarms)
    assert result.right, (result.missing[:3], result.unexpected[:3])


@pytest.mark.parametrize("name", [kind.name for kind in KINDS])
def test_a_truth_can_be_planted_alone(name):
    """One share above 0 and all others 0 gives the alarms and counts of that truth only."""
    none = dict.fromkeys((kind.name for kind in KINDS), 0.0)
    shares = msgspec.convert(none | {name: 0.1}, type(PLAN.shares))
    plan = msgspec.structs.replace(PLAN, vehicles=20, shares=shares)
    truths = expected(plan, "live")
    assert {one.truth for one in truths.alarms} <= {name}
    watcher = watched(plan, "live")
    assert compare(truths.alarms, watcher.alarms).right
    assert truths.counts.taken == watcher.counts["taken"]


def test_stale_is_expected_only_where_it_is_certain():
    """Live says yes or no of each raise by a reading; at once says yes only of what is old enough, no of nothing."""
    raises = {
        mode: [
            one
            for one in expected(PLAN, mode).alarms
            if one.transition == "raised" and one.rule != "vehicle-silent"
        ]
        for mode in ("live", "paced", "at_once")
    }
    assert {one.stale for one in raises["live"]} == {True, False}
    assert {one.stale for one in raises["paced"] if one.truth != "stale_overheating"} == {None}
    assert all(one.stale for one in raises["at_once"] if one.truth == "stale_overheating")
    old = PLAN.end - 16 * 60_000
    assert all(
        one.stale is (True if one.not_after < old else None)
        for one in raises["at_once"]
        if one.truth == "lamp"
    )


class TakesDuplicates(SlowWatcher):
    """Believes a reading that came twice to be two."""

    def on_reading(self, device, reading, appended, clock):
        again = reading["at"] == device.clock
        super().on_reading(device, reading | {"at": reading["at"] + again}, appended, clock)


class ForgetsWorsening(SlowWatcher):
    """Raises on ten hot readings in a row, rising or not."""

    rise = staticmethod(lambda _: 99.0)


class BelievesFastClocks(SlowWatcher):
    """Takes readings from the future."""

    lateness_of_clock = 1 << 60


class NeverForgives(SlowWatcher):
    """Does not see that a silent vehicle came back."""

    def came_back(self, device, reading):
        """Nothing comes back."""


@pytest.mark.parametrize("wrong", [TakesDuplicates, ForgetsWorsening, BelievesFastClocks, NeverForgives])
def test_a_wrong_watcher_is_found_out(wrong):
    """What is planted tells a right watcher from one that makes a usual mistake."""
    watcher = wrong()
    for sent in simulate(PLAN):
        watcher.take(sent, sent.appended)
    assert not compare(expected(PLAN, "live").alarms, watcher.alarms).right
