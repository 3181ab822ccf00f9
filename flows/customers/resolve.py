"""Which customer a trigger is for: by the role of its time, unless a published decision or its episode says who.

An episode stays with the customer it was raised for, so that its end reaches whoever was told of its beginning.
What was decided before a crash stays with whom it was decided for, whatever identity says by now.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from flows.customers.cause import event_trigger
from flows.customers.identity_view import Found, IdentityView
from flows.customers.rule_index import RuleBook, RuleIndex
from flows.customers.state import FORGET_AFTER_MS
from flows.customers.triggers import AlarmFor, EventFor
from flows.errors import StateUnreadable
from flows.schema import Alarm, Decision, Event, Identity

_FORMAT = 1
_DEFAULT_ROLE = "owner"
_ENDS = ("cleared", "lapsed")


class AlarmIn(msgspec.Struct, frozen=True):
    """An alarm as it was read."""

    alarm: Alarm


class EventIn(msgspec.Struct, frozen=True):
    """An event as it was read, its subject already a token, and its time in ms."""

    event: Event
    at: int


class IdentityIn(msgspec.Struct, frozen=True):
    """An entry of the topic `identity`, None for a tombstone."""

    key: str
    identity: Identity | None


class BindIn(msgspec.Struct, frozen=True):
    """A published decision, which says whom its trigger is for."""

    decision: Decision


Incoming = AlarmIn | EventIn | IdentityIn | BindIn


class Held(msgspec.Struct, array_like=True):
    """Whom an episode or a published decision belongs to, its latest event time (ms), whether it is over."""

    customer: str
    at: int
    over: bool = False


class ResolverState(msgspec.Struct):
    """`episodes` by id; `bound` the published decisions on events, by trigger, then rule."""

    episodes: dict[str, Held] = {}
    bound: dict[str, dict[str, Held]] = {}
    at: int = 0


class Resolver:
    """Resolves for the subjects of one partition of `identity`; the view is read anew at every start."""

    def __init__(self, book: RuleBook, snapshot: bytes | None = None) -> None:
        self._book = book
        self._view = IdentityView()
        self._state = ResolverState() if snapshot is None else _read(snapshot)

    def snapshot(self) -> bytes:
        """Its memory without the view: a format byte and MessagePack."""
        self._forget()
        return bytes([_FORMAT]) + msgspec.msgpack.encode(self._state)

    def take(self, incoming: Incoming) -> Sequence[AlarmFor | EventFor]:
        """Learn, or resolve: an event may concern several customers, each with the rules it decides."""
        match incoming:
            case IdentityIn():
                self._view.apply(incoming.key, incoming.identity)
                return []
            case BindIn():
                self._bind(incoming.decision)
                return []
            case AlarmIn():
                return [self._alarm(incoming.alarm)]
            case EventIn():
                return self._event(incoming.event, incoming.at)

    def _bind(self, decision: Decision) -> None:
        held = Held(decision.customer, decision.at)
        if decision.episode is not None:
            kept = self._state.episodes.setdefault(decision.episode, held)
            kept.over = kept.over or decision.transition in _ENDS
        else:
            self._state.bound.setdefault(decision.trigger, {})[decision.rule] = held

    def _alarm(self, alarm: Alarm) -> AlarmFor:
        index = self._book.index
        self._state.at = max(self._state.at, alarm.at)
        subject = f"device:{alarm.device}"
        found = self._view.find(subject, alarm.at)
        held = self._state.episodes.get(alarm.episode)
        if held is None:
            rule = index.rule(alarm.rule)
            role = _DEFAULT_ROLE if rule is None else rule.customer
            held = Held(found.roles.get(role, subject), alarm.at)
            self._state.episodes[alarm.episode] = held
        held.at = max(held.at, alarm.at)
        held.over = held.over or alarm.transition in _ENDS
        return AlarmFor(alarm=alarm, customer=held.customer, roles=found.roles)

    def _event(self, event: Event, at: int) -> list[EventFor]:
        index = self._book.index
        self._state.at = max(self._state.at, at)
        found = self._view.find(event.subject, at)
        bound = self._state.bound.pop(event_trigger(event.source, event.id), {})
        deciding = self._deciding(event, found, index)
        deciding |= {rule: held.customer for rule, held in bound.items()}
        counting = (
            _holder(found, _DEFAULT_ROLE, event.subject) if index.aggregates(f"event:{event.type}") else None
        )
        customers = {*deciding.values(), *(() if counting is None else (counting,))}
        return [  # in the order of customers, so that a replay emits alike
            EventFor(
                event=event,
                at=at,
                customer=customer,
                roles=found.roles,
                rules=tuple(sorted(rule for rule, who in deciding.items() if who == customer)),
                counts=customer == counting,
            )
            for customer in sorted(customers)
        ]

    def _deciding(self, event: Event, found: Found, index: RuleIndex) -> dict[str, str]:
        """Which customer decides, by rule."""
        return {r.name: _holder(found, r.customer, event.subject) for r in index.for_event(event.type)}

    def _forget(self) -> None:
        """Drop what a week of event time has passed."""
        state, oldest = self._state, self._state.at - FORGET_AFTER_MS
        state.bound = {
            trigger: by_rule
            for trigger, by_rule in state.bound.items()
            if any(held.at >= oldest for held in by_rule.values())
        }
        state.episodes = {e: held for e, held in state.episodes.items() if not held.over or held.at >= oldest}


def _holder(found: Found, role: str, subject: str) -> str:
    """Who holds a role; what nobody has a role to is a customer of its own."""
    return found.customer if found.customer is not None else found.roles.get(role, subject)


def _read(snapshot: bytes) -> ResolverState:
    """Read a snapshot; raises StateUnreadable for a format that is not known."""
    if snapshot[:1] != bytes([_FORMAT]):
        raise StateUnreadable("the resolver", snapshot[0] if snapshot else 0, _FORMAT)
    return msgspec.msgpack.decode(snapshot[1:], type=ResolverState)
