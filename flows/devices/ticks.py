"""When a shard looks for what only its clock ends: at fixed ticks of event time, wherever batches are cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from flows.rules.model import Absence, Rule, Window

LEAST_MS, MOST_MS = 1_000, 60_000
_PARTS = 64


def tick_of(rules: Iterable[Rule], more: Iterable[int] = ()) -> int | None:
    """The tick in ms: a 64th of the shortest deadline, between a second and a minute; None when nothing waits.

    `more` are deadlines (ms) that no rule has.
    """
    deadlines = list(more)
    for rule in rules:
        if rule.ends_silent is not None:
            deadlines.append(rule.ends_silent)
        for pattern in rule.patterns:
            if isinstance(pattern, Absence):
                deadlines.append(pattern.after)
            elif isinstance(pattern, Window):
                deadlines.append(pattern.every)
    if not deadlines:
        return None
    return min(max(min(deadlines) // _PARTS, LEAST_MS), MOST_MS)


def running_clock(
    event: NDArray[np.int64], appended: NDArray[np.int64], greatest_event: int, greatest_append: int
) -> NDArray[np.int64]:
    """The shard's clock after each row: min(greatest event time, greatest append time) so far, ms."""
    events = np.maximum(np.maximum.accumulate(event), greatest_event)
    appends = np.maximum(np.maximum.accumulate(appended), greatest_append)
    return np.minimum(events, appends)


def segments(clock: NDArray[np.int64], tick: int | None, swept: int) -> Iterator[tuple[int, int, int | None]]:
    """(first row, row after the last, the clock to sweep by after them or None), in order; `swept` is the last one.

    A segment ends with the row that moves the clock past a tick.
    """
    n = len(clock)
    if tick is None:
        yield 0, n, None
        return
    ticks = clock // tick
    before = np.concatenate([[swept // tick], ticks[:-1]])
    start = 0
    for row in np.flatnonzero(ticks > before).tolist():
        yield start, row + 1, int(ticks[row]) * tick
        start = row + 1
    if start < n:
        yield start, n, None
