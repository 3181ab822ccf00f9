"""The demonstration's people as they were planned: who is who, what is known of them, and what was decided."""

from __future__ import annotations

import msgspec

from flows.demo.news import Newsroom
from flows.demo.people import handles_in, people_for
from flows.demo.registry import Registry
from flows.schema import Action, Decision, Identity, PlannedAction, Profile, encode
from flows.simulator.people.expectation import expected
from flows.simulator.people.plan import PeoplePlan
from flows.simulator.people.truths import ExpectedAction
from flows.simulator.plan import Plan
from flows.topics.names import TopicNames
from flows.topics.port import Topics

KEY = b"tests"


class Planned:
    """All of it as data, to be bent before it is written."""

    def __init__(self, plan: Plan) -> None:
        self.plan: PeoplePlan = people_for(plan, 30.0)
        self.truths = expected(self.plan)
        self.registry = Registry(KEY)
        self.entries: list[tuple[str, Identity]] = []
        self.profiles: dict[str, Profile] = {}
        self.decisions: list[Decision] = []
        for number, person in enumerate(self.truths.persons):
            customer = f"customer:{number:012x}"
            for handle in person.handles:
                self.entries.append(
                    (
                        self.registry.token(handle),
                        Identity(number=len(self.entries) + 1, customer=customer),
                    )
                )
            self.profiles[customer] = Profile(customer=customer, number=1, at=1, values=dict(person.values))
        self.decisions = [self.decision(one) for one in self.truths.actions]

    def decision(self, one: ExpectedAction) -> Decision:
        """A decision with the action that must come."""
        number = len(self.decisions)
        action = Action(
            id=f"a{number}-{one.handle}-{one.rule}-{one.kind}",
            name=one.kind,
            kind=one.kind,
            lane="normal",
            tenant="default",
            customer="customer:0",
            rule=one.rule,
            rule_set=1,
            decision="d",
            at=1,
            valid_until=2,
        )
        return Decision(
            id=f"d-{one.handle}-{one.rule}-{one.kind}",
            number=1,
            tenant="default",
            customer="customer:0",
            rule=one.rule,
            rule_set=1,
            trigger="t",
            at=1,
            decided_at=1,
            verdict="acted",
            subject=self.registry.token(one.handle),
            actions=(PlannedAction(action=action, status=one.status, reason=one.reason or None),),
        )

    def entry(self, handle: str, **changed: object) -> None:
        """A further entry of a handle."""
        new = msgspec.convert({"number": len(self.entries) + 1, **changed}, Identity)
        self.entries.append((self.registry.token(handle), new))

    def newsroom(self, bus: Topics) -> Newsroom:
        """Write all of it, and read it as the demonstration does."""
        writer = bus.writer()
        for key, entry in self.entries:
            writer.write("identity", encode(entry), key=key.encode())
        for customer, profile in self.profiles.items():
            writer.write("profiles", encode(profile), key=customer.encode())
        for decision in self.decisions:
            writer.write("decisions", encode(decision), key=decision.customer.encode())
        writer.close()
        self.registry.await_changes(handles_in(self.plan), self.truths.changes)
        return Newsroom(bus, TopicNames(), self.registry, lambda change: f"because of {change.truth}")
