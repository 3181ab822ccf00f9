"""The messages of people in the order in which the bus takes them."""

from __future__ import annotations

from flows.simulator.people.plan import PeoplePlan
from flows.simulator.people.planting import plant
from flows.simulator.people.told import Told


def simulate(plan: PeoplePlan) -> list[Told]:
    """All messages of a plan; the same plan gives the same; raises PlanWrong."""
    society = plant(plan)
    told = [each for one in (*society.planted, *society.ordinary) for each in one.told()]
    return sorted(told, key=_turn)


def _turn(told: Told) -> tuple[int, int]:
    return ("before", "during", "after").index(told.act), told.appended
