"""What a backtest comes to: per rule how often and of whom, and what became of the readings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from flows.backtest.dead import Dead
from flows.devices.shard import ShardOutput
from flows.schema import Alarm, DeadLetter

_DAY_MS = 86_400_000


class RuleSummary(msgspec.Struct, frozen=True, kw_only=True):
    """How often a rule raised: in all, per day of event time (None without a span), and of which device most."""

    rule: str
    raised: int
    per_day: float | None
    devices: int
    most: int
    most_of: str | None


class Tally:
    """Counts as a backtest goes on; `first` and `last` are event times (ms) of readings that were not left out."""

    def __init__(self, rules: Iterable[str]) -> None:
        self.taken = self.late = self.duplicate = self.refused = self.after = 0
        self.first: int | None = None
        self.last: int | None = None
        self._raised: dict[str, Counter[str]] = {rule: Counter() for rule in rules}
        self._dead: dict[tuple[str, str], Dead] = {}

    def add(self, out: ShardOutput, alarms: Iterable[Alarm]) -> None:
        """Count what a batch brought, and of its alarms those given."""
        counts = out.counts
        self.taken += counts.taken
        self.late += counts.late
        self.duplicate += counts.duplicate
        self.refused += counts.dead
        self.after += counts.future
        if out.first is not None and out.last is not None:
            self.first = out.first if self.first is None else min(self.first, out.first)
            self.last = out.last if self.last is None else max(self.last, out.last)
        for alarm in alarms:
            if alarm.transition == "raised":
                self._raised.setdefault(alarm.rule, Counter())[alarm.device] += 1
        for letter in out.dead:
            if letter.reason != "future":
                self._bury(letter)

    def _bury(self, letter: DeadLetter) -> None:
        key = (letter.topic, letter.reason)
        dead = self._dead.get(key)
        if dead is None:
            dead = self._dead[key] = Dead(letter.reason, letter.topic, letter.message)
        dead.add(letter.offset)

    @property
    def readings(self) -> int:
        """All readings there were; a message that cannot be read counts as one, `after` are those after the period."""
        return self.taken + self.late + self.duplicate + self.refused + self.after

    @property
    def raised(self) -> int:
        """How many episodes were raised."""
        return sum(devices.total() for devices in self._raised.values())

    @property
    def dead(self) -> list[Dead]:
        """The dead letters by reason; a value out of its range is one, though its reading was taken without it."""
        return list(self._dead.values())

    def by_rule(self, span: int | None) -> list[RuleSummary]:
        """One summary a rule, by name; `span` (ms) is the event time covered."""
        return [_summary(rule, self._raised[rule], span) for rule in sorted(self._raised)]


def _summary(rule: str, devices: Counter[str], span: int | None) -> RuleSummary:
    """Of several devices with as many, the least by name is shown."""
    most_of, most = min(devices.items(), key=_most, default=(None, 0))
    raised = devices.total()
    return RuleSummary(
        rule=rule,
        raised=raised,
        per_day=raised * _DAY_MS / span if span else None,
        devices=len(devices),
        most=most,
        most_of=most_of,
    )


def _most(of: tuple[str, int]) -> tuple[int, str]:
    return -of[1], of[0]
