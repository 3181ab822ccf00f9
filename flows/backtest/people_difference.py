"""In what actions differ that two rule sets do on the same archives, told while they are played side by side.

Two actions are the *same* if id, time and content are equal; the id says which trigger, rule and entry of it. With the
same id and another content they are *changed*. Of those that are left, two of one rule, customer and name are a pair,
*shifted*, if their times are no further apart than asked, the oldest first. What then is left is *only* on its side.
Customers' ids are drawn alike on both sides as long as both match alike. Only what may still find its pair is kept.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from flows.backtest.difference import Side
from flows.schema import Decision, PlannedAction

ActionHow = Literal["only", "changed", "shifted"]
_Key = tuple[str, str, str]


class Done(msgspec.Struct, frozen=True):
    """An action that goes out, is held or would go out in a dry run, decided at event time `at` (ms)."""

    at: int
    planned: PlannedAction

    @property
    def id(self) -> str:
        """The action's."""
        return self.planned.action.id

    @property
    def kind(self) -> _Key:
        """What a shifted pair has in common."""
        action = self.planned.action
        return action.rule, action.customer, action.name

    @property
    def content(self) -> tuple[Any, ...]:
        """All else of it that somebody may notice."""
        a = self.planned.action
        return (
            self.at,
            self.planned.status,
            a.kind,
            a.lane,
            a.to,
            a.purpose,
            a.about,
            a.parameters,
            a.valid_until,
        )


class ActionDiffering(msgspec.Struct, frozen=True):
    """An action that the other side does not do so; `other` is its pair there."""

    side: Side
    how: ActionHow
    mine: Done
    other: Done | None = None


class ActionCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Actions of one rule, counted: those of one side alone, those of both, and the pairs."""

    rule: str
    only_now: int
    only_before: int
    changed: int
    shifted: int
    same: int


class ActionDifference:
    """Takes what both sides do in event time; pairs may be `within` ms apart."""

    def __init__(self, rules: Iterable[str], within: int) -> None:
        self._rules, self._within = set(rules), within
        self._waiting: dict[Side, dict[str, Done]] = {"now": {}, "before": {}}
        self._ready: list[tuple[tuple[Any, ...], ActionDiffering]] = []
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._same: Counter[str] = Counter()

    def take(self, side: Side, decision: Decision, now: int) -> None:
        """Take what one side decided at event time `now` (ms)."""
        mine, others = self._waiting[side], self._waiting["before" if side == "now" else "now"]
        for planned in decision.actions:
            if planned.status not in ("published", "held", "dry_run"):
                continue
            done = Done(now, planned)
            other = others.pop(done.id, None)
            if other is None:
                mine[done.id] = done
            elif other.content == done.content:
                self._same[decision.rule] += 1
            else:
                self._pair("changed", side, done, other)

    def settled(self, now: int | None) -> Iterator[ActionDiffering]:
        """What nothing to come changes any more, by time; `now` (ms) is reached on both sides, None is the end."""
        oldest = None if now is None else now - self._within
        for side in ("now", "before"):
            self._expire(side, oldest)
        while self._ready and (oldest is None or self._ready[0][0][0] < oldest):
            yield heapq.heappop(self._ready)[1]

    def by_rule(self) -> list[ActionCounts]:
        """One count a rule, by name."""
        counts = self._counts
        rules = self._rules | self._same.keys() | {rule for rule, _, _ in counts}
        return [
            ActionCounts(
                rule=rule,
                only_now=counts[rule, "now", "only"],
                only_before=counts[rule, "before", "only"],
                changed=counts[rule, "now", "changed"],
                shifted=counts[rule, "now", "shifted"],
                same=self._same[rule],
            )
            for rule in sorted(rules)
        ]

    @property
    def differ(self) -> bool:
        """Whether anything does, of what is settled."""
        return bool(self._counts)

    def _expire(self, side: Side, oldest: int | None) -> None:
        """Settle what is older: with the first of its kind on the other side that is near enough, or alone."""
        mine, others = self._waiting[side], self._waiting["before" if side == "now" else "now"]
        # Whatever came first stands first.
        while mine and (oldest is None or next(iter(mine.values())).at < oldest):
            done = mine.pop(next(iter(mine)))
            pairs = (
                o for o in others.values() if o.kind == done.kind and abs(o.at - done.at) <= self._within
            )
            other = next(pairs, None)
            if other is None:
                self._tell(ActionDiffering(side, "only", done))
            else:
                del others[other.id]
                self._pair("shifted", side, done, other)

    def _pair(self, how: ActionHow, side: Side, mine: Done, other: Done) -> None:
        self._tell(ActionDiffering(side, how, mine, other))
        self._tell(ActionDiffering("before" if side == "now" else "now", how, other, mine))

    def _tell(self, one: ActionDiffering) -> None:
        action = one.mine.planned.action
        self._counts[action.rule, one.side, one.how] += 1
        heapq.heappush(
            self._ready, ((one.mine.at, action.rule, action.customer, action.id, one.side, one.how), one)
        )
