"""Vehicles that fall silent for longer than the absence rule waits, and come back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flows.simulator.plan import MINUTE, Plan, place, steps_of
from flows.simulator.planted.planted import Planted
from flows.simulator.truths import Counts, Expected
from flows.simulator.vehicles import Sent, Vehicles

RULE = "vehicle-silent"
ABSENCE = 10 * MINUTE
_SILENT = 17 * MINUTE
"""Long enough that the absence is seen even if a partition's other vehicles are slow to show the time."""


class Silence(Planted):
    """Nothing is sent for 17 minutes; the shard's clock goes on by the other vehicles of its partition."""

    name = "silence"
    sends = True

    def __init__(
        self, plan: Plan, vehicles: Vehicles, slots: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        super().__init__(plan, vehicles, slots, rng)
        self._length = steps_of(plan, _SILENT)
        self._starts = place(plan, rng, len(slots), self._length, self.name)

    def deliver(self, step: int, member: int, sent: Sent) -> Sequence[Sent]:
        """Nothing while silent."""
        return () if 0 <= step - self._starts[member] < self._length else (sent,)

    def expected(self) -> list[Expected]:
        """Raised once the absence is over, cleared by the first reading after."""
        found: list[Expected] = []
        for member, start in enumerate(self._starts):
            found += silent(self, member, start - 1, start + self._length)
            back = start + self._length
            found.append(self.alarm(member, RULE, "cleared", (back, back + 1)))
        return found

    def counts(self) -> Counts:
        """The readings that were not sent."""
        missing = -self._length * len(self.slots)
        return Counts(messages=missing, taken=missing)


def silent(planted: Planted, member: int, last: int, back: int) -> list[Expected]:
    """The absence of a vehicle between its readings of two steps."""
    slot = int(planted.slots[member])
    return [
        Expected(
            truth=planted.name,
            device=planted.vehicles.names[slot],
            rule=RULE,
            transition="raised",
            not_before=planted.vehicles.at(last, slot) + ABSENCE,
            not_after=planted.vehicles.at(back, slot),
        )
    ]
