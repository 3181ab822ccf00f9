"""What must come of people, without running anything."""

from __future__ import annotations

from flows.simulator.people.plan import PeoplePlan
from flows.simulator.people.planting import plant
from flows.simulator.people.truths import PeopleTruths, all_of


def expected(plan: PeoplePlan) -> PeopleTruths:
    """What a perfect watcher with the starter's files comes to; raises PlanWrong.

    It holds when what was `before` is known everywhere before the rest is sent, and all else before `after`.
    """
    society = plant(plan)
    return all_of(one.truths for one in (*society.planted, *society.ordinary))
