"""Which customer a trigger is for: by the role of its time, unless a published decision or its episode says who.

An episode stays with the customer it was raised for, so that its end reaches whoever was told of its beginning: until
his role ends. What was decided before a crash stays with whom it was decided for, whatever identity says by now.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence
from zlib import crc32

import msgspec

from flows.customers import changes
from flows.customers.cause import event_trigger
from flows.customers.changes import OWNER
from flows.customers.handoffs import label_of
from flows.customers.identity_view import Holder, IdentityView, label_of_role
from flows.customers.rule_index import RuleBook, RuleIndex
from flows.customers.state import FORGET_AFTER_MS
from flows.customers.triggers import AlarmFor, Erase, EventFor, Expect, HandOver, PersonOf, RoleEnded
from flows.errors import StateUnreadable
from flows.schema import Alarm, Decision, Event, Identity

_FORMAT = 2
_ENDS = ("cleared", "lapsed")
_ALONE = 4096

Resolved = AlarmFor | EventFor | HandOver | Expect | PersonOf | Erase | RoleEnded


class AlarmIn(msgspec.Struct, frozen=True):
    """An alarm as it was read."""

    alarm: Alarm


class EventIn(msgspec.Struct, frozen=True):
    """An event as it was read, its subject already a token, and its time in ms."""

    event: Event
    at: int


class IdentityIn(msgspec.Struct, frozen=True):
    """An entry of the topic `identity`, told to so many `views`, of which this is one.

    `told` says that an earlier execution has told the buckets of it, `first` that there was none: then nobody has
    anything to hand over.
    """

    key: str
    identity: Identity
    view: int = 0
    views: int = 1
    told: bool = False
    first: bool = False


class BindIn(msgspec.Struct, frozen=True):
    """A published decision, which says whom its trigger is for."""

    decision: Decision


Incoming = AlarmIn | EventIn | IdentityIn | BindIn


class Held(msgspec.Struct, array_like=True):
    """Whom an episode or a published decision belongs to, its latest event time (ms), whether it is over.

    `part` is where the customer keeps it; of an episode `thing`, `role` and `label` say how he came by it.
    """

    customer: str
    at: int
    over: bool = False
    part: str = ""
    thing: str = ""
    role: str = ""
    label: str = ""


class _Share(msgspec.Struct):
    """What of an event is one holder's: the rules that decide for him, the roles as which he hears it, and counting."""

    rules: list[str] = []
    hears: list[str] = []
    counts: bool = False


class ResolverState(msgspec.Struct):
    """`episodes` by id; `bound` the published decisions on events, by trigger, then rule.

    `alone` are hashes of handles that were somebody's own customer, newest last.
    """

    episodes: dict[str, Held] = {}
    bound: dict[str, dict[str, Held]] = {}
    at: int = 0
    alone: list[int] = []


class Resolver:
    """Resolves for the subjects of one partition of `identity`; the view is read anew at every start."""

    def __init__(self, book: RuleBook, snapshot: bytes | None = None) -> None:
        self._book = book
        self._view = IdentityView()
        self._state = ResolverState() if snapshot is None else _read(snapshot)
        self._alone = dict.fromkeys(self._state.alone)
        self._adopted: dict[str, HandOver] = {}
        self._open: dict[str, set[str]] = {}
        self._ends: list[tuple[int, str]] = []
        for episode, held in self._state.episodes.items():
            self._watch(episode, held)

    def snapshot(self) -> bytes:
        """Its memory without the view: a format byte and MessagePack."""
        self._forget()
        self._state.alone = list(self._alone)
        return bytes([_FORMAT]) + msgspec.msgpack.encode(self._state)

    def take(self, incoming: Incoming) -> Sequence[Resolved]:
        """Learn, or resolve: an event may concern several customers, each with the rules it decides."""
        match incoming:
            case IdentityIn():
                return self._identity(incoming)
            case BindIn():
                self._bind(incoming.decision)
                return self._was_alone(incoming.decision)
            case AlarmIn():
                found = self._alarm(incoming.alarm)
                return [*self._passed(), found]
            case EventIn():
                events = self._event(incoming.event, incoming.at)
                return [*self._passed(), *events]

    def _identity(self, found: IdentityIn) -> list[Resolved]:
        """Take an entry into the view, and tell the buckets what it changes for them."""
        key, entry = found.key, found.identity
        old = self._view.entry(key)
        if not self._view.apply(key, entry):
            return []
        for role in entry.roles if key in self._open else ():
            if role.until is not None:
                heapq.heappush(self._ends, (role.until, key))
        if found.told:
            return []
        told: list[Resolved] = [*changes.of_person(key, entry)]
        if found.first:
            return told
        told += changes.of_survivor(key, entry, old, found.view, found.views)
        if not (entry.survivor or entry.person or entry.erased):
            if entry.customer is None and entry.was:
                # By itself again, it is given what it did as somebody's.
                self._note_alone(key)
            known = changes.Known(self._standing, lambda handle: _hash(handle) in self._alone)
            asked = changes.of_entry(key, entry, old, known)
            if old is None:
                alone = (each for each in asked if isinstance(each, HandOver) and each.source == key)
                self._adopted |= {each.source: each for each in alone}
            told += [*asked, *self._roles_ended(key)]
        return told

    def _was_alone(self, decision: Decision) -> list[Resolved]:
        """A published decision of a handle's own customer: whoever has the handle since waits for what that did."""
        key = decision.subject
        if decision.customer != key:
            return []
        self._note_alone(key)
        # What was told at this start is told again, now that it is known that somebody should wait.
        told = self._adopted.get(key)
        return [] if told is None else [*changes.awaited(told.source, told.target, told.label, told.number)]

    def _bind(self, decision: Decision) -> None:
        held = Held(decision.customer, decision.at, part=decision.change.part)
        if decision.episode is None:
            self._state.bound.setdefault(decision.trigger, {})[decision.rule] = held
            return
        rule = self._book.index.rule(decision.rule)
        held.thing, held.label = f"device:{decision.device}", label_of(held.part)
        held.role = OWNER if rule is None else rule.customer
        kept = self._state.episodes.setdefault(decision.episode, held)
        kept.over = kept.over or decision.transition in _ENDS
        self._watch(decision.episode, kept)

    def _alarm(self, alarm: Alarm) -> AlarmFor:
        index = self._book.index
        self._state.at = max(self._state.at, alarm.at)
        subject = f"device:{alarm.device}"
        found = self._view.find(subject, alarm.at)
        held = self._state.episodes.get(alarm.episode)
        if held is None:
            rule = index.rule(alarm.rule)
            role = OWNER if rule is None else rule.customer
            holder = found.holder(role)
            if holder.customer == subject:
                self._note_alone(subject)
            held = Held(holder.customer, alarm.at, False, holder.part, subject, role, holder.label)
            self._state.episodes[alarm.episode] = held
        held.at = max(held.at, alarm.at)
        held.over = held.over or alarm.transition in _ENDS
        self._watch(alarm.episode, held)
        return AlarmFor(alarm=alarm, customer=self._whose(held), roles=found.roles, part=held.part)

    def _event(self, event: Event, at: int) -> list[EventFor]:
        index = self._book.index
        self._state.at = max(self._state.at, at)
        found = self._view.find(event.subject, at)
        bound = self._state.bound.pop(event_trigger(event.source, event.id), {})
        deciding = {rule.name: found.holder(rule.customer) for rule in index.for_event(event.type)}
        for rule, held in bound.items():
            deciding[rule] = Holder(self._whose(held), label_of(held.part), held.part)
        shares: defaultdict[Holder, _Share] = defaultdict(_Share)
        for rule, holder in deciding.items():
            shares[holder].rules.append(rule)
        for role in index.listening.roles(event.type):
            if role != OWNER:
                shares[found.holder(role)].hears.append(role)
        if _counts(index, event.type):
            shares[found.holder(OWNER)].counts = True
        if any(holder.customer == event.subject for holder in shares):
            self._note_alone(event.subject)
        return [  # in the order of customers, so that a replay emits alike
            EventFor(
                event=event,
                at=at,
                customer=holder.customer,
                roles=found.roles,
                rules=tuple(sorted(share.rules)),
                hears=tuple(sorted(share.hears)),
                counts=share.counts,
                part=holder.part,
            )
            for holder, share in sorted(shares.items(), key=lambda each: (each[0].customer, each[0].part))
        ]

    def _whose(self, held: Held) -> str:
        """Who has something by now; what was nobody's goes to its own customer still, who knows where it went."""
        return self._view.follow(held.customer)

    def _standing(self, customer: str) -> str | None:
        """Whom a customer was merged into; None for one who is erased."""
        survivor = self._view.follow(customer)
        entry = self._view.entry(survivor)
        return None if entry is not None and entry.erased else survivor

    def _note_alone(self, handle: str) -> None:
        """Remember a handle that is its own customer, so that whoever has it later waits for what it did."""
        hashed = _hash(handle)
        self._alone.pop(hashed, None)
        self._alone[hashed] = None
        if len(self._alone) > _ALONE:
            del self._alone[next(iter(self._alone))]

    def _watch(self, episode: str, held: Held) -> None:
        """Whether an episode that is under way is one that ends with a role."""
        if not held.thing:
            return
        if held.over or held.customer == held.thing:
            self._open.get(held.thing, set()).discard(episode)
            return
        if held.thing not in self._open:
            entry = self._view.entry(held.thing)
            for role in () if entry is None else entry.roles:
                if role.until is not None:
                    heapq.heappush(self._ends, (role.until, held.thing))
        self._open.setdefault(held.thing, set()).add(episode)

    def _passed(self) -> list[Resolved]:
        """The roles whose end event time has passed."""
        told: list[Resolved] = []
        while self._ends and self._ends[0][0] <= self._state.at:
            told += self._roles_ended(heapq.heappop(self._ends)[1])
        return told

    def _roles_ended(self, thing: str) -> list[Resolved]:
        """Follow the claims of a thing that were given on; tell of those that are gone: others have their episodes."""
        told: list[Resolved] = []
        for episode in sorted(self._open.get(thing, ())):
            held = self._state.episodes[episode]
            end = self._end(held)
            if end is None:
                continue
            customer = self._whose(held)
            told.append(RoleEnded(customer=customer, thing=thing, role=held.role, at=end, part=held.part))
            holder = self._view.find(thing, max(held.at, self._state.at)).holder(held.role)
            held.customer, held.part, held.label = holder.customer, holder.part, holder.label
            self._watch(episode, held)
        return told

    def _end(self, held: Held) -> int | None:
        """When somebody's role ended; None while it lasts, for him or for whom his claim was given to."""
        entry, now = self._view.entry(held.thing), max(held.at, self._state.at)
        roles = [] if entry is None else [r for r in entry.roles if r.role == held.role]
        for role in roles:
            if label_of_role(role, held.thing) == held.label and held.customer in role.was:
                held.customer = role.customer
        mine = [r for r in roles if self._view.follow(r.customer) == self._whose(held)]
        if any(r.until is None or now < r.until for r in mine):
            return None
        return max((r.until for r in mine if r.until is not None), default=now)

    def _forget(self) -> None:
        """Drop what a week of event time has passed."""
        state, oldest = self._state, self._state.at - FORGET_AFTER_MS
        state.bound = {
            trigger: by_rule
            for trigger, by_rule in state.bound.items()
            if any(held.at >= oldest for held in by_rule.values())
        }
        state.episodes = {e: held for e, held in state.episodes.items() if not held.over or held.at >= oldest}


def _counts(index: RuleIndex, kind: str) -> bool:
    """Whether anything of an owner depends on an event, besides the rules that decide on it."""
    return bool(index.aggregates(f"event:{kind}")) or OWNER in index.listening.roles(kind)


def _hash(handle: str) -> int:
    return crc32(handle.encode())


def _read(snapshot: bytes) -> ResolverState:
    """Read a snapshot; raises StateUnreadable for a format that is not known."""
    if snapshot[:1] != bytes([_FORMAT]):
        raise StateUnreadable("the resolver", snapshot[0] if snapshot else 0, _FORMAT)
    return msgspec.msgpack.decode(snapshot[1:], type=ResolverState)
