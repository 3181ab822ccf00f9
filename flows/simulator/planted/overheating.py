"""Engines that overheat while driving and cool down again: all four transitions must come."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flows.simulator.plan import Plan, place
from flows.simulator.planted.climb import LENGTH, RULE, climb, later
from flows.simulator.planted.planted import Planted, lay
from flows.simulator.readings import Columns
from flows.simulator.truths import Expected
from flows.simulator.vehicles import Vehicles


class Overheating(Planted):
    """A climb of `climb.LENGTH` steps begins at a step of its own in each vehicle."""

    name = "overheating"
    driving = True

    def __init__(
        self, plan: Plan, vehicles: Vehicles, slots: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        super().__init__(plan, vehicles, slots, rng)
        self._starts = np.array(place(plan, rng, len(slots), LENGTH, self.name), np.int64)
        self._climbs = [climb(rng) for _ in slots]
        self._curve = np.array([one.coolant for one in self._climbs], np.int64).reshape(-1, LENGTH)

    def shape(self, step: int, columns: Columns) -> None:
        """Lay the climb over the coolant."""
        lay(self._curve, self._starts, step, self.slots, columns.coolant)

    def expected(self) -> list[Expected]:
        """Raised as warning, critical, warning again, cleared."""
        found: list[Expected] = []
        for m, (one, start) in enumerate(zip(self._climbs, self._starts.tolist(), strict=True)):
            found += [
                self.alarm(m, RULE, "raised", later(one.raised, start), severity="warning", stale=False),
                self.alarm(m, RULE, "escalated", later(one.escalated, start), severity="critical"),
                self.alarm(m, RULE, "deescalated", later(one.deescalated, start), severity="warning"),
                self.alarm(m, RULE, "cleared", later(one.cleared, start)),
            ]
        return found
