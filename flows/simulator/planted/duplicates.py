"""Readings sent twice; among them eight hot ones in a row, which counted twice would be a run of ten."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flows.simulator.plan import Plan, place
from flows.simulator.planted.moments import moments
from flows.simulator.planted.planted import Planted, lay
from flows.simulator.readings import Columns
from flows.simulator.truths import Counts
from flows.simulator.vehicles import Sent, Vehicles

_SPELL = 8


class Duplicates(Planted):
    """The same bytes again right after the first; the hot spell rises from 105.5 by 2 °C a reading."""

    name = "duplicates"
    driving = True
    sends = True

    def __init__(
        self, plan: Plan, vehicles: Vehicles, slots: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        super().__init__(plan, vehicles, slots, rng)
        starts = place(plan, rng, len(slots), _SPELL, self.name)
        self._starts = np.array(starts, np.int64)
        self._curve = np.tile(1055 + 20 * np.arange(_SPELL), (len(slots), 1))
        self._twice = [frozenset(moments(plan, rng, 10)) | set(range(s, s + _SPELL)) for s in starts]

    def shape(self, step: int, columns: Columns) -> None:
        """Lay the hot spell over the coolant."""
        lay(self._curve, self._starts, step, self.slots, columns.coolant)

    def deliver(self, step: int, member: int, sent: Sent) -> Sequence[Sent]:
        """The chosen readings twice."""
        return (sent, sent) if step in self._twice[member] else (sent,)

    def counts(self) -> Counts:
        """The second ones."""
        again = sum(map(len, self._twice))
        return Counts(messages=again, duplicate=again)
