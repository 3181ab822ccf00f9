"""A whole shard as flows/rules/PATTERNS.md states it: dicts and lists, one reading at a time, nothing clever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from flows.expressions import Expression
from flows.rules.model import Absence, Rule, Window
from flows.schema import Value
from flows.streams import Stream
from tests.unit.devices.oracle_patterns import Scope, WindowOracle, asks, oracle_of

DAY = 24 * 3_600_000


class Said(msgspec.Struct, frozen=True, order=True):
    """A transition as the comparison sees it; `facts` only where a pattern raised it."""

    device: str
    rule: str
    transition: str
    severity: str | None
    at: int
    opened_at: int
    number: int
    facts: dict[str, Value] = {}


class Sent(msgspec.Struct, frozen=True):
    """One reading: its device, event time, append time (ms) and fields."""

    device: str
    at: int
    appended: int
    values: dict[str, float | None]


class Follower:
    """One device under one rule."""

    def __init__(self, device: str, rule: Rule, said: list[Said]) -> None:
        self.device, self.rule, self.said = device, rule, said
        self.patterns = [oracle_of(pattern) for pattern in rule.patterns]
        self.active = self.silenced = False
        self.level = self.number = self.opened_at = self.cleared_in_a_row = 0

    def say(self, transition: str, at: int, facts: dict[str, Value] | None = None) -> None:
        self.number += 1
        names = [s.name for s in self.rule.severities]
        severity = names[self.level] if names else None
        self.said.append(
            Said(
                self.device,
                self.rule.name,
                transition,
                severity,
                at,
                self.opened_at,
                self.number,
                facts or {},
            )
        )

    def raise_(self, at: int, level: int, facts: dict[str, Value]) -> None:
        self.active, self.level, self.number, self.opened_at = True, level, 0, at
        self.cleared_in_a_row = 0
        self.say("raised", at, facts)

    def end(self, transition: str, at: int) -> None:
        self.say(transition, at)
        self.active = False
        for pattern in self.patterns:
            if pattern is not None:
                pattern.forget()

    def lapse_if_silent(self, clock: int, last: int | None) -> None:
        silent = self.rule.ends_silent
        if self.active and silent is not None and last is not None and clock - last >= silent:
            self.end("lapsed", max(last + silent, self.opened_at))
            self.silenced = True

    def close_windows(self, clock: int, lateness: int, device: Scope) -> None:
        due = [
            (end, place, window, readings)
            for place, window in enumerate(self.patterns)
            if isinstance(window, WindowOracle)
            for end, readings in window.close(clock, lateness)
        ]
        for end, _, window, readings in sorted(due, key=lambda one: one[:2]):
            self.closed(window, end, *window.measure(readings), device)

    def closed(self, window: WindowOracle, end: int, n: int, value: float | None, device: Scope) -> None:
        true = asks(window.pattern.of, {**device, "value": value}) if n else None
        if true is None:
            return
        window.stands = true
        if true and not self.active:
            self.raise_(end, 0, {"value": value, "count": n})
        elif not true and self.active and self.rule.clear is None and not self.stands():
            self.end("cleared", end)

    def stands(self) -> bool:
        return any(p is not None and p.stands for p in self.patterns)

    def take(self, at: int, scope: Scope, last: int | None, lateness: int) -> None:
        """One taken reading."""
        self.close_windows(at, lateness, scope)
        self.lapse_if_silent(at, last)
        self.silenced = False
        for pattern in self.patterns:
            if pattern is not None:
                pattern.take(at, scope)
        if self.active:
            self.follow(at, scope)
            return
        for pattern in self.patterns:
            if pattern is not None and not isinstance(pattern, WindowOracle) and pattern.holds:
                self.raise_(at, self.highest(scope, 0) or 0, pattern.facts())
                return

    def follow(self, at: int, scope: Scope) -> None:
        """An active episode meets a reading."""
        clear = self.rule.clear
        if isinstance(self.rule.patterns[0], Absence):
            self.end("cleared", at)
            return
        if clear is None:
            if not self.stands():
                self.end("cleared", at)
                return
        else:
            true = asks(clear.of, scope)
            self.cleared_in_a_row = 0 if true is False else self.cleared_in_a_row + (true is True)
            if self.cleared_in_a_row >= clear.run:
                self.end("cleared", at)
                return
        higher = self.highest(scope, self.level)
        if higher is not None:
            self.level = higher
            self.say("escalated", at)
            return
        level = self.level
        while level > 0 and self.is_true(self.rule.severities[level].clear, scope):
            level -= 1
        if level < self.level:
            self.level = level
            self.say("deescalated", at)

    def highest(self, scope: Scope, above: int) -> int | None:
        """The highest severity above a level whose `when` is true."""
        true = [i for i, s in enumerate(self.rule.severities) if i > above and self.is_true(s.when, scope)]
        return max(true, default=None)

    @staticmethod
    def is_true(condition: Expression | None, scope: Scope) -> bool:
        return condition is not None and asks(condition, scope) is True


class Oracle:
    """A shard: `said` are the transitions, `counts` what became of the readings."""

    def __init__(self, stream: Stream, rules: Sequence[Rule]) -> None:
        self.stream, self.rules = stream, rules
        self.said: list[Said] = []
        self.streams_said: list[tuple[str, str, int, int]] = []
        self.counts: Counter[str] = Counter()
        self.clocks: dict[str, int] = {}
        self.heard: dict[str, int] = {}
        self.recent: dict[str, list[int]] = {}
        self.attributes: dict[str, dict[str, float]] = {}
        self.followers: dict[tuple[str, str], Follower] = {}
        self.held_since: dict[str, int] = {}
        self.greatest_event = self.greatest_append = self.swept = 0
        windows = any(isinstance(p, Window) for r in rules for p in r.patterns)
        self.remembers = stream.lateness > 0 and windows
        shortest = [r.ends_silent for r in rules if r.ends_silent is not None]
        for pattern in (p for r in rules for p in r.patterns):
            if isinstance(pattern, Absence):
                shortest.append(pattern.after)
            elif isinstance(pattern, Window):
                shortest.append(pattern.every)
        self.tick = min(max(min(shortest) // 64, 1_000), 60_000) if shortest else None

    def follower(self, device: str, rule: Rule) -> Follower:
        return self.followers.setdefault((device, rule.name), Follower(device, rule, self.said))

    def about(self, device: str) -> dict[str, object]:
        return {f"device.{name}": value for name, value in self.attributes.get(device, {}).items()}

    def read(self, sent: Sent) -> None:
        """Take one reading, then look whether the shard's clock passed a tick."""
        future = sent.at > sent.appended + self.stream.max_ahead
        if future:
            self.counts["future"] += 1
        else:
            self.judge(sent)
            self.greatest_event = max(self.greatest_event, sent.at)
        self.greatest_append = max(self.greatest_append, sent.appended)
        clock = min(self.greatest_event, self.greatest_append)
        if not future:
            self.heard[sent.device] = clock
        if self.tick is not None and clock // self.tick > self.swept // self.tick:
            self.swept = clock // self.tick * self.tick
            self.sweep(self.swept)

    def judge(self, sent: Sent) -> None:
        """Duplicate, late or taken."""
        last = self.clocks.get(sent.device)
        recent = self.recent.setdefault(sent.device, [])
        if last is not None and (sent.at == last or (self.remembers and sent.at in recent)):
            self.counts["duplicate"] += 1
            return
        may_enter = self.remembers and (len(recent) < 32 or sent.at > recent[0])
        self.recent[sent.device] = sorted([*recent, sent.at])[-32:]
        if last is not None and sent.at < last:
            self.counts["late"] += 1
            if may_enter:
                for rule in self.rules:
                    for pattern in self.follower(sent.device, rule).patterns:
                        if isinstance(pattern, WindowOracle):
                            pattern.take(sent.at, sent.values)
            return
        self.counts["taken"] += 1
        self.clocks[sent.device] = sent.at
        scope = {**sent.values, **self.about(sent.device)}
        for rule in self.rules:
            self.follower(sent.device, rule).take(sent.at, scope, last, self.stream.lateness)

    def sweep(self, clock: int) -> None:
        """A tick: windows of quiet devices, then silence, then absences."""
        for rule in self.rules:
            for device, last in self.clocks.items():
                follower = self.follower(device, rule)
                gone_on = last + clock - self.heard[device]
                follower.close_windows(gone_on, self.stream.lateness, self.about(device))
                follower.lapse_if_silent(gone_on, last)
            for pattern in rule.patterns:
                if isinstance(pattern, Absence):
                    self.absences(rule, pattern.after, clock)

    def absences(self, rule: Rule, after: int, clock: int) -> None:
        """Raise who is silent for so long, unless so many are that the stream itself is silent."""
        live = [d for d in self.clocks if clock - self.heard[d] < max(DAY, 4 * after)]
        waiting = [
            self.follower(device, rule)
            for device in self.clocks
            if clock - self.heard[device] >= after
            and not self.follower(device, rule).active
            and not self.follower(device, rule).silenced
        ]
        alive = [follower for follower in waiting if follower.device in live]
        if len(alive) >= 10 and len(alive) * 5 > len(live):
            if rule.name not in self.held_since:
                self.held_since[rule.name] = clock
                self.streams_said.append((rule.name, "raised", clock, clock))
            return
        if rule.name in self.held_since:
            self.streams_said.append((rule.name, "cleared", clock, self.held_since.pop(rule.name)))
        for follower in waiting:
            follower.raise_(self.clocks[follower.device] + after, 0, {})
