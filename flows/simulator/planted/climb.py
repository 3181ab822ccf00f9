"""The coolant of an engine that overheats: a noisy climb from normal past 120 °C, a stay, a cooling down.

The starter rule `engine-overheating` (ten in a row ≥ 105 and up by 5; critical ≥ 118 until < 112; cleared by
three in a row < 100) must see four transitions. The noise is bounded, so the steps of each are bounded too.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

RULE = "engine-overheating"
LENGTH = 68
_HOT, _CRITICAL, _NO_LONGER_CRITICAL, _COOL = 105.0, 118.0, 112.0, 100.0
_RUN, _CLEAR_RUN = 10, 3
_NORMAL, _PEAK = 90.0, 124.0
_NOISE = 0.8
_UNSURE = 0.86
"""The noise and the rounding to 0.1 °C: beyond this from a threshold the side of it is certain."""


class Climb(msgspec.Struct, frozen=True):
    """`coolant` in 0.1 °C by step, and the first and last step at which each transition can come."""

    coolant: NDArray[np.int64]
    raised: tuple[int, int]
    escalated: tuple[int, int]
    deescalated: tuple[int, int]
    cleared: tuple[int, int]


def _first(holds: NDArray[np.bool_]) -> int:
    return int(np.argmax(holds))


def climb(rng: np.random.Generator) -> Climb:
    """One overheating, by 0.9–1.0 °C a reading: ten readings rise by more than 5 °C whatever the noise."""
    up = np.arange(_NORMAL, _PEAK, rng.uniform(0.9, 1.0))
    stay = np.full(6, _PEAK)
    down = np.arange(_PEAK, _NORMAL, -2.0)
    base = np.concatenate([up, stay, down])
    base = np.concatenate([base, np.full(LENGTH - len(base), _NORMAL)])
    rising = np.arange(LENGTH) < len(up)
    falling = np.arange(LENGTH) >= len(up)
    low, high = base - _UNSURE, base + _UNSURE
    return Climb(
        np.rint((base + rng.uniform(-_NOISE, _NOISE, LENGTH)) * 10).astype(np.int64),
        (_first(rising & (high >= _HOT)) + _RUN - 1, _first(rising & (low >= _HOT)) + _RUN - 1),
        (_first(rising & (high >= _CRITICAL)), _first(rising & (low >= _CRITICAL))),
        (_first(falling & (low < _NO_LONGER_CRITICAL)), _first(falling & (high < _NO_LONGER_CRITICAL))),
        (_first(falling & (low < _COOL)) + _CLEAR_RUN - 1, _first(falling & (high < _COOL)) + _CLEAR_RUN - 1),
    )


def later(window: tuple[int, int], start: int) -> tuple[int, int]:
    """A window of steps moved to where the climb begins."""
    return window[0] + start, window[1] + start
