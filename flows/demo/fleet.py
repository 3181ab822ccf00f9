"""The demonstration's fleet: nineteen minutes of eighty vehicles, told in half a minute.

Their clocks are right, so what they say is old at the beginning and new at the end: every absence has its ten
minutes, and nothing is from the future. The seed is one with which engines overheat in the second half, when it is
still worth telling a driver to pull over.
"""

from __future__ import annotations

from flows.simulator.plan import MINUTE, Plan, Shares
from flows.simulator.planting import plant
from flows.simulator.send import start_for

VEHICLES = 80
SEED = 120
DURATION = 19 * MINUTE
INTERVAL = 2_000
_PLANTED = Shares(
    overheating=5 / VEHICLES,
    stuck_hot=3 / VEHICLES,
    battery=3 / VEHICLES,
    silence=1 / VEHICLES,
    lamp=3 / VEHICLES,
    garbage=3 / VEHICLES,
    bursts=2 / VEHICLES,
    stale_overheating=1 / VEHICLES,
    disorder=2 / VEHICLES,
    fast_clocks=1 / VEHICLES,
    slightly_fast_clocks=2 / VEHICLES,
    duplicates=2 / VEHICLES,
    gateways=2 / VEHICLES,
)
TOLD = {
    "overheating": "engine overheats, turns critical, cools down",
    "stuck_hot": "sensor stuck hot, but not getting worse",
    "battery": "battery falls below 12.4 V and recovers",
    "silence": "nothing sent for 17 minutes",
    "lamp": "check engine lamp comes on and goes out",
    "garbage": "broken messages and impossible values",
    "bursts": "no connection for two minutes",
    "stale_overheating": "overheats in a garage, without a connection",
    "disorder": "readings overtake each other",
    "fast_clocks": "clock ten years ahead",
    "slightly_fast_clocks": "clock two minutes ahead",
    "duplicates": "readings sent twice",
    "gateways": "three readings in one message",
}
"""What is planted, in a person's words, by the simulator's names."""


def plan_for(now: int, seconds: float) -> Plan:
    """The plan of a fleet whose telling begins `now` (ms) and takes so many seconds."""
    start = start_for(now, DURATION, pace_of(seconds))
    return Plan(
        start=start, vehicles=VEHICLES, seed=SEED, duration=DURATION, interval=INTERVAL, shares=_PLANTED
    )


def pace_of(seconds: float) -> float:
    """How many times as fast as life."""
    return DURATION / 1000 / seconds


def planted_vehicles(plan: Plan) -> dict[str, tuple[str, ...]]:
    """The devices with each planted truth, by its name."""
    world = plant(plan)
    names = world.vehicles.names
    return {one.name: tuple(names[int(slot)] for slot in one.slots) for one in world.planted}
