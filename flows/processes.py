"""Running a flow as a process: its topics, its published rules, its recovery store, then Bytewax."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import structlog
from bytewax._bytewax import cli_main
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir

from flows import pipeline
from flows.engine.clock import wall_clock
from flows.rules.load import Configuration, load_configuration
from flows.rules.published import publish
from flows.settings import Settings
from flows.topics.names import TopicNames
from flows.topics.open import open_topics
from flows.topics.port import Topics, TopicSpec

KINDS = ("open_case", "close_case", "notify", "task")
_RECOVERY_PARTS = 4


def log_as_json() -> None:
    """One JSON object a line on standard error, as log collectors want it."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
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


def recovery_store(folder: Path) -> Path:
    """The folder of a flow's recovery partitions, made whole at once if it is not there."""
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    init_db_dir(new, _RECOVERY_PARTS)
    try:
        new.rename(folder)
    except OSError:  # another process of the flow was first
        shutil.rmtree(new)
    return folder


def _run(
    build: Callable[[Settings], Dataflow],
    settings: Settings,
    store: str,
    epoch_s: float,
    process: int | None,
    addresses: list[str] | None,
) -> None:
    """Run one flow until it is killed, which is safe at any moment."""
    log_as_json()
    cli_main(
        build(settings),
        workers_per_process=1,
        process_id=process,
        addresses=addresses,
        epoch_interval=timedelta(seconds=epoch_s),
        recovery_config=RecoveryConfig(str(recovery_store(settings.path(store)))),
    )


def run_devices(settings: Settings, process: int | None = None, addresses: list[str] | None = None) -> None:
    """Run the devices flow in this process; several processes know each other by their addresses (host:port)."""
    _run(pipeline.devices, settings, settings.devices.recovery, settings.devices.epoch_s, process, addresses)


def run_customers(settings: Settings, process: int | None = None, addresses: list[str] | None = None) -> None:
    """Run the customers flow in this process; see `run_devices`."""
    customers = settings.customers
    _run(pipeline.customers, settings, customers.recovery, customers.epoch_s, process, addresses)
