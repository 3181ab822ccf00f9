"""The patterns of flows/rules/PATTERNS.md for one device, one reading at a time: slow, obvious, exact (fractions)."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Mapping, Sequence
from fractions import Fraction

from flows.expression_values import truth
from flows.expressions import Expression
from flows.rules.model import Absence, Count, Pattern, Run, Trend, Window
from flows.schema import Value

Scope = Mapping[str, object]
Points = Sequence[tuple[int, float]]
HOUR = 3_600_000


def asks(condition: Expression, scope: Scope) -> bool | None:
    """True, false, or None for unknown."""
    return truth(condition.evaluate(scope))


def field_of(scope: Scope, field: str | None) -> float | None:
    """A field as a number; None is missing."""
    found = None if field is None else scope.get(field)
    return float(found) if isinstance(found, int | float) else None


def theil_sen_rise(points: Points) -> Fraction | None:
    """The median of the slopes of all pairs × the time from the first to the last; None with fewer than two."""
    if len(points) < 2:
        return None
    slopes = [
        Fraction(points[j][1] - points[i][1]) / (points[j][0] - points[i][0])
        for i in range(len(points))
        for j in range(i + 1, len(points))
    ]
    return statistics.median(slopes) * (points[-1][0] - points[0][0])


def risen(points: Points, rise: float) -> bool:
    """Whether the points rise (or, for a negative rise, fall) as far as is asked."""
    found = theil_sen_rise(points)
    if found is None:
        return False
    return found >= Fraction(rise) if rise >= 0 else found <= Fraction(rise)


def least_squares_per_hour(points: Points) -> float | None:
    """The slope of the least-squares line; None with one reading or no spread in time."""
    n = len(points)
    mean_t, mean_v = Fraction(sum(t for t, _ in points), n), sum(Fraction(v) for _, v in points) / n
    spread = sum((t - mean_t) ** 2 for t, _ in points)
    if not spread:
        return None
    return float(sum((t - mean_t) * (Fraction(v) - mean_v) for t, v in points) / spread * HOUR)


class RunOracle:
    """`run`, with and without `worsening`."""

    def __init__(self, pattern: Run) -> None:
        self.pattern = pattern
        self.forget()

    def forget(self) -> None:
        self.readings: list[tuple[int, float | None]] = []
        self.holds = self.stands = False

    def take(self, at: int, scope: Scope) -> None:
        self.holds = False
        known = asks(self.pattern.of, scope)
        if known is None:
            return
        gap = self.pattern.max_gap
        if not known or (self.readings and gap is not None and at - self.readings[-1][0] > gap):
            self.forget()
        if not known:
            return
        worsening = self.pattern.worsening
        self.readings.append((at, field_of(scope, worsening.field if worsening else None)))
        self.stands = True
        self.holds = len(self.readings) >= self.pattern.length and (
            worsening is None or risen(self.points(), worsening.rise)
        )

    def points(self) -> list[tuple[int, float]]:
        worsening = self.pattern.worsening
        carried = [(t, v) for t, v in self.readings if v is not None]
        return carried[-worsening.over :] if worsening else []

    def facts(self) -> dict[str, Value]:
        facts: dict[str, Value] = {"run": len(self.readings)}
        rise = theil_sen_rise(self.points())
        return facts if rise is None else facts | {"rise": float(rise)}


class CountOracle:
    """`count: k of m`."""

    def __init__(self, pattern: Count) -> None:
        self.pattern = pattern
        self.forget()

    def forget(self) -> None:
        self.truths: deque[bool] = deque(maxlen=self.pattern.out_of)
        self.last: int | None = None
        self.holds = self.stands = False

    def take(self, at: int, scope: Scope) -> None:
        self.holds = False
        known = asks(self.pattern.of, scope)
        if known is None:
            return
        gap = self.pattern.max_gap
        if self.last is not None and gap is not None and at - self.last > gap and any(self.truths):
            self.forget()
        self.truths.append(known)
        self.last = at
        self.holds = self.stands = sum(self.truths) >= self.pattern.count

    def facts(self) -> dict[str, Value]:
        return {"count": sum(self.truths), "out_of": self.pattern.out_of}


class TrendOracle:
    """`trend`."""

    def __init__(self, pattern: Trend) -> None:
        self.pattern = pattern
        self.forget()

    def forget(self) -> None:
        self.readings: list[tuple[int, float]] = []
        self.holds = self.stands = False

    def take(self, at: int, scope: Scope) -> None:
        self.holds = False
        value = field_of(scope, self.pattern.field)
        if value is None or (self.pattern.of is not None and not asks(self.pattern.of, scope)):
            return
        gap = self.pattern.max_gap
        if self.readings and gap is not None and at - self.readings[-1][0] > gap:
            self.forget()
        self.readings.append((at, value))
        self.holds = self.stands = len(self.readings) >= self.pattern.over and risen(
            self.points(), self.pattern.rise
        )

    def points(self) -> list[tuple[int, float]]:
        return self.readings[-self.pattern.over :]

    def facts(self) -> dict[str, Value]:
        rise = theil_sen_rise(self.points())
        return {"rise": None if rise is None else float(rise)}


class WindowOracle:
    """`window`: remembers every reading it took, and closes windows in order."""

    def __init__(self, pattern: Window) -> None:
        self.pattern = pattern
        self.readings: list[tuple[int, float | None]] = []
        self.next: int | None = None
        self.forget()

    def forget(self) -> None:
        """Its readings stay, whatever becomes of episodes."""
        self.stands = False

    def take(self, at: int, scope: Scope) -> None:
        """Let a reading into every window over its time that is not closed."""
        if self.next is None:
            self.next = (at - self.pattern.length) // self.pattern.every + 1
        self.readings.append((at, field_of(scope, self.pattern.field)))

    def close(self, clock: int, lateness: int) -> list[tuple[int, list[tuple[int, float | None]]]]:
        """(end, its readings) of each window whose end + lateness is at or before the clock, in order."""
        length, every = self.pattern.length, self.pattern.every
        if self.next is None:
            return []
        until = (clock - lateness - length) // every + 1
        closed: list[tuple[int, list[tuple[int, float | None]]]] = []
        starts = {t // every - back for t, _ in self.readings for back in range(length // every)}
        for k in sorted(k for k in starts if self.next <= k < until):
            begin = k * every
            closed.append((begin + length, [r for r in self.readings if begin <= r[0] < begin + length]))
        self.next = max(self.next, until)
        self.readings = [r for r in self.readings if r[0] >= self.next * every]
        return closed

    def measure(self, readings: Sequence[tuple[int, float | None]]) -> tuple[int, float | None]:
        """(how many readings count, the measure of them)."""
        if self.pattern.field is None:
            return len(readings), float(len(readings))
        points = sorted((t, v) for t, v in readings if v is not None)
        values = [v for _, v in points]
        if not points:
            return 0, None
        measures: dict[str, float | None] = {
            "count": float(len(points)),
            "sum": sum(values),
            "mean": sum(values) / len(values),
            "min": min(values),
            "max": max(values),
            "last": values[-1],
            "slope": least_squares_per_hour(points),
        }
        return len(points), measures[self.pattern.measure]


PatternOracle = RunOracle | CountOracle | TrendOracle


def oracle_of(pattern: Pattern) -> PatternOracle | WindowOracle | None:
    """The oracle of a pattern; an absence keeps nothing."""
    match pattern:
        case Run():
            return RunOracle(pattern)
        case Count():
            return CountOracle(pattern)
        case Trend():
            return TrendOracle(pattern)
        case Window():
            return WindowOracle(pattern)
        case Absence():
            return None
