"""Archives played under one rule set or two beside each other, one input at a time in one order of event time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from flows.archives import batches
from flows.archives.compression import Read, unwatched
from flows.backtest.people import People
from flows.backtest.people_inputs import (
    ALARMS_AHEAD,
    Input,
    Kind,
    Refused,
    events_of,
    in_order,
    judged_of,
    merged,
    outcomes_of,
    rows_of,
)
from flows.backtest.people_tally import PeopleTally
from flows.customers.decoding import time_of
from flows.rules.model import RuleSet
from flows.sources.mapping import Mapper

if TYPE_CHECKING:
    from flows.backtest.archive import Backtest


class Archives(msgspec.Struct, frozen=True, kw_only=True):
    """What is played: readings of one `stream`, events, rows each with the source of bare ones, `audit`, outcomes."""

    stream: str = ""
    readings: tuple[Path, ...] = ()
    events: tuple[Path, ...] = ()
    rows: tuple[tuple[Path, str | None], ...] = ()
    audits: tuple[Path, ...] = ()
    outcomes: tuple[Path, ...] = ()

    @property
    def paths(self) -> list[Path]:
        """All files."""
        return [*self.readings, *self.events, *(path for path, _ in self.rows), *self.audits, *self.outcomes]


class Counts:
    """What was read: lines by kind, those after the period, those that could not be read; the event times (ms)."""

    def __init__(self) -> None:
        self.refused = Refused()
        self.played: Counter[Kind] = Counter()
        self.after: Counter[Kind] = Counter()
        self.first: int | None = None
        self.last: int | None = None

    def note(self, one: Input) -> None:
        """Count an input; what rows and judgements say of the past is no time covered."""
        self.played[one.kind] += 1
        if one.kind not in (Kind.ROW, Kind.JUDGEMENT):
            self.first = one.at if self.first is None else self.first
            self.last = one.at

    def leave_out(self, kind: Kind) -> None:
        """Count one after the period."""
        self.after[kind] += 1

    def of(self, kind: Kind) -> int:
        """How many there were, read or not."""
        return self.played[kind] + self.after[kind] + self.refused.lines[kind]

    def span(self, start: int | None, end: int | None) -> int | None:
        """The event time covered (ms): from `start` or the first input to `end` or the last; None for no input."""
        if self.first is None or self.last is None:
            return None
        return max(0, max(self.last, end or 0) - max(self.first, start or 0))


class Side(msgspec.Struct, frozen=True):
    """One rule set being played: its customers, what they come to, and its devices, if there are readings."""

    place: Literal[0, 1]
    rule_set: RuleSet
    people: People
    tally: PeopleTally
    devices: Backtest | None = None

    def take(self, one: Input) -> None:
        """Whatever comes next, if it is for this side."""
        if one.side is None or one.side == self.place:
            self.people.take(one)


def inputs(
    archives: Archives,
    sides: Sequence[Side],
    mapper: Mapper,
    counts: Counts,
    end: int | None = None,
    read: Read = unwatched,
) -> Iterator[Input]:
    """All there is before `end` (ms), in order; events and rows are read once, and readings by each side.

    `mapper` is the first side's. Raises ArchiveUnreadable, ArchiveDisordered, CsvHeaderWrong, CsvColumnMissing,
    ZstandardMissing.
    """
    declared, refused = sides[0].rule_set.events, counts.refused
    streams = [
        _alarms(archives, side, read if side.place == 0 else unwatched) for side in sides if side.devices
    ]
    place = len(archives.readings)
    for path, source in archives.rows:
        streams.append(in_order(rows_of(path, source, place, mapper, refused, read)))
        place += 1
    for path in archives.audits:
        streams.append(in_order(judged_of(path, place, sides[0].rule_set.tenant, refused, read)))
        place += 1
    for path in archives.events:
        streams.append(in_order(events_of(path, place, declared, refused, read)))
        place += 1
    for path in archives.outcomes:
        streams.append(in_order(outcomes_of(path, place, refused, read)))
        place += 1
    for one in merged(streams, end, counts.leave_out):
        if not one.side:
            counts.note(one)
        yield one


def _alarms(archives: Archives, side: Side, read: Read) -> Iterator[Input]:
    """What the devices of a side say, by time: devices may stand one after the other in an archive."""
    return in_order(_said_by_devices(archives, side, read), ALARMS_AHEAD)


def _said_by_devices(archives: Archives, side: Side, read: Read) -> Iterator[Input]:
    """Alarms and what devices tell of themselves, numbered as they come."""
    if side.devices is None:
        return
    number = 0
    for archive, path in enumerate(archives.readings):
        for batch in batches.read_batches(path, side.rule_set.streams[archives.stream], read=read):
            out = side.devices.played(batch)
            for alarm in out.alarms:
                number += 1
                yield Input(alarm.at, Kind.ALARM, archive, number, alarm, str(path), side.place)
            for event in out.events:
                number += 1
                at = time_of(event.time)
                yield Input(at, Kind.MEASURED, archive, number, event, str(path), side.place)
