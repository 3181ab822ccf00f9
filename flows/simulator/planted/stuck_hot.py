"""Sensors stuck above the limit: hot, but not getting worse, so nothing must come of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flows.simulator.plan import Plan
from flows.simulator.planted.planted import Planted
from flows.simulator.readings import Columns
from flows.simulator.vehicles import Vehicles


class StuckHot(Planted):
    """Coolant at one value of 106–107 °C from the first reading to the last, give or take 0.1 °C."""

    name = "stuck_hot"

    def __init__(
        self, plan: Plan, vehicles: Vehicles, slots: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        super().__init__(plan, vehicles, slots, rng)
        self._stuck = rng.integers(1061, 1070, len(slots))

    def shape(self, step: int, columns: Columns) -> None:
        """Hold the coolant where it is stuck."""
        columns.coolant[self.slots] = self._stuck + (step * 7 + self.slots) % 3 - 1
