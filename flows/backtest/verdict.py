"""Says in plain words what became of a rule for one device: raised at, because; or what was still missing."""

from __future__ import annotations

from typing import Literal

import msgspec

from flows.backtest.explained import Changed, Explained, Step
from flows.backtest.missing import wanting
from flows.backtest.wording import moment, number, so_far, value_of
from flows.devices.standing import (
    AbsenceStanding,
    CountStanding,
    PatternStanding,
    RunStanding,
    TrendStanding,
    WindowStanding,
)
from flows.durations import format_duration
from flows.rules.model import Absence, Count, Pattern, Run, Trend, Window

Outcome = Literal["active", "ended", "not_raised", "not_heard"]
_ENDS = ("cleared", "lapsed")


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The last word: an episode under way, one that ended, none, or a device of which nothing was read.

    `missing` is how far each pattern was, as `9 of 10; rise 3.1 of 5`; `episode` the last one, if any.
    """

    outcome: Outcome
    until: int | None
    text: str
    missing: tuple[str, ...] = ()
    episode: str | None = None


def verdict_of(told: Explained) -> Verdict:
    """The verdict on what was explained."""
    standing = told.standing
    if standing is None or told.until is None:
        text = f"Nothing of {told.device} was read."
        return Verdict(outcome="not_heard", until=told.until, text=text)
    missing = tuple(so_far(p, s) for p, s in zip(told.rule.patterns, _now(told), strict=True))
    said = list(told.transitions)
    raised = next((i for i in reversed(range(len(said))) if said[i].transition == "raised"), None)
    if raised is None:
        text = f"Not raised by {moment(told.until)}: {wanting(told, missing, None)}"
        return Verdict(outcome="not_raised", until=told.until, text=text, missing=missing)
    episode = said[raised:]
    end = next((c for c in episode if c.transition in _ENDS), None)
    text = " ".join([_raise(told, episode[0]), *(_later(told, changed) for changed in episode[1:])])
    if end is None:
        text += _under_way(told)
    else:
        text += f" By {moment(told.until)} not raised again: {wanting(told, missing, end.at)}"
    return Verdict(
        outcome="active" if end is None else "ended",
        until=told.until,
        text=text,
        missing=missing,
        episode=episode[0].episode,
    )


def _now(told: Explained) -> tuple[PatternStanding, ...]:
    """The patterns at the end: a silence has gone on since the last step."""
    standing = told.standing
    if standing is None:
        return ()
    return tuple(
        msgspec.structs.replace(s, silent=s.silent + max(0, told.clock - standing.shard_clock))
        if isinstance(s, AbsenceStanding) and s.silent is not None
        else s
        for s in standing.patterns
    )


def _raise(told: Explained, changed: Changed) -> str:
    """That it was raised, and because of what."""
    severity = f" {changed.severity}" if changed.severity else ""
    head = f"Raised{severity} at {moment(changed.at)}"
    step = next((step for step in told.steps if changed in step.transitions), None)
    if step is None:
        return f"{head}, before the readings above." + (
            f" {changed.explanation}" if changed.explanation else ""
        )
    reasons = (_reason(p, step, i) for i, p in enumerate(told.rule.patterns))
    because = next((reason for reason in reasons if reason), None)
    known = ", ".join(f"{name} {value_of(value)}" for name, value in sorted(told.attributes.items()))
    return f"{head}, because {because}{f' ({known})' if known else ''}." if because else f"{head}."


def _reason(pattern: Pattern, step: Step, place: int) -> str | None:  # noqa: PLR0911 - one return a pattern
    """Why a pattern held at a step; None when it did not."""
    standing = step.standing.patterns[place]
    match pattern, standing:
        case Run(of=of, worsening=worsening), RunStanding(length=length, need=need, rise=rise):
            enough = length >= need and step.holds[place : place + 1] == (True,)
            if not enough or (worsening and (rise is None or not _reaches(rise, worsening.rise))):
                return None
            also = f", and {_rose(worsening.field, rise or 0.0, worsening.rise)}" if worsening else ""
            return f"{of.text} in {length} readings in a row (it needs {need}){also}"
        case Count(of=of), CountStanding(count=count, out_of=out_of, need=need):
            text = f"{of.text} in {count} of the last {out_of} readings (it needs {need})"
            return text if count >= need else None
        case Trend(field=field, over=over, rise=wanted, of=of), TrendStanding(length=length, rise=rise):
            if length < over or rise is None or not _reaches(rise, wanted):
                return None
            only = f" with {of.text}" if of is not None else ""
            return f"{_rose(field, rise, wanted)} over its last {over} readings{only}"
        case Window(measure=measure, field=field, of=of), WindowStanding():
            window = next((w for w in step.closed if w.pattern == place and w.held), None)
            if window is None:
                return None
            value = "unknown" if window.value is None else number(window.value)
            what = f"{measure} of {field}" if field else "count"
            return f"the window up to {moment(window.end)} closed with a {what} of {value}: {of.text}"
        case Absence(after=after), AbsenceStanding(last=last):
            since = "" if last is None else f" since {moment(last)}"
            return f"nothing was heard of it{since} for {format_duration(after)}"
        case _:
            return None


def _reaches(rise: float, wanted: float) -> bool:
    """As the kernel asks it, to one part in 10⁹."""
    return rise >= wanted * (1 - 1e-9) if wanted >= 0 else rise <= wanted * (1 - 1e-9)


def _rose(field: str, rise: float, wanted: float) -> str:
    if wanted < 0:
        return f"{field} fell by {number(-rise)} (it needs {number(-wanted)})"
    return f"{field} rose by {number(rise)} (it needs {number(wanted)})"


def _later(told: Explained, changed: Changed) -> str:
    """What became of the episode."""
    to = f" to {changed.severity}" if changed.transition in ("escalated", "deescalated") else ""
    why = ""
    if changed.transition == "lapsed" and told.rule.ends_silent is not None:
        why = f", silent for {format_duration(told.rule.ends_silent)}"
    return f"{changed.transition.capitalize()}{to} at {moment(changed.at)}{why}."


def _under_way(told: Explained) -> str:
    """What an active episode waits for."""
    standing, clear = told.standing, told.rule.clear
    if standing is None or told.until is None:
        return ""
    severity = f" ({standing.severity})" if standing.severity else ""
    text = f" Under way{severity} at {moment(told.until)}"
    if clear is None:
        return f"{text}."
    return (
        f"{text}: {clear.of.text} in {standing.clearing} of the {clear.run} readings in a row that clear it."
    )
