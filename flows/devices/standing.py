"""How far a rule is with one device: what its patterns have seen so far and still want, read from a shard's state.

Nothing here changes that state. All times are event time in ms; None is not yet, or nothing wanted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, cast

import msgspec

from flows.devices.kernels import layout as k
from flows.devices.kernels import tallies
from flows.devices.rule_state import RuleState
from flows.rules.model import Absence, Count, Run, Trend, Window

State = Literal["inactive", "active", "lapsed"]
_theil_sen_rise = cast("Callable[[k.Floats, int, int, int], float]", tallies.theil_sen_rise)  # pyright: ignore
_STATES: tuple[State, ...] = ("inactive", "active", "lapsed")


class RunStanding(msgspec.Struct, frozen=True, kw_only=True, tag="run"):
    """A run of `length` readings since `began`, the newest at `last`; `rise` of the points it follows."""

    length: int = 0
    need: int
    began: int | None = None
    last: int | None = None
    rise: float | None = None
    needed_rise: float | None = None


class CountStanding(msgspec.Struct, frozen=True, kw_only=True, tag="count"):
    """`count` of the last `out_of` known readings, the newest at `last`, satisfied the condition."""

    count: int = 0
    out_of: int
    need: int
    last: int | None = None


class TrendStanding(msgspec.Struct, frozen=True, kw_only=True, tag="trend"):
    """`length` readings taken, at most `over` of them followed, the newest at `last`; `rise` of those."""

    length: int = 0
    over: int
    last: int | None = None
    rise: float | None = None
    needed_rise: float


class OpenWindow(msgspec.Struct, frozen=True, kw_only=True):
    """A window until `end`, closed when its device's clock reaches `closes`; `value` is its measure so far."""

    end: int
    closes: int
    value: float | None
    readings: int


class WindowStanding(msgspec.Struct, frozen=True, kw_only=True, tag="window"):
    """The windows that hold readings and are not closed, in order of their ends; `stands` as the last closed."""

    windows: tuple[OpenWindow, ...] = ()
    stands: bool = False


class AbsenceStanding(msgspec.Struct, frozen=True, kw_only=True, tag="absence"):
    """Silent for `silent` ms by the shard's clock since the reading of `last`; `after` is what makes an absence."""

    after: int
    last: int | None = None
    silent: int | None = None


PatternStanding = RunStanding | CountStanding | TrendStanding | WindowStanding | AbsenceStanding


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One rule and one device: a standing for each pattern, and the episode.

    `clock` is the device's own, `shard_clock` its shard's. `clearing` of `clear_need` readings in a row ask for the
    end of an active episode. `at_rest` says that the rule holds nothing of the device but open windows.
    """

    patterns: tuple[PatternStanding, ...]
    state: State = "inactive"
    severity: str | None = None
    opened_at: int | None = None
    clearing: int = 0
    clear_need: int = 0
    clock: int | None = None
    shard_clock: int = 0
    at_rest: bool = True


def standing_of(state: RuleState, slot: int, clocks: k.Clocks, shard_clock: int) -> Standing:
    """The standing of the device in a slot under one rule."""
    cell = int(state.index[slot])
    rule, own = state.rule, int(clocks.own[slot])
    clear_need = rule.clear.run if rule.clear else 0
    heard = None if own < 0 else shard_clock - int(clocks.heard[slot])
    patterns = tuple(_pattern(state, p, slot, cell, own, heard) for p in range(len(rule.patterns)))
    clock = None if own < 0 else own
    if cell < 0:
        return Standing(patterns=patterns, clear_need=clear_need, clock=clock, shard_clock=shard_clock)
    row = state.cells[cell]
    active = int(row[k.STATE]) == k.ACTIVE
    level = int(row[k.SEVERITY])
    return Standing(
        patterns=patterns,
        state=_STATES[int(row[k.STATE])],
        severity=rule.severities[level].name if active and level < len(rule.severities) else None,
        opened_at=int(row[k.OPENED]) if active else None,
        clearing=int(row[k.CLEARING]),
        clear_need=clear_need,
        clock=clock,
        shard_clock=shard_clock,
        at_rest=False,
    )


def _pattern(state: RuleState, p: int, slot: int, cell: int, own: int, heard: int | None) -> PatternStanding:
    """One pattern's standing; a device without a cell has seen nothing yet."""
    pattern = state.rule.patterns[p]
    tally = [0] * k.TALLY if cell < 0 else [int(number) for number in state.tallies[cell, p]]
    last = tally[k.LAST] or None
    match pattern:
        case Run(length=need, worsening=worsening):
            over = worsening.over if worsening else 0
            return RunStanding(
                length=tally[k.LENGTH],
                need=need,
                began=tally[k.FIRST] or None,
                last=last,
                rise=_rise(state, cell, p, over) if over else None,
                needed_rise=worsening.rise if worsening else None,
            )
        case Count(count=need, out_of=out_of):
            return CountStanding(count=tally[k.LENGTH], out_of=out_of, need=need, last=last)
        case Trend(over=over, rise=rise):
            found = _rise(state, cell, p, over)
            return TrendStanding(length=tally[k.LENGTH], over=over, last=last, rise=found, needed_rise=rise)
        case Window():
            return WindowStanding(windows=_windows(state, p, slot), stands=bool(tally[k.STANDING]))
        case Absence(after=after):
            return AbsenceStanding(after=after, last=None if own < 0 else own, silent=heard)


def _rise(state: RuleState, cell: int, p: int, over: int) -> float | None:
    """The rise of the points that a pattern follows; None with fewer than two."""
    if cell < 0:
        return None
    tally = state.tallies[cell, p]
    rise = float(_theil_sen_rise(state.points[cell, p], tally[k.POINTS], tally[k.POSITION], over))
    return None if math.isnan(rise) else rise


def _windows(state: RuleState, p: int, slot: int) -> tuple[OpenWindow, ...]:
    """The open windows of one device with what they hold so far."""
    windows = state.windows[p]
    return tuple(
        OpenWindow(
            end=int(end),
            closes=int(end) + windows.lateness,
            value=None if math.isnan(value) else float(value),
            readings=int(readings),
        )
        for end, value, readings in windows.under_way(slot).facts
    )
