"""What waits comes to its end: by time, by an outcome, with its rule. Whatever is decided is applied at once."""

from __future__ import annotations

from collections.abc import Sequence

from flows.customers import bids, follow_ups, releases
from flows.customers.cause import Cause
from flows.customers.decide import Decider, Task
from flows.customers.follow_ups import cause_of
from flows.customers.paths import action_at, follow_up_at
from flows.customers.state import Customer, apply, settle
from flows.customers.suppressions import end_of
from flows.schema import Check, Decision, Outcome
from flows.schema_change import Waiting


class Settling:
    """Decides about what waits, with one rule set at one wall-clock time."""

    def __init__(self, decider: Decider) -> None:
        self._decider, self._rules = decider, decider.rules

    def _decide(
        self,
        customer: Customer,
        cause: Cause,
        task: Task | None = None,
        settles: tuple[str, ...] = (),
        answered: Sequence[Check] = (),
    ) -> list[Decision]:
        """Decide and apply; of what was folded already only what it settled is let go of."""
        if customer.pending.pop(cause.decision, None) is not None:
            settle(customer, settles if task is None else (*settles, *task.settles))
            return []
        decision = self._decider.decide(customer, cause, task, settles=settles, answered=answered)
        apply(customer, decision)
        return [decision]

    def _decide_due(self, customer: Customer, part: str, waiting: Waiting) -> list[Decision]:
        at = end_of(waiting)
        rule = self._rules.rule(waiting.rule)
        match waiting.kind:
            case "bid":
                return self._decide_bids(customer, waiting)
            case "quiet":
                satisfied = waiting.due is not None and waiting.due <= waiting.until
                reason = releases.SATISFIED if satisfied else releases.AT_MOST
                return self._release(customer, part, waiting, at, reason)
            case "stage":
                return self._drop(customer, part, waiting, at, f"the stage {waiting.stage} is over")
            case _:
                if waiting.due is None:
                    return self._drop(customer, part, waiting, at, follow_ups.GIVEN_UP)
                cause = cause_of(waiting, part, customer.name, self._number, at)
                return self._decide(customer, cause, follow_ups.task_of(waiting, rule))

    def _decide_bids(self, customer: Customer, first: Waiting) -> list[Decision]:
        """The bids of one window, the best first: the first that goes out beats the others."""
        out: list[Decision] = []
        winner: str | None = None
        for bid in bids.competing(customer, first, self._rules):
            rule = self._rules.rule(bid.waiting.rule)
            cause = bids.bid_cause(bid, customer.name, self._number, first.until)
            found = self._decide(customer, cause, bids.bid_task(bid.waiting, rule, winner))
            if winner is None and any(decision.change.acted for decision in found):
                winner = bid.waiting.rule
            out += found
        return out

    def _follow_outcome(
        self, customer: Customer, part: str, waiting: Waiting, outcome: Outcome
    ) -> list[Decision]:
        """What an outcome does to one follow-up that waits for it."""
        rule = self._rules.rule(waiting.rule)
        follow_up = None if rule is None else follow_up_at(rule, waiting.path)
        if follow_up is not None and follow_ups.fits(follow_up, outcome):
            answered = follow_ups.with_answer(waiting, follow_up, outcome)
            if follow_up.after is not None:
                put_waiting(customer, part, answered)
                return []
            cause = cause_of(answered, part, customer.name, self._number, outcome.at)
            return self._decide(customer, cause, follow_ups.task_of(answered, rule))
        if follow_ups.is_final(outcome):
            became = outcome.result or outcome.status
            return self._drop(
                customer, part, waiting, outcome.at, f"not called for: the outcome was {became}"
            )
        return []

    def _without_rule(self, customer: Customer, part: str, waiting: Waiting) -> list[Decision]:
        rule = self._rules.rule(waiting.rule)
        at = max(customer.at, waiting.since)
        if waiting.kind == "quiet":
            entry = None if rule is None else action_at(rule, waiting.path)
            if entry is not None and entry.suppress is not None:
                return []
            reason = follow_ups.RULE_REMOVED if rule is None else follow_ups.RULE_CHANGED
            return self._release(customer, part, waiting, at, reason)
        if waiting.kind == "stage" or rule is not None:
            return []
        return self._drop(customer, part, waiting, at, follow_ups.RULE_REMOVED)

    def _release(
        self, customer: Customer, part: str, waiting: Waiting, at: int, reason: str
    ) -> list[Decision]:
        if customer.pending.pop(waiting.id, None) is not None:
            settle(customer, (waiting.id,))
            return []
        cause = cause_of(waiting, part, customer.name, self._number, at)
        decision = releases.release(self._decider, customer, cause, waiting, reason)
        apply(customer, decision)
        return [decision]

    def _drop(self, customer: Customer, part: str, waiting: Waiting, at: int, reason: str) -> list[Decision]:
        """Let go of something that waits, and say why."""
        cause = cause_of(waiting, part, customer.name, self._number, at)
        return self._decide(customer, cause, Task(nothing=reason, settles=(waiting.id,)))

    @property
    def _number(self) -> int:
        return self._rules.rule_set.number


def put_waiting(customer: Customer, part: str, waiting: Waiting) -> None:
    """Keep something that waits as it is now, which counts as a change of its part."""
    kept = customer.part(part)
    kept.number += 1
    kept.waiting[waiting.id] = waiting
