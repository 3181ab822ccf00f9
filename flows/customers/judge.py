"""What the rules say to what reaches a customer: each method decides, applies, and returns what was decided.

The bucket calls it with a customer who is known to be the right one, after it has taken the trigger into the profile.
Nothing here knows of handoffs, snapshots or topics.
"""

from __future__ import annotations

from collections.abc import Sequence

from flows.customers import cause as causes
from flows.customers.cause import Cause
from flows.customers.decide import Decider
from flows.customers.state import Customer, apply, is_decided, take_outcome
from flows.customers.triggers import AlarmFor, AnswerOf, EventFor, OutcomeOf, RoleEnded
from flows.schema import Decision, LookUp

Judged = Decision | LookUp


class Judge:
    """Decides with one rule set at one wall-clock time; knows no customer by itself."""

    def __init__(self, decider: Decider) -> None:
        self._decider = decider

    def on_alarm(self, customer: Customer, found: AlarmFor) -> Sequence[Judged]:
        """Decide on a transition, unless that was done before."""
        alarm = found.alarm
        folded = customer.pending.pop(alarm.id, None) is not None
        if folded or is_decided(customer, alarm.episode, alarm.number):
            return []
        return [self._decide(customer, causes.of_alarm(found))]

    def on_event(self, customer: Customer, found: EventFor) -> Sequence[Judged]:
        """Decide for each rule that this customer decides on the event."""
        rules = self._decider.rules
        decided: list[Judged] = []
        for name in found.rules:
            cause = causes.of_event(
                found, self._decider.tenant, rules.rule(name), name, rules.rule_set.number
            )
            if customer.pending.pop(cause.decision, None) is None:
                decided.append(self._decide(customer, cause))
        return decided

    def on_outcome(self, customer: Customer, found: OutcomeOf) -> Sequence[Judged]:
        """Note what became of an action."""
        take_outcome(customer, found.outcome)
        return []

    def on_answer(self, customer: Customer, found: AnswerOf) -> Sequence[Judged]:  # noqa: ARG002
        """Decide what waited for the answer."""
        return []

    def on_due(self, customer: Customer, now: int) -> Sequence[Judged]:  # noqa: ARG002
        """Decide what is due by `now` (ms)."""
        return []

    def on_rules(self, customer: Customer) -> Sequence[Judged]:  # noqa: ARG002
        """Let go of what belongs to rules that are gone."""
        return []

    def on_role_ended(self, customer: Customer, found: RoleEnded) -> Sequence[Judged]:  # noqa: ARG002
        """Let the customer's episodes of the thing lapse."""
        return []

    def _decide(self, customer: Customer, cause: Cause) -> Decision:
        decision = self._decider.decide(customer, cause)
        apply(customer, decision)
        return decision


def due(customer: Customer) -> int | None:
    """When (ms) something of a customer is to be looked at next; None when nothing waits."""
    found: list[int] = []
    for part in customer.parts.values():
        found += [min(w.until, w.due if w.due is not None else w.until) for w in part.waiting.values()]
        found += [progress.due for progress in part.sequences.values()]
        found += [asked.due for asked in part.asked.values()]
    return min(found, default=None)
