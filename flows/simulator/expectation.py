"""What must come of a plan, without running it."""

from __future__ import annotations

import msgspec

from flows.simulator.plan import MINUTE, Plan
from flows.simulator.planting import plant
from flows.simulator.truths import Counts, Expected, Mode, Truths, total

_STALE_AFTER = 15 * MINUTE
_MARGIN = MINUTE


def _in_mode(alarm: Expected, mode: Mode, end: int) -> Expected:
    """`stale` as the mode makes it: what is stale live always is, the rest may be when messages are late."""
    if mode == "live" or alarm.stale is not False:
        return alarm
    surely = mode == "at_once" and alarm.not_after < end - _STALE_AFTER - _MARGIN
    return msgspec.structs.replace(alarm, stale=True if surely else None)


def expected(plan: Plan, mode: Mode) -> Truths:
    """The alarms and counts that a perfect watcher with the starter rules comes to; raises PlanWrong."""
    planted = plant(plan).planted
    alarms = [_in_mode(alarm, mode, plan.end) for one in planted for alarm in one.expected()]
    readings = plan.vehicles * plan.steps
    counts = total([Counts(messages=readings, taken=readings), *(one.counts() for one in planted)])
    alarms.sort(key=lambda alarm: (alarm.not_before, alarm.device))
    return Truths(mode=mode, alarms=tuple(alarms), counts=counts)
