"""Which vehicles have what planted in them."""

from __future__ import annotations

import msgspec
import numpy as np

from flows.simulator.plan import Plan, check
from flows.simulator.planted.battery import Battery
from flows.simulator.planted.bursts import Bursts
from flows.simulator.planted.disorder import Disorder
from flows.simulator.planted.duplicates import Duplicates
from flows.simulator.planted.fast_clocks import FastClocks, SlightlyFastClocks
from flows.simulator.planted.garbage import Garbled
from flows.simulator.planted.gateways import Gateways
from flows.simulator.planted.lamp import Lamp
from flows.simulator.planted.overheating import Overheating
from flows.simulator.planted.planted import Planted
from flows.simulator.planted.silence import Silence
from flows.simulator.planted.stale_overheating import StaleOverheating
from flows.simulator.planted.stuck_hot import StuckHot
from flows.simulator.vehicles import Vehicles

KINDS: tuple[type[Planted], ...] = (
    Overheating,
    StuckHot,
    Battery,
    Silence,
    Lamp,
    Garbled,
    Bursts,
    StaleOverheating,
    Disorder,
    FastClocks,
    SlightlyFastClocks,
    Duplicates,
    Gateways,
)
"""Each has a share of its name in `plan.Shares`."""


class World(msgspec.Struct, frozen=True):
    """The vehicles and all that is planted in them; a vehicle has at most one truth."""

    vehicles: Vehicles
    planted: tuple[Planted, ...]


def plant(plan: Plan) -> World:
    """Choose the vehicles and all that will happen to them; raises PlanWrong."""
    check(plan)
    vehicles = Vehicles(plan)
    order = plan.generator("choice").permutation(plan.vehicles)
    planted: list[Planted] = []
    taken = 0
    for kind in KINDS:
        count = plan.shares.vehicles(kind.name, plan.vehicles)
        if count:
            slots = np.sort(order[taken : taken + count])
            planted.append(kind(plan, vehicles, slots, plan.generator(kind.name)))
            taken += count
    return World(vehicles, tuple(planted))
