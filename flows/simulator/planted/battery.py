"""Batteries that go flat after the alternator failed, a steady fall below 12.4 V, and are exchanged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flows.simulator.plan import Plan, place
from flows.simulator.planted.planted import Planted, lay
from flows.simulator.readings import Columns
from flows.simulator.truths import Expected
from flows.simulator.vehicles import Vehicles

RULE = "battery-decline"
_LENGTH = 48
_FROM, _TO, _FALL = 12.5, 10.6, 0.06
_NOISE = 0.02
_LOW_V, _OVER = 12.4, 20
_CLEAR_RUN = 3


class Battery(Planted):
    """From 12.5 V down by 0.06 V a reading to 10.6 V: 1.14 V over the first 20 readings below 12.4 V."""

    name = "battery"

    def __init__(
        self, plan: Plan, vehicles: Vehicles, slots: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        super().__init__(plan, vehicles, slots, rng)
        self._starts = np.array(place(plan, rng, len(slots), _LENGTH + _CLEAR_RUN, self.name), np.int64)
        self._base = np.maximum(_FROM - _FALL * np.arange(_LENGTH), _TO)
        noise = rng.uniform(-_NOISE, _NOISE, (len(slots), _LENGTH))
        self._curve = np.rint((self._base + noise) * 100).astype(np.int64)

    def shape(self, step: int, columns: Columns) -> None:
        """Lay the fall over the battery's voltage."""
        lay(self._curve, self._starts, step, self.slots, columns.battery)

    def expected(self) -> list[Expected]:
        """Raised at about the 20th reading below 12.4 V, give or take a few; cleared by the third after it is over."""
        below = int(np.argmax(self._base < _LOW_V))
        window = (below + _OVER - 5, below + _OVER + 3)
        over = _LENGTH + _CLEAR_RUN - 1
        found: list[Expected] = []
        for m, start in enumerate(self._starts.tolist()):
            found += [
                self.alarm(m, RULE, "raised", (start + window[0], start + window[1]), stale=False),
                self.alarm(m, RULE, "cleared", (start + over, start + over)),
            ]
        return found
