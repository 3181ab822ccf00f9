"""Ordinary vehicles: trips by the hour, warm engines, noise; nothing here comes near a starter rule.

Coolant stays under 96 °C, the battery above 12.5 V, and the check engine lamp lights for one reading when an
engine starts, as it does in life.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flows.simulator.plan import HOUR, MINUTE, Plan
from flows.simulator.readings import Columns

_TRIP = 25 * MINUTE
_WARM_UP = 4 * MINUTE
_COOL_DOWN = 90 * MINUTE
# Mean minutes between two trips, by hour of the day (UTC): quiet nights, a morning and an evening peak.
_IDLE_MINUTES = (
    300,
    400,
    400,
    300,
    150,
    80,
    40,
    20,
    20,
    45,
    60,
    50,
    40,
    45,
    50,
    40,
    25,
    20,
    30,
    45,
    70,
    100,
    150,
    220,
)


class Fleet:
    """All vehicles step by step; `driving` are slots whose engine never stops."""

    def __init__(self, plan: Plan, driving: NDArray[np.int64]) -> None:
        rng = plan.generator("fleet")
        count = plan.vehicles
        self._plan, self._rng, self._driving = plan, rng, driving
        idle = _IDLE_MINUTES[plan.start // HOUR % 24] * MINUTE
        self._on: NDArray[np.bool_] = rng.random(count) < _TRIP / (_TRIP + idle)
        self._on[driving] = True
        self._thermostat = rng.uniform(89.0, 91.5, count)
        self._outside = rng.uniform(12.0, 25.0, count)
        self._coolant = np.where(self._on, self._thermostat, self._outside)
        self._rest_v = rng.uniform(12.62, 12.8, count)
        self._charge_v = rng.uniform(13.9, 14.3, count)
        self._cruise = rng.uniform(30.0, 110.0, count)
        self._speed = np.where(self._on, self._cruise, 0.0)
        self._odometer = rng.uniform(5_000.0, 150_000.0, count)

    def step(self, step: int) -> Columns:
        """The readings of this step; to be called for 0, 1, 2, … in turn."""
        rng, count = self._rng, self._plan.vehicles
        started = self._turn_keys(step)
        on = self._on
        noise = rng.standard_normal((4, count), np.float32).clip(-2.5, 2.5)
        self._drive(on, noise[0])
        target = np.where(on, self._thermostat, self._outside)
        pace = np.where(on, self._plan.interval / _WARM_UP, self._plan.interval / _COOL_DOWN)
        self._coolant += (target - self._coolant) * pace
        load = np.where(on, 15.0 + 0.4 * self._speed + 4.0 * noise[3], 0.0)
        coolant = self._coolant + 0.02 * load + 0.5 * noise[1]
        battery = np.where(on, self._charge_v, self._rest_v) + 0.02 * noise[2]
        return Columns(
            np.rint(coolant * 10).astype(np.int64),
            np.rint(battery * 100).astype(np.int64),
            np.rint(self._speed * 10).astype(np.int64),
            load.clip(0.0, 100.0).astype(np.int64),
            started.astype(np.int64),
            self._odometer.astype(np.int64),
        )

    def _turn_keys(self, step: int) -> NDArray[np.bool_]:
        """Start and end trips; which engines started just now."""
        now = self._plan.start + step * self._plan.interval
        idle = _IDLE_MINUTES[now // HOUR % 24] * MINUTE
        chance = self._plan.interval / np.where(self._on, float(_TRIP), float(idle))
        turned = self._rng.random(self._plan.vehicles) < chance
        turned[self._driving] = False
        self._on ^= turned
        return turned & self._on

    def _drive(self, on: NDArray[np.bool_], noise: NDArray[np.float32]) -> None:
        """Speed follows the cruising speed with jolts; the odometer follows the speed."""
        speed = self._speed + (self._cruise - self._speed) * 0.3 + 6.0 * noise
        self._speed = np.where(on, speed.clip(0.0, 140.0), 0.0)
        self._odometer += self._speed * (self._plan.interval / HOUR)
