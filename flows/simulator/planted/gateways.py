"""Gateways that send three readings of a vehicle as one JSON array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flows.simulator.plan import Plan
from flows.simulator.planted.planted import Planted
from flows.simulator.truths import Counts
from flows.simulator.vehicles import Sent, Vehicles

_SIZE = 3


class Gateways(Planted):
    """Every third step an array goes out, and what is left at the end."""

    name = "gateways"
    sends = True

    def __init__(
        self, plan: Plan, vehicles: Vehicles, slots: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        super().__init__(plan, vehicles, slots, rng)
        self._held: list[list[bytes]] = [[] for _ in slots]

    def deliver(self, step: int, member: int, sent: Sent) -> Sequence[Sent]:
        """Gather three, then send."""
        held = self._held[member]
        held.append(sent.value)
        if len(held) < _SIZE and step < self.plan.steps - 1:
            return ()
        self._held[member] = []
        return (Sent(sent.key, b"[" + b",".join(held) + b"]", sent.appended),)

    def counts(self) -> Counts:
        """Fewer messages for as many readings."""
        arrays = -(-self.plan.steps // _SIZE)
        return Counts(messages=(arrays - self.plan.steps) * len(self.slots))
