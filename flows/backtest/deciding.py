"""The customers' half of a rule's test: who it is, what is decided and when, what becomes of it, the limit over all.

Time jumps: from what is sent to what is due, so that a case that goes on for a year is played at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import accumulate

from flows.backtest import happening
from flows.backtest.given import customer_of
from flows.customers.batch import Out, due
from flows.customers.bucket import Bucket
from flows.customers.packed import Packed
from flows.customers.resolve import AlarmIn, EventIn, IdentityIn, Incoming, Resolver
from flows.customers.rule_index import CurrentRules, RuleBook
from flows.customers.rule_limits import Decided, RuleLimits
from flows.customers.triggers import AnswerOf, OutcomeOf, Tick, Trigger
from flows.rules.case import Case, CaseEvent, CaseOutcome, exact
from flows.rules.model import Rule
from flows.rules.testing import Happened
from flows.schema import Action, Alarm, Answer, Decision, Event, Identity, LookUp, Outcome, Role
from flows.sources.identifiers import is_thing

DEVICE = "device-1"
SUBJECT = f"device:{DEVICE}"
# Of whom events are that name nobody and that the rule itself does not look for.
_SOMEBODY = "somebody:of-the-test"
_OWNER = "owner"

Sent = Alarm | tuple[int, CaseEvent] | CaseOutcome


class Deciding:
    """Decides on what comes in a case, under one rule; `unplayed` says what of the case could not be played."""

    def __init__(self, sets: CurrentRules, rule: Rule, case: Case) -> None:
        self._rule, self._case, self._now = rule, case, case.start
        self.unplayed: list[str] = []
        self._done: dict[str, Action] = {}
        self._names: dict[str, str] = {}
        book = RuleBook(sets)
        self._resolver, self._limits = Resolver(book), RuleLimits(book)
        # A sequence goes on with whoever its events are of.
        self._decider = case.given.roles.get(_OWNER if rule.sequence else rule.customer, SUBJECT)
        self._introduce()
        customers = Packed(due=due)
        for name in {self._decider, *self._subjects()}:
            customers.put(name, customer_of(case.given, sets.current, case.start - 1))
        tenant = sets.current.tenant
        self._bucket = Bucket(tenant, book, lambda: self._now, customers, case.given.zone)

    def _subjects(self) -> set[str]:
        return {event.subject for event in self._case.events if event.subject}

    def _introduce(self) -> None:
        """Say who is who: the roles are to every thing that the case speaks of."""
        roles = tuple(Role(role=role, customer=who) for role, who in self._case.given.roles.items())
        for thing in sorted({SUBJECT, *filter(is_thing, self._subjects())}):
            self._resolver.take(IdentityIn(thing, Identity(number=1, roles=roles), first=True))
        self._resolver.take(IdentityIn(_SOMEBODY, Identity(number=1, customer=self._decider), first=True))

    def happened(self, alarms: Iterable[Alarm]) -> Iterator[Happened]:
        """What was done or refused, in order: at one time first what is due, then alarms, events and outcomes.

        Alarms keep their order, though one that silence brought about may bear an earlier time than the last.
        """
        for at, _, sent in self._timeline(list(alarms)):
            yield from self._due(at)
            self._now = at
            match sent:
                case Alarm():
                    yield from self._alarm(sent)
                case CaseOutcome():
                    yield from self._outcome(sent)
                case place, event:
                    yield from self._resolved(EventIn(self._event_of(event, place), at))
        yield from self._due(self._case.start + self._case.until)

    def _timeline(self, alarms: list[Alarm]) -> list[tuple[int, int, Sent]]:
        """All that comes, with when (ms) and which is first of what comes at one time."""
        case, start = self._case, self._case.start
        clock = accumulate((alarm.at for alarm in alarms), max)
        timeline: list[tuple[int, int, Sent]] = [
            *((at, 0, alarm) for at, alarm in zip(clock, alarms, strict=True)),
            *((start + event.offset, 1, (i, event)) for i, event in enumerate(case.events)),
            *((start + outcome.offset, 2, outcome) for outcome in case.outcomes),
        ]
        return sorted(timeline, key=lambda each: each[:2])

    def _due(self, until: int) -> Iterator[Happened]:
        """What is due by a time (ms), each at its own: what happened before it is known then."""
        while (at := self._bucket.due()) is not None and at <= until:
            self._now = max(self._now, at)
            yield from self._told(self._take(Tick(self._now)))

    def _alarm(self, alarm: Alarm) -> Iterator[Happened]:
        """What came of a transition at once is told with it, even if that was nothing; what comes later is not."""
        for decision in self._resolve(AlarmIn(alarm)):
            if decision.trigger == alarm.id:
                yield happening.of_alarm(decision, alarm, self._case.start)
            else:
                yield from self._told([decision])

    def _resolved(self, incoming: Incoming) -> Iterator[Happened]:
        yield from self._told(self._resolve(incoming))

    def _told(self, decisions: Iterable[Decision]) -> Iterator[Happened]:
        for decision in decisions:
            yield from happening.of_anything_else(decision, self._now - self._case.start, self._names)

    def _event_of(self, given: CaseEvent, place: int) -> Event:
        kind = given.type or self._rule.event or ""
        own = kind == self._rule.event or bool(self._rule.sequence)
        return Event(
            id=given.id or f"event-{place + 1}",
            source=given.source,
            type=kind,
            subject=given.subject or (SUBJECT if own else _SOMEBODY),
            time=datetime.fromtimestamp(self._now / 1000, UTC).isoformat(timespec="milliseconds"),
            data=given.data,
        )

    def _outcome(self, given: CaseOutcome) -> Iterator[Happened]:
        """Tell what became of the last action of that name."""
        action = self._done.get(given.action)
        if action is None:
            self.unplayed.append(
                f"the outcome at {exact(given.offset)} is of {given.action!r}, which was not done by then"
            )
            return
        outcome = Outcome(
            id=action.id,
            tenant=action.tenant,
            customer=action.customer,
            decider=action.decider,
            kind=action.kind,
            status=given.status,
            at=self._now,
            connector="test",
            reason=given.reason,
            reference=given.reference,
            result=given.result,
            data=given.data,
        )
        yield from self._told(self._take(OutcomeOf(outcome)))

    def _resolve(self, incoming: Incoming) -> Iterator[Decision]:
        for trigger in self._resolver.take(incoming):
            yield from self._take(trigger)

    def _take(self, trigger: Trigger) -> Iterator[Decision]:
        """What is decided on a trigger; a look-up whose answer the case gives is answered at once."""
        out: list[Out] = self._bucket.take([trigger])
        for each in out:
            if isinstance(each, Decided):
                yield self._counted(each)
            elif isinstance(each, LookUp):
                said = self._case.given.look_ups.get(each.name)
                if said is not None:
                    answer = Answer(
                        id=each.id, customer=each.customer, status="answered", values=said, at=self._now
                    )
                    yield from self._take(AnswerOf(answer))

    def _counted(self, decided: Decided) -> Decision:
        decision = self._limits.take(decided).decision
        for planned in decision.actions:
            self._names[planned.action.id] = planned.action.name
            if planned.status == "published":
                self._done[planned.action.name] = planned.action
        return decision
