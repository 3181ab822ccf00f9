"""The wiring: two dataflows, joined by the topic `alarms`, each from its topics to its topics.

Steps of your own are attached at five points, by functions of these names in the file that `steps` in the settings
names: `readings` (columns → columns, behind the decoder), and from stream to stream `alarms` (of Alarm, behind the
shards), `events` (of Event, before they are resolved), `decisions` and `actions` (of Decision and Action, on their
way out).

`python -m bytewax.run flows.pipeline:devices` and `…:customers` run them as any Bytewax flow; `telltale run` starts
both. The settings are those of `$TELLTALE_CONFIG`, else `telltale.toml` here.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path

from bytewax.dataflow import Dataflow

from flows.clocks import ClockWriter
from flows.engine.gate import Bound
from flows.engine.messages import Watch
from flows.metrics import Metrics, serve
from flows.rules.published import RuleSets
from flows.settings import Settings, load_settings
from flows.steps import load_steps
from flows.topics.names import TopicNames
from flows.topics.open import open_topics
from flows.topics.port import Topics

_YOUNG_OBJECTS = 100_000


class Surroundings:
    """What a flow's process shares: settings, bus, published rules, metrics."""

    def __init__(self, settings: Settings, flow: str) -> None:
        self.settings, self.flow = settings, flow
        self.metrics = Metrics()
        self._topics = open_topics(settings)
        names = TopicNames(settings.topics.prefix)
        self.rule_sets = RuleSets(self.open(), names, settings.tenant)
        self.rule_sets.poll()
        self.watch = Watch(
            bound=Bound(),
            on_lag=self._lag,
            on_commit=self._committed,
            clocks=ClockWriter(self.open(), names.clocks, flow),
        )

    def open(self) -> Topics:
        """The bus, one for the process: its readers and writers are what is not shared."""
        return self._topics

    def _lag(self, topic: str, partition: int, messages: int) -> None:
        self.metrics.source_lag_messages.labels(topic, str(partition)).set(messages)

    def _committed(self) -> None:
        self.metrics.last_commit_timestamp_seconds.labels(self.flow).set(self.watch.clock() / 1000)

    def beat(self) -> None:
        """The process is alive, though it waits for the bus to take what it wrote."""
        self.metrics.heartbeat_timestamp_seconds.labels(self.flow).set(self.watch.clock() / 1000)


def settings_here() -> Settings:
    """The settings that the environment names."""
    return load_settings(Path(os.environ.get("TELLTALE_CONFIG", "telltale.toml")).resolve(), os.environ)


def spare_the_collector() -> None:
    """Look for cycles rarely: messages come by the thousand and hold none, and each thousand set off a search.

    A fifth of the devices flow's time went there. What start-up made is never looked at again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 50, 100)


def devices(settings: Settings | None = None) -> Dataflow:
    """Readings → alarms."""
    from flows.devices.flow import devices_flow

    spare_the_collector()
    around = Surroundings(settings or settings_here(), "devices")
    serve(around.settings.metrics, around.metrics)
    return devices_flow(
        around.settings,
        around.open,
        around.rule_sets,
        around.metrics,
        around.watch,
        around.beat,
        load_steps(around.settings),
    )


def customers(settings: Settings | None = None) -> Dataflow:
    """Alarms, events, identity and outcomes → decisions, actions and profiles."""
    from flows.customers.flow import customers_flow

    around = Surroundings(settings or settings_here(), "customers")
    serve(around.settings.metrics, around.metrics)
    return customers_flow(
        around.settings,
        around.open,
        around.rule_sets,
        around.watch,
        around.metrics,
        around.beat,
        load_steps(around.settings),
    )
