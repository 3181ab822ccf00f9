"""The outbox connector: what would be sent becomes a file a person reads, with one outcome an action.

In this order, so that a kill at any point is made good by doing the same again: claim in the ledger, write the
file, record the outcome, publish it, confirm it, commit the offsets.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import structlog

from connectors.actions import read_action
from connectors.folder import Folder
from connectors.ledger import Ledger, Settled
from connectors.letter import write_letter
from connectors.outcomes import Outcomes, settled
from flows.metrics import Metrics
from flows.schema import Action, DeadLetter
from flows.settings import Settings
from flows.topics.names import TopicNames
from flows.topics.port import Message, Subscription, Topics, Writer

GROUP = "telltale-outbox"
_NAME = "outbox"
_AT_ONCE = 500
_WAIT_S = 0.5
_LOOK_FOR_TOPICS_MS = 5_000
_ADVANCE_MS = 60_000

Clock = Callable[[], int]

_log = structlog.get_logger(__name__)


def run_outbox(
    settings: Settings,
    topics: Topics,
    clock: Clock,
    stop: threading.Event,
    *,
    until_idle: bool = False,
    metrics: Metrics | None = None,
) -> None:
    """Carry out what comes on `actions.*` until `stop` is set, or, with `until_idle`, until all there is is done.

    `clock` gives the wall clock in ms since the epoch. Raises LedgerInUse, LedgerUnusable, OutboxUnwritable,
    TopicMissing, DeliveryFailed.
    """
    ledger = Ledger(settings.path(settings.outbox.ledger))
    try:
        writer = topics.writer()
        try:
            outbox = Outbox(settings, topics, ledger, writer, clock, metrics or Metrics())
            outbox.run(stop, until_idle=until_idle)
        finally:
            writer.close()
    finally:
        ledger.close()


class Outbox:
    """The loop of one process and what it holds; made by `run_outbox`."""

    def __init__(
        self,
        settings: Settings,
        topics: Topics,
        ledger: Ledger,
        writer: Writer,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._names = TopicNames(settings.topics.prefix)
        self._group = self._names.group(GROUP)
        self._topics, self._ledger, self._writer = topics, ledger, writer
        self._clock, self._metrics = clock, metrics
        self._folder = Folder(settings.path(settings.outbox.folder))
        self._outcomes = Outcomes(ledger, topics, writer, self._names.outcomes)
        self._subscribed: tuple[str, ...] = ()
        self._subscription: Subscription | None = None

    def run(self, stop: threading.Event, *, until_idle: bool) -> None:
        """Until `stop`, or until idle: look for new topics, take a batch, carry it out, commit it."""
        self._outcomes.reconcile()
        self._outcomes.publish()
        look_at = advance_at = self._clock()
        try:
            while not stop.is_set():
                now = self._clock()
                if now >= look_at:
                    self._subscribe()
                    look_at = now + _LOOK_FOR_TOPICS_MS
                messages = self._poll(stop)
                if messages:
                    self.handle(messages)
                elif until_idle and self._is_idle():
                    break
                if now >= advance_at:
                    self._outcomes.advance()
                    advance_at = now + _ADVANCE_MS
        finally:
            if self._subscription is not None:
                self._subscription.close()

    def handle(self, messages: Sequence[Message]) -> None:
        """Carry out one batch; when it returns, files, outcomes, dead letters and offsets are durable."""
        actions: dict[str, Action] = {}
        for read in map(read_action, messages):
            if isinstance(read, DeadLetter):
                self._bury(read)
            else:
                actions.setdefault(read.id, read)
        self._carry_out(actions)
        self._outcomes.publish()
        self._writer.flush()
        if self._subscription is not None:
            self._subscription.commit({(each.topic, each.partition): each.offset + 1 for each in messages})
        self._metrics.last_commit_timestamp_seconds.labels(flow=_NAME).set(self._clock() / 1000)

    def _carry_out(self, actions: dict[str, Action]) -> None:
        """Claim the actions of a batch, write the files of those not yet settled, and record their outcomes."""
        now = self._clock()
        claims = self._ledger.claim(actions, now)
        results: list[Settled] = []
        for action in actions.values():
            if action.id in claims.new or action.id in claims.again:
                results.append(self._deliver(action, now, again=action.id in claims.again))
        self._folder.settle()
        self._ledger.settle(results)
        for result in results:
            self._metrics.outcomes.labels(connector=_NAME, status=result.state).inc()

    def _deliver(self, action: Action, now: int, *, again: bool) -> Settled:
        """Write one action's file, unless it came too late; what a killed process has written counts as sent."""
        if again and self._folder.has(action):
            return settled(action, "accepted", now, _NAME, reference=self._folder.reference(action))
        if action.valid_until < now:
            return settled(action, "expired", now, _NAME, reason="valid_until has passed")
        reference = self._folder.put(action, write_letter(action))
        return settled(action, "accepted", now, _NAME, reference=reference)

    def _bury(self, letter: DeadLetter) -> None:
        """Keep a message that is no action, with the reason; the batch goes on."""
        self._writer.write(self._names.dead_letters, letter.value, key=letter.key, headers=letter.headers())
        self._metrics.dead_letters.labels(reason=letter.reason).inc()
        _log.warning(
            "action malformed",
            topic=letter.topic,
            partition=letter.partition,
            offset=letter.offset,
            why=letter.message,
        )

    def _poll(self, stop: threading.Event) -> list[Message]:
        """The next batch; waits a moment when there is none."""
        if self._subscription is None:
            stop.wait(_WAIT_S)
            return []
        return self._subscription.poll(_AT_ONCE, _WAIT_S)

    def _subscribe(self) -> None:
        """Join the group anew when the action topics have changed: a new rule may bring a new kind or lane."""
        found = self._action_topics()
        if found == self._subscribed:
            return
        if self._subscription is not None:
            self._subscription.close()
        self._subscription = self._topics.subscribe(self._group, found, member=_NAME) if found else None
        self._subscribed = found

    def _action_topics(self) -> tuple[str, ...]:
        """All topics of actions there are now."""
        return tuple(
            sorted(name for name in self._topics.list() if name.startswith(f"{self._names.prefix}actions."))
        )

    def _is_idle(self) -> bool:
        """Whether all that stands in the action topics is committed; no batch says so, it may be with a dead member."""
        for topic in self._action_topics():
            committed = self._topics.committed(self._group, topic)
            for partition in range(self._topics.partitions(topic)):
                bounds = self._topics.bounds(topic, partition)
                if committed.get(partition, bounds.low) < bounds.end:
                    return False
        return True
