"""How far a pattern is, and what broke it, in the words of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from flows.backtest.explained import Explained
from flows.backtest.progress import Break
from flows.devices.standing import (
    AbsenceStanding,
    CountStanding,
    PatternStanding,
    RunStanding,
    TrendStanding,
    WindowStanding,
)
from flows.durations import format_duration
from flows.expressions import Expression
from flows.rules.model import Pattern, Window
from flows.schema import Value


def so_far(pattern: Pattern, standing: PatternStanding) -> str:
    """How far a pattern is, and how far it must be."""
    match standing:
        case RunStanding(length=length, need=need, rise=rise, needed_rise=wanted):
            return f"{length} of {need}{_risen(rise, wanted) if length > 1 else ''}"
        case CountStanding(count=count, out_of=out_of, need=need):
            return f"{count} of last {out_of}, needs {need}"
        case TrendStanding(length=length, over=over, rise=rise, needed_rise=wanted):
            return f"{min(length, over)} of {over}{_risen(rise, wanted) if length > 1 else ''}"
        case WindowStanding(windows=windows) if windows and isinstance(pattern, Window):
            first = windows[0]
            value = "unknown" if first.value is None else number(first.value)
            return f"{pattern.measure} {value} so far, closes {moment(first.closes)}"
        case WindowStanding():
            return "no window open"
        case AbsenceStanding(silent=silent, after=after):
            return f"silent {format_duration(silent or 0)} of {format_duration(after)}"


def moment(at: int) -> str:
    """A time as UTC, to the second unless it has a fraction; what no calendar holds stays a number."""
    try:
        found = datetime.fromtimestamp(at / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{at} ms"
    text = found.strftime("%Y-%m-%d %H:%M:%S")
    return f"{text}.{at % 1000:03d}" if at % 1000 else text


def number(value: float) -> str:
    """A number to four digits."""
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:.0f}"


def why_broken(told: Explained, broken: Break, values: Mapping[str, Value]) -> str:
    """What ended a run, a count or a trend that was under way."""
    pattern = told.rule.patterns[broken.pattern]
    if broken.why == "gap":
        most = getattr(pattern, "max_gap", None) or 0
        gap = format_duration(broken.at - broken.last)
        return f"a gap of {gap} since {moment(broken.last)}, over max_gap {format_duration(most)}"
    of = getattr(pattern, "of", None)
    if not isinstance(of, Expression):
        return "its condition was false"
    return f"{of.text} was false ({_seen(of, {**told.attributes, **values})})"


def _risen(rise: float | None, wanted: float | None) -> str:
    if wanted is None:
        return ""
    name, sign = ("rise", 1) if wanted >= 0 else ("fall", -1)
    return f"; {name} {'unknown' if rise is None else number(sign * rise)} of {number(sign * wanted)}"


def _seen(of: Expression, values: Mapping[str, Value]) -> str:
    """The values that a condition looked at."""
    return ", ".join(f"{name} {value_of(values.get(name))}" for name in sorted(of.names))


def value_of(value: Value) -> str:
    """A value as it stands in a sentence."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, float) else str(value)
