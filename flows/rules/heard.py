"""Which events a rule waits for: what it is asked at, its sequence, and what calls off or ends what it did."""

from __future__ import annotations

from collections.abc import Iterator

from flows.rules.model import ActionEntry, Rule, actions_in


def heard(rule: Rule) -> frozenset[str]:
    """The types of all events that mean something to a rule."""
    found = {step.event for step in rule.sequence}
    if rule.event is not None:
        found.add(rule.event)
    for entries in rule.do.values():
        for action in actions_in(entries):
            found |= set(_of_action(action))
    return frozenset(found)


def _of_action(action: ActionEntry) -> Iterator[str]:
    """What an action waits for besides its outcome."""
    for follow_up in action.then:
        if follow_up.unless is not None:
            yield follow_up.unless.event
    if action.suppress is not None:
        yield from (match.event for match in action.suppress.until.events)
