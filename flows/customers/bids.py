"""Messages that compete: of those that come within a budget's window one goes out, of the rule that matters most.

A window begins with its first bid. The greatest `priority` wins, of equals the earlier cause, then the rule's name;
if the best is refused for another reason, the next has its turn. A budget with a window lets one message out in any
stretch of it, so that who was beaten stays so even when the decision about it was lost in a crash.
"""

from __future__ import annotations

import msgspec

from flows.customers import paths
from flows.customers.cause import Cause
from flows.customers.decide import Task
from flows.customers.follow_ups import RULE_CHANGED, RULE_REMOVED, cause_of
from flows.customers.rule_index import RuleIndex
from flows.customers.state import Customer
from flows.rules.model import Rule
from flows.schema_change import Waiting


class Bid(msgspec.Struct, frozen=True):
    """A bid and the part it lies in."""

    part: str
    waiting: Waiting


def competing(customer: Customer, first: Waiting, rules: RuleIndex) -> list[Bid]:
    """All that bid in the window that ends when `first` is due, the best first."""
    due = first.until
    found = [
        Bid(part, w)
        for part, w in customer.waiting()
        if w.kind == "bid" and w.budget == first.budget and w.dry_run == first.dry_run
        if w.id == first.id or _at(w) < due
    ]
    return sorted(found, key=lambda bid: _rank(bid.waiting, rules))


def bid_cause(bid: Bid, customer: str, rule_set: int, at: int) -> Cause:
    """A bid as the cause of its decision; its message is as old as what began it."""
    cause = cause_of(bid.waiting, bid.part, customer, rule_set, at)
    return msgspec.structs.replace(cause, since=bid.waiting.since, valid_from=_at(bid.waiting))


def bid_task(waiting: Waiting, rule: Rule | None, winner: str | None) -> Task:
    """What is to be done with a bid; `winner` is the rule that has beaten it.

    What its raise, or its follow-up, was asked when the bid was made is asked again: much may happen in a window.
    """
    settles = (waiting.id,)
    if rule is None:
        return Task(nothing=RULE_REMOVED, settles=settles)
    entry = paths.action_at(rule, waiting.path)
    if entry is None:
        return Task(nothing=RULE_CHANGED, settles=settles)
    follow_up = paths.follow_up_around(rule, waiting.path)
    return Task(
        entries=(entry,),
        path=waiting.path.rpartition(".")[0],
        condition=None if follow_up is None else follow_up.condition,
        gated=not waiting.counted and not waiting.action,
        compete=False,
        refused=None if winner is None else f"outbid by {winner}",
        settles=settles,
    )


def _at(waiting: Waiting) -> int:
    return waiting.since if waiting.cause is None else waiting.cause.at


def _rank(waiting: Waiting, rules: RuleIndex) -> tuple[int, int, str, str]:
    rule = rules.rule(waiting.rule)
    return (0 if rule is None else -rule.priority, _at(waiting), waiting.rule, waiting.id)
