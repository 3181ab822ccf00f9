"""Cars that overheat in a garage without a connection, and tell when they come out: raised, but stale."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flows.simulator.plan import MINUTE, Plan, steps_of
from flows.simulator.planted.bursts import Bursts
from flows.simulator.planted.climb import LENGTH, RULE, climb, later
from flows.simulator.planted.planted import lay
from flows.simulator.planted.silence import RULE as SILENT_RULE
from flows.simulator.planted.silence import silent
from flows.simulator.readings import Columns
from flows.simulator.truths import Expected
from flows.simulator.vehicles import Vehicles

_BEFORE = 2
_LATEST_RAISE = 30
_STALE = 17 * MINUTE


class StaleOverheating(Bursts):
    """A whole climb in readings kept until its raise is 17 minutes old; meanwhile the vehicle is silent."""

    name = "stale_overheating"
    driving = True

    def __init__(
        self, plan: Plan, vehicles: Vehicles, slots: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        super().__init__(plan, vehicles, slots, rng)
        self._climbs = [climb(rng) for _ in slots]
        self._curve = np.array([one.coolant for one in self._climbs], np.int64).reshape(-1, LENGTH)
        self._begins = np.array(self.starts, np.int64) + _BEFORE

    def held_steps(self) -> int:
        """Until the raise is stale, and at least the whole climb."""
        return max(_BEFORE + _LATEST_RAISE + steps_of(self.plan, _STALE), _BEFORE + LENGTH)

    def shape(self, step: int, columns: Columns) -> None:
        """Lay the climb over the coolant."""
        lay(self._curve, self._begins, step, self.slots, columns.coolant)

    def expected(self) -> list[Expected]:
        """The four transitions of the climb, the first stale; the silence, ended by the first kept one."""
        found: list[Expected] = []
        for m, (one, begin, start) in enumerate(
            zip(self._climbs, self._begins.tolist(), self.starts, strict=True)
        ):
            back = start + self.length
            found += silent(self, m, start - 1, back)
            found += [
                self.alarm(m, SILENT_RULE, "cleared", (start, back)),
                self.alarm(m, RULE, "raised", later(one.raised, begin), severity="warning", stale=True),
                self.alarm(m, RULE, "escalated", later(one.escalated, begin), severity="critical"),
                self.alarm(m, RULE, "deescalated", later(one.deescalated, begin), severity="warning"),
                self.alarm(m, RULE, "cleared", later(one.cleared, begin)),
            ]
        return found
