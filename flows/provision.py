"""What must be there before a flow runs: its topics and its published rules; imports neither flow nor Bytewax."""

from __future__ import annotations

from flows.engine.clock import wall_clock
from flows.rules.load import Configuration, load_configuration
from flows.rules.published import publish
from flows.settings import Settings
from flows.topics.names import TopicNames
from flows.topics.open import open_topics
from flows.topics.port import Topics, TopicSpec

KINDS = (
    "open_case",
    "close_case",
    "notify",
    "task",
    "offer_appointment",
    "start_process",
    "suppress",
    "release",
    "set_stage",
)


def wanted_topics(settings: Settings, configuration: Configuration) -> list[TopicSpec]:
    """Every topic that the configuration needs; streams get as many partitions as `things`."""
    names, partitions = TopicNames(settings.topics.prefix), settings.topics.partitions
    lanes = sorted({"normal", *(purpose.lane for purpose in configuration.purposes.values())})
    streams = sorted({names.telemetry(stream.topic) for stream in configuration.streams.values()})
    return [
        *(TopicSpec(topic, partitions) for topic in streams),
        *names.own_topics(partitions, KINDS, lanes),
    ]


def create_topics(settings: Settings, configuration: Configuration, topics: Topics) -> list[str]:
    """Create the topics that do not exist yet and return their names; those that exist stay as they are."""
    there = topics.list()
    return topics.create([spec for spec in wanted_topics(settings, configuration) if spec.name not in there])


def publish_rules(settings: Settings) -> int:
    """Check the configuration's files, create missing topics, publish the set if it is new; returns its number."""
    configuration = load_configuration(settings)
    topics = open_topics(settings)
    try:
        create_topics(settings, configuration, topics)
        names = TopicNames(settings.topics.prefix)
        return publish(topics, names, configuration, settings.tenant, wall_clock)
    finally:
        topics.close()
