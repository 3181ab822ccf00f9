"""What `telltale backtest` was asked for, checked, and how it is to be told."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from flows.durations import parse_duration
from flows.errors import ArchiveUnreadable, ArgumentWrong

_MOST_ON_A_TERMINAL = 50


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """How it is to be told, of which time (`start`, `end`), and how far a pair may be apart (`within`); all ms."""

    json: bool
    everything: bool
    start: int | None
    end: int | None
    within: int

    @property
    def most(self) -> int | None:
        """How many alarms are shown; None for all."""
        return None if self.json or self.everything or not sys.stdout.isatty() else _MOST_ON_A_TERMINAL


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for on the command line."""

    readings: tuple[Path, ...]
    events: tuple[Path, ...]
    rows: tuple[str, ...]
    audits: tuple[Path, ...]
    outcomes: tuple[Path, ...]
    answers: Path | None
    things: Path | None
    stream: str | None
    named: list[str]
    against: Path | None
    wanted: Wanted

    def check(self) -> None:
        """Raises ArgumentWrong for what makes no sense together."""
        start, end = self.wanted.start, self.wanted.end
        if start is not None and end is not None and start >= end:
            raise ArgumentWrong("--to is not after --from, so nothing lies between", "Give a later --to.")
        if self.events or self.rows:
            return
        if not self.readings:
            raise ArgumentWrong(
                "No archive is given", "Name files of readings, or give --events or --source-records."
            )
        beside = (("--answers", self.answers), ("--audit", self.audits), ("--outcomes", self.outcomes))
        for option, given in beside:
            if given:
                raise ArgumentWrong(
                    f"{option} is for what rules decide", "Give --events or --source-records as well."
                )


def within_given(text: str) -> int:
    """How far apart a pair may be, ms; raises ArgumentWrong."""
    apart = parse_duration(text)
    if apart is None:
        raise ArgumentWrong(f"--within {text!r} is not a duration", "Write it with a unit, e.g. 30s or 1h.")
    return apart


def must_exist(archives: Iterable[Path]) -> None:
    """All archives must be there before the first is read, which may take hours."""
    for path in archives:
        if not path.exists():
            raise ArchiveUnreadable(str(path), 0, "No such file or directory")
