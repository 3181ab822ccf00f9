"""How readings follow each other: how far apart a device's are, and how late some come."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

_NICE_MS = (
    1_000,
    5_000,
    10_000,
    30_000,
    60_000,
    300_000,
    600_000,
    1_800_000,
    3_600_000,
    7_200_000,
    21_600_000,
)
_HOUR_MS = 3_600_000
_MOST_LATENESS = 31 * 24 * _HOUR_MS


class Order(msgspec.Struct, frozen=True):
    """`interval` is the usual time between two readings of a device, `behind` how far one was behind, both in ms."""

    interval: float
    behind: float
    late: int


def order_of(readings: Iterable[tuple[object, float]]) -> Order:
    """The order of (device and, if narrow, metric; time in ms) as they were read.

    Times farther out than all but the outermost hundredth span are broken clocks, and left out.
    """
    readings = list(readings)
    ordered = sorted(at for _, at in readings)
    edge = len(ordered) // 100
    low, high = (ordered[edge], ordered[-1 - edge]) if ordered else (0.0, 0.0)
    reach = max(high - low, _HOUR_MS)
    clocks: dict[object, float] = {}
    steps: list[float] = []
    behind, late = 0.0, 0
    for device, at in readings:
        if not low - reach <= at <= high + reach:
            continue
        clock = clocks.get(device)
        if clock is not None and at < clock:
            behind, late = max(behind, clock - at), late + 1
            continue
        if clock is not None and at > clock:
            steps.append(at - clock)
        clocks[device] = at
    steps.sort()
    return Order(steps[len(steps) // 2] if steps else 0.0, behind, late)


def lateness_of(order: Order) -> int:
    """A round time (ms) that all late readings seen came within."""
    for nice in _NICE_MS:
        if order.behind <= nice:
            return nice
    return min(_MOST_LATENESS, int(-(-order.behind // _HOUR_MS) * _HOUR_MS))
