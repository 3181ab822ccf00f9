"""Every metric Telltale has, in one list, and the endpoint where Prometheus reads them.

A label never holds the id of a device, a customer, an episode or an action: a series per id has no bound.
Each process has one `Metrics`, which is handed to whatever counts.
"""

from __future__ import annotations

import threading
from typing import Literal

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from flows.errors import MetricsPortsTaken
from flows.settings import MetricsSettings

Kind = Literal["counter", "gauge", "histogram"]

_PREFIX = "telltale_"
_PORTS_TRIED = 64
_SHORT = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the catalogue; `name` is without the prefix, `buckets` (upper bounds) are a histogram's."""

    name: str
    kind: Kind
    unit: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def full_name(self) -> str:
        """The name that Prometheus sees."""
        return _PREFIX + self.name


CATALOGUE: tuple[Metric, ...] = (
    Metric(
        name="readings_total",
        kind="counter",
        unit="readings",
        help="Readings by what became of them: taken, late, duplicate, future or dead.",
        labels=("stream", "result"),
    ),
    Metric(
        name="alarms_total",
        kind="counter",
        unit="alarms",
        help="Alarms written, by rule and transition.",
        labels=("rule", "transition"),
    ),
    Metric(
        name="decisions_total",
        kind="counter",
        unit="decisions",
        help="Decisions written, by rule and verdict.",
        labels=("rule", "verdict"),
    ),
    Metric(
        name="actions_total",
        kind="counter",
        unit="actions",
        help="Actions published, by kind and lane.",
        labels=("kind", "lane"),
    ),
    Metric(
        name="held_actions_total",
        kind="counter",
        unit="actions",
        help="Actions held for release because their rule passed its limit.",
        labels=("rule",),
    ),
    Metric(
        name="outcomes_total",
        kind="counter",
        unit="outcomes",
        help="Outcomes recorded by a connector, by status.",
        labels=("connector", "status"),
    ),
    Metric(
        name="answers_total",
        kind="counter",
        unit="answers",
        help="Answers to the questions of rules, by status; unknown is one that could not be learnt.",
        labels=("status",),
    ),
    Metric(
        name="dead_letters_total",
        kind="counter",
        unit="messages",
        help="Messages or values that could not be handled, by reason.",
        labels=("reason",),
    ),
    Metric(
        name="misplaced_devices_total",
        kind="counter",
        unit="devices",
        help="Devices seen in a partition that their key does not belong to.",
        labels=("stream",),
    ),
    Metric(
        name="clock_lag_seconds",
        kind="gauge",
        unit="seconds",
        help="Wall clock minus the event time up to which a partition has been handled.",
        labels=("stream", "partition"),
    ),
    Metric(
        name="customers_clock_lag_seconds",
        kind="gauge",
        unit="seconds",
        help="How far the Clock, by which all that waits is decided, is behind the wall clock.",
    ),
    Metric(
        name="source_lag_messages",
        kind="gauge",
        unit="messages",
        help="Messages in a partition that are not yet read.",
        labels=("topic", "partition"),
    ),
    Metric(
        name="last_commit_timestamp_seconds",
        kind="gauge",
        unit="seconds",
        help="When the state or the offsets were last put on disk, since the Unix epoch.",
        labels=("flow",),
    ),
    Metric(
        name="heartbeat_timestamp_seconds",
        kind="gauge",
        unit="seconds",
        help="When the flow last said that it is alive while waiting for the bus, since the Unix epoch.",
        labels=("flow",),
    ),
    Metric(
        name="snapshot_bytes",
        kind="gauge",
        unit="bytes",
        help="Bytes that a step wrote in its last snapshot.",
        labels=("flow", "step"),
    ),
    Metric(
        name="snapshot_stop_seconds",
        kind="histogram",
        unit="seconds",
        help="How long sources stood still for a snapshot.",
        labels=("flow",),
        buckets=_SHORT,
    ),
    Metric(
        name="snapshot_longest_stop_seconds",
        kind="gauge",
        unit="seconds",
        help="The longest stop for a snapshot since the last scrape.",
        labels=("flow",),
    ),
    Metric(
        name="state_bytes",
        kind="gauge",
        unit="bytes",
        help="Bytes that a shard's state holds in memory.",
        labels=("stream", "partition"),
    ),
    Metric(
        name="batch_seconds",
        kind="histogram",
        unit="seconds",
        help="How long one batch of readings took to handle.",
        labels=("stream",),
        buckets=_SHORT,
    ),
    Metric(
        name="shard_worker_skew",
        kind="gauge",
        unit="ratio",
        help="Shards on the busiest worker over the even share; 1 is even.",
    ),
    Metric(
        name="identity_evidence_total",
        kind="counter",
        unit="pieces",
        help="Pieces of evidence that were new or changed, by kind.",
        labels=("kind",),
    ),
    Metric(
        name="identity_merged_customers_total",
        kind="counter",
        unit="customers",
        help="Customers that were merged into another.",
    ),
    Metric(
        name="identity_split_customers_total",
        kind="counter",
        unit="customers",
        help="Customers that were split off from another.",
    ),
    Metric(
        name="identity_shared_identifiers_total",
        kind="counter",
        unit="identifiers",
        help="Identifiers that turned out to be shared and stopped linking.",
    ),
    Metric(
        name="identity_outbox_waiting",
        kind="gauge",
        unit="entries",
        help="Identity entries that are committed and not yet on the bus.",
    ),
    Metric(
        name="identity_batch_seconds",
        kind="histogram",
        unit="seconds",
        help="How long one batch of evidence took, from the bus to the commit.",
        buckets=_SHORT,
    ),
)
_BY_NAME = {metric.name: metric for metric in CATALOGUE}


class Longest:
    """The longest of what was observed since it was last taken; safe between threads."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._lock = threading.Lock()

    def observe(self, seconds: float) -> None:
        """Keep it if it is longer than what is kept."""
        with self._lock:
            self._seconds = max(self._seconds, seconds)

    def take(self) -> float:
        """The longest, in seconds; begins anew from 0."""
        with self._lock:
            longest, self._seconds = self._seconds, 0.0
        return longest


class Metrics:
    """The metrics of one process, each an attribute under its name in the catalogue without `_total`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self.readings = self._counter("readings_total")
        self.alarms = self._counter("alarms_total")
        self.decisions = self._counter("decisions_total")
        self.actions = self._counter("actions_total")
        self.held_actions = self._counter("held_actions_total")
        self.outcomes = self._counter("outcomes_total")
        self.answers = self._counter("answers_total")
        self.dead_letters = self._counter("dead_letters_total")
        self.misplaced_devices = self._counter("misplaced_devices_total")
        self.clock_lag_seconds = self._gauge("clock_lag_seconds")
        self.customers_clock_lag_seconds = self._gauge("customers_clock_lag_seconds")
        self.source_lag_messages = self._gauge("source_lag_messages")
        self.last_commit_timestamp_seconds = self._gauge("last_commit_timestamp_seconds")
        self.heartbeat_timestamp_seconds = self._gauge("heartbeat_timestamp_seconds")
        self.snapshot_bytes = self._gauge("snapshot_bytes")
        self.snapshot_stop_seconds = self._histogram("snapshot_stop_seconds")
        self.snapshot_longest_stop_seconds = self._gauge("snapshot_longest_stop_seconds")
        self.state_bytes = self._gauge("state_bytes")
        self.batch_seconds = self._histogram("batch_seconds")
        self.shard_worker_skew = self._gauge("shard_worker_skew")
        self.identity_evidence = self._counter("identity_evidence_total")
        self.identity_merged_customers = self._counter("identity_merged_customers_total")
        self.identity_split_customers = self._counter("identity_split_customers_total")
        self.identity_shared_identifiers = self._counter("identity_shared_identifiers_total")
        self.identity_outbox_waiting = self._gauge("identity_outbox_waiting")
        self.identity_batch_seconds = self._histogram("identity_batch_seconds")
        self._longest: dict[str, Longest] = {}

    def stopped(self, flow: str, seconds: float) -> None:
        """A flow's sources stood still for a snapshot for so many seconds."""
        self.snapshot_stop_seconds.labels(flow=flow).observe(seconds)
        longest = self._longest.get(flow)
        if longest is None:
            longest = self._longest.setdefault(flow, Longest())
            self.snapshot_longest_stop_seconds.labels(flow=flow).set_function(longest.take)
        longest.observe(seconds)

    def _counter(self, name: str) -> Counter:
        metric = _BY_NAME[name]
        return Counter(metric.full_name, metric.help, metric.labels, registry=self.registry)

    def _gauge(self, name: str) -> Gauge:
        metric = _BY_NAME[name]
        return Gauge(metric.full_name, metric.help, metric.labels, registry=self.registry)

    def _histogram(self, name: str) -> Histogram:
        metric = _BY_NAME[name]
        return Histogram(
            metric.full_name, metric.help, metric.labels, registry=self.registry, buckets=metric.buckets
        )


def serve(settings: MetricsSettings, metrics: Metrics) -> int | None:
    """Serve `/metrics` on the first free port from the settings' on and return it, or None when that is 0.

    Raises MetricsPortsTaken when 64 ports in a row are taken or the host is not one of this machine.
    """
    if settings.port == 0:
        return None
    reason = ""
    for port in range(settings.port, min(settings.port + _PORTS_TRIED, 65_536)):
        try:
            start_http_server(port, settings.host, metrics.registry)
        except OSError as error:
            reason = str(error)
        else:
            return port
    raise MetricsPortsTaken(settings.host, settings.port, reason)
