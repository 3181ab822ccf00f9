"""`telltale topics`: create what is missing, list, show the last messages, and say who lags behind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from flows.cli import scan
from flows.cli.options import Config, Most, Output, Rows, bus_of, names_of, settings_of, topic_named
from flows.cli.show import harmless, rows, say, time_of
from flows.durations import format_duration
from flows.errors import NameUnknown
from flows.fields import did_you_mean
from flows.schema import encode
from flows.topics.port import Message, Reader, Topics, TopicSpec

app = typer.Typer(help="Create and look into topics.", no_args_is_help=True, rich_markup_mode=None)

GROUPS = ("telltale-devices", "telltale-customers", "telltale-outbox")
_AT_ONCE = 500
_WAIT_S = 0.1


@app.command()
def create(config: Config = None) -> None:
    """Create the topics that the settings and rules need and that do not exist yet."""
    from flows.provision import create_topics
    from flows.rules.load import load_configuration
    from flows.topics.open import open_topics

    settings = settings_of(config)
    configuration = load_configuration(settings)
    topics = open_topics(settings)
    try:
        created = create_topics(settings, configuration, topics)
    finally:
        topics.close()
    for name in created:
        print(name)
    say(f"{len(created)} topics created." if created else "Nothing to create: all topics exist.")


@app.command("list")
def list_topics(output: Rows = Output.table, config: Config = None) -> None:
    """Show all topics with their partitions and the messages they hold."""
    settings = settings_of(config)
    with bus_of(settings) as topics:
        found = [_row(topics, spec) for spec in topics.list().values()]
    rows(found, output, "The bus holds no topics: run `telltale topics create`.")


@app.command()
def tail(
    topic: Annotated[str, typer.Argument(help="With or without the prefix of the settings.")],
    number: Most = 10,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    output: Rows = Output.table,
    config: Config = None,
) -> None:
    """Show the last messages of a topic, oldest first."""
    settings = settings_of(config)
    with bus_of(settings) as topics:
        name = topic_named(topics, settings, topic)
        ends = {p: topics.bounds(name, p).end for p in range(topics.partitions(name))}
        found = sorted(scan.messages(topics, name, last=number), key=_when)[-number:]
        _print(found, output)
        if follow:
            _follow(topics, name, ends, output)
        elif not found:
            say(f"The topic {name!r} holds no messages" + (" any more." if any(ends.values()) else " yet."))


@app.command()
def lag(
    group: Annotated[str | None, typer.Option("--group", "-g", help="Only this consumer group.")] = None,
    output: Rows = Output.table,
    config: Config = None,
) -> None:
    """Show for each consumer group how far it is behind each topic it reads."""
    settings = settings_of(config)
    if group is not None and group not in GROUPS:
        raise NameUnknown("group", group, did_you_mean(group, GROUPS))
    with bus_of(settings) as topics:
        names = [n for n in topics.list() if n.startswith(names_of(settings).prefix)]
        wanted = [names_of(settings).group(each) for each in (GROUPS if group is None else (group,))]
        found = [row for each in wanted for name in names if (row := _lag(topics, each, name)) is not None]
    rows(found, output, "No group has read anything yet: start `telltale run --all`.")


def _row(topics: Topics, spec: TopicSpec) -> dict[str, object]:
    bounds = [topics.bounds(spec.name, partition) for partition in range(spec.partitions)]
    kept = "last per key" if spec.compacted else "all"
    if spec.retention_ms is not None:
        kept = format_duration(spec.retention_ms)
    return {
        "topic": spec.name,
        "partitions": spec.partitions,
        "messages": sum(bound.end - bound.low for bound in bounds),
        "kept": kept,
    }


def _lag(topics: Topics, group: str, topic: str) -> dict[str, object] | None:
    """How far a group is behind a topic; None when it does not read it."""
    committed = topics.committed(group, topic)
    if not committed:
        return None
    behind = 0
    for partition in range(topics.partitions(topic)):
        bounds = topics.bounds(topic, partition)
        behind += bounds.end - max(bounds.low, committed.get(partition, bounds.low))
    return {"group": group, "topic": topic, "handled": sum(committed.values()), "behind": behind}


def _when(message: Message) -> tuple[int, int, int]:
    return message.appended, message.partition, message.offset


def _print(found: Iterable[Message], output: Output) -> None:
    """One line a message."""
    for message in found:
        key = (message.key or b"").decode(errors="replace")
        value = None if message.value is None else message.value.decode(errors="replace")
        if output is Output.json:
            at = {"partition": message.partition, "offset": message.offset, "appended": message.appended}
            print(encode({**at, "key": key, "value": value}).decode(), flush=True)
            continue
        place = f"{message.partition}/{message.offset}"
        shown = "(removed)" if value is None else harmless(value)
        print(f"{place:<9} {time_of(message.appended)}  {harmless(key)}  {shown}", flush=True)


def _follow(topics: Topics, topic: str, ends: dict[int, int], output: Output) -> None:
    """Print what comes, until somebody stops it."""
    readers: list[Reader] = [topics.reader(topic, partition, end) for partition, end in ends.items()]
    try:
        while True:
            _print(sorted((m for r in readers for m in r.read(_AT_ONCE, wait=_WAIT_S)), key=_when), output)
    finally:
        for reader in readers:
            reader.close()
