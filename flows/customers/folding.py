"""What was published before this execution began, folded into a customer once all of it is there.

Decisions and handoffs lie on two topics and come in any order among each other. So they are kept until no more can
come, which is when the first epoch is over; then handoffs are taken or noted by their numbers, and decisions applied by
theirs. What a decision did to a part that was handed over since went with it.
"""

from __future__ import annotations

from flows.customers.handoffs import given, goes_on, strays_in, take
from flows.customers.state import Customer, apply
from flows.customers.triggers import HandedOver, Published, Stray
from flows.schema import Decision, Handoff


def is_news(customer: Customer, decision: Decision) -> bool:
    """Whether the state lacks a published decision, and it was not seen in this execution."""
    if customer.erased or decision.number <= customer.number or decision.id in customer.pending:
        return False
    return all(decision.id != each.decision.id for each in customer.unbound if isinstance(each, Published))


def bind(customer: Customer) -> tuple[list[Handoff], list[tuple[Stray, int]]]:
    """Fold in what was kept: returns handoffs to pass on, and the triggers that came along, with their numbers."""
    onward: list[Handoff] = []
    strays: list[tuple[Stray, int]] = []
    handoffs = {each.handoff.id: each.handoff for each in customer.unbound if isinstance(each, HandedOver)}
    decisions = {each.decision.id: each.decision for each in customer.unbound if isinstance(each, Published)}
    customer.unbound = []
    for handoff in sorted(handoffs.values(), key=lambda h: (h.number, bool(h.strays))):
        if handoff.source == customer.name:
            given(customer, handoff)
        elif not customer.erased:
            onward += take(customer, handoff)
            strays += [(stray, handoff.number) for stray in strays_in(handoff)]
    began = customer.number
    for decision in sorted(decisions.values(), key=lambda d: d.number):
        # Decisions of two rules reach the topic by two ways, so a greater number may come before a smaller one.
        if decision.number > began:
            _fold(customer, decision)
    return onward, strays


def _fold(customer: Customer, decision: Decision) -> None:
    name = decision.change.part
    left = goes_on(customer, name) is not None
    kept = name in customer.parts
    apply(customer, decision)
    if left:
        if not kept:
            del customer.parts[name]
        return
    customer.pending[decision.id] = customer.part(name).folded[decision.id] = decision.at
