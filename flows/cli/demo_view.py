"""What one sees while the demonstration runs: a live view on a terminal, a line for each thing elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections import deque

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from flows.cli.show import harmless
from flows.demo.fleet import pace_of
from flows.demo.news import Became, Done, News, Newsroom, Rests
from flows.demo.stage import Audience
from flows.schema import Alarm
from flows.simulator.people.plan import PeoplePlan
from flows.simulator.plan import Plan

_WARMING = "Warming up; the first time, kernels are compiled for half a minute."
_COLOURS = {"warning": "yellow", "critical": "bold red", "cleared": "green", "lapsed": "green"}
_FIXED_LINES = 9
_FOR_PEOPLE = 3
_MOST_KEPT = 200
_RATE_S = 3.0


def audience() -> Audience:
    """Who watches here."""
    return Watching() if sys.stdout.isatty() and os.environ.get("TERM") != "dumb" else Listening()


def words_of(alarm: Alarm) -> str:
    """`raised: warning`; what is over has no severity any more."""
    over = alarm.severity is None or alarm.transition in ("cleared", "lapsed")
    return alarm.transition if over else f"{alarm.transition}: {alarm.severity}"


def subject_of(done: Done | Rests) -> str:
    """What an action is, in a few words."""
    action = done.planned.action
    rests = ", ".join(map(str, action.parameters.get("purposes", ())))
    what = (
        action.parameters.get("subject") or action.parameters.get("template") or rests or action.about or ""
    )
    to = f"to the {action.to}: " if action.to and action.device else ""
    return f"{to}{what}" if done.who in str(what) else f"{to}{what} ({done.who})"


def words_of_change(became: Became) -> str:
    """Two who are one, or one who is two, by their handles."""
    one, other = (handle.partition(":")[2] for handle in (became.change.one, became.change.other))
    return f"{one} is {other}" if became.change.kind == "merge" else f"{one} is not {other}"


class Listening:
    """Plain lines, for what is no terminal."""

    def __init__(self) -> None:
        self._told = False

    def warming(self) -> None:
        """Said once."""
        if not self._told:
            print(_WARMING, flush=True)
        self._told = True

    def begins(self, plan: Plan, people: PeoplePlan, seconds: float) -> None:
        """What is to be seen."""
        print(f"{_cast(plan, people)}, {pace_of(seconds):.0f} times as fast as life.", flush=True)

    def hears(self, news: News, newsroom: Newsroom) -> None:  # noqa: ARG002 - the totals come at the end
        """A line for each."""
        for alarm in news.alarms:
            line = f"alarm  {alarm.device}  {alarm.rule}  {words_of(alarm)}  {alarm.explanation}"
            print(harmless(line).rstrip(), flush=True)
        for became in news.people:
            told = f"{became.change.kind:5}  {words_of_change(became)}  {became.because}"
            print(harmless(told).rstrip(), flush=True)
        for rests in news.rests:
            action = rests.planned.action
            print(harmless(f"rests  {action.kind}  {subject_of(rests)}  {rests.planned.reason}"), flush=True)
        for done in news.done:
            action = done.planned.action
            print(harmless(f"done   {action.kind}  {done.outcome.status}  {subject_of(done)}"), flush=True)

    def over(self) -> None:
        """Nothing to take down."""


class Watching:
    """A view that is drawn anew a few times a second, and gone at the end."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._alarms: deque[Alarm] = deque(maxlen=_MOST_KEPT)
        self._people: deque[Became] = deque(maxlen=_MOST_KEPT)
        self._done: deque[Done | Rests] = deque(maxlen=_MOST_KEPT)
        self._rates: deque[tuple[float, int]] = deque()
        self._began, self._seconds = time.monotonic(), 1.0
        self._cast = ""

    def warming(self) -> None:
        """One line with the seconds that it takes."""
        self._live.start()
        waited = time.monotonic() - self._began
        self._live.update(Text(f"{_WARMING}  {waited:.0f} s", style="dim"), refresh=True)

    def begins(self, plan: Plan, people: PeoplePlan, seconds: float) -> None:
        """The clock starts."""
        self._cast, self._seconds, self._began = _cast(plan, people), seconds, time.monotonic()

    def hears(self, news: News, newsroom: Newsroom) -> None:
        """Draw it."""
        self._alarms += news.alarms
        self._people += news.people
        self._done += (*news.rests, *news.done)
        self._live.update(self._view(newsroom), refresh=True)

    def over(self) -> None:
        """Take it down."""
        self._live.stop()

    def _view(self, newsroom: Newsroom) -> RenderableType:
        room = max(4, self._console.size.height - _FIXED_LINES - _FOR_PEOPLE)
        for_alarms = (room * 3 + 4) // 5
        for_deeds = room - for_alarms
        return Group(
            *self._head(newsroom),
            Text(),
            Text("The light comes on", style="bold"),
            self._table([self._alarm(alarm) for alarm in list(self._alarms)[-for_alarms:]], for_alarms),
            Text("Who is who", style="bold"),
            self._table([self._change(one) for one in list(self._people)[-_FOR_PEOPLE:]], _FOR_PEOPLE, 1),
            Text("What was done about it", style="bold"),
            self._table([self._deed(done) for done in list(self._done)[-for_deeds:]], for_deeds),
            Text(),
            self._totals(newsroom),
        )

    def _head(self, newsroom: Newsroom) -> tuple[RenderableType, RenderableType]:
        passed = time.monotonic() - self._began
        counts = newsroom.counts()
        readings = counts.taken + counts.late + counts.duplicate + counts.future + counts.dead
        line = (
            f"Telltale: {self._cast}, {pace_of(self._seconds):.0f} times as fast as life, "
            f"{self._rate(passed, readings):,.0f} readings/s"
        )
        bar = ProgressBar(total=self._seconds, completed=min(passed, self._seconds), width=None)
        return Text(line, no_wrap=True, overflow="ellipsis"), bar

    def _rate(self, passed: float, readings: int) -> float:
        """Readings a second over the last few."""
        self._rates.append((passed, readings))
        while len(self._rates) > 2 and self._rates[0][0] < passed - _RATE_S:
            self._rates.popleft()
        since, before = self._rates[0]
        return (readings - before) / (passed - since) if passed > since else 0.0

    def _totals(self, newsroom: Newsroom) -> Text:
        counts = newsroom.counts()
        line = (
            f"{counts.taken:,} readings, {len(newsroom.alarms)} alarms, {len(newsroom.decisions)} decisions, "
            f"{len(newsroom.outcomes)} actions, {newsroom.letters.total()} dead letters"
        )
        return Text(line, style="dim", no_wrap=True, overflow="ellipsis")

    @staticmethod
    def _table(rows: list[tuple[Text, ...]], lines: int, columns: int = 3) -> Table:
        """Rows without a header, filled up to so many lines, the last of the columns cut to what fits."""
        table = Table.grid(padding=(0, 2, 0, 0), expand=True)
        for _ in range(columns):
            table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for row in rows:
            table.add_row(*row)
        for _ in range(lines - len(rows)):
            table.add_row()
        return table

    @staticmethod
    def _alarm(alarm: Alarm) -> tuple[Text, ...]:
        colour = _COLOURS.get(alarm.transition) or _COLOURS.get(alarm.severity or "", "yellow")
        cells = (alarm.device, alarm.rule)
        said = Text(words_of(alarm), style=colour)
        return (
            *(Text(harmless(cell)) for cell in cells),
            said,
            Text(harmless(alarm.explanation), style="dim"),
        )

    @staticmethod
    def _change(became: Became) -> tuple[Text, ...]:
        style = "green" if became.change.kind == "merge" else "yellow"
        return Text(harmless(words_of_change(became)), style=style), Text(
            harmless(became.because), style="dim"
        )

    @staticmethod
    def _deed(done: Done | Rests) -> tuple[Text, ...]:
        rests = isinstance(done, Rests)
        said = "rests" if rests else done.outcome.status
        style = "green" if said == "accepted" else "yellow"
        what = (done.planned.reason or "") if rests else subject_of(done).removesuffix(f" ({done.who})")
        return (
            Text(harmless(done.who)),
            Text(harmless(done.planned.action.kind)),
            Text(said, style=style),
            Text(harmless(what), style="dim"),
        )


def _cast(plan: Plan, people: PeoplePlan) -> str:
    return f"{plan.vehicles} vehicles, {people.people} people"
