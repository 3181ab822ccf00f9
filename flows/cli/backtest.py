"""`telltale backtest`: what the rules would have raised on an archive, and what another version would have."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec
import typer

from flows.archives.compression import Read, unwatched
from flows.cli.backtest_input import (
    remark,
    rules_against,
    rules_named,
    steps_against,
    stream_named,
    time_given,
)
from flows.cli.completion import rule_names, stream_names
from flows.cli.options import Config, example, settings_of
from flows.cli.progress import progress
from flows.cli.show import say, time_of
from flows.durations import parse_duration
from flows.errors import ArchiveUnreadable, ArgumentWrong, TelltaleError
from flows.rules.load import load_configuration

if TYPE_CHECKING:
    from flows.backtest.archive import Backtest
    from flows.backtest.difference import Difference
    from flows.rules.model import RuleSet
    from flows.schema import Alarm
    from flows.streams import Stream
    from flows.topics.port import RawBatch

T = TypeVar("T")
EXAMPLE = example(
    "telltale backtest --stream vehicle may.jsonl.zst june.csv",
    "telltale backtest --against ../last-week --exit-code may.jsonl.zst",
)
_MOST_ON_A_TERMINAL = 50


class _Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """How it is to be told; `within` is in ms."""

    json: bool
    everything: bool
    within: int

    @property
    def most(self) -> int | None:
        """How many alarms are shown; None for all."""
        return None if self.json or self.everything or not sys.stdout.isatty() else _MOST_ON_A_TERMINAL


def backtest(
    archives: Annotated[
        list[Path], typer.Argument(metavar="ARCHIVE...", help="Readings as JSONL or CSV, plain, .gz or .zst.")
    ],
    stream: Annotated[
        str | None,
        typer.Option(
            "--stream",
            "-s",
            metavar="NAME",
            autocompletion=stream_names,
            help="The stream they are of, if there are several.",
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="OLDDIR", help="Compare with this configuration, or this folder of rules."),
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            "--rule",
            "-r",
            metavar="RULE",
            autocompletion=rule_names,
            help="Only this rule, even if disabled; repeatable.",
        ),
    ] = None,
    things: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What rules read as device.<name>: JSONL or CSV with `device` and attributes.",
        ),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Only alarms from this time (UTC) on.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Leave out readings from this time (UTC) on.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Alarms as JSON, one a line; the summary to standard error.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="All alarms, on a terminal too.")] = False,
    within: Annotated[
        str,
        typer.Option(
            metavar="DURATION", help="With --against: how far a shifted alarm may be from its pair."
        ),
    ] = "1h",
    exit_code: Annotated[
        bool,
        typer.Option("--exit-code", help="Exit with 1 if anything differs, or without --against raised."),
    ] = False,
    config: Config = None,
) -> None:
    """Run the rules over archives, in event time and with the flow's own objects, and say what they would raise.

    The same lines give the same output. Several archives are read as one, in the order given.
    """
    from flows.backtest.archive import Backtest, Period, watching
    from flows.backtest.things import read_things
    from flows.cli.logs import log_to_read
    from flows.steps import load_steps

    log_to_read()
    apart = parse_duration(within)
    if apart is None:
        raise ArgumentWrong(f"--within {within!r} is not a duration", "Write it with a unit, e.g. 30s or 1h.")
    period = Period(time_given(start, "--from"), time_given(end, "--to"))
    if period.start is not None and period.end is not None and period.start >= period.end:
        raise ArgumentWrong("--to is not after --from, so nothing lies between", "Give a later --to.")
    settings, named = settings_of(config), rule or []
    found = load_configuration(settings)
    name = stream_named(found.streams, stream)
    both = [found] if against is None else [found, rules_against(against, found)]
    for each in both:
        stream_named(each.streams, name)
    rules_named(both, name, named)
    _exist(archives)
    known = [] if things is None else read_things(things)
    # The tenant is a part of every id, so both sides have the same.
    sets = [watching(each.rule_set(settings.tenant), name, named) for each in both]
    remark(found, sets[0], name, known, named)
    steps = [load_steps(settings), steps_against(against, settings)]
    sides = [
        Backtest(each, name, known, period, own) for each, own in zip(sets, steps[: len(sets)], strict=True)
    ]
    playing = _Playing(archives, sets, sides, name)
    wanted = _Wanted(json=json, everything=everything, within=apart)
    if (playing.alone if against is None else playing.beside)(wanted) and exit_code:
        raise typer.Exit(1)


def _exist(archives: Iterable[Path]) -> None:
    """All archives must be there before the first is read, which may take hours."""
    for path in archives:
        if not path.exists():
            raise ArchiveUnreadable(str(path), 0, "No such file or directory")


class _Playing:
    """Archives of one stream under one rule set, or two beside each other."""

    def __init__(
        self, archives: Sequence[Path], sets: Sequence[RuleSet], sides: Sequence[Backtest], stream: str
    ) -> None:
        self._archives, self._sets, self._sides = archives, sets, sides
        self._streams = [each.streams[stream] for each in sets]
        self._broken: TelltaleError | None = None
        self._printed = False

    def alone(self, wanted: _Wanted) -> bool:
        """Print what is raised, as it is found where all is shown; whether anything was."""
        from flows.backtest.lines import json_line
        from flows.cli.backtest_view import AlarmTable, print_alarms, print_rules

        side, rows = self._sides[0], AlarmTable(self._sets[0].rules)
        at_once = wanted.most is None
        shown: list[Alarm] = []
        with progress(self._archives, "Reading", shown=not (at_once and sys.stdout.isatty())) as read:
            batches = self._until_broken(_batches(self._archives, self._streams[0], read))
            alarms = chain.from_iterable(map(side.take, batches))
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

    def beside(self, wanted: _Wanted) -> bool:
        """Print in what the two differ; whether they do."""
        from flows.backtest.difference import Difference
        from flows.backtest.lines import json_line
        from flows.cli.backtest_view import AlarmTable, print_difference, print_differing

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

    def _close(self, wanted: _Wanted, more: int, summary: Callable[[], None]) -> None:
        """The summary, beside the results or, where those are JSON, on standard error; then what broke."""
        from flows.cli.backtest_view import print_readings

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
        far = self._sides[0].outlying
        if far is not None:
            usual, last = map(time_of, far)
            say(
                f"Nine of ten devices end by {usual}, and some clock says {last}: such a time ends what others are "
                "silent for, and counts as days covered. Leave it out with --to."
            )
        if self._broken is not None:
            raise self._broken


def _batches(archives: Sequence[Path], stream: Stream, read: Read) -> Iterator[RawBatch]:
    """All archives, one after the other."""
    from flows.archives.batches import read_batches

    for path in archives:
        yield from read_batches(path, stream, read=read)
