"""A bucket of customers: it folds in what was published, decides what is new, and remembers.

`decisions` is the write-ahead log of what is here. After a start everything published behind the mark comes first:
each decision with a number above the customer's own is applied, its actions go out again (same ids), and its id is
remembered until the trigger is read again, which then goes into the profile and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from flows.customers import cause as causes
from flows.customers import profile
from flows.customers.cause import Cause
from flows.customers.decide import Decider
from flows.customers.rule_index import RuleBook, RuleIndex
from flows.customers.rule_limits import Decided
from flows.customers.state import Customer, apply, forget, is_decided, take_outcome
from flows.customers.triggers import AlarmFor, EventFor, OutcomeOf, Published, Trigger
from flows.errors import StateUnreadable
from flows.schema import Decision, Profile, Value

_FORMAT = 1
_State = dict[str, Customer]


class Bucket:
    """Some of the customers; `clock` is the wall clock in ms, `zone` that of customers whose profile tells none."""

    def __init__(
        self,
        tenant: str,
        book: RuleBook,
        clock: Callable[[], int],
        snapshot: bytes | None = None,
        zone: str | None = None,
    ) -> None:
        self._tenant = tenant
        self._book = book
        self._clock = clock
        self._zone = zone
        self._customers: _State = {} if snapshot is None else _read(snapshot)
        self._numbers: dict[str, int] = {}

    def snapshot(self) -> bytes:
        """All its customers: a format byte and MessagePack."""
        return saved(self._customers)

    def take(self, triggers: list[Trigger]) -> list[Decided | Profile]:
        """The decisions on a batch in its order, then the profile of each customer it touched."""
        decider = Decider(self._tenant, self._book.index, self._clock(), self._zone)
        out: list[Decided | Profile] = []
        touched: dict[str, None] = {}
        for trigger in triggers:
            name, decided = self._take(trigger, decider)
            out += decided
            touched[name] = None
        for name in touched:
            forget(self._customers[name])
            out.append(self._profile(name, decider.rules))
        return out

    def _take(self, trigger: Trigger, decider: Decider) -> tuple[str, list[Decided]]:
        """One trigger; returns whose it is, and what was decided."""
        match trigger:
            case Published():
                name = trigger.decision.customer
                return name, self._fold(self._customer(name), trigger.decision)
            case AlarmFor():
                self._numbers.clear()
                return trigger.customer, self._alarm(self._customer(trigger.customer), trigger, decider)
            case EventFor():
                self._numbers.clear()
                return trigger.customer, self._event(self._customer(trigger.customer), trigger, decider)
            case OutcomeOf():
                name = trigger.outcome.customer
                take_outcome(self._customer(name), trigger.outcome)
                return name, []

    def _customer(self, name: str) -> Customer:
        return self._customers.setdefault(name, Customer())

    def _fold(self, customer: Customer, decision: Decision) -> list[Decided]:
        """Apply a published decision unless the snapshot held it already.

        The number it is compared with is the one the customer had when this execution began: decisions of two rules
        reach the topic by two ways, so a greater number may come before a smaller one.
        """
        began = self._numbers.setdefault(decision.customer, customer.number)
        if decision.number <= began or decision.id in customer.pending:
            return []
        apply(customer, decision)
        customer.pending[decision.id] = decision.at
        return [Decided(decision, folded=True)]

    def _alarm(self, customer: Customer, found: AlarmFor, decider: Decider) -> list[Decided]:
        alarm = found.alarm
        folded = customer.pending.pop(alarm.id, None) is not None
        if not folded and is_decided(customer, alarm.episode, alarm.number):
            return []
        if alarm.transition == "raised" and not alarm.dry_run:
            for aggregate in decider.rules.aggregates(f"alarm:{alarm.rule}"):
                value = None if aggregate.field is None else profile.field_of_alarm(alarm, aggregate.field)
                profile.take_in(customer.cells, aggregate, alarm.at, value)
        return [] if folded else [self._decide(customer, causes.of_alarm(found), decider)]

    def _event(self, customer: Customer, found: EventFor, decider: Decider) -> list[Decided]:
        event = found.event
        trigger = causes.event_trigger(event.source, event.id)
        if trigger in customer.events:
            return []
        customer.events[trigger] = found.at
        customer.at = max(customer.at, found.at)
        if found.counts:
            for aggregate in decider.rules.aggregates(f"event:{event.type}"):
                value = None if aggregate.field is None else profile.field_of_event(event, aggregate.field)
                profile.take_in(customer.cells, aggregate, found.at, value)
        decided: list[Decided] = []
        for name in found.rules:
            rule = decider.rules.rule(name)
            cause = causes.of_event(found, self._tenant, rule, name, decider.rules.rule_set.number)
            if customer.pending.pop(cause.decision, None) is None:
                decided.append(self._decide(customer, cause, decider))
        return decided

    def _decide(self, customer: Customer, cause: Cause, decider: Decider) -> Decided:
        decision = decider.decide(customer, cause)
        apply(customer, decision)
        return Decided(decision)

    def _profile(self, name: str, index: RuleIndex) -> Profile:
        """What is known of a customer now."""
        customer = self._customers[name]
        values: dict[str, Value] = {
            a.name: profile.value_of(customer.cells, a) for a in index.rule_set.profile
        }
        counts: dict[str, int] = {}
        for item in customer.items.values():
            if not item.dry_run:
                key = f"{item.kind}:{item.about}"
                counts[key] = counts.get(key, 0) + 1
        return Profile(customer=name, number=customer.number, at=customer.at, values=values, open=counts)


def saved(customers: _State) -> bytes:
    """A snapshot of customers by name: a format byte and MessagePack."""
    return bytes([_FORMAT]) + msgspec.msgpack.encode(customers)


def _read(snapshot: bytes) -> _State:
    """Read a snapshot; raises StateUnreadable for a format that is not known."""
    if snapshot[:1] != bytes([_FORMAT]):
        raise StateUnreadable("the customers", snapshot[0] if snapshot else 0, _FORMAT)
    return msgspec.msgpack.decode(snapshot[1:], type=_State)
