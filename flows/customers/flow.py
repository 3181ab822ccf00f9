"""The customers dataflow: published decisions and identity first, then alarms, events and outcomes.

```
published ─┬────────────────────────────┐         bases (by bucket)
identity ──┤                            ▼         ▲
alarms ────┼─► resolve (by identity ─► customers ─┴► rule-limits ─► out: decisions, then actions and profiles,
events ────┘    partition)             (by bucket)    (by rule)     handoffs at the epoch's end
outcomes, answers ──────────────────────▲
handoffs, ticks ────────────────────────┘
```
A team's steps lie behind `events`, beside the decisions and before the actions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Protocol, cast

import bytewax.operators as op  # pyright: ignore[reportMissingTypeStubs]
from bytewax.dataflow import Dataflow, Stream
from bytewax.operators import KeyedStream  # pyright: ignore[reportMissingTypeStubs]
from prometheus_client import Counter

from flows.clocks import ClockReader
from flows.customers import decoding, operators, outgoing
from flows.customers.bases import Bases, NewBase
from flows.customers.batch import Out
from flows.customers.decoding import AllIdentity, Decoding
from flows.customers.expected import expected
from flows.customers.resolve import AlarmIn, BindIn, EventIn, IdentityIn, Incoming, Resolved
from flows.customers.rule_index import RuleBook
from flows.customers.rule_limits import Decided
from flows.customers.stepped import Amendments, Joints
from flows.customers.triggers import RulesChanged, Tick, Trigger, whose
from flows.engine import names
from flows.engine.attach import Attached, attach
from flows.engine.blame import Blame
from flows.engine.catching_up import CatchingUpSource
from flows.engine.latest import LatestSource
from flows.engine.messages import Item, MessageSource, Place, TimeOf, ToItems, Watch
from flows.engine.published import PublishedSource
from flows.engine.rule_sets import PollSource
from flows.engine.sink import Beat, Outgoing, Settle, TopicSink
from flows.engine.ticks import Dues, Ticking, TickSource
from flows.metrics import Metrics
from flows.rules.braking import Brakes
from flows.rules.model import RuleSet
from flows.settings import Settings
from flows.steps import NO_STEPS, STEP_FAILED, Steps
from flows.topics.names import TopicNames
from flows.topics.port import Topics

GROUP = "telltale-customers"


class RuleSets(Protocol):
    """The published rule sets as this process knows them."""

    @property
    def current(self) -> RuleSet:
        """The newest whole set."""
        ...

    def poll(self) -> object:
        """Take in what is new, without waiting."""
        ...


class Followed:
    """What lies on the topic `rules`, taken in together; a set that cannot be read keeps no brake from holding."""

    def __init__(self, rule_sets: RuleSets, brakes: Brakes) -> None:
        self._rule_sets, self._brakes = rule_sets, brakes

    def poll(self) -> object:
        """Take in what is new, without waiting."""
        self._brakes.poll()
        return self._rule_sets.poll()


def customers_flow(
    settings: Settings,
    open_topics: Callable[[], Topics],
    rule_sets: RuleSets,
    watch: Watch,
    metrics: Metrics,
    beat: Beat,
    steps: Steps = NO_STEPS,
) -> Dataflow:
    """The whole dataflow; raises TopicMissing and, for steps that cannot be built, StepsUnreadable.

    `beat` is called while the sink waits for delivery.
    """
    topics = TopicNames(settings.topics.prefix)
    where = decoding.keys(_partitions(open_topics, topics.identity), settings.customers.buckets)
    decoder = Decoding(
        where, settings.tenant_key.encode(), topics.dead_letters, lambda: rule_sets.current.events
    )
    joints = Joints(steps, topics, open_topics, decoder)
    book = RuleBook(rule_sets)
    flow = Dataflow(names.CUSTOMERS_FLOW)

    def gated(topic: str, to_items: ToItems, time_of: TimeOf | None = None) -> MessageSource:
        group, batch = topics.group(GROUP), settings.customers.batch
        return MessageSource(open_topics, topic, group, to_items, batch, watch=watch, time_of=time_of)

    brakes = Brakes(open_topics(), topics, settings.tenant, watch.clock)
    rules = PollSource(Followed(rule_sets, brakes), watch=watch)
    published = PublishedSource(open_topics, topics.decisions, decoder.published, watch)
    handoffs = CatchingUpSource(
        Place(open_topics, topics.handoffs, topics.group(GROUP), gated=False, watch=watch),
        decoder.handed_over,
        decoder.handoffs,
        settings.customers.batch,
    )
    identity = LatestSource(
        open_topics, topics.identity, decoder.identity, watch=watch, at_start=decoder.identity_at_start
    )
    own = (
        *(topics.identity, topics.alarms, topics.events, topics.outcomes),
        *(topics.answers, topics.handoffs),
    )
    bases, dues = Bases(), Dues()
    ticking = Ticking(
        open_clock=lambda clock: ClockReader(open_topics(), topics.clocks, clock),
        expected=lambda: expected(rule_sets.current, topics, own, lambda t: _partitions(open_topics, t)),
        rules=lambda: rule_sets.current.number,
        dues=dues,
        tick=Tick,
        rules_changed=RulesChanged,
        on_lag=metrics.customers_clock_lag_seconds.set,
    )
    inputs = op.merge(
        "inputs",
        op.input(names.CUSTOMERS_RULES, flow, rules),
        op.input(names.CUSTOMERS_PUBLISHED, flow, published),
        op.input(names.CUSTOMERS_HANDOFFS, flow, handoffs),
        op.input(names.CUSTOMERS_IDENTITY, flow, identity),
        op.input(names.CUSTOMERS_TICKS, flow, TickSource(ticking, watch)),
        op.input(names.CUSTOMERS_ALARMS, flow, gated(topics.alarms, decoder.alarms, _time_of)),
        *_events(
            op.input(names.CUSTOMERS_EVENTS, flow, gated(topics.events, decoder.events, _time_of)),
            steps,
            joints,
        ),
        op.input(names.CUSTOMERS_OUTCOMES, flow, gated(topics.outcomes, decoder.outcomes)),
        op.input(names.CUSTOMERS_ANSWERS, flow, gated(topics.answers, decoder.answers)),
    )
    dead = op.branch("unreadable", inputs, _is_outgoing)
    unresolved = op.branch("unresolved", dead.falses, _is_incoming)
    incoming = cast("KeyedStream[Incoming | AllIdentity]", unresolved.trues)
    resolved = op.stateful_batch(names.CUSTOMERS_RESOLVE, incoming, operators.resolve_step(book))

    def to_bucket(item: tuple[str, Resolved]) -> tuple[str, Trigger]:
        return where.of_customer(whose(item[1]) or ""), item[1]

    straight = cast("KeyedStream[Trigger]", unresolved.falses)
    triggers = op.merge("triggers", straight, op.map("to-bucket", resolved, to_bucket))
    buckets = operators.Buckets(
        tenant=settings.tenant, book=book, clock=watch.clock, key_of=where.of_customer,
        bases=bases, dues=dues, metrics=metrics, brakes=brakes,
    )  # fmt: skip
    said = op.stateful_batch(names.CUSTOMERS_BUCKETS, triggers, operators.bucket_step(buckets))
    kept = op.branch("new-bases", said, _is_base)
    op.stateful_batch(
        names.CUSTOMERS_BASES, cast("KeyedStream[NewBase]", kept.trues), operators.base_step(bases)
    )
    decided = op.branch("decided", kept.falses, _is_decided)
    by_rule = op.map("to-rule", cast("KeyedStream[Decided]", decided.trues), _by_rule)
    limited = op.stateful_batch(names.CUSTOMERS_RULE_LIMITS, by_rule, operators.rule_limits_step(book))
    counted = Counted(metrics, topics, actions=steps.actions is None)
    out = op.merge(
        "outgoing",
        op.map("dead-letters", cast("KeyedStream[Outgoing]", dead.trues), counted.dead_letter),
        *_decisions(limited, steps, joints, counted),
        op.flat_map("known", cast("KeyedStream[Out]", decided.falses), counted.known),
    )
    settle = _settle(steps, topics, metrics)
    op.output(names.CUSTOMERS_OUT, out, TopicSink(open_topics, beat=beat, settle=settle))
    return flow


def _events(events: Stream[Item], steps: Steps, joints: Joints) -> list[Stream[Item]]:
    """Events, by way of the team's step if there is one."""
    if steps.events is None:
        return [events]
    read = op.branch("events-read", events, _is_event)
    bare = op.map("events-bare", cast("KeyedStream[EventIn]", read.trues), lambda item: item[1].event)
    stepped = attach(bare, joints.events(steps.events))
    return [read.falses, stepped.given, cast("Stream[Item]", stepped.dead)]


def _decisions(
    limited: KeyedStream[Decided], steps: Steps, joints: Joints, counted: Counted
) -> list[Stream[outgoing.Addressed]]:
    """Decisions and the actions they want, each by way of the team's step if there is one."""
    out: list[Stream[outgoing.Addressed]] = [op.flat_map("decisions", limited, counted.decided)]
    stepped: list[Attached] = []
    if steps.actions is not None:
        actions = op.flat_map("actions", limited, lambda item: outgoing.actions_of(item[1]))
        stepped.append(attach(actions, joints.actions(steps.actions)))
    if steps.decisions is not None:
        fresh = op.filter("decisions-fresh", limited, lambda item: not item[1].folded)
        bare = op.map("decisions-bare", fresh, lambda item: item[1].decision)
        stepped.append(attach(bare, joints.decisions(steps.decisions)))
    for n, one in enumerate(stepped):
        out += [one.given, op.map(f"dead-steps-{n}", one.dead, counted.dead_letter)]
    return out


def _settle(steps: Steps, topics: TopicNames, metrics: Metrics) -> Settle | None:
    """With a step at the decisions or actions, what an epoch brought is put in order at its end."""
    if steps.decisions is not None:
        refused = metrics.dead_letters.labels(reason=STEP_FAILED).inc
        return Amendments(topics, Blame("decisions", steps.file), refused).settle
    return None if steps.actions is None else list


class Counted:
    """Makes messages of what is decided, and counts them."""

    def __init__(self, metrics: Metrics, topics: TopicNames, *, actions: bool) -> None:
        """`actions` says that they go out with their decisions, and not by way of a step."""
        self._metrics = metrics
        self._topics = topics
        self._actions = actions

        # Prometheus checks and locks at each look-up.
        @cache
        def decisions(rule: str, verdict: str) -> Counter:
            return metrics.decisions.labels(rule=rule, verdict=verdict)

        @cache
        def acted(kind: str, lane: str) -> Counter:
            return metrics.actions.labels(kind=kind, lane=lane)

        self._decisions, self._acted = decisions, acted

    def dead_letter(self, item: tuple[str, Outgoing]) -> tuple[str, Outgoing]:
        """Count by reason."""
        reason = dict(item[1].headers).get("__connect.errors.exception.class.name", b"").decode()
        self._metrics.dead_letters.labels(reason=reason).inc()
        return item

    def decided(self, item: tuple[str, Decided]) -> list[tuple[str, Outgoing]]:
        """Count decisions by verdict and actions by kind; what was folded was counted before."""
        decided = item[1]
        decision = decided.decision
        if not decided.folded:
            self._decisions(decision.rule, decision.verdict).inc()
            for planned in decision.actions:
                if planned.status == "published":
                    self._acted(planned.action.kind, planned.action.lane).inc()
                elif planned.status == "held":
                    self._metrics.held_actions.labels(rule=decision.rule).inc()
        whole = outgoing.of_decided if self._actions else outgoing.of_decision
        return whole(decided, self._topics)

    def known(self, item: tuple[str, Out]) -> list[tuple[str, Outgoing]]:
        """Profiles, consents, handoffs and questions as they are."""
        return outgoing.of_known(item[1], self._topics)


def _partitions(open_topics: Callable[[], Topics], topic: str) -> int:
    topics = open_topics()
    try:
        return topics.partitions(topic)
    finally:
        topics.close()


def _time_of(items: list[Item]) -> int | None:
    """The greatest event time (ms) of what was read; None when none could be."""
    times = [
        found.alarm.at if isinstance(found, AlarmIn) else found.at
        for _, found in items
        if isinstance(found, AlarmIn | EventIn)
    ]
    return max(times, default=None)


def _by_rule(item: tuple[str, Decided]) -> tuple[str, Decided]:
    return item[1].decision.rule, item[1]


def _is_outgoing(item: tuple[str, object]) -> bool:
    return isinstance(item[1], Outgoing)


def _is_event(item: tuple[str, object]) -> bool:
    return isinstance(item[1], EventIn)


def _is_incoming(item: tuple[str, object]) -> bool:
    return isinstance(item[1], AlarmIn | EventIn | IdentityIn | AllIdentity | BindIn)


def _is_base(item: tuple[str, object]) -> bool:
    return isinstance(item[1], NewBase)


def _is_decided(item: tuple[str, object]) -> bool:
    return isinstance(item[1], Decided)
