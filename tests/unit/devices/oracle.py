"""A whole shard as flows/rules/PATTERNS.md states it: dicts and lists, one reading at a time, nothing clever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from flows.rules.model import Absence, Rule, Window
from flows.streams import Stream
from tests.unit.devices.oracle_episodes import Follower, Said
from tests.unit.devices.oracle_patterns import WindowOracle

DAY = 24 * 3_600_000


class Sent(msgspec.Struct, frozen=True):
    """One reading: its device, event time, append time (ms), fields, and in a narrow stream its metric."""

    device: str
    at: int
    appended: int
    values: dict[str, float | None]
    metric: str = ""


class Oracle:
    """A shard: `said` are the transitions, `counts` what became of the readings."""

    def __init__(self, stream: Stream, rules: Sequence[Rule]) -> None:
        self.stream, self.rules = stream, rules
        self.said: list[Said] = []
        self.streams_said: list[tuple[str, str, int, int]] = []
        self.counts: Counter[str] = Counter()
        self.clocks: dict[str, int] = {}
        self.heard: dict[str, int] = {}
        self.recent: dict[str, list[tuple[int, int]]] = {}
        self.seen: dict[str, set[str]] = {}
        self.most = 128 if stream.shape == "narrow" else 32
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
        if last is None or sent.at > last:
            self.seen[sent.device] = set()
        # what a narrow stream does not declare nobody reads, so nothing of it is remembered
        known = self.stream.shape == "wide" or sent.metric in self.stream.metrics
        what = self.stream.metrics.index(sent.metric) if sent.metric in self.stream.metrics else 0
        again = sent.at == last and sent.metric in self.seen[sent.device]
        if known and (again or (self.remembers and sent.at != last and (sent.at, what) in recent)):
            self.counts["duplicate"] += 1
            return
        may_enter = known and self.remembers and (len(recent) < self.most or (sent.at, what) > recent[0])
        if known:
            self.recent[sent.device] = sorted([*recent, (sent.at, what)])[-self.most :]
            if last is None or sent.at >= last:
                self.seen[sent.device].add(sent.metric)
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
