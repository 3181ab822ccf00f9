"""Steps at which something happens again and again to a vehicle."""

from __future__ import annotations

import numpy as np

from flows.simulator.plan import Plan


def moments(plan: Plan, rng: np.random.Generator, every: int) -> list[int]:
    """About one step in `every`, at least 3 apart, clear of both ends; at least one."""
    first, last = 3, plan.steps - 4
    offset = int(rng.integers(0, 3))
    places = np.arange(first + offset, max(last, first + offset + 1), 3)
    chosen = places[rng.random(len(places)) < 3 / every]
    return chosen.tolist() or [int(places[0])]
