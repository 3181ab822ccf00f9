"""Who the vehicles are and when each sends; a slot is a vehicle's place in the order within a step."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from flows.simulator.plan import Plan

NETWORK_MS = 200
"""From a reading's own time to the moment the bus takes it."""


class Sent(msgspec.Struct, frozen=True, gc=False):
    """One message; `appended` is when the bus takes it (ms), never less than the one before."""

    key: bytes
    value: bytes
    appended: int


class Vehicles:
    """Names and phases by slot: slot s is `veh-` + number[s], and sends phase[s] ms into each interval."""

    def __init__(self, plan: Plan) -> None:
        rng = plan.generator("vehicles")
        self.plan = plan
        self.numbers: NDArray[np.int64] = rng.permutation(plan.vehicles)
        self.phases: NDArray[np.int64] = np.sort(rng.integers(0, plan.interval, plan.vehicles))
        self.names: list[str] = [f"veh-{number:07d}" for number in self.numbers.tolist()]
        self.keys: list[bytes] = [name.encode() for name in self.names]

    def at(self, step: int, slot: int) -> int:
        """The event time (ms) of a vehicle's reading by a right clock."""
        return self.plan.start + step * self.plan.interval + int(self.phases[slot])
