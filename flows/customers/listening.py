"""Which events are remembered for a while because something that waits may look for them, and what of them.

Two sources may be read at different speeds, so an event may come before the one that it follows. It is therefore kept
until the Clock has passed it by as long as the longest sequence that looks for it may take, an hour at least.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from flows.customers.cause import event_trigger, event_values
from flows.customers.keeping import wanted_by_rule
from flows.customers.state import Customer, Heard
from flows.customers.triggers import EventFor
from flows.expressions import Expression
from flows.rules.model import EventMatch, Rule, actions_in

MOST_HEARD = 256
"""So many are kept in one part of a customer; the oldest are forgotten first."""
_LEAST_KEPT_MS = 3_600_000


class Listening:
    """Of one rule set: the types of events that are listened for, as who, what is read of them, and how long."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._fields: dict[str, set[str]] = {}
        self._kept: dict[str, int] = {}
        self._roles: dict[str, set[str]] = {}
        for rule in rules:
            for kind, fields, kept in _heard_by(rule):
                self._roles.setdefault(kind, set()).add(rule.customer)
                self._fields.setdefault(kind, set()).update(fields)
                self._kept[kind] = max(self._kept.get(kind, _LEAST_KEPT_MS), kept)

    def roles(self, kind: str) -> Collection[str]:
        """The roles that decide for the rules which listen for events of a type."""
        return self._roles.get(kind, ())

    def hear(self, customer: Customer, found: EventFor) -> Heard | None:
        """Remember an event, if its type is listened for."""
        event = found.event
        if event.type not in self._fields:
            return None
        wanted = self._fields[event.type]
        values = {name: value for name, value in event_values(event).items() if name in wanted}
        heard = Heard(event.type, found.at, found.at + self._kept[event.type], values)
        part = customer.part(found.part)
        part.number += 1
        part.heard[event_trigger(event.source, event.id)] = heard
        if len(part.heard) > MOST_HEARD:
            del part.heard[min(part.heard, key=lambda trigger: (part.heard[trigger].at, trigger))]
        return heard


def heard_by(customer: Customer) -> list[tuple[str, Heard]]:
    """What was heard of a customer, by event time; of equal times by id."""
    found = {trigger: heard for part in customer.parts.values() for trigger, heard in part.heard.items()}
    return sorted(found.items(), key=lambda each: (each[1].at, each[0]))


def forget_heard(customer: Customer, now: int) -> None:
    """Drop what nothing can look for any more, now that the Clock stands at `now` (ms)."""
    for part in customer.parts.values():
        gone = [trigger for trigger, heard in part.heard.items() if heard.until <= now]
        for trigger in gone:
            del part.heard[trigger]
        part.number += bool(gone)


def _heard_by(rule: Rule) -> Iterator[tuple[str, set[str], int]]:
    """(type, fields, how long in ms) of each event that a rule listens for."""
    span = sum(step.within or 0 for step in rule.sequence)
    named = wanted_by_rule(rule).names
    for step in rule.sequence:
        fields = _of_event(step.where)
        if step.called:
            own = f"{step.called}."
            fields |= {f"event.{name.removeprefix(own)}" for name in named if name.startswith(own)}
        yield step.event, fields, span
    for match in _matches(rule):
        yield match.event, _of_event(match.where), 0


def _matches(rule: Rule) -> Iterator[EventMatch]:
    for entries in rule.do.values():
        for action in actions_in(entries):
            if action.suppress is not None:
                yield from action.suppress.until.events
            yield from (then.unless for then in action.then if then.unless is not None)


def _of_event(where: Expression | None) -> set[str]:
    """The fields of its own event that a condition reads."""
    return set() if where is None else {name for name in where.names if name.startswith("event.")}
