"""Vehicles without a connection for two minutes: readings are kept and sent late, in order, at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flows.simulator.plan import MINUTE, Plan, place, steps_of
from flows.simulator.planted.planted import Planted
from flows.simulator.vehicles import Sent, Vehicles


class Bursts(Planted):
    """The readings of `length` steps go out with the one after them, in order, so all are taken."""

    name = "bursts"
    sends = True

    def __init__(
        self, plan: Plan, vehicles: Vehicles, slots: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        super().__init__(plan, vehicles, slots, rng)
        self.length = self.held_steps()
        self.starts = place(plan, rng, len(slots), self.length, self.name)
        self._held: list[list[Sent]] = [[] for _ in slots]

    def held_steps(self) -> int:
        """How many readings are kept."""
        return steps_of(self.plan, 2 * MINUTE)

    def deliver(self, step: int, member: int, sent: Sent) -> Sequence[Sent]:
        """Keep the readings, then send them all with the append time of the last."""
        since = step - self.starts[member]
        held = self._held[member]
        if 0 <= since < self.length:
            held.append(sent)
            return ()
        if not held:
            return (sent,)
        self._held[member] = []
        return [*(Sent(one.key, one.value, sent.appended) for one in held), sent]
