"""Which people have what planted in their lives, and who lives without."""

from __future__ import annotations

import msgspec

from flows.errors import PlanWrong
from flows.simulator.people.ordinary import Ordinary
from flows.simulator.people.person import people
from flows.simulator.people.plan import PeoplePlan, check
from flows.simulator.people.planted.broken import Broken
from flows.simulator.people.planted.carts import AbandonedCarts, Complaints, OrderedCarts
from flows.simulator.people.planted.log_ins import LogIns
from flows.simulator.people.planted.offices import Offices
from flows.simulator.people.planted.planted import PlantedPeople
from flows.simulator.people.planted.second_accounts import SecondAccounts

KINDS: tuple[type[PlantedPeople], ...] = (
    LogIns,
    SecondAccounts,
    Offices,
    AbandonedCarts,
    OrderedCarts,
    Complaints,
    Broken,
)
"""Each has a share of its name in `plan.PeopleShares`."""


class Society(msgspec.Struct, frozen=True):
    """All people: what is planted, and those with nothing planted; nobody has two truths."""

    planted: tuple[PlantedPeople, ...]
    ordinary: tuple[PlantedPeople, ...]


def plant(plan: PeoplePlan) -> Society:
    """Choose the people and all that will happen to them; raises PlanWrong."""
    check(plan)
    everybody = list(people(plan))
    order: list[int] = plan.generator("choice").permutation(plan.people).tolist()
    times = {kind.name: plan.shares.times(kind.name, plan.people) for kind in KINDS}
    needed = sum(times[kind.name] * kind.persons for kind in KINDS)
    if needed > plan.people:
        raise PlanWrong(
            f"{needed} of {plan.people} people are to have something planted",
            "Take more people or smaller shares.",
        )
    planted: list[PlantedPeople] = []
    taken = 0
    for kind in KINDS:
        rng = plan.generator(kind.name)
        for _ in range(times[kind.name]):
            chosen = [everybody[number] for number in order[taken : taken + kind.persons]]
            planted.append(kind(plan, chosen, rng))
            taken += kind.persons
    rng = plan.generator(Ordinary.name)
    ordinary = tuple(Ordinary(plan, [everybody[number]], rng) for number in sorted(order[taken:]))
    return Society(tuple(planted), ordinary)
