"""One batch of triggers under way in a bucket: each goes to its customer, on to whoever has him now, or waits.

What is decided, handed over and asked is gathered in order; profiles and consents come at the end, once for each
customer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from flows.customers import handoffs, known
from flows.customers.cause import event_trigger
from flows.customers.counting import count_alarm, count_event
from flows.customers.folding import Unbound, bind_all, is_news
from flows.customers.judge import Judge, Judged
from flows.customers.judge import due as due_of
from flows.customers.packed import Packed
from flows.customers.rule_index import RuleIndex
from flows.customers.rule_limits import Decided
from flows.customers.state import Customer, Moved, forget, is_decided
from flows.customers.triggers import (
    AlarmFor,
    AnswerOf,
    Erase,
    EventFor,
    Expect,
    HandedOver,
    HandOver,
    OutcomeOf,
    PersonOf,
    Published,
    RoleEnded,
    RulesChanged,
    Stashed,
    Stray,
    Tick,
    Trigger,
    whose,
)
from flows.schema import Consents, Decision, Handoff, LookUp, Profile

# So many who are due are decided at one tick, the rest at the next.
_DUE_AT_ONCE = 256


class Gone(msgspec.Struct, frozen=True):
    """There is no such customer any more: merged away, or `erased`."""

    customer: str
    erased: bool


Out = Decided | Profile | Consents | Handoff | LookUp | Gone


class Batch:
    """`unbound` is what was published before by customer, None once it is folded in; `now` is the wall clock in ms."""

    def __init__(
        self, customers: Packed, judge: Judge, index: RuleIndex, now: int, unbound: Unbound | None
    ) -> None:
        self._customers, self._judge, self._index, self._now = customers, judge, index, now
        self.unbound = unbound
        self._out: list[Out] = []
        self._strays: dict[tuple[str, str, str, int], list[Stashed]] = {}
        self._touched: dict[str, None] = {}
        self._changed: set[str] = set()
        self._left: set[str] = set()

    def take(self, trigger: Trigger) -> None:
        """Handle one trigger."""
        match trigger:
            case Tick():
                self._bind()
                self._due(trigger.now)
            case RulesChanged():
                self._bind()
                self._rules_changed()
            case Published() | HandedOver():
                self._published(trigger)
            case PersonOf():
                self._person(trigger)
            case HandOver():
                self._hand_over(trigger)
            case Expect():
                handoffs.expect(self._open(trigger.target), trigger)
            case Erase():
                self._erase(trigger)
            case RoleEnded() if self.unbound is not None:
                self._open(trigger.customer).stash.append(trigger)
            case _:
                self._bind()
                customer = self._settled(whose(trigger) or "")
                self._dispatch(customer.name, trigger)

    def finish(self) -> list[Out]:
        """All that the batch gave."""
        if self.unbound is None:
            for name in self._customers.due_by(0, _DUE_AT_ONCE):
                self._settle(self._open(name))
        for source in dict.fromkeys(key[0] for key in self._strays):
            self._send_strays(self._customers.touch(source))
        for name in self._touched:
            self._say(name, self._customers.touch(name))
        return self._out

    def _open(self, name: str) -> Customer:
        """A customer, to be changed."""
        customer = self._customers.touch(name)
        customer.name = name
        self._touched[name] = None
        return customer

    def _settled(self, name: str) -> Customer:
        """A customer for whom all that can be settled is: that came before what comes now."""
        customer = self._open(name)
        if customer.owed or customer.stash:
            self._settle(customer)
        return customer

    def _bind(self) -> None:
        """The first epoch is over: fold in what was published."""
        if self.unbound is not None:
            self.fresh(bind_all(self._customers, self.unbound))
            self.unbound = None

    def fresh(self, names: Iterable[str]) -> None:
        """These have changed since anything was said of them."""
        for name in names:
            self._open(name)
            self._changed.add(name)
            self._left.add(name)

    def _published(self, found: Published | HandedOver) -> None:
        """Keep what is folded in later; what a decision asked for goes out again at once."""
        customer = self._open(whose(found) or "")
        kept = [] if self.unbound is None else self.unbound.setdefault(customer.name, [])
        if isinstance(found, Published):
            if not is_news(customer, found.decision, kept):
                return
            self._out.append(Decided(found.decision, folded=True))
        if self.unbound is not None:
            kept.append(found)
        elif isinstance(found, Published):
            self.fresh(bind_all(self._customers, {customer.name: [found]}))
        elif customer.name == found.handoff.target and not customer.erased:
            self._handed_over(self._settled(customer.name), found.handoff)

    def _handed_over(self, customer: Customer, handoff: Handoff) -> None:
        """Take what has come, then what waited for it."""
        strays = handoffs.strays_in(handoff)
        handoffs.take(customer, handoff)
        self._changed.add(customer.name)
        self._let_go_of_rules(customer)
        for stray in strays:
            self._came(customer, stray, handoff.number)
        self._settle(customer)

    def _came(self, customer: Customer, stray: Stray, number: int) -> None:
        """What reached somebody who has handed over."""
        if isinstance(stray, HandOver):
            self._hand_over(msgspec.structs.replace(stray, source=customer.name))
        else:
            self._dispatch(customer.name, stray, number)

    def _person(self, found: PersonOf) -> None:
        customer = self._open(found.customer)
        if customer.erased or "" in customer.moved or found.number <= customer.person_number:
            return
        customer.person, customer.person_number = found.person, found.number
        self._changed.add(customer.name)

    def _hand_over(self, asked: HandOver) -> None:
        """Whoever was never here has nothing to hand over, and tells so only if somebody waits for it.

        At a start he may still come, with what is folded in.
        """
        if self.unbound is not None or asked.expected or asked.source in self._customers:
            customer = self._open(asked.source)
            handoffs.owe(customer, asked)
            self._settle(customer)

    def _erase(self, found: Erase) -> None:
        """Nothing stays but that he is erased, what others wait for, and where that went which is others' now."""
        customer = self._open(found.customer)
        if customer.erased:
            return
        left = Customer(name=customer.name, erased=found.number, owed=customer.owed, moved=customer.moved)
        self._customers.put(customer.name, left)
        self._left.add(customer.name)
        self._settle(left)

    def _settle(self, customer: Customer) -> None:
        """Do what was waited for: what is stashed comes first, then handoffs that others have asked for."""
        while self.unbound is None:
            self._out += handoffs.pass_on(customer)
            if customer.stash and not customer.expected:
                stash, customer.stash = sorted(customer.stash, key=_order), []
                for trigger in stash:
                    self._dispatch(customer.name, trigger)
            owed = handoffs.next_owed(customer)
            if owed is None:
                return
            if made := handoffs.give(customer, owed):
                # Whoever waits for an answer waits for what went on before it, too.
                self._send_strays(customer)
                self._out += made
                self._changed.add(customer.name)
                self._left.add(customer.name)
            if "" in customer.moved:
                customer.person = None
                customer.expected.clear()

    def _dispatch(self, name: str, trigger: Stashed, came: int = -1) -> None:
        """To the rules, on to somebody else, or into the stash; `came` is the number of the handoff that brought it."""
        customer = self._open(name)
        told = isinstance(trigger, OutcomeOf | AnswerOf)
        onward = (
            handoffs.everything_gone(customer) if told else handoffs.goes_on(customer, trigger.part, came)
        )
        if onward is not None:
            self._stray(customer, *onward, trigger)
        elif customer.expected:
            customer.stash.append(trigger)
        else:
            if told and not _concerns(customer, trigger):
                # Nobody here waits for it: it goes to all who took something.
                for label, moved in customer.moved.items():
                    if moved.number > came:
                        self._stray(customer, label, moved, trigger)
            if not customer.erased:
                self._judged(customer, handoffs.for_customer(trigger, name))

    def _stray(self, customer: Customer, label: str, moved: Moved, trigger: Stashed) -> None:
        key = (customer.name, moved.target, label, moved.number)
        self._strays.setdefault(key, []).append(trigger)

    def _send_strays(self, customer: Customer) -> None:
        for key in [key for key in self._strays if key[0] == customer.name]:
            _, target, label, number = key
            moved = Moved(target, number)
            self._out.append(handoffs.stray(customer, label, moved, self._strays.pop(key)))

    def _judged(self, customer: Customer, trigger: Stashed) -> None:
        """Count a trigger, and hear what the rules say to it."""
        self._changed.add(customer.name)
        match trigger:
            case AlarmFor():
                alarm = trigger.alarm
                if alarm.id in customer.pending or not is_decided(customer, alarm.episode, alarm.number):
                    count_alarm(customer, trigger, self._index)
                judged = self._judge.on_alarm(customer, trigger)
            case EventFor():
                news = _see(customer, trigger, self._index)
                if news is None:
                    return
                judged = self._judge.on_event(customer, news)
            case OutcomeOf():
                judged = self._judge.on_outcome(customer, trigger)
            case AnswerOf():
                judged = self._judge.on_answer(customer, trigger)
            case RoleEnded():
                judged = self._judge.on_role_ended(customer, trigger)
        self._decide(customer, judged)
        for part in customer.parts.values():
            for gone in [each for each in part.folded if each not in customer.pending]:
                del part.folded[gone]
                if isinstance(trigger, EventFor):
                    # Where the decision lies, it is known that its event came, whichever way it came by.
                    part.events |= dict.fromkeys(_seen_by_rules(trigger), trigger.at)

    def _decide(self, customer: Customer, judged: Sequence[Judged]) -> None:
        if judged:
            self._changed.add(customer.name)
        self._out += [Decided(each) if isinstance(each, Decision) else each for each in judged]

    def _due(self, now: int) -> None:
        for name in self._customers.due_by(now, _DUE_AT_ONCE):
            customer = self._open(name)
            self._settle(customer)
            at = None if _is_away(customer) else due_of(customer)
            if at is not None and at <= now:
                self._decide(customer, self._judge.on_due(customer, now))

    def _rules_changed(self) -> None:
        for name in self._customers.names():
            found = self._customers.get(name)
            if found is not None and _is_busy(found):
                self._let_go_of_rules(self._open(name))

    def _let_go_of_rules(self, customer: Customer) -> None:
        """Once all is here and what is only passed on has gone: an older copy may hold what is settled elsewhere."""
        self._out += handoffs.pass_on(customer)
        if not customer.expected and _is_busy(customer):
            self._decide(customer, self._judge.on_rules(customer))

    def _say(self, name: str, customer: Customer) -> None:
        """What is known of a customer now, if anything has changed."""
        nobody = not customer.parts and customer.person is None
        if name in self._left and (customer.erased or (customer.moved and nobody)):
            self._out.append(Gone(name, erased=customer.erased > 0))
        elif name in self._changed and not customer.erased:
            forget(customer)
            self._out.append(self._index.known.profile_of(name, customer, self._now))
            self._say_consents(name, customer)
        if not customer.parts and customer == Customer(name=name):
            self._customers.drop(name)

    def _say_consents(self, name: str, customer: Customer) -> None:
        if not (customer.consents or self._index.known.may_consent(customer)):
            return
        consents = self._index.known.consents_of(name, customer, self._now)
        said = known.fingerprint(consents)
        if said != (customer.consents or known.fingerprint(Consents(customer=name, number=0))):
            customer.consents = said
            self._out.append(consents)


def due(customer: Customer) -> int | None:
    """When (ms) a customer is to be looked at: at once when something of him can be settled."""
    settled = not customer.stash or customer.expected
    if not settled or handoffs.passes_on(customer) or handoffs.next_owed(customer) is not None:
        return 0
    return None if _is_away(customer) else due_of(customer)


def _is_away(customer: Customer) -> bool:
    """Whether nothing may be decided by time: something is still to come, or all has gone."""
    return bool(customer.expected or customer.erased or "" in customer.moved)


def _is_busy(customer: Customer) -> bool:
    """Whether anything belongs to a rule that may go."""
    return any(part.waiting or part.sequences or part.asked for part in customer.parts.values())


def _see(customer: Customer, found: EventFor, index: RuleIndex) -> EventFor | None:
    """Take an event into the profile; returns what is new of it, None when all was seen before.

    That it was counted and that a rule saw it are two things: both may have been another customer's until a merge.
    """
    trigger = event_trigger(found.event.source, found.event.id)
    rules = tuple(rule for rule in found.rules if not customer.has_seen(f"{trigger} {rule}"))
    hears = tuple(role for role in found.hears if not customer.has_seen(f"{trigger} :{role}"))
    counts = found.counts and not customer.has_seen(trigger)
    if not (rules or hears or counts):
        return None
    if (rules, hears, counts) != (found.rules, found.hears, found.counts):
        found = msgspec.structs.replace(found, rules=rules, hears=hears, counts=counts)
    if counts:
        part = count_event(customer, found, index)
    else:
        part = customer.part(found.part)
        part.number += 1
        part.at, customer.at = max(part.at, found.at), max(customer.at, found.at)
    for key in _seen_by_rules(found):
        part.events[key] = found.at
    return found


def _seen_by_rules(found: EventFor) -> list[str]:
    """How it is noted that rules saw an event, and as who it was heard."""
    trigger = event_trigger(found.event.source, found.event.id)
    return [f"{trigger} {rule}" for rule in (*found.rules, *(f":{role}" for role in found.hears))]


def _concerns(customer: Customer, trigger: OutcomeOf | AnswerOf) -> bool:
    """Whether something of the customer waits for an outcome or an answer."""
    if isinstance(trigger, AnswerOf):
        asked = (a for part in customer.parts.values() for a in part.asked.values())
        return any(trigger.answer.id in a.open.values() for a in asked)
    action = trigger.outcome.id
    return any(
        action in part.items
        or any(action in spending.actions for spending in part.spent.values())
        or any(waiting.action == action for waiting in part.waiting.values())
        for part in customer.parts.values()
    )


def _order(trigger: Stashed) -> tuple[int, int, int, str]:
    """The order in which what waited is handled, whatever that in which it came: answers, then by event time."""
    match trigger:
        case AlarmFor():
            return 1, trigger.alarm.at, trigger.alarm.number, trigger.alarm.id
        case EventFor():
            return 1, trigger.at, 0, event_trigger(trigger.event.source, trigger.event.id)
        case RoleEnded():
            return 1, trigger.at, 1 << 30, trigger.thing
        case _:
            return 0, 0, 0, ""
