"""The customers' half of a rule's test: who it is, what is decided, what becomes of it, and the limit over all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import accumulate

from flows.customers.bucket import Bucket
from flows.customers.judge import due
from flows.customers.packed import Packed
from flows.customers.profile import Cell, cell_key, cell_of
from flows.customers.resolve import AlarmIn, EventIn, IdentityIn, Incoming, Resolver
from flows.customers.rule_index import CurrentRules, RuleBook
from flows.customers.rule_limits import Decided, RuleLimits
from flows.customers.state import Customer, Item, Part
from flows.customers.triggers import OutcomeOf
from flows.rules.case import Case, CaseEvent, CaseOutcome, exact
from flows.rules.model import Rule, RuleSet
from flows.rules.testing import Done, Happened
from flows.schema import Action, Alarm, Decision, Event, Identity, Outcome, Role

DEVICE = "device-1"
SUBJECT = f"device:{DEVICE}"
_REFUSALS = {"guard": "guard", "limit": "limit", "nobody is": "role"}


class Deciding:
    """Decides on what comes in a case, under one rule; `unplayed` says what of the case could not be played."""

    def __init__(self, sets: CurrentRules, rule: Rule, case: Case) -> None:
        self._rule, self._case, self._now = rule, case, case.start
        self.unplayed: list[str] = []
        self._done: dict[str, Action] = {}
        book = RuleBook(sets)
        self._resolver, self._limits = Resolver(book), RuleLimits(book)
        roles = tuple(Role(role=role, customer=who) for role, who in case.given.roles.items())
        self._resolver.take(IdentityIn(SUBJECT, Identity(number=1, roles=roles)))
        customers = Packed(due=due)
        for name in self._deciders():
            customers.put(name, _known(case, sets.current))
        tenant = sets.current.tenant
        self._bucket = Bucket(tenant, book, lambda: self._now, customers, case.given.zone)

    def _deciders(self) -> set[str]:
        """Whom what is given is known of: who holds the deciding role, and the subjects of events."""
        subjects = {event.subject for event in self._case.events if event.subject}
        return {self._case.given.roles.get(self._rule.customer, SUBJECT), *subjects}

    def happened(self, alarms: Iterable[Alarm]) -> Iterator[Happened]:
        """What was done or refused at alarms and events; at one time alarms come first, outcomes last.

        Alarms keep their order, though one that silence brought about may bear an earlier time than the last.
        """
        case, found = self._case, list(alarms)
        clock = accumulate((alarm.at - case.start for alarm in found), max)
        events = [(event.offset, 1, (i, event)) for i, event in enumerate(case.events)]
        outcomes = [(outcome.offset, 2, outcome) for outcome in case.outcomes]
        timeline = [*((at, 0, alarm) for at, alarm in zip(clock, found, strict=True)), *events, *outcomes]
        for _, _, what in sorted(timeline, key=lambda each: each[:2]):
            if isinstance(what, Alarm):
                yield from self._alarm(what)
            elif isinstance(what, CaseOutcome):
                self._outcome(what)
            else:
                yield from self._event(*what)

    def _alarm(self, alarm: Alarm) -> Iterator[Happened]:
        for decision in self._decide(AlarmIn(alarm), alarm.at):
            yield Happened(
                at=alarm.at - self._case.start,
                transition=alarm.transition,
                severity=alarm.severity,
                do=_done(decision),
                refused=_refused(decision),
            )

    def _event(self, place: int, given: CaseEvent) -> Iterator[Happened]:
        """What was done at an event, or refused; a decision that there is nothing to do is not shown."""
        at = self._case.start + given.offset
        for decision in self._decide(EventIn(self._event_of(given, at, place), at), at):
            did, refused = _done(decision), _refused(decision)
            if did or refused is not None:
                yield Happened(at=given.offset, do=did, refused=refused)

    def _event_of(self, given: CaseEvent, at: int, place: int) -> Event:
        return Event(
            id=given.id or f"event-{place + 1}",
            source=given.source,
            type=given.type or self._rule.event or "",
            subject=given.subject or SUBJECT,
            time=datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds"),
            data=given.data,
        )

    def _outcome(self, given: CaseOutcome) -> None:
        """Tell the bucket what became of the last action of that name."""
        action = self._done.get(given.action)
        if action is None:
            self.unplayed.append(
                f"the outcome at {exact(given.offset)} is of {given.action!r}, which was not done by then"
            )
            return
        self._now = self._case.start + given.offset
        outcome = Outcome(
            id=action.id,
            tenant=action.tenant,
            customer=action.customer,
            kind=action.kind,
            status=given.status,
            at=self._now,
            connector="test",
            reason=given.reason,
            reference=given.reference,
        )
        self._bucket.take([OutcomeOf(outcome)])

    def _decide(self, incoming: Incoming, at: int) -> Iterator[Decision]:
        self._now = at
        for trigger in self._resolver.take(incoming):
            for decided in self._bucket.take([trigger]):
                if isinstance(decided, Decided):
                    decision = self._limits.take(decided).decision
                    self._done |= {
                        p.action.name: p.action for p in decision.actions if p.status == "published"
                    }
                    yield decision


def _done(decision: Decision) -> tuple[Done, ...]:
    """The actions that go out (or would, in a dry run)."""
    return tuple(_told(p.action) for p in decision.actions if p.status in ("published", "dry_run"))


def _told(action: Action) -> Done:
    """An action with what a test may ask of it."""
    own = {"to": action.to, "purpose": action.purpose, "about": action.about, **action.parameters}
    return Done(action.name, {name: str(value) for name, value in own.items() if value is not None})


def _refused(decision: Decision) -> str | None:
    """Why the actions do not go out, in the words of the tests."""
    if decision.verdict == "refused":
        reason = decision.reason or ""
        return next((word for begin, word in _REFUSALS.items() if reason.startswith(begin)), reason)
    return decision.verdict if decision.verdict in ("held", "too_late", "dry_run") else None


def _known(case: Case, rule_set: RuleSet) -> Customer:
    """A customer of whom is known what the case gives."""
    given = case.given
    cells: dict[str, Cell] = {
        cell_key(a): cell_of(a, case.start - 1, given.profile[a.name])
        for a in rule_set.profile
        if given.profile.get(a.name) is not None
    }
    items = {
        f"given-{i}": Item(kind, about, rule="", episode=None, status="open")
        for i, (kind, _, about) in enumerate(each.partition(":") for each in given.open)
    }
    return Customer(at=case.start - 1, parts={"given": Part(number=1, cells=cells, items=items)})
