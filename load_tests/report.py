"""How a benchmark is told: one table for people, and one line of JSON for what compares."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from load_tests.figures import Figure

_VERDICTS = {True: "yes", False: "no", None: ""}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All of one benchmark; `wrong` are the answers that were not right, each with its leg."""

    bus: str
    readings: int
    devices: int
    partitions: int
    processes: int
    rounds: int
    void_rounds: int
    figures: list[Figure]
    wrong: list[str]

    @property
    def right(self) -> bool:
        """Whether every leg's answer was right."""
        return not self.wrong


def print_table(report: Report, console: Console) -> None:
    """One table of all figures, then what was wrong."""
    title = (
        f"{report.readings:,} readings of {report.devices:,} devices, {report.partitions} partitions, "
        f"{report.processes} processes, {report.bus}; {report.rounds} rounds, {report.void_rounds} void"
    )
    table = Table(title=title, title_justify="left")
    table.add_column("figure")
    for name in ("median", "worst", "bar", "aim"):
        table.add_column(name, justify="right")
    for name in ("unit", "bar met", "aim met"):
        table.add_column(name)
    for one in report.figures:
        table.add_row(
            one.name,
            _number(one.median),
            _number(one.worst),
            _number(one.bar),
            _number(one.aim),
            one.unit,
            _VERDICTS[one.reaches(one.bar)],
            _VERDICTS[one.reaches(one.aim)],
        )
    console.print(table)
    console.print(
        "Every leg's answer was right." if report.right else "Answers that were not right, and do not count:"
    )
    for words in report.wrong:
        console.print(f"  {words}", markup=False, highlight=False)


def json_line(report: Report) -> str:
    """The same as one line."""
    plain: dict[str, Any] = msgspec.to_builtins(report)
    plain["figures"] = {
        one.name: {
            "median": _rounded(one.median),
            "worst": _rounded(one.worst),
            "unit": one.unit,
            "bar": one.bar,
            "aim": one.aim,
            "bar_met": one.reaches(one.bar),
            "aim_met": one.reaches(one.aim),
        }
        for one in report.figures
    }
    plain["right"] = report.right
    return msgspec.json.encode(plain).decode()


def _rounded(value: float) -> float:
    """Four digits are more than a noisy machine gives."""
    return float(f"{value:.4g}")


def _number(value: float | None) -> str:
    """A figure for people."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
