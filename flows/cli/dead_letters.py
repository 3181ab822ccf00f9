"""`telltale dead-letters`: what could not be handled, why, and its original bytes."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Annotated

import typer

from flows.cli import scan
from flows.cli.options import Config, Most, Output, Rows, bus_of, example, names_of, settings_of
from flows.cli.show import counted, harmless, rows, say, time_of
from flows.errors import ArgumentWrong, NameUnknown, OffsetAhead, OffsetExpired, TopicMissing
from flows.hints import did_you_mean
from flows.topics.port import Message, Topics

app = typer.Typer(help="Look into what could not be handled.", no_args_is_help=True, rich_markup_mode=None)

_PREVIEW = 60
_HEADER = "__connect.errors."


@app.command(
    "list", epilog=example("telltale dead-letters list -n 5", "telltale dead-letters list --reason not_json")
)
def list_letters(
    reason: Annotated[
        str | None, typer.Option("--reason", "-r", metavar="REASON", help="Only this reason.")
    ] = None,
    number: Most = 20,
    output: Rows = Output.table,
    config: Config = None,
) -> None:
    """Show the newest dead letters, and the count by reason.

    The place is theirs; from is where the message stood.
    """
    settings = settings_of(config)
    topic = names_of(settings).dead_letters
    by_reason: Counter[str] = Counter()
    found: list[Message] = []
    with bus_of(settings) as topics:
        for message in scan.messages(topics, topic):
            by_reason[_reason(message)] += 1
            if reason in (None, _reason(message)):
                found.append(message)
        if reason is not None and by_reason and reason not in by_reason:
            raise NameUnknown("dead letter with the reason", reason, did_you_mean(reason, by_reason))
    newest = sorted(found, key=lambda m: (m.appended, m.partition, m.offset))[-number:]
    rows([_row(message) for message in newest], output, f"No message was refused: {topic!r} is empty.")
    if by_reason and output is Output.table:
        listed = ", ".join(f"{name} {count}" for name, count in by_reason.most_common())
        say(f"{len(newest)} of {counted(by_reason.total(), 'dead letter')} shown; by reason: {listed}.")


@app.command(epilog=example("telltale dead-letters show 0/12 > message.json"))
def show(
    place: Annotated[str, typer.Argument(metavar="PLACE", help="partition/offset, as the list shows it.")],
    config: Config = None,
) -> None:
    """Print the original bytes of a dead letter.

    They go to standard output as they came; where from and why, to standard error.
    """
    settings = settings_of(config)
    with bus_of(settings) as topics:
        message = _at(topics, names_of(settings).dead_letters, place)
    for name, value in message.headers:
        say(f"{name.removeprefix(_HEADER)}: {harmless(value.decode(errors='replace'))}")
    sys.stdout.flush()
    sys.stdout.buffer.write(message.value or b"")
    sys.stdout.buffer.flush()
    if sys.stdout.isatty():
        print()


def _at(topics: Topics, topic: str, place: str) -> Message:
    """The message at `partition/offset`; raises ArgumentWrong and NameUnknown."""
    partition, _, offset = place.partition("/")
    if not (partition.isascii() and partition.isdigit() and offset.isascii() and offset.isdigit()):
        raise ArgumentWrong(f"{place!r} is no place of a dead letter", "Write partition/offset, e.g. 0/12.")
    nothing = NameUnknown("dead letter", place, "See `telltale dead-letters list`.")
    try:
        if (
            int(partition) >= topics.partitions(topic)
            or int(offset) >= topics.bounds(topic, int(partition)).end
        ):
            raise nothing
        reader = topics.reader(topic, int(partition), int(offset))
    except (OffsetAhead, OffsetExpired) as error:
        raise nothing from error
    except TopicMissing:
        raise
    try:
        found = reader.read(1, wait=5.0)
    finally:
        reader.close()
    if not found:
        raise nothing
    return found[0]


def _header(message: Message, name: str) -> str:
    return dict(message.headers).get(_HEADER + name, b"").decode(errors="replace")


def _reason(message: Message) -> str:
    return _header(message, "exception.class.name") or "unknown"


def _row(message: Message) -> dict[str, object]:
    source = [_header(message, name) for name in ("topic", "partition", "offset")]
    value = message.value or b""
    text = value[: 4 * _PREVIEW].decode(errors="replace")
    return {
        "place": f"{message.partition}/{message.offset}",
        "at": time_of(message.appended),
        "reason": _reason(message),
        # What a step could not take stands in no partition.
        "from": source[0] if source[1].startswith("-") else "/".join(source),
        "said": _header(message, "exception.message")[:80],
        "message": text if len(text) <= _PREVIEW else text[: _PREVIEW - 1] + "…",
    }
