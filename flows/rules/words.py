"""A rule in plain words: what it watches, when it is raised and over, what it does, and how often."""

from __future__ import annotations

from collections.abc import Sequence

from flows.rules.action_kinds import TRANSITIONS
from flows.rules.case import exact
from flows.rules.doings import doings
from flows.rules.model import (
    Absence,
    Count,
    Limit,
    LookUpEntry,
    Pattern,
    Rule,
    Run,
    SequenceStep,
    Severity,
    Trend,
    Window,
)
from flows.rules.phrases import phrase, plain, unless
from flows.streams import Stream

_THEIL_SEN = "by the Theil–Sen slope over their time"
_MEASURES = {
    "sum": "the sum of", "mean": "the mean of", "min": "the least", "max": "the greatest", "last": "the last",
    "slope": "the slope per hour of",
}  # fmt: skip
_LIST = "  - "


def words(rule: Rule, stream: Stream | None = None) -> list[str]:
    """Paragraphs, and the items of lists, each a line to be wrapped; units come from the stream if it is given."""
    head = [rule.about] if rule.about else []
    # What a sequence waits for is listed below its last sentence.
    head += [*_mode(rule), _watches(rule)] if rule.sequence else [_watches(rule), *_mode(rule)]
    found = [" ".join(head)]
    found += [f"{_LIST}{_step(step, i)}" for i, step in enumerate(rule.sequence)]
    found += _raised(rule, stream)
    found += _episode(rule)
    found += _deciding(rule)
    found += _does(rule)
    found.append(f"Limits: {'; '.join(_limit(limit) for limit in rule.limits) or 'none'}.")
    if rule.explain:
        found.append(f'Explains itself as "{rule.explain}"')
    return [*found, f"Tests: {len(rule.tests) or 'none'}."]


def _watches(rule: Rule) -> str:
    """What it is asked at."""
    if rule.stream:
        return f"Watches the stream {rule.stream}."
    return (
        f"Is asked at each event {rule.event}." if rule.event else "Is asked when these have come in order:"
    )


def _step(step: SequenceStep, place: int) -> str:
    """One step of a sequence."""
    where = "" if step.where is None else f" with {phrase(step.where)}"
    called = f", called {step.called}" if step.called else ""
    anew = "; another begins anew" if step.restart else ""
    within = "" if step.within is None else f" within {exact(step.within)}"
    if step.absent:
        return f"then no {step.event}{where}{within}."
    return f"{'then ' if place else ''}{step.event}{where}{called}{within}{anew}."


def _mode(rule: Rule) -> list[str]:
    """What it does not do, where it does not do all."""
    told = {
        "dry_run": "It is a dry run: it decides, and does nothing.",
        "disabled": "It is disabled: it looks at nothing.",
    }
    said = [told[rule.mode]] if rule.mode in told else []
    if rule.share < 1:
        said.append(f"It is for {plain(100 * rule.share)} % of the customers.")
    if rule.hold_out > 0:
        said.append(f"Of these {plain(100 * rule.hold_out)} % are decided, and nothing is done.")
    if rule.sensitive:
        said.append("It is sensitive: what it says is masked.")
    return said


def _raised(rule: Rule, stream: Stream | None) -> list[str]:
    """When an episode begins."""
    if not rule.patterns:
        return []
    if len(rule.patterns) == 1:
        return [f"Raised when {_pattern(rule.patterns[0], stream)}"]
    return ["Raised by the first of these that holds:", *(_LIST + _pattern(p, stream) for p in rule.patterns)]


def _pattern(pattern: Pattern, stream: Stream | None) -> str:
    """One pattern, as what must be so; ends in a full stop."""
    match pattern:
        case Run():
            rows = "one reading" if pattern.length == 1 else f"{pattern.length} readings in a row"
            worse = ""
            if pattern.worsening is not None:
                change = _change(pattern.worsening.field, pattern.worsening.rise, stream)
                worse = f", and {change} over the last {pattern.worsening.over} of them, {_THEIL_SEN}"
            said = f"{rows} of one device {'has' if pattern.length == 1 else 'have'} {phrase(pattern.of)}{worse}."
            return said + _gap(pattern.max_gap, "breaks the run")
        case Count():
            said = f"at least {pattern.count} of the last {pattern.out_of} readings of one device have "
            return f"{said}{phrase(pattern.of)}." + _gap(pattern.max_gap, "forgets them")
        case Trend():
            change = _change(pattern.field, pattern.rise, stream)
            only = "" if pattern.of is None else f" that have {phrase(pattern.of)}; others are passed over"
            said = f"{change} over the last {pattern.over} readings of one device, {_THEIL_SEN}"
            return f"{said}.{_only(only)}" + _gap(pattern.max_gap, "forgets them")
        case Window():
            return _window(pattern)
        case Absence():
            return f"nothing is heard for {exact(pattern.after)} of a device that was heard before."


def _only(only: str) -> str:
    return f" Only readings count{only}." if only else ""


def _window(window: Window) -> str:
    measured = (
        f"the number of readings{f' with {window.field}' if window.field else ''}"
        if window.measure == "count"
        else f"{_MEASURES[window.measure]} {window.field}"
    )
    every = "" if window.every == window.length else f", begun every {exact(window.every)},"
    return (
        f"a window of {exact(window.length)}{every} closes with {phrase(window.of)}; the value is {measured}."
    )


def _change(field: str, rise: float, stream: Stream | None) -> str:
    """`coolant_c rises by at least 5 °C`."""
    declared = None if stream is None else stream.field(field)
    unit = f" {declared.unit}" if declared is not None and declared.unit else ""
    return f"{field} {'rises' if rise > 0 else 'falls'} by at least {plain(abs(rise))}{unit}"


def _gap(gap: int | None, what: str) -> str:
    return "" if gap is None else f" A silence of more than {exact(gap)} {what}."


def _episode(rule: Rule) -> list[str]:
    """Severities and ends."""
    if not rule.patterns:
        return []
    said = [_severities(rule.severities)] if rule.severities else []
    if rule.clear is not None:
        rows = "a reading has" if rule.clear.run == 1 else f"{rule.clear.run} readings in a row have"
        said.append(f"Cleared when {rows} {phrase(rule.clear.of)}.")
    elif any(isinstance(pattern, Absence) for pattern in rule.patterns):
        said.append("Cleared by the next reading.")
    else:
        said.append("Cleared when that holds no longer.")
    if rule.ends_silent is not None:
        said.append(f"Lapses after {exact(rule.ends_silent)} of silence.")
    return [" ".join(said)]


def _severities(severities: Sequence[Severity]) -> str:
    lowest, *higher = severities
    said = [f"It is {lowest.name}"]
    for each in higher:
        when = "" if each.when is None else f" when {phrase(each.when)}"
        back = ", never back" if each.clear is None else f", back when {phrase(each.clear)}"
        said.append(f"{each.name}{when}{back}")
    return "; ".join(said) + "."


def _deciding(rule: Rule) -> list[str]:
    """Who decides, and what is asked first."""
    asked = ""
    if rule.guard is not None:
        condition = unless(rule.guard)
        asked = f", and acts {'' if condition.startswith('unless') else 'only '}{condition}"
    found = [f"Asks {_look_up(entry)}." for entry in rule.look_ups]
    found.append(f"The {rule.customer}{' of the device' if rule.stream else ''} decides{asked}.")
    if rule.priority:
        found.append(f"Where messages compete for a budget it has priority {rule.priority}.")
    return found


def _look_up(entry: LookUpEntry) -> str:
    """One question to another system."""
    return f"{entry.source} about {phrase(entry.key)}, for {exact(entry.within)}; the answer is {entry.name}"


def _does(rule: Rule) -> list[str]:
    """What is done at each transition."""
    lines: list[str] = []
    for transition in TRANSITIONS:
        for line in doings(rule.do.get(transition, ()), "  "):
            top = line.startswith(_LIST)
            lines.append(line.replace(_LIST, f"{_LIST}On {transition}: ", 1) if rule.stream and top else line)
    return ["Does:", *lines] if lines else ["Does nothing but say so."]


def _limit(limit: Limit) -> str:
    return f"at most {limit.at_most} per {limit.per} in any {exact(limit.every)}"
