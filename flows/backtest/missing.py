"""What was still missing when a rule was not raised: how far it was, what broke it, what was never known."""

from __future__ import annotations

from flows.backtest.explained import Explained, Step
from flows.backtest.wording import moment, number, why_broken
from flows.rules.model import Absence, Count, Pattern, Run, Trend, Window


def wanting(told: Explained, missing: tuple[str, ...], after: int | None) -> str:
    """How far it was, what broke it last and what was never known; `after` is the end of an episode."""
    several = len(missing) > 1
    parts = [f"pattern {i + 1} {text}" if several else text for i, text in enumerate(missing)]
    sentences = ["; ".join(parts) + "."]
    steps = [step for step in told.steps if after is None or step.at > after]
    for place, pattern in enumerate(told.rule.patterns):
        sentences += _history(told, pattern, place, steps, several)
    late = sum(step.status in ("late", "duplicate") for step in steps)
    if late:
        sentences.append(f"{_readings(late)} came late or twice and did not count.")
    refused = sum(step.status in ("refused", "future") for step in steps)
    if refused:
        sentences.append(f"{_readings(refused)} could not be used.")
    return " ".join(sentences)


def _history(told: Explained, pattern: Pattern, place: int, steps: list[Step], several: bool) -> list[str]:
    """What a pattern came to before, and what it was not told."""
    if isinstance(pattern, Absence):
        return [_last_heard(told)]
    if isinstance(pattern, Window):
        return [_windows(pattern, place, steps)]
    name = (
        "The run" if isinstance(pattern, Run) else "The count" if isinstance(pattern, Count) else "The trend"
    )
    name = f"Pattern {place + 1}" if several else name
    found: list[str] = []
    broken = [(b, step) for step in steps for b in step.breaks if b.pattern == place]
    if broken:
        best, step = max(broken, key=lambda one: (one[0].was, one[0].at))
        why = why_broken(told, best, step.values)
        often = f", the longest of {len(broken)}," if len(broken) > 1 else ""
        found.append(f"{name} of {_readings(best.was)}{often} was broken at {moment(best.at)}: {why}.")
    known = [step for step in steps if step.status == "taken" and step.holds]
    true = sum(step.holds[place] is True for step in known)
    unknown = [step for step in known if step.holds[place] is None]
    of = pattern.of
    if known and not true and len(unknown) < len(known):
        what = of.text if of is not None else pattern.field if isinstance(pattern, Trend) else ""
        found.append(f"In none of {_readings(len(known))} was {what} true.")
    if unknown:
        every = f"all {len(known)}" if len(unknown) == len(known) else f"{len(unknown)} of {len(known)}"
        lacking = _lacking(told, pattern, unknown)
        found.append(f"In {every} readings the condition was unknown{lacking}.")
    return found


def _lacking(told: Explained, pattern: Run | Count | Trend, steps: list[Step]) -> str:
    """Which values were missing."""
    names = set(pattern.of.names) if pattern.of is not None else set[str]()
    if isinstance(pattern, Trend):
        names.add(pattern.field)
    missing = [n for n in sorted(names) if any({**told.attributes, **s.values}.get(n) is None for s in steps)]
    if not missing:
        return ""
    things = [name for name in missing if name.startswith("device.")]
    if things:
        return f", because nothing says {things[0]} of {told.device}"
    return f", because there was no {' and no '.join(missing)}"


def _windows(pattern: Window, place: int, steps: list[Step]) -> str:
    """The windows that closed and did not hold."""
    closed = [w for step in steps for w in step.closed if w.pattern == place and w.value is not None]
    if not closed:
        return "No window has closed."
    values = [w.value for w in closed if w.value is not None]
    low, high = number(min(values)), number(max(values))
    spread = low if low == high else f"{low} to {high}"
    windows = "window closed" if len(closed) == 1 else "windows closed"
    return f"{len(closed)} {windows} with {pattern.measure} {spread}, and {pattern.of.text} was false."


def _last_heard(told: Explained) -> str:
    standing = told.standing
    if standing is None or standing.clock is None:
        return "It was never heard."
    return f"It was last heard with a reading of {moment(standing.clock)}."


def _readings(n: int) -> str:
    return "1 reading" if n == 1 else f"{n} readings"
