"""The messages of the fleet in the order in which the bus takes them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from flows.simulator.fleet import Fleet
from flows.simulator.plan import Plan
from flows.simulator.planted.planted import Planted
from flows.simulator.planting import World, plant
from flows.simulator.readings import Lines
from flows.simulator.vehicles import NETWORK_MS, Sent

_CHUNK = 1 << 14

Special = tuple[int, Planted, int]
"""A slot whose sending is bent, by what, and which of its members it is."""


def simulate(plan: Plan) -> Iterator[Sent]:
    """All messages of a plan, a step of them in memory; the same plan gives the same; raises PlanWrong."""
    world = plant(plan)
    count = plan.vehicles
    driving = [one.slots for one in world.planted if one.driving]
    fleet = Fleet(plan, np.concatenate([np.empty(0, np.int64), *driving]))
    lines = Lines(world.vehicles)
    ahead = np.zeros(count, np.int64)
    for one in world.planted:
        ahead[one.slots] = one.ahead
    specials = _specials(world)
    for step in range(plan.steps):
        columns = fleet.step(step)
        for one in world.planted:
            one.shape(step, columns)
        sent = plan.start + step * plan.interval + world.vehicles.phases
        for first in range(0, count, _CHUNK):
            after = min(first + _CHUNK, count)
            messages = list(
                map(
                    Sent,
                    world.vehicles.keys[first:after],
                    lines.of(columns, sent + ahead, first, after),
                    (sent[first:after] + NETWORK_MS).tolist(),
                )
            )
            yield from _deliver(step, first, messages, specials[first // _CHUNK])


def _specials(world: World) -> list[list[Special]]:
    """By chunk of slots, those whose sending is bent, in order."""
    chunks = [list[Special]() for _ in range(0, len(world.vehicles.keys), _CHUNK)]
    for one in world.planted:
        if one.sends:
            for member, found in enumerate(one.slots.tolist()):
                slot = int(found)
                chunks[slot // _CHUNK].append((slot, one, member))
    for chunk in chunks:
        chunk.sort(key=_slot)
    return chunks


def _slot(special: Special) -> int:
    return special[0]


def _deliver(step: int, first: int, messages: list[Sent], specials: list[Special]) -> Iterator[Sent]:
    """The messages of a chunk that begins at slot `first`, bent where they are to be."""
    done = 0
    for slot, one, member in specials:
        place = slot - first
        yield from messages[done:place]
        yield from one.deliver(step, member, messages[place])
        done = place + 1
    yield from messages[done:]
