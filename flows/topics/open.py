"""Open the bus that the settings name."""

from __future__ import annotations

from flows.settings import Settings
from flows.topics.port import Topics


def open_topics(settings: Settings) -> Topics:
    """The SQLite file or the Kafka cluster of the settings; cheap, connections are made on use."""
    if settings.topics.bus == "sqlite":
        from flows.topics.sqlite import SqliteTopics

        return SqliteTopics(settings.path(settings.topics.path))
    from flows.topics.kafka import KafkaTopics

    return KafkaTopics(settings.topics.bootstrap_servers, settings.topics.options)
