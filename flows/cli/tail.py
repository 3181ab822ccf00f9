"""`telltale topics tail`: the messages of a topic as they are read by a person, or raw, now and as they come."""

from __future__ import annotations

import heapq
import itertools
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer

from flows.cli import scan
from flows.cli.completion import topic_names
from flows.cli.message_lines import Lines
from flows.cli.options import Config, Output, bus_of, names_of, settings_of, topic_named
from flows.cli.show import say
from flows.durations import parse_duration
from flows.errors import ArgumentWrong
from flows.ids import partition_of
from flows.topics.port import Message, Reader, Topics

_LAST = 10
_AT_ONCE = 500
_WAIT_S = 0.4

Partitions = dict[int, tuple[int, int]]
"""From which offset up to which other each partition is read."""


def tail(
    topic: Annotated[
        str,
        typer.Argument(
            metavar="TOPIC", help="With or without the prefix of the settings.", autocompletion=topic_names
        ),
    ],
    begin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="WHEN",
            help="-10m (so long ago), a time in UTC, beginning or end; without it the last ones are shown.",
        ),
    ] = None,
    key: Annotated[str | None, typer.Option("--key", "-k", metavar="K", help="Only with this key.")] = None,
    number: Annotated[
        int | None,
        typer.Option("--number", "-n", metavar="N", min=1, help="The last N (10); with --from the first N."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    output: Annotated[
        Output | None,
        typer.Option(
            "--output", "-o", help="Lines to read, or JSON, one object a line, as it is when piped."
        ),
    ] = None,
    config: Config = None,
) -> None:
    """Show messages of a topic, in the order in which they came.

    The time shown is that of the event for alarms, decisions, actions and outcomes, else that of the arrival.
    """
    settings = settings_of(config)
    at = None if begin is None else begin_at(begin, time.time_ns() // 1_000_000)
    as_json = output is Output.json or (output is None and not sys.stdout.isatty())
    with bus_of(settings) as topics:
        name = topic_named(topics, settings, topic)
        chosen = _chosen(topics, name, key)
        partitions: Partitions = {}
        for partition in chosen:
            bounds = topics.bounds(name, partition)
            start = bounds.low if at is None else scan.since(topics, name, partition, at)
            partitions[partition] = (bounds.end if begin == "end" else start, bounds.end)
        lines = Lines(names_of(settings), name, as_json)
        wanted = None if key is None else key.encode()
        if at is None:
            found = _last(topics, name, partitions, wanted, number or _LAST)
        else:
            found = itertools.islice(_since(topics, name, partitions, wanted, at), number)
        shown = lines.print(found)
        if follow and (at is None or number is None or shown < number):
            left = None if at is None or number is None else number - shown
            _follow(topics, name, {p: end for p, (_, end) in partitions.items()}, wanted, lines, left)
        elif not shown:
            say(_why_nothing(name, key, begin, topics, chosen))


def begin_at(text: str, now: int) -> int:
    """The time (ms) that `--from` means; raises ArgumentWrong."""
    if text in ("beginning", "end"):
        return 0 if text == "beginning" else now + 1
    if text.startswith("-") and (ago := parse_duration(text[1:])) is not None:
        return now - ago
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        mend = "Write -10m, 2026-03-01T08:00:00Z, beginning or end."
        raise ArgumentWrong(f"--from {text!r} is no time", mend) from error
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _chosen(topics: Topics, topic: str, key: str | None) -> list[int]:
    """The partitions to read: all, or that of the key where keys decide."""
    count = topics.partitions(topic)
    if key is None or topic.endswith("dead-letters"):  # a dead letter lies where its writer was
        return list(range(count))
    return [partition_of(key.encode(), count)]


def _last(
    topics: Topics, topic: str, partitions: Partitions, key: bytes | None, number: int
) -> list[Message]:
    """The last messages, oldest first."""
    found: list[Message] = []
    for partition, (low, end) in partitions.items():
        start = max(low, end - number) if key is None else low
        mine = (m for m in scan.between(topics, topic, partition, start, end) if key in (None, m.key))
        found = heapq.nlargest(number, itertools.chain(found, mine), key=_when)
    return sorted(found, key=_when)


def _since(
    topics: Topics, topic: str, partitions: Partitions, key: bytes | None, at: int
) -> Iterator[Message]:
    """The messages from a time on up to what was there at the beginning, of all partitions in order."""
    each = (scan.between(topics, topic, p, start, end) for p, (start, end) in partitions.items())
    merged = heapq.merge(*each, key=_when)
    return (m for m in merged if m.appended >= at and key in (None, m.key))


def _when(message: Message) -> tuple[int, int, int]:
    return message.appended, message.partition, message.offset


def _follow(
    topics: Topics, topic: str, ends: dict[int, int], key: bytes | None, lines: Lines, left: int | None
) -> None:
    """Print what comes, until somebody stops it or so many have come."""
    readers: list[Reader] = []
    try:
        readers += (topics.reader(topic, partition, end) for partition, end in ends.items())
        while left is None or left > 0:
            came = [m for reader in readers for m in reader.read(_AT_ONCE, wait=_WAIT_S / len(readers))]
            found = sorted((m for m in came if key in (None, m.key)), key=_when)
            shown = lines.print(found[:left])
            left = None if left is None else left - shown
    finally:
        for reader in readers:
            reader.close()


def _why_nothing(
    topic: str, key: str | None, begin: str | None, topics: Topics, partitions: Iterable[int]
) -> str:
    """Why nothing is shown."""
    held = [topics.bounds(topic, partition) for partition in partitions]
    if any(bounds.end > bounds.low for bounds in held):
        of_key = "" if key is None else f" with the key {key!r}"
        since = "" if begin is None else f" since {begin}"
        if begin is not None and begin.startswith("-"):
            since = f" in the last {begin[1:]}"
        if begin == "end":
            return f"Nothing comes after the end of {topic!r} yet: add --follow to wait for it."
        return f"The topic {topic!r} holds messages, but none{of_key}{since}."
    if key is not None:
        return f"The topic {topic!r} holds no messages with the key {key!r}."
    return f"The topic {topic!r} holds no messages" + (" any more." if any(b.end for b in held) else " yet.")
