"""`telltale backtest --events`: what all rules would have decided and done, for whom, and how much of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

import msgspec

from flows.backtest.difference import Difference, Differing
from flows.backtest.lines import json_line
from flows.backtest.people import People, Playing
from flows.backtest.people_answers import Answers, read_answers
from flows.backtest.people_difference import ActionDifference, ActionDiffering
from flows.backtest.people_inputs import Input
from flows.backtest.people_lines import decision_line, differing_line
from flows.backtest.people_side import Archives, Counts, Side, inputs
from flows.backtest.people_tally import PeopleTally
from flows.cli import backtest_people_view as view
from flows.cli.backtest_asked import Asked, Wanted, must_exist
from flows.cli.backtest_input import (
    any_rule_named,
    only_named,
    remark_people,
    rules_against,
    say_outlying,
    stream_named,
)
from flows.cli.backtest_view import print_difference
from flows.cli.progress import progress
from flows.cli.show import counted, say
from flows.errors import NameUnknown, TelltaleError
from flows.hints import did_you_mean
from flows.rules.load import load_configuration
from flows.rules.model import RuleSet
from flows.schema import Alarm, Decision, Identity
from flows.settings import Settings
from flows.sources.mapping import Mapper

if TYPE_CHECKING:
    from flows.backtest.archive import Backtest


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What is played with: archives, one rule set or two, by side the devices of the readings, answers.

    `accepted` says that no outcomes are known, so that every action is taken as accepted at once.
    """

    archives: Archives
    sets: Sequence[RuleSet]
    devices: Sequence[Backtest | None]
    tenant_key: bytes
    answers: Answers
    accepted: bool


def people(asked: Asked, settings: Settings) -> bool:
    """What all rules decide and do, or in what it differs; whether there is any."""
    found = load_configuration(settings)
    both = [found] if asked.against is None else [found, rules_against(asked.against, found)]
    any_rule_named(both, asked.named)
    sets = [only_named(each.rule_set(settings.tenant), asked.named) for each in both]
    rows = _bare_rows(asked.rows, list(found.sources.systems))
    name = stream_named(found.streams, asked.stream) if asked.readings else ""
    archives = Archives(
        stream=name,
        readings=asked.readings,
        events=asked.events,
        rows=rows,
        audits=asked.audits,
        outcomes=asked.outcomes,
    )
    must_exist(archives.paths)
    remark_people(found, settings, asked.named, outcomes=bool(asked.outcomes))
    devices: list[Backtest | None] = [None] * len(sets)
    if name:
        from flows.backtest.archive import watching
        from flows.cli.backtest_devices import sides_of

        for each in both:
            stream_named(each.streams, name)
        watched = [watching(each, name) for each in sets]
        devices = [*sides_of(asked, settings, found, watched, name)]
    world = World(
        archives=archives,
        sets=sets,
        devices=devices,
        tenant_key=settings.tenant_key.encode(),
        answers=Answers() if asked.answers is None else read_answers(asked.answers),
        accepted=not asked.outcomes,
    )
    return _play(world, asked.wanted)


def _bare_rows(named: Sequence[str], systems: Sequence[str]) -> tuple[tuple[Path, str | None], ...]:
    """Files of rows, each with the source of its bare rows: `crm=contacts.csv`, or the only source there is.

    Raises NameUnknown.
    """
    only = systems[0] if len(systems) == 1 else None
    found: list[tuple[Path, str | None]] = []
    for text in named:
        name, _, path = text.partition("=")
        if path and name in systems:
            found.append((Path(path), name))
        elif path and not Path(text).exists() and Path(path).exists():
            raise NameUnknown("source", name, did_you_mean(name, systems))
        else:
            found.append((Path(text), only))
    return tuple(found)


def _play(world: World, wanted: Wanted) -> bool:
    """Print what comes of it; whether anything was done or, with two rule sets, differs."""
    with TemporaryDirectory(prefix="telltale-backtest-") as folder:
        return (_Alone if len(world.sets) == 1 else _Beside)(world, wanted, Path(folder)).play()


class _Told:
    """Hears of one side's decisions, counts them, and hands on those of the period."""

    def __init__(self, tally: PeopleTally, hear: Callable[[Decision, int], None]) -> None:
        self._tally, self._hear = tally, hear

    def decided(self, decision: Decision, now: int) -> None:
        """Count it, and hand it on."""
        if self._tally.decided(decision, now):
            self._hear(decision, now)

    def known(self, key: str, entry: Identity) -> None:
        """What was counted for one is another's."""
        self._tally.known(key, entry)


class _Shown:
    """Rows of text or lines of JSON: printed as they come, or the first few kept for a table."""

    def __init__(self, sets: Sequence[RuleSet], wanted: Wanted) -> None:
        self._table, self._wanted = view.PeopleTable(sets), wanted
        self._kept: list[list[str]] = []
        self.printed, self.more = False, 0

    def alarm(self, alarm: Alarm) -> None:
        """An alarm."""
        self._show(lambda: json_line(alarm), lambda: self._table.of_alarm(alarm))

    def decision(self, decision: Decision, now: int) -> None:
        """A decision that something was to be done, and what became of that."""
        if decision.verdict != "nothing" or self._wanted.json:
            self._show(lambda: decision_line(decision, now), lambda: self._table.of_decision(decision, now))

    def differing(self, one: ActionDiffering) -> None:
        """An action that differs."""
        self._show(lambda: differing_line(one), lambda: self._table.of_differing(one))

    def _show(self, line: Callable[[], str], cells: Callable[[], list[str]]) -> None:
        most = self._wanted.most
        if most is not None and len(self._kept) >= most:
            self.more += 1
        elif most is not None:
            self._kept.append(cells())
        else:
            self.printed = True
            print(line() if self._wanted.json else self._table.line(cells()))

    def close(self) -> None:
        """Print what was kept."""
        if self._kept:
            self.printed = True
            view.print_found(self._kept)
        if self.more:
            say(f"... and {self.more} more: --all shows them, --json writes one object a line.")


class _Run:
    """Archives being played under one rule set or two."""

    def __init__(self, world: World, wanted: Wanted, folder: Path) -> None:
        self._world, self._wanted, self._folder = world, wanted, folder
        self._counts, self._shown = Counts(), _Shown(world.sets, wanted)
        self._broken: TelltaleError | None = None

    def _side(self, place: Literal[0, 1], hear: Callable[[Decision, int], None]) -> Side:
        world = self._world
        rule_set = world.sets[place]
        own = self._folder / str(place)
        own.mkdir()
        again = (rule_set.sources, rule_set.identity) != (world.sets[0].sources, world.sets[0].identity)
        playing = Playing(
            tenant_key=world.tenant_key,
            folder=own,
            answers=world.answers.again(),
            accepted=world.accepted,
            again=again,
        )
        tally = PeopleTally((r.name for r in rule_set.rules if r.mode != "disabled"), self._wanted.start)
        people = People(rule_set, playing, _Told(tally, hear))
        return Side(place, rule_set, people, tally, world.devices[place])

    def _play(self, sides: Sequence[Side], comes: Callable[[Input], None]) -> None:
        """Play all there is on each side; `comes` hears of each input before it is taken."""
        first = sides[0].rule_set
        mapper = Mapper(first.sources, first.identity, self._world.tenant_key)
        shown = not (self._wanted.most is None and sys.stdout.isatty())
        archives, end = self._world.archives, self._wanted.end
        try:
            with progress(archives.paths, "Playing", shown=shown) as read:
                for one in self._until_broken(inputs(archives, sides, mapper, self._counts, end, read)):
                    comes(one)
                    for side in sides:
                        side.take(one)
                for side in sides:
                    side.people.until(end if self._broken is None else None)
                    side.tally.close()
        finally:
            for side in sides:
                side.people.close()

    def _until_broken(self, found: Iterator[Input]) -> Iterator[Input]:
        """What came before an archive breaks; the error is kept until that is told."""
        try:
            yield from found
        except TelltaleError as error:
            self._broken = error

    def _of_period(self, one: Input) -> Alarm | None:
        """The alarm that an input is, if it is of the period."""
        start = self._wanted.start
        return one.what if isinstance(one.what, Alarm) and (start is None or one.at >= start) else None

    def _close(self, side: Side, summary: Callable[[], None]) -> None:
        """The summary, beside the results or, where those are JSON, on standard error; then what broke."""
        if self._broken is not None and not self._counts.played:
            raise self._broken
        self._shown.close()
        left_out = 0
        with redirect_stdout(sys.stderr if self._wanted.json else sys.stdout):
            if self._shown.printed and not self._wanted.json:
                print()
            summary()
            view.print_refused(side.tally)
            left_out = view.print_days(side.tally, whole=self._wanted.most is None)
            if side.devices is not None:
                view.print_devices(side.devices)
            view.print_people(side, self._counts)
        if left_out:
            say(f"... and {counted(left_out, 'day')} more: --all shows them.")
        if side.devices is not None:
            say_outlying(side.devices)
        if not self._counts.played:
            say("Nothing was decided, because nothing could be read.")
        if self._broken is not None:
            raise self._broken


class _Alone(_Run):
    """One rule set."""

    def play(self) -> bool:
        """Print what it decides; whether it did or raised anything."""
        side = self._side(0, self._shown.decision)
        self._play([side], self._alarm)
        self._close(
            side,
            lambda: view.print_people_rules(
                side.tally, self._counts.span(self._wanted.start, self._wanted.end)
            ),
        )
        return side.tally.acted > 0 or (side.devices is not None and side.devices.tally.raised > 0)

    def _alarm(self, one: Input) -> None:
        alarm = self._of_period(one)
        if alarm is not None:
            self._shown.alarm(alarm)


class _Beside(_Run):
    """Two rule sets, in what they do otherwise."""

    def __init__(self, world: World, wanted: Wanted, folder: Path) -> None:
        super().__init__(world, wanted, folder)
        names = [rule.name for each in world.sets for rule in each.rules]
        self._alarms = Difference(rule.name for each in world.sets for rule in each.rules if rule.stream)
        self._actions = ActionDifference(names, wanted.within)

    def play(self) -> bool:
        """Print in what they differ; whether they do."""
        now = self._side(0, lambda decision, at: self._actions.take("now", decision, at))
        before = self._side(1, lambda decision, at: self._actions.take("before", decision, at))
        self._play([now, before], self._compare)
        for one in self._actions.settled(None):
            self._shown.differing(one)
        differing = self._alarms.differing(self._wanted.within)
        self._close(now, lambda: self._summary(now, differing))
        if not (differing or self._actions.differ) and self._counts.played:
            say("Nothing differs.")
        return bool(differing) or self._actions.differ

    def _compare(self, one: Input) -> None:
        for differing in self._actions.settled(one.at):
            self._shown.differing(differing)
        alarm = self._of_period(one)
        if alarm is not None:
            self._alarms.take("before" if one.side else "now", [alarm])

    def _summary(self, now: Side, differing: Sequence[Differing]) -> None:
        view.print_action_counts(self._actions.by_rule())
        if now.devices is not None:
            print()
            print_difference(self._alarms.by_rule(differing))
