"""Several resolvers and buckets of plain objects, with topics between them that may be late, doubled or cut off.

What a step sends to another keeps its order, and nothing else does. An epoch ends when all that was sent is handled;
handoffs are published then. A killed world goes on from the last epoch that was saved: decisions of the lost one are in
the world as far as they got, handoffs of it only if it was killed while it was saved.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from flows import ids
from flows.customers.batch import Gone, Out, due
from flows.customers.bucket import Bucket
from flows.customers.packed import Packed
from flows.customers.resolve import AlarmIn, BindIn, EventIn, IdentityIn, Incoming, Resolved, Resolver
from flows.customers.rule_index import RuleBook
from flows.customers.rule_limits import Decided
from flows.customers.state import Customer
from flows.customers.triggers import (
    AnswerOf,
    Expect,
    HandedOver,
    OutcomeOf,
    Published,
    RulesChanged,
    Tick,
    Trigger,
    whose,
)
from flows.schema import (
    Alarm,
    Answer,
    Consents,
    Decision,
    Event,
    Handoff,
    LookUp,
    Outcome,
    Profile,
    decode,
    encode,
)
from tests.unit.customers.registry import Entry
from tests.unit.customers.world import TENANT, Sets

Read = Alarm | tuple[Event, int] | Outcome | Answer


class Saved:
    """What is on disk after an epoch."""

    def __init__(self, crowd: Crowd) -> None:
        self.resolvers = [each.snapshot() for each in crowd.resolvers]
        self.buckets = [each.snapshot() for each in crowd.buckets]
        self.offsets = dict(crowd.offsets)
        self.decisions = len(crowd.decisions)


class Crowd:
    """`inputs` are messages by topic; `script` is what identity will say, one entry after the other."""

    def __init__(
        self,
        sets: Sets,
        inputs: dict[str, list[Read]],
        script: list[Entry],
        chance: random.Random,
        views: int = 2,
        buckets: int = 2,
        now: int = 0,
    ) -> None:
        self.sets, self.inputs, self.script, self.chance = sets, inputs, script, chance
        self.entries: list[Entry] = []
        self.views, self.number, self.now = views, buckets, now
        self.decisions: list[Decision] = []
        self.handoffs: list[Handoff] = []
        self.sent: list[tuple[str, bytes]] = []
        self.questions: dict[str, LookUp] = {}
        self.profiles: dict[str, Profile | None] = {}
        self.consents: dict[str, Consents | None] = {}
        self.offsets: dict[str, int] = {}
        self.told: list[Expect] = []
        self._saved: Saved | None = None
        self._start()

    def _start(self) -> None:
        saved, book = self._saved, RuleBook(self.sets)
        # What was published before stays in the world, whatever dies now.
        self._safe = len(self.decisions)
        self.offsets = {} if saved is None else dict(saved.offsets)
        old = [None] * self.views if saved is None else saved.resolvers
        kept = [None] * self.number if saved is None else saved.buckets
        self.resolvers = [Resolver(book, state) for state in old]
        self.customers = [Packed(None, state, due) for state in kept]
        self.buckets = [Bucket(TENANT, book, lambda: self.now, packed) for packed in self.customers]
        self._queues: dict[tuple[str, int], list[Trigger]] = {}
        self._held: list[Handoff] = []
        self.told = []
        self._bound = False
        self._read_all_that_is_latest(saved)

    def _read_all_that_is_latest(self, saved: Saved | None) -> None:
        """The first epoch of an execution."""
        mark = None if saved is None else saved.offsets
        items: list[tuple[int, IdentityIn]] = []
        for view in range(self.views):
            latest = {
                key: (n, identity)
                for n, (key, identity) in enumerate(self.entries)
                if self._view(key) == view
            }
            end = len(self.entries)
            for key, (n, identity) in latest.items():
                told = mark is not None and n < mark.get(f"identity-{view}", 0)
                items += self._identity(key, (n, identity), told=told, first=mark is None)
            self.offsets[f"identity-{view}"] = end
        published = self.decisions[0 if saved is None else saved.decisions :]
        handed_over = self.handoffs[self.offsets.get("handoffs", 0) :]
        self.offsets["handoffs"] = len(self.handoffs)
        work: list[Any] = [*items, *published, *(Handoff for _ in handed_over)]
        self.chance.shuffle(work)
        in_order = iter(handed_over)
        for each in work:
            if each is Handoff:
                each = next(in_order)  # noqa: PLW2901 - what one topic holds comes in its order
            if isinstance(each, Decision):
                self._resolve(self._view(each.subject), BindIn(each))
                self._send("published", Published(each))
            elif isinstance(each, Handoff):
                for customer in (each.source, each.target):
                    self._send("handed-over", HandedOver(handoff=each, customer=customer))
            else:
                self._resolve(*each)

    def _identity(
        self, key: str, entry: tuple[int, Any], *, told: bool, first: bool
    ) -> list[tuple[int, IdentityIn]]:
        identity = entry[1]
        if identity.survivor is None and not identity.erased:
            return [(self._view(key), IdentityIn(key, identity, told=told, first=first))]
        return [
            (view, IdentityIn(key, identity, view, self.views, told, first)) for view in range(self.views)
        ]

    def read(self, topic: str) -> None:
        """Read the next message of a topic, if there is one; gated ones wait for the first epoch's end."""
        if not self._bound and not topic.startswith("identity"):
            self.save()
        offset = self.offsets.get(topic, 0)
        if topic.startswith("identity"):
            self._read_identity(topic, offset)
        elif topic == "handoffs":
            if offset < len(self.handoffs):
                self.offsets[topic] = offset + 1
                handoff = self.handoffs[offset]
                self._send("handoffs", HandedOver(handoff=handoff, customer=handoff.target))
        elif offset < len(self.inputs[topic]):
            self.offsets[topic] = offset + 1
            self._read_input(topic, self.inputs[topic][offset])

    def say(self) -> None:
        """Identity publishes its next entry."""
        self.entries += self.script[len(self.entries) : len(self.entries) + 1]

    def _read_identity(self, topic: str, offset: int) -> None:
        view = int(topic.rpartition("-")[2])
        mine = (n for n in range(offset, len(self.entries)) if self._view(self.entries[n][0]) == view)
        n = next(mine, None)
        self.offsets[topic] = len(self.entries) if n is None else n + 1
        if n is not None:
            key, identity = self.entries[n]
            for item in self._identity(key, (n, identity), told=False, first=False):
                self._resolve(*item)

    def _read_input(self, topic: str, message: Read) -> None:
        if isinstance(message, Outcome):
            self._send(topic, OutcomeOf(message))
        elif isinstance(message, Answer):
            self._send(topic, AnswerOf(message))
        elif isinstance(message, Alarm):
            self._resolve(self._view(f"device:{message.device}"), AlarmIn(message))
        else:
            self._resolve(self._view(message[0].subject), EventIn(*message))

    def again(self, n: int) -> None:
        """A handoff that was published comes once more."""
        if self.handoffs and self._bound:
            handoff = self.handoffs[n % len(self.handoffs)]
            self._send("handoffs", HandedOver(handoff=handoff, customer=handoff.target))

    def tick(self, now: int) -> None:
        """Every bucket looks what is due."""
        if not self._bound:
            self.save()
        for bucket in range(self.number):
            self._queues.setdefault(("ticks", bucket), []).append(Tick(now))

    def rules_changed(self) -> None:
        """Every bucket takes up the rule set in force."""
        if not self._bound:
            self.save()
        for bucket in range(self.number):
            changed = RulesChanged(self.sets.current.number)
            self._queues.setdefault(("ticks", bucket), []).append(changed)

    def _resolve(self, view: int, incoming: Incoming) -> None:
        for found in self.resolvers[view].take(incoming):
            self._send(f"view-{view}", found)

    def _send(self, sender: str, trigger: Trigger | Resolved) -> None:
        bucket = self._bucket(whose(trigger) or "")
        self._queues.setdefault((sender, bucket), []).append(trigger)

    def handle(self, at_most: int) -> None:
        """Let one queue go on by so many triggers, as a batch."""
        waiting = sorted(key for key, queue in self._queues.items() if queue)
        if waiting:
            key = self.chance.choice(waiting)
            batch, self._queues[key] = self._queues[key][:at_most], self._queues[key][at_most:]
            self.told += [each for each in batch if isinstance(each, Expect)]
            for out in self.buckets[key[1]].take(batch):
                self._publish(out)

    def _publish(self, out: Out) -> None:
        match out:
            case Decided():
                if not out.folded:
                    self.decisions.append(out.decision)
                for planned in out.decision.actions:
                    if planned.status == "published":
                        self.sent.append((planned.action.id, encode(planned.action)))
            case Handoff():
                self._held.append(decode(Handoff, encode(out)))
            case Profile():
                self.profiles[out.customer] = out
            case Consents():
                self.consents[out.customer] = out
            case LookUp():
                self.questions[out.id] = out
            case Gone():
                self.profiles[out.customer] = None
                if out.erased:
                    self.consents[out.customer] = None

    def _drain(self) -> None:
        while any(self._queues.values()):
            self.handle(self.chance.randint(1, 3))

    def save(self) -> None:
        """An epoch ends."""
        self._drain()
        self.handoffs += self._held
        self._held = []
        self._saved = Saved(self)
        self._safe = len(self.decisions)
        self._bound = True

    def die(self, *, saving: bool) -> None:
        """Killed in the middle of an epoch, or while its end is saved."""
        mark = self._safe
        since = self.decisions[mark:]
        if saving:
            self._drain()
            since = self.decisions[mark:]
            self.handoffs += self._held[: self.chance.randint(0, len(self._held))]
        else:
            kept: list[Decision] = []
            for rule in sorted({d.rule for d in since}):
                mine = [d for d in since if d.rule == rule]
                kept += mine[: self.chance.randint(0, len(mine))]
            since = kept
        self.decisions = self.decisions[:mark] + since
        survived = {p.action.id for d in self.decisions for p in d.actions}
        # An action leaves only after its decision is safe in the topic.
        self.sent = [each for each in self.sent if each[0] in survived]
        self._start()

    def finish(self, topics: Iterable[str], now: int = 0) -> None:
        """Read everything to its end, until nothing moves any more."""
        if not self._bound:
            self.save()
        for topic in [*topics, *(f"identity-{view}" for view in range(self.views))]:
            self.entries += self.script[len(self.entries) :]
            end = len(self.entries) if topic.startswith("identity") else len(self.inputs[topic])
            while self.offsets.get(topic, 0) < end:
                self.read(topic)
                self.handle(3)
        for _ in range(64):
            self.tick(now)
            self.save()
            if self.offsets.get("handoffs", 0) == len(self.handoffs):
                return
            while self.offsets.get("handoffs", 0) < len(self.handoffs):
                self.read("handoffs")
        raise RuntimeError("handoffs go round in circles")

    def state(self) -> dict[str, Customer]:
        """All customers, for looking at."""
        found: dict[str, Customer] = {}
        for packed in self.customers:
            for name in packed.names():
                customer = packed.get(name)
                if customer is not None:
                    found[name] = customer
        return found

    def _view(self, key: str) -> int:
        return ids.partition_of(key.encode(), self.views)

    def _bucket(self, customer: str) -> int:
        return ids.partition_of(customer.encode(), self.number)
