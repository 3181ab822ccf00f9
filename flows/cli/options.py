"""Options that many commands share, and what they stand for: the settings and the bus."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from flows.errors import NameUnknown, SettingsMissing, TopicsFileMissing
from flows.hints import did_you_mean
from flows.settings import Settings, load_settings
from flows.topics.names import TopicNames
from flows.topics.open import open_topics
from flows.topics.port import Topics

SETTINGS_FILE = "telltale.toml"
_LONG_S = 2.0


class Output(Enum):
    """How rows are printed."""

    table = "table"
    json = "json"


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="PATH",
        help="telltale.toml or its folder; else $TELLTALE_CONFIG, else the one here.",
    ),
]
Rows = Annotated[Output, typer.Option("--output", "-o", help="A table to read, or JSON, one object a line.")]
Most = Annotated[
    int, typer.Option("--number", "-n", metavar="N", min=1, max=1_000_000, help="At most so many.")
]


def example(*lines: str) -> str:
    """The end of a command's help: what to type, a line each, which no help may wrap."""
    return "\n".join(["\b", "Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)])


def settings_file(config: Path | None) -> Path:
    """The settings file that is named, else the one here, which may be missing; raises SettingsMissing."""
    named = config or (Path(os.environ["TELLTALE_CONFIG"]) if os.environ.get("TELLTALE_CONFIG") else None)
    if named is None:
        return Path(SETTINGS_FILE)
    found = named / SETTINGS_FILE if named.is_dir() else named
    if not found.exists():
        raise SettingsMissing(str(found))
    return found


def settings_of(config: Path | None) -> Settings:
    """The settings; raises SettingsMissing, SettingsWrong."""
    return load_settings(settings_file(config), os.environ)


@contextmanager
def bus_of(settings: Settings) -> Generator[Topics]:
    """The bus to read from; raises TopicsFileMissing rather than make an empty one."""
    path = settings.path(settings.topics.path)
    if settings.topics.bus == "sqlite" and not path.exists():
        raise TopicsFileMissing(str(path))
    topics = open_topics(settings)
    try:
        if settings.topics.bus == "kafka":
            # What librdkafka mutters while it tries again is told as an error of ours, if it comes to that.
            logging.getLogger("flows.topics.kafka").addHandler(logging.NullHandler())
            with answering(settings):
                topics.list()
        yield topics
    finally:
        topics.close()


@contextmanager
def answering(settings: Settings) -> Generator[None]:
    """Say that a broker is waited for when it takes long to answer what is asked inside."""
    from flows.cli.show import say

    if settings.topics.bus == "sqlite":
        yield
        return
    servers = settings.topics.bootstrap_servers
    waited = threading.Timer(_LONG_S, lambda: say(f"Waiting for the Kafka broker at {servers} …"))
    waited.daemon = True
    waited.start()
    try:
        yield
    finally:
        waited.cancel()


def names_of(settings: Settings) -> TopicNames:
    """The names of the topics."""
    return TopicNames(settings.topics.prefix)


def topic_named(topics: Topics, settings: Settings, name: str) -> str:
    """The whole name of a topic given with or without the prefix; raises NameUnknown."""
    there = topics.list()
    for candidate in (name, settings.topics.prefix + name):
        if candidate in there:
            return candidate
    hint = did_you_mean(name, there) if there else "There are none: run `telltale topics create`."
    raise NameUnknown("topic", name, hint)
