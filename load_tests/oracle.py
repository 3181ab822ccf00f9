"""The right answer, slowly and obviously: which devices go bad, and when, of one rule.

The rule is ten in a row and rising as `flows/rules/PATTERNS.md` states it: a run of `length` readings that are at
least `hot`, and the Theil–Sen slope of its last `length` readings times their time span is at least `rise`; an episode
is over at a reading below `cool`, and only then may the device be raised again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import combinations
from statistics import median

import msgspec

Raised = tuple[str, int]
Points = list[tuple[int, float]]


class TenInARow(msgspec.Struct, frozen=True):
    """The rule's numbers, °C; the same as in `cases/bench/rules/ten-in-a-row.yaml`."""

    length: int = 10
    hot: float = 105.0
    rise: float = 5.0
    cool: float = 100.0


def rise_of(points: Points) -> float:
    """The Theil–Sen rise of points (ms, value): the median slope of all pairs × the time from first to last."""
    slopes = [(v2 - v1) / (t2 - t1) for (t1, v1), (t2, v2) in combinations(points, 2)]
    return median(slopes) * (points[-1][0] - points[0][0])


class Watcher:
    """One device."""

    def __init__(self, rule: TenInARow) -> None:
        self._rule = rule
        self._run: Points = []
        self._active = False

    def take(self, at: int, coolant: float) -> bool:
        """The next reading in time; says whether it raises."""
        rule = self._rule
        if self._active and coolant < rule.cool:
            self._active = False
            self._run = []
            return False
        if coolant < rule.hot:
            self._run = []
            return False
        self._run.append((at, coolant))
        last = self._run[-rule.length :]
        if self._active or len(last) < rule.length or rise_of(last) < rule.rise:
            return False
        self._active = True
        return True


def answer(messages: Iterable[bytes], rule: TenInARow = TenInARow()) -> set[Raised]:  # noqa: B008 - frozen
    """(device, time in ms of the reading that opened it) of every episode in JSON readings, in order of time."""
    watchers: dict[str, Watcher] = {}
    raised: set[Raised] = set()
    for message in messages:
        reading = json.loads(message)
        device, at = reading["device"], reading["at"]
        watcher = watchers.get(device)
        if watcher is None:
            watcher = watchers[device] = Watcher(rule)
        if watcher.take(at, reading["coolant_c"]):
            raised.add((device, at))
    return raised
