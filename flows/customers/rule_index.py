"""A rule set by what the customers flow asks of it, made once for each set."""

from __future__ import annotations

from typing import Protocol

from flows.customers.known import Known
from flows.customers.listening import Listening
from flows.customers.profile import Kept
from flows.rules.model import EVERY_EVENT, MEASURED, Rule, RuleSet


class RuleIndex:
    """Rules by name and by event, aggregates by source; disabled rules are left out."""

    def __init__(self, rule_set: RuleSet) -> None:
        self.rule_set = rule_set
        self._by_name = {r.name: r for r in rule_set.rules if r.mode != "disabled"}
        self._by_event: dict[str, list[Rule]] = {}
        self._by_step: dict[str, list[Rule]] = {}
        for rule in self._by_name.values():
            if rule.event is not None:
                self._by_event.setdefault(rule.event, []).append(rule)
            for kind in {step.event for step in rule.sequence}:
                self._by_step.setdefault(kind, []).append(rule)
        self._listening = Listening(self._by_name.values())
        self.known = Known(rule_set)
        by_source: dict[str, list[Kept]] = {}
        for each in self.known.kept:
            by_source.setdefault(each.aggregate.source, []).append(each)
            if each.aggregate.closed_by is not None:
                by_source.setdefault(f"event:{each.aggregate.closed_by}", []).append(each)
        self._every = by_source.get(EVERY_EVENT, [])
        self._by_source = {
            source: [*found, *self._every] if _is_done(source) else found
            for source, found in by_source.items()
        }

    def rule(self, name: str) -> Rule | None:
        """The rule of that name, unless it is unknown or disabled."""
        return self._by_name.get(name)

    def for_event(self, kind: str) -> list[Rule]:
        """The rules that look for events of a type."""
        return self._by_event.get(kind, [])

    def with_step(self, kind: str) -> list[Rule]:
        """The rules with a sequence in which events of a type have a step."""
        return self._by_step.get(kind, [])

    @property
    def listening(self) -> Listening:
        """What sequences, follow-ups and suppressions listen for."""
        return self._listening

    def aggregates(self, source: str) -> list[Kept]:
        """The declared aggregates over a source, `event:<type>` or `alarm:<rule>`, or a set that such an event closes.

        What is over any event is over all that somebody did: not over what our own devices measured.
        """
        found = self._by_source.get(source)
        if found is None:
            return self._every if _is_done(source) else []
        return found


def _is_done(source: str) -> bool:
    """Whether it is something that somebody did."""
    return source.startswith("event:") and not source.startswith(f"event:{MEASURED}")


class CurrentRules(Protocol):
    """Who knows the rule set in force."""

    @property
    def current(self) -> RuleSet:
        """The newest whole rule set of this tenant."""
        ...


class RuleBook:
    """The index of the rule set in force; one a process."""

    def __init__(self, sets: CurrentRules) -> None:
        self._sets = sets
        self._index: RuleIndex | None = None

    @property
    def index(self) -> RuleIndex:
        """The index, made anew when another set has come into force; raises RuleSetMissing before the first."""
        found, index = self._sets.current, self._index
        if index is None or index.rule_set is not found:
            index = self._index = RuleIndex(found)
        return index
