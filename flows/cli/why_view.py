"""Shows what is told of a device: a line a reading, long stretches without news folded, and the verdict."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec

from flows.backtest.explained import Explained, Step
from flows.backtest.verdict import Verdict
from flows.backtest.wording import moment, number, so_far, why_broken
from flows.cli.show import harmless, paragraph, title, value_of
from flows.devices.standing import WindowStanding
from flows.durations import format_duration
from flows.rules.model import Absence, Rule, Window
from flows.schema import encode

_USUAL = 20
_LEAST = 40
_ANSWERS = {True: "yes", False: "no", None: "?"}


class _Line(msgspec.Struct, frozen=True):
    """A step as cells, with remarks behind them; `strong` for transitions."""

    cells: tuple[str, ...]
    remarks: str
    strong: bool


def print_json(told: Explained, verdict: Verdict, last: int | None) -> None:
    """One object a reading, and a last one with the verdict."""
    for step in told.steps[-last:] if last is not None else told.steps:
        print(encode(step).decode())
    print(encode(verdict).decode())


def print_steps(told: Explained, last: int | None, every: bool) -> None:
    """A line for each reading that had news, the last so many of them, and a line for all others in a row."""
    lines = _Lines(told)
    shown = set(range(len(told.steps))) if every else _chosen(told.steps, last or _USUAL)
    rows: list[_Line | str] = []
    if told.passed:
        rows.append(f"… {_counted(told.passed)} before …")
    for kept, group in groupby(enumerate(told.steps), key=lambda one: one[0] in shown):
        steps = [step for _, step in group]
        if kept:
            rows += [lines.line(step) for step in steps]
        else:
            rows.append(_folded(told.rule, steps))
    _print_aligned(lines.header(), rows)


def print_verdict(verdict: Verdict) -> None:
    """The last paragraph."""
    print()
    paragraph(harmless(verdict.text))


def _chosen(steps: Sequence[Step], last: int) -> set[int]:
    """Which steps are shown: the last with news, all transitions, and the very last."""
    news = [i for i, step in enumerate(steps) if _is_news(step)]
    told = [i for i, step in enumerate(steps) if step.transitions]
    return {*news[-last:], *told[-last:], *range(max(0, len(steps) - 1), len(steps))}


def _is_news(step: Step) -> bool:
    """Whether a step moved anything."""
    if step.transitions or step.breaks or step.closed or step.status != "taken" or step.refused:
        return True
    if step.standing.state == "active":
        return step.standing.clearing > 0
    return True in step.holds


def _folded(rule: Rule, steps: Sequence[Step]) -> str:
    """Steps left out, in a line."""
    readings = [step for step in steps if step.status != "clock"]
    if all(step.standing.state == "active" for step in steps):
        return f"… {_counted(len(readings))}, still active …"
    if any(_is_news(step) for step in steps) or not _asks(rule):
        return f"… {_counted(len(readings))} …"
    unknown = sum(set(step.holds) == {None} for step in readings)
    if unknown == len(readings):
        return f"… {_counted(len(readings))}, condition unknown …"
    also = f", {unknown} unknown" if unknown else ""
    return f"… {_counted(len(readings))}, condition never true{also} …"


def _asks(rule: Rule) -> bool:
    """Whether some pattern has a condition for single readings."""
    return not all(isinstance(pattern, Window | Absence) for pattern in rule.patterns)


class _Lines:
    """Steps as lines; days are left out where there is only one."""

    def __init__(self, told: Explained) -> None:
        self._told, self._rule = told, told.rule
        days = {moment(step.at)[:10] for step in told.steps}
        self._day = next(iter(days)) if len(days) == 1 else ""
        self._fields = sorted({name for step in told.steps for name in step.values})
        self._asks = _asks(told.rule)

    def header(self) -> tuple[str, ...]:
        """The names of the columns."""
        time = f"{self._day} UTC" if self._day else "time (UTC)"
        return (time, *self._fields, *(("holds",) if self._asks else ()), "so far")

    def line(self, step: Step) -> _Line:
        """One step."""
        values = [_shown(step, name) for name in self._fields]
        holds = (" ".join(_ANSWERS[held] for held in step.holds),) if self._asks else ()
        remarks = harmless("; ".join(self._remarks(step)))
        strong = bool(step.transitions)
        return _Line((self._time(step.at), *values, *holds, self._so_far(step)), remarks, strong)

    def _time(self, at: int) -> str:
        text = moment(at)
        return text[11:] if self._day and text.startswith(self._day) else text

    def _so_far(self, step: Step) -> str:
        """How far the patterns are, or the episode."""
        standing = step.standing
        if standing.state == "active":
            severity = f" {standing.severity}" if standing.severity else ""
            clearing = f", clear {standing.clearing} of {standing.clear_need}" if standing.clearing else ""
            return f"active{severity}{clearing}"
        if standing.state == "lapsed":
            return "lapsed"
        found: list[str] = []
        for pattern, one in zip(self._rule.patterns, standing.patterns, strict=True):
            if isinstance(one, WindowStanding) and one.windows and isinstance(pattern, Window):
                value = one.windows[0].value
                until = self._time(one.windows[0].closes)
                found.append(f"{pattern.measure} {_number(value)}, closes {until}")
            elif isinstance(pattern, Absence):
                found.append("heard" if step.status != "clock" else "")
            else:
                found.append(so_far(pattern, one))
        return " | ".join(found)

    def _remarks(self, step: Step) -> Iterator[str]:
        for window in step.closed:
            pattern = self._rule.patterns[window.pattern]
            if isinstance(pattern, Window):
                held = {True: pattern.of.text, False: f"not {pattern.of.text}", None: "unknown"}[window.held]
                yield f"window to {self._time(window.end)} closed: {pattern.measure} {_number(window.value)}, {held}"
        for changed in step.transitions:
            severity = f" {changed.severity}" if changed.severity and changed.transition != "cleared" else ""
            at = f" at {self._time(changed.at)}" if changed.at != step.at else ""
            yield f"{changed.transition.upper()}{severity}{at}"
        for broken in step.breaks:
            yield f"broken: {why_broken(self._told, broken, step.values)}"
        match step.status:
            case "late":
                clock = step.standing.clock
                yield "late" if clock is None else f"late, {self._time(clock)} was heard before"
            case "duplicate":
                yield "duplicate"
            case "future":
                ahead = format_duration(step.at - (step.appended or step.at))
                yield f"from the future: {ahead} ahead of when it came"
            case "refused":
                yield "refused"
            case _:
                pass
        yield from step.refused


def _shown(step: Step, name: str) -> str:
    value = step.values.get(name)
    return "" if value is None else harmless(value_of(value))


def _number(value: float | None) -> str:
    return "unknown" if value is None else number(value)


def _counted(n: int) -> str:
    return "1 reading" if n == 1 else f"{n:,} readings"


def _print_aligned(header: tuple[str, ...], rows: Sequence[_Line | str]) -> None:
    """Columns under their names; remarks that do not fit go on below, and a transition stands out."""
    width = max(_LEAST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None
    every = [header, *(row.cells for row in rows if isinstance(row, _Line))]
    sizes = [max(len(cells[i]) for cells in every) for i in range(len(header))]
    title(_aligned(header, sizes))
    for row in rows:
        if isinstance(row, str):
            print(f"  {row}")
            continue
        line = _aligned(row.cells, sizes)
        whole = f"{line.ljust(sum(sizes) + 2 * (len(sizes) - 1))}  {row.remarks}" if row.remarks else line
        show = title if row.strong else print
        if width is None or len(whole) <= width:
            show(whole)
            continue
        show(line[:width])
        paragraph(f"    {row.remarks}")


def _aligned(cells: Sequence[str], sizes: Sequence[int]) -> str:
    """Fields between the time and the last column to the right, as numbers stand."""
    last = len(cells) - 1
    return "  ".join(
        cell.ljust(size) if i in (0, last) else cell.rjust(size)
        for i, (cell, size) in enumerate(zip(cells, sizes, strict=True))
    ).rstrip()
