"""How often a rule may act: at most so many in any stretch of event time, wherever the stretch begins."""

from __future__ import annotations

from bisect import bisect_left, insort

_KEPT = 64


def allows(times: list[int], at: int, at_most: int, every: int) -> bool:
    """Whether one more at `at` leaves at most `at_most` of the sorted `times` (ms) in any `every` ms.

    Times may come out of order: a late one is refused when it would overfill a stretch that is already past.
    """
    if at_most <= 0:
        return False
    place = bisect_left(times, at)

    def merged(i: int) -> int:
        return at if i == place else times[i if i < place else i - 1]

    first, last = max(0, place - at_most), min(place, len(times) - at_most)
    return all(merged(i + at_most) - merged(i) >= every for i in range(first, last + 1))


def count(times: list[int], at: int, every: int) -> None:
    """Note one at `at`, and forget what is over two stretches older than the newest, but never the last 64.

    So one that comes late, from a device that was offline, is still judged by what was done at its time.
    """
    insort(times, at)
    del times[: min(bisect_left(times, times[-1] - 2 * every), max(0, len(times) - _KEPT))]


def within(times: list[int], at: int, every: int) -> int:
    """How many lie in the `every` ms up to `at`."""
    return bisect_left(times, at + 1) - bisect_left(times, at - every + 1)
