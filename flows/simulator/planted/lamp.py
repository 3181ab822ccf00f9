"""Check engine lamps that come on and stay on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flows.simulator.plan import Plan, place
from flows.simulator.planted.planted import Planted
from flows.simulator.readings import Columns
from flows.simulator.truths import Expected
from flows.simulator.vehicles import Vehicles

RULE = "check-engine"
_RUN = 3


class Lamp(Planted):
    """`mil` is "on" from a step of its own until the end; the third such reading must raise."""

    name = "lamp"
    driving = True

    def __init__(
        self, plan: Plan, vehicles: Vehicles, slots: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        super().__init__(plan, vehicles, slots, rng)
        self._starts = np.array(place(plan, rng, len(slots), 2 * _RUN, self.name), np.int64)

    def shape(self, step: int, columns: Columns) -> None:
        """Light the lamp."""
        columns.mil[self.slots] = self._starts <= step

    def expected(self) -> list[Expected]:
        """Raised by the third reading."""
        return [
            self.alarm(m, RULE, "raised", (start + _RUN - 1, start + _RUN - 1), stale=False)
            for m, start in enumerate(self._starts.tolist())
        ]
