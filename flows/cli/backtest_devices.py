"""`telltale backtest` of readings alone: what is raised of devices, under one rule set or two."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import TypeVar

from flows.archives import batches
from flows.archives.compression import Read, unwatched
from flows.backtest.archive import Backtest, Period, watching
from flows.backtest.difference import Difference
from flows.backtest.lines import json_line
from flows.backtest.things import read_things
from flows.cli.backtest_asked import Asked, Wanted, must_exist
from flows.cli.backtest_input import (
    remark,
    rules_against,
    rules_named,
    say_outlying,
    steps_against,
    stream_named,
)
from flows.cli.backtest_view import (
    AlarmTable,
    print_alarms,
    print_difference,
    print_differing,
    print_readings,
    print_rules,
)
from flows.cli.progress import progress
from flows.cli.show import say
from flows.errors import TelltaleError
from flows.rules.load import Configuration, load_configuration
from flows.rules.model import RuleSet
from flows.schema import Alarm
from flows.settings import Settings
from flows.steps import load_steps
from flows.streams import Stream
from flows.topics.port import RawBatch

T = TypeVar("T")


def devices(asked: Asked, settings: Settings) -> bool:
    """What is raised of readings, or in what it differs; whether there is any."""
    found = load_configuration(settings)
    name = stream_named(found.streams, asked.stream)
    both = [found] if asked.against is None else [found, rules_against(asked.against, found)]
    for each in both:
        stream_named(each.streams, name)
    rules_named(both, name, asked.named)
    must_exist(asked.readings)
    # The tenant is a part of every id, so both sides have the same.
    sets = [watching(each.rule_set(settings.tenant), name, asked.named) for each in both]
    sides = sides_of(asked, settings, found, sets, name)
    playing = _Playing(asked.readings, sets, sides, name)
    return (playing.alone if asked.against is None else playing.beside)(asked.wanted)


def sides_of(
    asked: Asked,
    settings: Settings,
    found: Configuration,
    sets: Sequence[RuleSet],
    stream: str,
) -> list[Backtest]:
    """The devices of each rule set, of which only rules that watch the stream are left."""
    known = [] if asked.things is None else read_things(asked.things)
    remark(found, sets[0], stream, known, asked.named)
    steps = [load_steps(settings), steps_against(asked.against, settings)]
    period = Period(asked.wanted.start, asked.wanted.end)
    return [
        Backtest(each, stream, known, period, own) for each, own in zip(sets, steps[: len(sets)], strict=True)
    ]


class _Playing:
    """Archives of one stream under one rule set, or two beside each other."""

    def __init__(
        self, archives: Sequence[Path], sets: Sequence[RuleSet], sides: Sequence[Backtest], stream: str
    ) -> None:
        self._archives, self._sets, self._sides = archives, sets, sides
        self._streams = [each.streams[stream] for each in sets]
        self._broken: TelltaleError | None = None
        self._printed = False

    def alone(self, wanted: Wanted) -> bool:
        """Print what is raised, as it is found where all is shown; whether anything was."""
        side, rows = self._sides[0], AlarmTable(self._sets[0].rules)
        at_once = wanted.most is None
        shown: list[Alarm] = []
        with progress(self._archives, "Reading", shown=not (at_once and sys.stdout.isatty())) as read:
            played = self._until_broken(_batches(self._archives, self._streams[0], read))
            alarms = chain.from_iterable(map(side.take, played))
            if at_once:
                for alarm in alarms:
                    self._printed = True
                    print(json_line(alarm) if wanted.json else rows.line(alarm))
            else:
                shown = list(islice(alarms, wanted.most))
            more = sum(1 for _ in alarms)
        if shown:
            self._printed = True
            print_alarms(rows, shown)
        self._close(wanted, more, lambda: print_rules(side))
        return side.tally.raised > 0

    def beside(self, wanted: Wanted) -> bool:
        """Print in what the two differ; whether they do."""
        found = Difference(rule.name for each in self._sets for rule in each.rules)
        with progress(self._archives, "Reading") as read:
            self._follow_both(found, read)
        differing = found.differing(wanted.within)
        shown = differing[: wanted.most]
        if wanted.json:
            for one in shown:
                print(json_line(one.alarm, one))
        elif shown:
            self._printed = True
            rows = AlarmTable(rule for each in self._sets for rule in each.rules)
            print_differing(rows, shown)
        counts = found.by_rule(differing)
        self._close(wanted, len(differing) - len(shown), lambda: print_difference(counts))
        if not differing and self._sides[0].tally.taken:
            say("Nothing differs.")
        return bool(differing)

    def _follow_both(self, found: Difference, read: Read) -> None:
        """Read once for both; twice only if they differ in what a reading of the stream is."""
        now, before = self._sides
        batches = _batches(self._archives, self._streams[0], read)
        if self._streams[0] == self._streams[1]:
            for batch in self._until_broken(batches):
                found.take("now", now.take(batch))
                found.take("before", before.take(batch))
            return
        others = _batches(self._archives, self._streams[1], unwatched)
        for mine, theirs in self._until_broken(zip_longest(batches, others)):
            if mine is not None:
                found.take("now", now.take(mine))
            if theirs is not None:
                found.take("before", before.take(theirs))

    def _until_broken(self, batches: Iterator[T]) -> Iterator[T]:
        """What an archive that breaks gave before; the error is kept until that is told."""
        try:
            yield from batches
        except TelltaleError as error:
            self._broken = error

    def _close(self, wanted: Wanted, more: int, summary: Callable[[], None]) -> None:
        """The summary, beside the results or, where those are JSON, on standard error; then what broke."""
        tally = self._sides[0].tally
        if self._broken is not None and not tally.readings:
            raise self._broken
        if more:
            say(f"... and {more} more: --all shows them, --json writes one object a line.")
        with redirect_stdout(sys.stderr if wanted.json else sys.stdout):
            if self._printed and not wanted.json:
                print()
            summary()
            print()
            print_readings(self._sides[0])
        if not tally.taken:
            say("Nothing was raised, because no reading was taken.")
        say_outlying(self._sides[0])
        if self._broken is not None:
            raise self._broken


def _batches(archives: Sequence[Path], stream: Stream, read: Read) -> Iterator[RawBatch]:
    """All archives, one after the other."""
    for path in archives:
        yield from batches.read_batches(path, stream, read=read)
