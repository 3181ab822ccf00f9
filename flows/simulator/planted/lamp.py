"""Check engine lamps that come on and stay on for a while."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flows.simulator.plan import Plan, place
from flows.simulator.planted.planted import Planted
from flows.simulator.readings import Columns
from flows.simulator.truths import Expected
from flows.simulator.vehicles import Vehicles

RULE = "check-engine"
_RUN, _CLEAR_RUN = 3, 3
_LENGTH = 12


class Lamp(Planted):
    """`mil` is "on" for twelve readings; the third must raise, and the third after them clear."""

    name = "lamp"
    driving = True

    def __init__(
        self, plan: Plan, vehicles: Vehicles, slots: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        super().__init__(plan, vehicles, slots, rng)
        self._starts = np.array(place(plan, rng, len(slots), _LENGTH + _CLEAR_RUN, self.name), np.int64)

    def shape(self, step: int, columns: Columns) -> None:
        """Light the lamp."""
        columns.mil[self.slots] = (self._starts <= step) & (step < self._starts + _LENGTH)

    def expected(self) -> list[Expected]:
        """Raised by the third reading, cleared by the third of those that follow."""
        lit, out = _RUN - 1, _LENGTH + _CLEAR_RUN - 1
        found: list[Expected] = []
        for m, start in enumerate(self._starts.tolist()):
            found += [
                self.alarm(m, RULE, "raised", (start + lit, start + lit), stale=False),
                self.alarm(m, RULE, "cleared", (start + out, start + out)),
            ]
        return found
