"""When a case's shard looks at its clock: wherever something of the device may end by time alone, and nowhere else.

A year without readings takes a few looks, not one at every tick.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from flows.devices.ticks import tick_of
from flows.rules.model import Absence, Rule, Window

# The last look is after all that matters.
_AFTER = 3


def beats(rule: Rule, lateness: int, readings: Iterable[int], end: int) -> list[int]:
    """The times (ms since the epoch) at which to look, sorted; none for a rule that nothing but readings moves.

    `readings` are those of the device, sorted, `end` (ms) is the last time that matters, `lateness` that of the stream
    in ms.
    """
    tick = tick_of([rule])
    if tick is None:
        return []
    found: set[int] = set()
    for reading, following in pairwise([*readings, end + _AFTER * tick]):
        for due in _dues(rule, lateness, reading):
            look = -(-due // tick) * tick
            if look >= following:
                break
            found.add(look)
        # What one look brings about may bring about more at the next, as an absence that lapses.
        found.add(max(reading, (following - 1) // tick * tick))
    return sorted(found)


def _dues(rule: Rule, lateness: int, reading: int) -> Iterator[int]:
    """When (ms) something may come of it that nothing follows a reading, the earliest first."""
    dues: set[int] = set() if rule.ends_silent is None else {reading + rule.ends_silent}
    for pattern in rule.patterns:
        if isinstance(pattern, Absence):
            dues.add(reading + pattern.after)
        elif isinstance(pattern, Window):
            first = (reading // pattern.every + 1) * pattern.every
            dues |= {at + lateness for at in range(first, reading + pattern.length + 1, pattern.every)}
    yield from sorted(dues)
