"""One customer and the rules, without bucket or topics: what comes in, and what is decided, by minutes.

Whatever is decided is also applied to a copy of the customer as it would be read back from the topic, and must do the
same there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from flows.customers.brakes import NoBrakes
from flows.customers.cause import event_trigger
from flows.customers.counting import count_event
from flows.customers.decide import Decider
from flows.customers.judge import Judge, Judged, due
from flows.customers.rule_index import RuleIndex
from flows.customers.state import Customer, apply
from flows.customers.triggers import AlarmFor, AnswerOf, EventFor, OutcomeOf, RoleEnded
from flows.expressions import parse
from flows.rules.model import (
    ActionEntry,
    Budget,
    EventMatch,
    FollowUp,
    LookUpSource,
    Purpose,
    Rule,
    RuleSet,
    SequenceStep,
)
from flows.schema import Alarm, Answer, Brake, Decision, Event, LookedUp, LookUp, Outcome
from flows.schema_people import Consent, Person
from tests.unit.customers.world import MINUTE, T0, TENANT, entry

ANN = "customer:ann"
PURPOSES = {
    "service": Purpose(name="service"),
    "safety": Purpose(name="safety", lane="urgent"),
    "marketing.cart": Purpose(name="marketing.cart", valid_for=120 * MINUTE),
    "marketing.upsell": Purpose(name="marketing.upsell", consent="marketing.upsell"),
    "news": Purpose(name="news", budget="marketing"),
    "club": Purpose(name="club", budget="bidding"),
}
BUDGETS = {
    "marketing": Budget(name="marketing", at_most=2, every=7 * 24 * 60 * MINUTE),
    "bidding": Budget(name="bidding", at_most=2, every=7 * 24 * 60 * MINUTE, window=10 * MINUTE),
}


def rules(*given: Rule, number: int = 7, **fields: Any) -> RuleSet:
    """A set of rules with the purposes above."""
    purposes, budgets = fields.pop("purposes", PURPOSES), fields.pop("budgets", BUDGETS)
    return RuleSet(
        number=number,
        tenant=TENANT,
        rules=given,
        purposes=purposes,
        profile=fields.pop("profile", ()),
        budgets=budgets,
        look_ups={"inventory": LookUpSource(name="inventory", fields=("available",))},
        **fields,
    )


def act(kind: str, condition: str | None = None, then: Sequence[FollowUp] = (), **fields: Any) -> ActionEntry:
    """An entry with what follows it, a suppression or a stage."""
    own = {k: fields.pop(k) for k in ("suppress", "stage", "conditions") if k in fields}
    return msgspec.structs.replace(entry(kind, condition, **fields), then=tuple(then), **own)


def then(*do: Any, outcome: str | tuple[str, ...] = (), after: int | None = None, **fields: Any) -> FollowUp:
    """A follow-up; `if_` is its condition, `unless` (type, where)."""
    unless, condition = fields.pop("unless", None), fields.pop("if_", None)
    return FollowUp(
        outcomes=(outcome,) if isinstance(outcome, str) else outcome,
        after=after,
        condition=None if condition is None else parse(condition),
        unless=None if unless is None else match(*unless),
        do=do,
    )


def match(event: str, where: str | None = None) -> EventMatch:
    """An event that is waited for."""
    return EventMatch(event=event, where=None if where is None else parse(where))


def step(event: str, where: str | None = None, within: int | None = None, **fields: Any) -> SequenceStep:
    """A step of a sequence."""
    return SequenceStep(event=event, where=None if where is None else parse(where), within=within, **fields)


class CheckedJudge(Judge):
    """Proves of each decision that it carries all that it changes."""

    def _decide(self, customer: Customer, *args: Any, **kwargs: Any) -> list[Decision]:
        return self._checked(customer, super()._decide, *args, **kwargs)

    def _release(self, customer: Customer, *args: Any, **kwargs: Any) -> list[Decision]:
        return self._checked(customer, super()._release, *args, **kwargs)

    def _checked(self, customer: Customer, decide: Any, *args: Any, **kwargs: Any) -> list[Decision]:
        copy = clone(customer)
        found = decide(customer, *args, **kwargs)
        for decision in found:
            apply(copy, msgspec.json.decode(msgspec.json.encode(decision), type=Decision))
        if found:
            assert copy == customer
        return found


def clone(customer: Customer) -> Customer:
    """The same customer, read from a snapshot."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(customer), type=Customer)


class Brakes:
    """Brakes by hand."""

    def __init__(self, *brakes: Brake) -> None:
        self.brakes = brakes

    def active(self, now: int) -> Sequence[Brake]:  # noqa: ARG002
        """All of them."""
        return self.brakes


class Desk:
    """A customer who is decided for; times are minutes after `T0`. The wall clock goes with them."""

    def __init__(self, rule_set: RuleSet, customer: Customer | None = None) -> None:
        self.rules = rule_set
        self.customer = Customer(name=ANN) if customer is None else customer
        self.log: list[Decision] = []
        self.asked: list[LookUp] = []
        self.now = T0
        self.brakes: Any = NoBrakes()
        self._events = 0

    def event(
        self, kind: str, minute: float, data: Mapping[str, Any] | None = None, **fields: Any
    ) -> list[Decision]:
        """An event; `label` is the identifier by which it comes, `id` tells two apart."""
        at = _at(minute)
        self.now = max(self.now, at)
        self._events += 1
        label = fields.get("label", "email:ann")
        event = Event(
            id=fields.get("id", f"e{self._events}"),
            source="shop",
            type=kind,
            subject=fields.get("subject", label),
            time="2025-10-09T08:53:20Z",
            data=dict(data or {}),
        )
        index = RuleIndex(self.rules)
        found = EventFor(
            event=event,
            at=at,
            customer=self.customer.name,
            roles=fields.get("roles", {}),
            rules=tuple(r.name for r in index.for_event(kind)),
            part=f"{label}|{self.customer.name}|1",
        )
        if self.customer.has_seen(event_trigger(event.source, event.id)):
            return []
        count_event(self.customer, found, index)
        return self.took(self.judge.on_event(self.customer, found))

    def alarm(self, alarm: Alarm, **roles: str) -> list[Decision]:
        """A transition of a device."""
        self.now = max(self.now, alarm.at)
        part = f"device:{alarm.device}|{self.customer.name}|1"
        found = AlarmFor(alarm=alarm, customer=self.customer.name, roles=roles, part=part)
        return self.took(self.judge.on_alarm(self.customer, found))

    def outcome(self, action: str, minute: float, status: str = "accepted", **fields: Any) -> list[Decision]:
        """What became of an action."""
        at = _at(minute)
        self.now = max(self.now, at)
        outcome = Outcome(
            id=action,
            tenant=TENANT,
            customer=self.customer.name,
            kind="notify",
            status=status,  # type: ignore[arg-type]
            at=at,
            connector="outbox",
            **fields,
        )
        return self.took(self.judge.on_outcome(self.customer, OutcomeOf(outcome)))

    def answer(self, name: str, status: LookedUp = "answered", **values: Any) -> list[Decision]:
        """What another system says to the last question of a name."""
        question = next(q for q in reversed(self.asked) if q.name == name)
        answer = Answer(
            id=question.id, customer=self.customer.name, status=status, values=values, at=self.now
        )
        return self.took(self.judge.on_answer(self.customer, AnswerOf(answer)))

    def tick(self, minute: float) -> list[Decision]:
        """The Clock has come so far; only who is due is looked at."""
        now = _at(minute)
        self.now = max(self.now, now)
        at = due(self.customer)
        return self.took(self.judge.on_due(self.customer, now)) if at is not None and at <= now else []

    def change_rules(self, rule_set: RuleSet) -> list[Decision]:
        """Another set comes into force."""
        self.rules = rule_set
        return self.took(self.judge.on_rules(self.customer))

    def role_ended(self, thing: str, role: str, minute: float) -> list[Decision]:
        """The customer is no longer what he was to a thing."""
        found = RoleEnded(customer=self.customer.name, thing=thing, role=role, at=_at(minute))
        return self.took(self.judge.on_role_ended(self.customer, found))

    def agree(self, **consents: bool) -> None:
        """Consents, `_` standing for a dot."""
        given = {k.replace("_", "."): Consent(granted=v, source="crm", at=T0) for k, v in consents.items()}
        self.customer.person = Person(consents=given)

    def fold(self, decisions: Sequence[Decision]) -> None:
        """What a start does with published decisions."""
        for decision in decisions:
            apply(self.customer, decision)
            self.customer.pending[decision.id] = decision.at

    @property
    def judge(self) -> Judge:
        """One of now."""
        return CheckedJudge(Decider(TENANT, RuleIndex(self.rules), self.now, None, self.brakes))

    def took(self, judged: Sequence[Judged]) -> list[Decision]:
        """Note what was decided and asked."""
        found = [each for each in judged if isinstance(each, Decision)]
        self.asked += [each for each in judged if isinstance(each, LookUp)]
        self.log += found
        return found


def _at(minute: float) -> int:
    return T0 + round(minute * MINUTE)


def sent(decisions: Sequence[Decision]) -> list[str]:
    """The names of what goes out."""
    return [p.action.name for d in decisions for p in d.actions if p.status == "published"]


def action_id(decision: Decision, name: str) -> str:
    """The id of an action of a decision."""
    return next(p.action.id for p in decision.actions if p.action.name == name)
