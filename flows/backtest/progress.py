"""What one reading changed in a rule's patterns: what it broke, and which windows it closed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from flows.devices.standing import (
    CountStanding,
    OpenWindow,
    PatternStanding,
    RunStanding,
    Standing,
    TrendStanding,
    WindowStanding,
)
from flows.expression_values import truth
from flows.rules.model import Count, Rule, Run, Trend, Window
from flows.schema import Value


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """A pattern lost the `was` readings it had: the `condition` was false, or the `gap` since `last` too long."""

    pattern: int
    at: int
    was: int
    why: Literal["condition", "gap"]
    last: int


class ClosedWindow(msgspec.Struct, frozen=True, kw_only=True):
    """A window of a pattern closed with a `value` over its `readings`, and whether that `held`, None unknown."""

    pattern: int
    end: int
    value: float | None
    readings: int
    held: bool | None


def tallied(standing: PatternStanding) -> tuple[int, int | None]:
    """(how many readings a run, count or trend has, the time of the newest)."""
    match standing:
        case RunStanding(length=length, last=last) | TrendStanding(length=length, last=last):
            return length, last
        case CountStanding(count=count, last=last):
            return count, last
        case _:
            return 0, None


def breaks_of(
    rule: Rule, before: Standing, after: Standing, holds: tuple[bool | None, ...], at: int
) -> tuple[Break, ...]:
    """What a taken reading broke; a pattern that began anew because an episode ended is not broken."""
    if before.state == "active" and after.state != "active":
        return ()
    found: list[Break] = []
    for p, (pattern, held) in enumerate(zip(rule.patterns, holds, strict=True)):
        was, last = tallied(before.patterns[p])
        if not was or last is None or held is None or not isinstance(pattern, Run | Count | Trend):
            continue
        gap = pattern.max_gap is not None and at - last > pattern.max_gap
        if gap and (held or not isinstance(pattern, Trend)):
            found.append(Break(pattern=p, at=at, was=was, why="gap", last=last))
        elif not held and isinstance(pattern, Run):
            found.append(Break(pattern=p, at=at, was=was, why="condition", last=last))
    return tuple(found)


def closed_between(
    rule: Rule, before: Standing, after: Standing, device: Mapping[str, Value]
) -> tuple[ClosedWindow, ...]:
    """The windows that were open and are not any more; they closed before the reading came in."""
    found: list[ClosedWindow] = []
    for p, pattern in enumerate(rule.patterns):
        was, now = before.patterns[p], after.patterns[p]
        if (
            isinstance(pattern, Window)
            and isinstance(was, WindowStanding)
            and isinstance(now, WindowStanding)
        ):
            still = {window.end for window in now.windows}
            found += [_closed(p, pattern, w, device) for w in was.windows if w.end not in still]
    return tuple(sorted(found, key=lambda window: window.end))


def _closed(p: int, pattern: Window, window: OpenWindow, device: Mapping[str, Value]) -> ClosedWindow:
    held = truth(pattern.of.evaluate({**device, "value": window.value}))
    return ClosedWindow(pattern=p, end=window.end, value=window.value, readings=window.readings, held=held)
