"""A small world for the customers' tests: DESIGN's overheating rule, alarms, events, and a flow of plain objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from flows import ids
from flows.customers.batch import due
from flows.customers.bucket import Bucket
from flows.customers.packed import Packed
from flows.customers.resolve import AlarmIn, BindIn, EventIn, IdentityIn, Incoming, Resolver
from flows.customers.rule_index import RuleBook
from flows.customers.rule_limits import Decided, RuleLimits
from flows.customers.triggers import OutcomeOf, Published, Tick, Trigger
from flows.expressions import parse
from flows.rules.model import ActionEntry, Aggregate, Limit, Purpose, Rule, RuleSet
from flows.schema import Alarm, Decision, Event, Evidence, Identity, Outcome, Profile, Role, Transition

TENANT = "acme"
T0 = 1_760_000_000_000
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
PURPOSES = {
    "service": Purpose(name="service"),
    "safety": Purpose(name="safety", lane="urgent", rules=("engine-overheating",)),
    "marketing.care": Purpose(name="marketing.care", lane="slow"),
}


def entry(kind: str, condition: str | None = None, **fields: Any) -> ActionEntry:
    """An action entry; what is not a field of its own is a parameter."""
    own = {k: fields.pop(k) for k in ("name", "to", "purpose", "about", "valid_for") if k in fields}
    own.setdefault("name", kind)
    return ActionEntry(
        kind=kind,  # type: ignore[arg-type]
        condition=None if condition is None else parse(condition),
        parameters=fields,
        **own,
    )


def overheating(**changes: Any) -> Rule:
    """The customers' half of DESIGN §7's example."""
    rule = Rule(
        name="engine-overheating",
        stream="vehicle",
        do={
            "raised": (
                entry(
                    "open_case",
                    'not profile.has_open("case", "engine")',
                    about="engine",
                    queue="roadside",
                    subject="Engine overheating on {device}",
                    attach=["evidence"],
                ),
                entry("notify", to="driver", purpose="service", template="overheating"),
            ),
            "escalated": (entry("notify", to="driver", purpose="safety", template="pull-over"),),
            "cleared": (entry("close_case", about="engine"),),
        },
        limits=(Limit(per="device", at_most=1, every=DAY), Limit(per="rule", at_most=10_000, every=HOUR)),
    )
    return msgspec.structs.replace(rule, **changes)


def rule_set(*rules: Rule, profile: Sequence[Aggregate] = (), number: int = 7) -> RuleSet:
    """A set of rules with the usual purposes."""
    return RuleSet(number=number, tenant=TENANT, rules=rules, purposes=PURPOSES, profile=tuple(profile))


class Sets:
    """The rule set in force, which a test may exchange."""

    def __init__(self, current: RuleSet) -> None:
        self.current = current

    def poll(self) -> None:
        """Nothing new."""


def alarm(transition: Transition = "raised", number: int = 1, **fields: Any) -> Alarm:
    """An alarm of a device; `opened_at` tells episodes of one device apart, `at` follows the number."""
    device = fields.pop("device", "veh-17")
    rule = fields.pop("rule", "engine-overheating")
    opened_at = fields.pop("opened_at", T0)
    episode = ids.episode_id(TENANT, rule, device, opened_at)
    values = {
        "at": opened_at + (number - 1) * MINUTE,
        "evidence": Evidence(
            values={"run": 10, "rise": 7.25}, reading={"coolant_c": 109.5}, device={"hot_c": 105}
        ),
        "explanation": "10 readings in a row",
        **fields,
    }
    return Alarm(
        id=ids.transition_id(episode, number),
        episode=episode,
        number=number,
        tenant=TENANT,
        rule=rule,
        rule_set=7,
        stream="vehicle",
        device=device,
        transition=transition,
        opened_at=opened_at,
        partition=0,
        **values,
    )


def event(kind: str, subject: str, number: int, **data: Any) -> Event:
    """An event; its time does not matter here."""
    return Event(
        id=f"e{number}", source="shop", type=kind, subject=subject, time="2025-10-09T08:53:20Z", data=data
    )


def outcome(action: str, customer: str, status: str) -> Outcome:
    """What became of an action."""
    return Outcome(
        id=action,
        tenant=TENANT,
        customer=customer,
        kind="open_case",
        status=status,  # type: ignore[arg-type]
        at=T0,
        connector="outbox",
    )


def owned(device: str, owner: str, driver: str | None = None, number: int = 1) -> IdentityIn:
    """Who owns and drives a device, for ever."""
    roles = [Role(role="owner", customer=owner)]
    if driver is not None:
        roles.append(Role(role="driver", customer=driver))
    return IdentityIn(f"device:{device}", Identity(number=number, roles=tuple(roles)))


class World:
    """One resolver, one bucket and the rules' limits, driven like the dataflow, without Bytewax.

    `log` are the decisions in the order in which they were published, `sent` the ids of actions in theirs.
    """

    def __init__(self, sets: Sets, now: int = T0 + MINUTE) -> None:
        self.sets, self.now = sets, now
        self.log: list[Decision] = []
        self.sent: list[tuple[str, bytes]] = []
        self.profiles: dict[str, Profile] = {}
        self.start(None)

    def start(self, saved: tuple[bytes, bytes, dict[str, bytes]] | None) -> None:
        """Begin an execution from a snapshot."""
        book = RuleBook(self.sets)
        resolver, bucket, limits = saved or (None, None, {})
        self.book = book
        self.resolver = Resolver(book, resolver)
        self.bucket = Bucket(TENANT, book, lambda: self.now, Packed(None, bucket, due))
        self.limits = {rule: RuleLimits(book, state) for rule, state in limits.items()}

    def snapshot(self) -> tuple[bytes, bytes, dict[str, bytes]]:
        """The state at an epoch's end."""
        limits = {rule: step.snapshot() for rule, step in self.limits.items()}
        return self.resolver.snapshot(), self.bucket.snapshot(), limits

    def fold(self, published: Sequence[Decision]) -> None:
        """What the first epoch of an execution does with what was published."""
        for decision in published:
            self.resolver.take(BindIn(decision))
        self._bucket([Published(d) for d in published])

    def feed(self, *items: Alarm | tuple[Event, int] | IdentityIn | Outcome) -> list[Decision]:
        """Read a batch; returns the decisions published for it."""
        before = len(self.log)
        triggers: list[Trigger] = []
        for item in items:
            if isinstance(item, Outcome):
                triggers.append(OutcomeOf(item))
            else:
                triggers += self.resolver.take(_incoming(item))
        self._bucket(triggers)
        return self.log[before:]

    def tick(self, now: int) -> None:
        """The Clock says that all before `now` (ms) has been handled."""
        self._bucket([Tick(now)])

    def _bucket(self, triggers: list[Trigger]) -> None:
        for out in self.bucket.take(triggers):
            if isinstance(out, Profile):
                self.profiles[out.customer] = out
            if not isinstance(out, Decided):
                continue
            rule = out.decision.rule
            step = self.limits.setdefault(rule, RuleLimits(self.book))
            self._publish(step.take(out))

    def _publish(self, decided: Decided) -> None:
        if not decided.folded:
            self.log.append(decided.decision)
        for planned in decided.decision.actions:
            if planned.status == "published":
                self.sent.append((planned.action.id, msgspec.json.encode(planned.action)))


def _incoming(item: Alarm | tuple[Event, int] | IdentityIn) -> Incoming:
    if isinstance(item, Alarm):
        return AlarmIn(item)
    return EventIn(*item) if isinstance(item, tuple) else item


def statuses(decision: Decision) -> dict[str, str]:
    """What became of each action, by name."""
    return {p.action.name: p.status for p in decision.actions}
