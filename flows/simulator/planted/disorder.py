"""Readings that overtake each other: the older is late, and must neither extend nor break anything."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flows.simulator.plan import Plan
from flows.simulator.planted.moments import moments
from flows.simulator.planted.planted import Planted
from flows.simulator.truths import Counts
from flows.simulator.vehicles import Sent, Vehicles


class Disorder(Planted):
    """About one reading in ten goes out after the one that follows it."""

    name = "disorder"
    sends = True

    def __init__(
        self, plan: Plan, vehicles: Vehicles, slots: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        super().__init__(plan, vehicles, slots, rng)
        self._moments = [frozenset(moments(plan, rng, 10)) for _ in slots]
        self._held: dict[int, Sent] = {}

    def deliver(self, step: int, member: int, sent: Sent) -> Sequence[Sent]:
        """Keep the chosen reading back by one step."""
        if step in self._moments[member]:
            self._held[member] = sent
            return ()
        held = self._held.pop(member, None)
        return (sent,) if held is None else (sent, Sent(held.key, held.value, sent.appended))

    def counts(self) -> Counts:
        """The overtaken readings."""
        late = sum(map(len, self._moments))
        return Counts(taken=-late, late=late)
