"""What a benchmark says: figures with their bars and aims, of all rounds that count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

import msgspec

from load_tests.legs import Measured

VOID = 0.25


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure: `bar` is what it must reach, `aim` what it should; `more` says that more is better."""

    name: str
    unit: str
    median: float
    worst: float
    more: bool = False
    bar: float | None = None
    aim: float | None = None

    def reaches(self, wanted: float | None) -> bool | None:
        """Whether the median is as good as that, None if nothing is wanted."""
        if wanted is None:
            return None
        return self.median >= wanted if self.more else self.median <= wanted


class Round(msgspec.Struct):
    """What each leg did in one round, by its name; a leg that could not be run to its end is in `failed`."""

    measured: dict[str, Measured] = {}
    failed: dict[str, str] = {}

    def right(self, leg: str) -> Measured | None:
        """The leg, if its answer was right."""
        measured = self.measured.get(leg)
        return None if measured is None or measured.wrong is not None else measured

    def wrong(self) -> dict[str, str]:
        """What was wrong, by leg."""
        return self.failed | {leg: m.wrong for leg, m in self.measured.items() if m.wrong is not None}


def figure(
    name: str,
    unit: str,
    values: Sequence[float],
    more: bool = False,
    bar: float | None = None,
    aim: float | None = None,
) -> list[Figure]:
    """Median and worst of some values; nothing of none."""
    if not values:
        return []
    worst = min(values) if more else max(values)
    return [
        Figure(name=name, unit=unit, median=median(values), worst=worst, more=more, bar=bar, aim=aim),
    ]


def valid_rounds(rounds: Sequence[Round]) -> list[Round]:
    """Those in which the machine was as it mostly was: the ceiling within a quarter of its median."""
    ceilings = [measured.rate for one in rounds if (measured := one.right("ceiling"))]
    if not ceilings:
        return list(rounds)
    usual = median(ceilings)
    return [
        one for one in rounds if (measured := one.right("ceiling")) and abs(measured.rate / usual - 1) <= VOID
    ]


_BARS: Mapping[str, tuple[float | None, float | None]] = {"ours": (5.0, 3.5)}
_RATIOS = (
    ("ours", "ceiling", 0.7, 0.9),
    ("ours", "naive", 12.0, 20.0),
    ("ours_garbage", "ours", 0.6, None),
)


def figures_of(rounds: Sequence[Round], legs: Sequence[str]) -> list[Figure]:
    """Rates, CPU and ratios, of two legs of one round; that of the backtest is of readings per second of CPU."""
    found: list[Figure] = []
    for leg in legs:
        right = [measured for one in rounds if (measured := one.right(leg))]
        found += figure(f"{leg}: rate", "readings/s", [one.rate for one in right], more=True)
        bar, aim = _BARS.get(leg, (None, None))
        cpu = [one.cpu_per_million for one in right]
        found += figure(f"{leg}: CPU", "s per million", cpu, bar=bar, aim=aim)
    for leg, other, bar, aim in _RATIOS:
        ratios = [a.rate / b.rate for one in rounds if (a := one.right(leg)) and (b := one.right(other))]
        found += figure(f"{leg} ÷ {other}", "×", ratios, more=True, bar=bar, aim=aim)
    per_core = [
        b.cpu_per_million / a.cpu_per_million
        for one in rounds
        if (a := one.right("backtest")) and (b := one.right("ours"))
    ]
    found += figure("backtest ÷ ours, per core", "×", per_core, more=True, bar=0.5)
    return found
