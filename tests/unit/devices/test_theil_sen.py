"""The compiled Theil–Sen rise against the median of all slopes, in exact fractions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.devices.kernels.tallies import theil_sen_rise
from tests.unit.devices import oracle_patterns

START = 1_700_000_000_000
points = st.lists(
    st.tuples(st.integers(1, 3_600_000), st.floats(-1e6, 1e6, allow_subnormal=False)), max_size=64
).map(lambda steps: [(START + sum(s for s, _ in steps[: i + 1]), v) for i, (_, v) in enumerate(steps)])


def ring_of(found: list[tuple[int, float]], size: int, turned: int) -> tuple[np.ndarray, int]:
    """The points in a ring of `size` as if `turned` had been there before, and where the next would go."""
    ring = np.full((size, 2), np.nan)
    for i, point in enumerate(found):
        ring[(turned + i) % size] = point
    return ring, (turned + len(found)) % size


@settings(derandomize=True, max_examples=150, deadline=None)
@given(points, st.integers(1, 64), st.integers(0, 64), st.integers(0, 200))
def test_median_of_slopes(found: list[tuple[int, float]], over: int, spare: int, turned: int) -> None:
    """Over the newest points of a ring, wherever in it they stand; none with fewer than two."""
    ring, position = ring_of(found, len(found) + spare + 1, turned)
    rise = theil_sen_rise(ring, len(found), position, over)
    wanted = oracle_patterns.theil_sen_rise(found[-over:])
    if wanted is None:
        assert np.isnan(rise)
    else:
        spread = max(v for _, v in found[-over:]) - min(v for _, v in found[-over:])
        assert rise == pytest.approx(float(wanted), rel=1e-9, abs=1e-9 * spread * len(found))


def test_an_outlier_does_not_decide() -> None:
    """One wild value among ten moves the median of slopes hardly at all, as it would a difference or a mean."""
    steady = [(START + i * 10_000, 100.0 + i) for i in range(10)]
    ring, position = ring_of([*steady[:4], (steady[4][0], 900.0), *steady[5:]], 10, 0)
    assert theil_sen_rise(ring, 10, position, 10) == pytest.approx(9.0, abs=0.5)
