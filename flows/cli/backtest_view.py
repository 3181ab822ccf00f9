"""How a backtest is told: alarms as rows of text, then the summary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from flows.cli.show import harmless, pairs, table, time_of, value_of
from flows.durations import format_duration
from flows.rules.model import Rule
from flows.schema import Alarm

if TYPE_CHECKING:
    from flows.backtest.archive import Backtest
    from flows.backtest.dead import Dead
    from flows.backtest.difference import Differing, RuleDifference

_MOST_FIELDS = 4
_HEADERS = ("time", "device", "rule", "transition", "severity", "because")


class AlarmTable:
    """Alarms as rows of text: all at once as a table, or line by line, aligned as far as is known by then."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._reads = {rule.name: rule.reads for rule in rules}
        severities = [len(s.name) for rule in rules for s in rule.severities]
        names = max(map(len, self._reads), default=0)
        self._sizes = [len("2024-01-01 00:00:00"), 0, names, len("deescalated"), max(severities, default=0)]

    def cells(self, alarm: Alarm) -> list[str]:
        """The cells of one alarm."""
        return [
            time_of(alarm.at),
            harmless(alarm.device),
            alarm.rule,
            alarm.transition,
            alarm.severity or "",
            harmless(self._because(alarm)),
        ]

    def line(self, alarm: Alarm) -> str:
        """One alarm as one line."""
        cells = self.cells(alarm)
        for i, size in enumerate(self._sizes):
            self._sizes[i] = max(size, len(cells[i]))
            cells[i] = cells[i].ljust(self._sizes[i])
        return "  ".join(cell for cell, size in zip(cells, [*self._sizes, 1], strict=True) if size).rstrip()

    def _because(self, alarm: Alarm) -> str:
        """What it rests on, in a few words."""
        if alarm.explanation:
            return alarm.explanation
        evidence = alarm.evidence
        said = [
            f"{name.removesuffix('_ms')} {format_duration(float(value))}"
            if name == "duration_ms" and isinstance(value, int | float)
            else f"{name} {value_of(value)}"
            for name, value in evidence.values.items()
        ]
        read = [name for name in self._reads.get(alarm.rule, ()) if evidence.reading.get(name) is not None]
        said += [f"{name} {value_of(evidence.reading[name])}" for name in read[:_MOST_FIELDS]]
        return ", ".join([alarm.reason, *said] if alarm.reason else said)


def print_alarms(rows: AlarmTable, alarms: Sequence[Alarm]) -> None:
    """Some alarms as a table."""
    table(_HEADERS, [rows.cells(alarm) for alarm in alarms])


def print_differing(rows: AlarmTable, differing: Sequence[Differing]) -> None:
    """Alarms that differ as a table: + for those of the rules as they are now, - for those before."""
    cells = [
        ["+" if one.side == "now" else "-", *rows.cells(one.alarm)[:-1], _difference(one)]
        for one in differing
    ]
    table(("", *_HEADERS[:-1], "difference"), cells)


def print_difference(found: Sequence[RuleDifference]) -> None:
    """In what the rules differ, counted in alarms."""
    headers = ("rule", "only now", "only before", "other severity", "shifted", "same")
    cells = [
        [one.rule, *map(str, (one.only_now, one.only_before, one.severity, one.shifted, one.same))]
        for one in found
    ]
    table(headers, cells)


def print_rules(side: Backtest) -> None:
    """How often each rule raised."""
    cells = [
        [
            one.rule,
            str(one.raised),
            "" if one.per_day is None else f"{one.per_day:.1f}",
            str(one.devices),
            str(one.most) if one.most else "",
            harmless(one.most_of or ""),
        ]
        for one in side.tally.by_rule(side.span)
    ]
    table(("rule", "raised", "per day", "devices", "most for one", "which is"), cells)


def print_readings(side: Backtest) -> None:
    """What became of the readings, and what is dead of them."""
    tally = side.tally
    became = [("taken", tally.taken), ("late", tally.late), ("duplicate", tally.duplicate)]
    counts = ", ".join(f"{count} {word}" for word, count in [*became, ("dead", tally.refused)])
    if tally.after:
        counts += f", {tally.after} after --to left out"
    times = ""
    if tally.first is not None and tally.last is not None:
        length = format_duration(tally.last - tally.first)
        times = f"{time_of(tally.first)} to {time_of(tally.last)} UTC ({length})"
    pairs(
        [
            ("readings", f"{tally.readings}: {counts}"),
            ("devices", str(side.devices)),
            ("event time", times),
            *((f"dead {dead.reason}", dead_line(dead)) for dead in tally.dead),
        ]
    )


def dead_line(dead: Dead) -> str:
    """The dead letters of one reason: how many, which lines, and what the first of them says."""
    lines = ", ".join(map(str, dead.lines)) + (", …" if dead.count > len(dead.lines) else "")
    word = "line" if dead.count == 1 else "lines"
    return harmless(f"{dead.count} in {dead.archive}, {word} {lines}: {dead.message}")


def _difference(one: Differing) -> str:
    """In what an alarm differs from its pair, in a few words."""
    if one.other is None:
        return f"only {one.side}"
    if one.how == "severity":
        return f"{'was' if one.side == 'now' else 'is'} {one.other.severity or 'without severity'}"
    shift = one.alarm.at - one.other.at
    if not shift and one.alarm.opened_at != one.other.opened_at:
        return f"opened {time_of(one.alarm.opened_at)}"
    if not shift:
        return f"number {one.alarm.number} of its episode"
    if one.side == "before":
        return f"now at {time_of(one.other.at)}"
    return f"{format_duration(abs(shift))} {'later' if shift > 0 else 'earlier'}"
