"""What was published before this execution began, folded into a customer once all of it is there.

Decisions and handoffs lie on two topics and come in any order among each other. So they are kept until no more can
come, which is when the first epoch is over; then handoffs are taken or noted by their numbers, and decisions applied by
theirs. What a decision did to a part that was handed over since went with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from flows.customers.handoffs import given, goes_on, owe, strays_in, take
from flows.customers.packed import Packed
from flows.customers.state import Customer, apply
from flows.customers.triggers import HandedOver, HandOver, Published
from flows.schema import Decision

Found = Published | HandedOver
Unbound = dict[str, list[Found]]


def is_news(customer: Customer, decision: Decision, found: Sequence[Found]) -> bool:
    """Whether the state lacks a published decision, and it is not among what was found already."""
    if customer.erased or decision.number <= customer.number or decision.id in customer.pending:
        return False
    return all(decision.id != each.decision.id for each in found if isinstance(each, Published))


def bind_all(customers: Packed, unbound: Unbound) -> list[str]:
    """Fold all in; returns whom it changed."""
    for name, found in unbound.items():
        customer = customers.touch(name)
        customer.name = name
        bind(customer, found)
    return list(unbound)


def bind(customer: Customer, found: Sequence[Found]) -> None:
    """Fold in all that was found; the triggers that came along with handoffs are stashed."""
    handoffs = [each.handoff for each in found if isinstance(each, HandedOver)]
    for handoff in sorted(handoffs, key=lambda h: (h.number, bool(h.strays))):
        if handoff.source == customer.name:
            given(customer, handoff)
        elif not customer.erased:
            take(customer, handoff)
            for stray in strays_in(handoff):
                if isinstance(stray, HandOver):
                    owe(customer, stray)
                else:
                    customer.stash.append(stray)
    began = customer.number
    decisions = [each.decision for each in found if isinstance(each, Published)]
    for decision in sorted(decisions, key=lambda d: d.number):
        # Decisions of two rules reach the topic by two ways, so a greater number may come before a smaller one.
        if decision.number > began and not customer.erased:
            _fold(customer, decision)


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
