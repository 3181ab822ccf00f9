"""The episodes of flows/rules/PATTERNS.md: one device under one rule, one step at a time, in the order given there."""

from __future__ import annotations

import msgspec

from flows.expressions import Expression
from flows.rules.model import Absence, Rule
from flows.schema import Value
from tests.unit.devices.oracle_patterns import Scope, WindowOracle, asks, oracle_of


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
