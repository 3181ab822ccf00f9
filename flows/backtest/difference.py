"""What two rule sets say of the same readings, and in what they differ.

Two alarms are the *same* if rule, device, time of opening, number, transition, severity and time are equal. Of those
that are left, one of each side is a pair: of another *severity*, if nothing else differs; else *shifted*, if rule,
device and transition are equal and the times no further apart than asked, taken in their order. What then is left is
*only* on its side. Evidence and explanations may differ freely.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import msgspec

from flows.schema import Alarm

Side = Literal["now", "before"]
How = Literal["only", "severity", "shifted"]
_Key = tuple[Any, ...]


class Differing(msgspec.Struct, frozen=True):
    """An alarm that the other side does not have so; `other` is its pair there."""

    side: Side
    how: How
    alarm: Alarm
    other: Alarm | None = None


class RuleDifference(msgspec.Struct, frozen=True, kw_only=True):
    """Alarms of one rule, counted: those of one side alone, those of both, and the pairs."""

    rule: str
    only_now: int
    only_before: int
    severity: int
    shifted: int
    same: int


class Difference:
    """Takes the alarms of both sides as they come; it keeps only those that the other side has not said yet."""

    def __init__(self, rules: Iterable[str]) -> None:
        self._rules = set(rules)
        self._same: Counter[str] = Counter()
        self._left: dict[Side, dict[_Key, list[Alarm]]] = {"now": {}, "before": {}}

    def take(self, side: Side, alarms: Iterable[Alarm]) -> None:
        """Take what one side says."""
        mine, others = self._left[side], self._left["before" if side == "now" else "now"]
        for alarm in alarms:
            key = (*_but_severity(alarm), alarm.severity)
            waiting = others.get(key)
            if waiting is None:
                mine.setdefault(key, []).append(alarm)
                continue
            self._same[alarm.rule] += 1
            waiting.pop()
            if not waiting:
                del others[key]

    def differing(self, within: int) -> list[Differing]:
        """All that differs, by time; pairs of the same kind may be `within` ms apart."""
        now, before = (
            [alarm for alarms in self._left[side].values() for alarm in alarms] for side in ("now", "before")
        )
        found: list[Differing] = []
        kinds: list[tuple[How, Callable[[Alarm], _Key], int]] = [
            ("severity", _but_severity, 0),
            ("shifted", _kind, within),
        ]
        for how, kind, apart in kinds:
            pairs = list(_pairs(now, before, kind, apart))
            for mine, others in pairs:
                found += [Differing("now", how, mine, others), Differing("before", how, others, mine)]
            paired = {id(alarm) for pair in pairs for alarm in pair}
            now = [alarm for alarm in now if id(alarm) not in paired]
            before = [alarm for alarm in before if id(alarm) not in paired]
        found += [Differing("now", "only", alarm) for alarm in now]
        found += [Differing("before", "only", alarm) for alarm in before]
        return sorted(found, key=_place)

    def by_rule(self, differing: Iterable[Differing]) -> list[RuleDifference]:
        """One count a rule, by name."""
        counts = Counter((one.alarm.rule, one.side, one.how) for one in differing)
        rules = self._rules | self._same.keys() | {rule for rule, _, _ in counts}
        return [
            RuleDifference(
                rule=rule,
                only_now=counts[rule, "now", "only"],
                only_before=counts[rule, "before", "only"],
                severity=counts[rule, "now", "severity"],
                shifted=counts[rule, "now", "shifted"],
                same=self._same[rule],
            )
            for rule in sorted(rules)
        ]


def _kind(alarm: Alarm) -> _Key:
    return alarm.rule, alarm.device, alarm.transition


def _but_severity(alarm: Alarm) -> _Key:
    return alarm.rule, alarm.device, alarm.transition, alarm.opened_at, alarm.number, alarm.at


def _time(alarm: Alarm) -> tuple[int, int]:
    return alarm.at, alarm.number


def _place(one: Differing) -> _Key:
    alarm = one.alarm
    return alarm.at, alarm.rule, alarm.device, alarm.opened_at, alarm.number, one.side, alarm.severity or ""


def _pairs(
    now: Iterable[Alarm], before: Iterable[Alarm], kind: Callable[[Alarm], _Key], apart: int
) -> Iterator[tuple[Alarm, Alarm]]:
    """Pairs of one kind at most `apart` ms from each other: each the first that fits, in the order of time."""
    waiting: dict[_Key, list[Alarm]] = {}
    for alarm in sorted(before, key=_time):
        waiting.setdefault(kind(alarm), []).append(alarm)
    nexts: Counter[_Key] = Counter()
    for alarm in sorted(now, key=_time):
        key = kind(alarm)
        others = waiting.get(key, [])
        while nexts[key] < len(others) and others[nexts[key]].at < alarm.at - apart:
            nexts[key] += 1
        if nexts[key] < len(others) and others[nexts[key]].at <= alarm.at + apart:
            yield alarm, others[nexts[key]]
            nexts[key] += 1
