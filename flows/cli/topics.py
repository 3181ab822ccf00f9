"""`telltale topics`: create what is missing, list, send, tail, and say who lags behind."""

from __future__ import annotations

from typing import Annotated, cast

import typer

from flows.cli.completion import group_names
from flows.cli.options import Config, Output, Rows, answering, bus_of, example, names_of, settings_of
from flows.cli.send import send
from flows.cli.show import counted, rows, say
from flows.cli.tail import tail
from flows.durations import format_duration
from flows.errors import NameUnknown
from flows.hints import did_you_mean
from flows.schema import encode
from flows.topics.port import Topics, TopicSpec

app = typer.Typer(
    help="Create topics, look into them, send to them.", no_args_is_help=True, rich_markup_mode=None
)

GROUPS = (
    *("telltale-devices", "telltale-customers", "telltale-identity"),
    *("telltale-look-ups", "telltale-outbox"),
)


@app.command(epilog=example("telltale topics create"))
def create(output: Rows = Output.table, config: Config = None) -> None:
    """Create the topics that are needed and missing.

    Those that exist stay as they are.
    """
    from flows.provision import create_topics
    from flows.rules.load import load_configuration
    from flows.topics.open import open_topics

    settings = settings_of(config)
    configuration = load_configuration(settings)
    topics = open_topics(settings)
    try:
        with answering(settings):
            created = create_topics(settings, configuration, topics)
    finally:
        topics.close()
    for name in created:
        print(name if output is Output.table else encode({"topic": name}).decode())
    say(f"{counted(len(created), 'topic')} created." if created else "Nothing to create: all topics exist.")


@app.command("list", epilog=example("telltale topics list"))
def list_topics(output: Rows = Output.table, config: Config = None) -> None:
    """Show all topics and how much they hold."""
    settings = settings_of(config)
    with bus_of(settings) as topics:
        found = [_row(topics, spec) for spec in topics.list().values()]
    rows(found, output, "The bus holds no topics: run `telltale topics create`.")


app.command(
    epilog=example(
        "telltale topics tail alarms",
        "telltale topics tail telemetry --from -10m --key veh-17 --follow",
        "telltale topics tail decisions --from beginning -o json | jq .value.verdict",
    )
)(tail)
app.command(
    epilog=example(
        "telltale topics send telemetry readings.jsonl.gz",
        'echo \'{"device":"veh-1","at":1772352140000,"coolant_c":91}\' | telltale topics send telemetry -',
    )
)(send)


@app.command(epilog=example("telltale topics lag", "telltale topics lag -g telltale-identity --partitions"))
def lag(
    group: Annotated[
        str | None,
        typer.Option(
            "--group", "-g", metavar="GROUP", help="Only this consumer group.", autocompletion=group_names
        ),
    ] = None,
    partitions: Annotated[
        bool, typer.Option("--partitions", "-p", help="A line for each partition: which one is stuck.")
    ] = False,
    output: Rows = Output.table,
    config: Config = None,
) -> None:
    """Show how far each process is behind what it reads.

    A group is what one process of `telltale run` reads as. What is behind is messages.
    """
    settings = settings_of(config)
    if group is not None and group not in GROUPS:
        raise NameUnknown("group", group, did_you_mean(group, GROUPS))
    with bus_of(settings) as topics:
        names = [n for n in topics.list() if n.startswith(names_of(settings).prefix)]
        wanted = [names_of(settings).group(each) for each in (GROUPS if group is None else (group,))]
        found = [row for each in wanted for name in names for row in _lag(topics, each, name, partitions)]
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


def _lag(topics: Topics, group: str, topic: str, by_partition: bool) -> list[dict[str, object]]:
    """How far a group is behind a topic, as one row or a row for each partition; none when it does not read it."""
    committed = topics.committed(group, topic)
    if not committed:
        return []
    found: list[dict[str, object]] = []
    for partition in range(topics.partitions(topic)):
        bounds = topics.bounds(topic, partition)
        handled = committed.get(partition, 0)
        behind = bounds.end - max(bounds.low, handled)
        found.append(
            {"group": group, "topic": topic, "partition": partition, "handled": handled, "behind": behind}
        )
    if by_partition:
        return found
    sums = {name: sum(cast("int", row[name]) for row in found) for name in ("handled", "behind")}
    return [{"group": group, "topic": topic, **sums}]
