"""The customers dataflow: published decisions and identity first, then alarms, events and outcomes.

```
published ─┬────────────────────────────┐
identity ──┤                            ▼
alarms ────┼─► resolve (by identity ─► customers ─► rule-limits ─► out: decisions, then actions and profiles
events ────┘    partition)             (by bucket)   (by rule)
outcomes ───────────────────────────────▲
```
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

import bytewax.operators as op  # pyright: ignore[reportMissingTypeStubs]
from bytewax.dataflow import Dataflow
from bytewax.operators import KeyedStream  # pyright: ignore[reportMissingTypeStubs]

from flows.customers import decoding, operators, outgoing
from flows.customers.decoding import Decoding
from flows.customers.resolve import AlarmIn, BindIn, EventIn, IdentityIn, Incoming
from flows.customers.rule_index import RuleBook
from flows.customers.rule_limits import Decided
from flows.customers.triggers import AlarmFor, EventFor, Trigger
from flows.engine import names
from flows.engine.latest import LatestSource
from flows.engine.messages import MessageSource, ToItems, Watch
from flows.engine.published import PublishedSource
from flows.engine.rule_sets import PollSource
from flows.engine.sink import Beat, Outgoing, TopicSink
from flows.metrics import Metrics
from flows.rules.model import RuleSet
from flows.schema import Profile
from flows.settings import Settings
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


def customers_flow(
    settings: Settings,
    open_topics: Callable[[], Topics],
    rule_sets: RuleSets,
    watch: Watch,
    metrics: Metrics,
    beat: Beat,
) -> Dataflow:
    """The whole dataflow; raises TopicMissing. `beat` is called while the sink waits for delivery."""
    topics = TopicNames(settings.topics.prefix)
    where = decoding.keys(_partitions(open_topics, topics.identity), settings.customers.buckets)
    decoder = Decoding(where, settings.tenant_key.encode(), topics.dead_letters)
    book = RuleBook(rule_sets)
    flow = Dataflow(names.CUSTOMERS_FLOW)

    def gated(topic: str, to_items: ToItems) -> MessageSource:
        return MessageSource(
            open_topics, topic, topics.group(GROUP), to_items, settings.customers.batch, watch=watch
        )

    rules = PollSource(rule_sets, watch=watch)
    published = PublishedSource(open_topics, topics.decisions, decoder.published, watch)
    identity = LatestSource(open_topics, topics.identity, decoder.identity, watch=watch)
    inputs = op.merge(
        "inputs",
        op.input(names.CUSTOMERS_RULES, flow, rules),
        op.input(names.CUSTOMERS_PUBLISHED, flow, published),
        op.input(names.CUSTOMERS_IDENTITY, flow, identity),
        op.input(names.CUSTOMERS_ALARMS, flow, gated(topics.alarms, decoder.alarms)),
        op.input(names.CUSTOMERS_EVENTS, flow, gated(topics.events, decoder.events)),
        op.input(names.CUSTOMERS_OUTCOMES, flow, gated(topics.outcomes, decoder.outcomes)),
    )
    dead = op.branch("unreadable", inputs, _is_outgoing)
    unresolved = op.branch("unresolved", dead.falses, _is_incoming)
    incoming = cast("KeyedStream[Incoming]", unresolved.trues)
    resolved = op.stateful_batch(names.CUSTOMERS_RESOLVE, incoming, operators.resolve_step(book))

    def to_bucket(item: tuple[str, AlarmFor | EventFor]) -> tuple[str, Trigger]:
        return where.of_customer(item[1].customer), item[1]

    straight = cast("KeyedStream[Trigger]", unresolved.falses)
    triggers = op.merge("triggers", straight, op.map("to-bucket", resolved, to_bucket))
    build = operators.bucket_step(settings.tenant, book, watch.clock)
    decided = op.branch("decided", op.stateful_batch(names.CUSTOMERS_BUCKETS, triggers, build), _is_decided)
    by_rule = op.map("to-rule", cast("KeyedStream[Decided]", decided.trues), _by_rule)
    limited = op.stateful_batch(names.CUSTOMERS_RULE_LIMITS, by_rule, operators.rule_limits_step(book))
    counted = Counted(metrics, topics)
    out = op.merge(
        "outgoing",
        op.map("dead-letters", cast("KeyedStream[Outgoing]", dead.trues), counted.dead_letter),
        op.flat_map("decisions", limited, counted.decided),
        op.map("profiles", cast("KeyedStream[Profile]", decided.falses), counted.profile),
    )
    op.output(names.CUSTOMERS_OUT, out, TopicSink(open_topics, beat=beat))
    return flow


class Counted:
    """Makes messages of what is decided, and counts them."""

    def __init__(self, metrics: Metrics, topics: TopicNames) -> None:
        self._metrics = metrics
        self._topics = topics

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
            self._metrics.decisions.labels(rule=decision.rule, verdict=decision.verdict).inc()
            for planned in decision.actions:
                if planned.status == "published":
                    self._metrics.actions.labels(kind=planned.action.kind, lane=planned.action.lane).inc()
                elif planned.status == "held":
                    self._metrics.held_actions.labels(rule=decision.rule).inc()
        return outgoing.of_decided(decided, self._topics)

    def profile(self, item: tuple[str, Profile]) -> tuple[str, Outgoing]:
        """As it is."""
        return outgoing.of_profile(item[1], self._topics)


def _partitions(open_topics: Callable[[], Topics], topic: str) -> int:
    topics = open_topics()
    try:
        return topics.partitions(topic)
    finally:
        topics.close()


def _by_rule(item: tuple[str, Decided]) -> tuple[str, Decided]:
    return item[1].decision.rule, item[1]


def _is_outgoing(item: tuple[str, object]) -> bool:
    return isinstance(item[1], Outgoing)


def _is_incoming(item: tuple[str, object]) -> bool:
    return isinstance(item[1], AlarmIn | EventIn | IdentityIn | BindIn)


def _is_decided(item: tuple[str, object]) -> bool:
    return isinstance(item[1], Decided)
