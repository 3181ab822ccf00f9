"""A bucket of customers: it folds in what was published, decides what is new, and remembers.

`decisions` is the write-ahead log of what is here. After a start everything published behind the mark comes first:
each decision with a number above the customer's own is applied, its actions go out again (same ids), and its id is
remembered until the trigger is read again, which then goes into the profile and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from flows.customers import profile
from flows.customers.cause import event_trigger
from flows.customers.counting import count_alarm, count_event
from flows.customers.decide import Decider
from flows.customers.judge import Judge, Judged, due
from flows.customers.packed import Packed
from flows.customers.rule_index import RuleBook, RuleIndex
from flows.customers.rule_limits import Decided
from flows.customers.state import Customer, apply, forget, is_decided
from flows.customers.triggers import AlarmFor, EventFor, OutcomeOf, Published, RulesChanged, Tick, Trigger
from flows.schema import Decision, Profile, Value

# So many who are due are decided at one tick, the rest at the next.
_DUE_AT_ONCE = 256


class Bucket:
    """Some of the customers; `clock` is the wall clock in ms, `zone` that of customers whose profile tells none.

    `customers` is built with `judge.due`, so that it knows who is due.
    """

    def __init__(
        self,
        tenant: str,
        book: RuleBook,
        clock: Callable[[], int],
        customers: Packed | None = None,
        zone: str | None = None,
    ) -> None:
        self._tenant = tenant
        self._book = book
        self._clock = clock
        self._zone = zone
        self._customers = Packed(due=due) if customers is None else customers
        self._numbers: dict[str, int] = {}

    def snapshot(self) -> bytes:
        """What changed of its customers since their base."""
        return self._customers.snapshot()

    def take(self, triggers: list[Trigger]) -> list[Decided | Profile]:
        """The decisions on a batch in its order, then the profile of each customer it touched."""
        decider = Decider(self._tenant, self._book.index, self._clock(), self._zone)
        judge = Judge(decider)
        out: list[Decided | Profile] = []
        touched: dict[str, None] = {}
        for trigger in triggers:
            if isinstance(trigger, Tick | RulesChanged):
                for name, decided in self._look(trigger, judge):
                    out += decided
                    touched[name] = None
            else:
                name, decided = self._take(trigger, judge, decider.rules)
                out += decided
                touched[name] = None
        for name in touched:
            forget(self._customers.touch(name))
            out.append(self._profile(name, decider.rules))
        self._customers.cool()
        return out

    def _look(self, trigger: Tick | RulesChanged, judge: Judge) -> Iterator[tuple[str, list[Decided]]]:
        """Look after those who are due, or after all: who decided something, and what."""
        if isinstance(trigger, Tick):
            for name in self._customers.due_by(trigger.now, _DUE_AT_ONCE):
                yield name, _decided(judge.on_due(self._customer(name), trigger.now))
            return
        for name in self._customers.names():
            if decided := _decided(judge.on_rules(self._customer(name))):
                yield name, decided

    def _take(self, trigger: Trigger, judge: Judge, index: RuleIndex) -> tuple[str, list[Decided]]:
        """One trigger; returns whose it is, and what was decided."""
        match trigger:
            case Published():
                name = trigger.decision.customer
                return name, self._fold(self._customer(name), trigger.decision)
            case AlarmFor():
                self._numbers.clear()
                return trigger.customer, self._alarm(self._customer(trigger.customer), trigger, judge, index)
            case EventFor():
                self._numbers.clear()
                return trigger.customer, self._event(self._customer(trigger.customer), trigger, judge, index)
            case OutcomeOf():
                name = trigger.outcome.decider or trigger.outcome.customer
                return name, _decided(judge.on_outcome(self._customer(name), trigger))
            case _:
                raise NotImplementedError(type(trigger).__name__)

    def _customer(self, name: str) -> Customer:
        return self._customers.touch(name)

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

    def _alarm(self, customer: Customer, found: AlarmFor, judge: Judge, index: RuleIndex) -> list[Decided]:
        alarm = found.alarm
        if alarm.id in customer.pending or not is_decided(customer, alarm.episode, alarm.number):
            count_alarm(customer, found, index)
        return _decided(judge.on_alarm(customer, found))

    def _event(self, customer: Customer, found: EventFor, judge: Judge, index: RuleIndex) -> list[Decided]:
        if customer.has_seen(event_trigger(found.event.source, found.event.id)):
            return []
        count_event(customer, found, index)
        return _decided(judge.on_event(customer, found))

    def _profile(self, name: str, index: RuleIndex) -> Profile:
        """What is known of a customer now."""
        customer = self._customers.touch(name)
        values: dict[str, Value] = {
            a.name: profile.value_over([p.cells for p in customer.parts.values()], a)
            for a in index.rule_set.profile
        }
        counts: dict[str, int] = {}
        for _, item in customer.items():
            if not item.dry_run:
                key = f"{item.kind}:{item.about}"
                counts[key] = counts.get(key, 0) + 1
        return Profile(customer=name, number=customer.number, at=customer.at, values=values, open=counts)


def _decided(judged: Sequence[Judged]) -> list[Decided]:
    return [Decided(each) for each in judged if isinstance(each, Decision)]
