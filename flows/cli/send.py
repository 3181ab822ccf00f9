"""`telltale topics send`: lines of a file or of standard input as messages, each under the key it belongs to."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, cast

import msgspec
import typer

from flows.archives.compression import Read
from flows.cli.completion import topic_names
from flows.cli.options import Config, bus_of, names_of, settings_of, topic_named
from flows.cli.progress import progress
from flows.cli.show import counted, harmless, say
from flows.errors import ArgumentWrong, DeliveryFailed
from flows.stream_files import load_declarations
from flows.streams import EventType, Stream, value_at
from flows.topics.names import TopicNames
from flows.topics.port import Writer

_SHOWN = 20
_POLL_EVERY = 10_000
_PAUSE_S = 0.05

Numbered = Iterator[tuple[int, bytes]]
Keyed = Callable[[Any, bytes], tuple[bytes, bytes | None]]
"""The key and the value to send of a line, given what it says and as it is; raises _Refused."""


class _Refused(Exception):
    """Why a line is not sent."""


def send(
    topic: Annotated[
        str,
        typer.Argument(
            metavar="TOPIC", help="With or without the prefix of the settings.", autocompletion=topic_names
        ),
    ],
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="JSONL, for a stream also CSV; may end in .gz or .zst; - is standard input."
        ),
    ],
    key: Annotated[
        str | None, typer.Option("--key", "-k", metavar="FIELD", help="The (dotted) field that is the key.")
    ] = None,
    key_text: Annotated[
        str | None, typer.Option("--key-text", metavar="TEXT", help="One key for all lines.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option("--rate", metavar="N", help="At most so many a second.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first line that is wrong.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also to a topic that only Telltale writes.")
    ] = False,
    config: Config = None,
) -> None:
    """Send the lines of a file to a topic, each a message.

    The key is the device for a stream's topic; for `events` the subject, else the first declared identifier;
    for others a line is {"key":…,"value":…}, or its key is told by --key or --key-text. A line that is no JSON
    or lacks its key is named and not sent; the exit code is then 1.
    """
    settings = settings_of(config)
    if rate is not None and not 0 < rate <= 1_000_000:
        raise ArgumentWrong(
            f"A rate of {rate:g} is not possible", "Give from 0 to 1000000 messages a second."
        )
    if key is not None and key_text is not None:
        raise ArgumentWrong("--key and --key-text exclude each other", "Leave one away.")
    with bus_of(settings) as topics:
        names, name = names_of(settings), topic_named(topics, settings, topic)
        if not force and _is_ours(names, name):
            mend = "Flows would take the messages for what they wrote themselves; --force sends them nevertheless."
            raise ArgumentWrong(f"Only Telltale writes to the topic {name!r}", mend)
        streams, events = load_declarations(settings.path(settings.streams))
        stream = next((each for each in streams.values() if names.telemetry(each.topic) == name), None)
        keyed = _told(key, key_text) or _keyed(names, name, stream, events)
        sending = _Sending(topics.writer(), name, keyed, rate)
        try:
            with progress([file], f"to {name}") as read:
                sending.all(_lines(file, stream, read), file, strict)
        finally:
            sending.close()
    if sending.refused:
        raise typer.Exit(1)


class _Sending:
    """The writer with what was sent and refused."""

    def __init__(self, writer: Writer, topic: str, keyed: Keyed, rate: float | None) -> None:
        self._writer, self._topic, self._keyed, self._rate = writer, topic, keyed, rate
        self._began = time.monotonic()
        self.sent = self.refused = 0
        self._whole = False

    def all(self, lines: Numbered, file: Path, strict: bool) -> None:
        """Send each line; of those refused the first are named."""
        from flows.devices.slow_decoder import parse_json

        place = "standard input" if str(file) == "-" else str(file)
        for number, line in lines:
            try:
                key, value = self._keyed(parse_json(line), line)
                self._pace()
                self._writer.write(self._topic, value, key=key)
            except RecursionError:
                self._refuse(f"{place}:{number}: it is nested too deeply")
            except ValueError as error:
                said = str(error).removeprefix("JSON is malformed: ")
                self._refuse(f"{place}:{number}: it is not JSON: {said}")
            except (_Refused, DeliveryFailed) as error:
                self._refuse(f"{place}:{number}: {error}")
            else:
                self.sent += 1
                if self.sent % _POLL_EVERY == 0:
                    self._writer.poll()
            if strict and self.refused:
                break
        self._whole = True

    def close(self) -> None:
        """Wait until all is delivered, and say how much that was."""
        self._writer.close()
        if self.refused > _SHOWN:
            say(f"… and {counted(self.refused - _SHOWN, 'line')} more.")
        if self.sent or self.refused:
            print(f"{counted(self.sent, 'message')} sent to the topic {self._topic}.")
        elif self._whole:
            say(f"No message is sent to the topic {self._topic}: there are no lines.")
        if self.refused:
            say(f"{counted(self.refused, 'line')} not sent.")

    def _pace(self) -> None:
        """Wait when this is ahead of the rate."""
        if self._rate is None:
            return
        ahead = self._began + self.sent / self._rate - time.monotonic()
        if ahead > _PAUSE_S or self.sent == 0:
            self._writer.flush()
            time.sleep(max(0.0, ahead))

    def _refuse(self, why: str) -> None:
        self.refused += 1
        if self.refused <= _SHOWN:
            say(harmless(why))


def _lines(file: Path, stream: Stream | None, read: Read) -> Numbered:
    """The lines with their numbers, blank ones left out; a CSV's rows as messages of the stream."""
    if str(file) == "-":
        if sys.stdin.isatty():
            say("Type one message a line; Ctrl-D ends.")
        return ((i, line) for i, each in enumerate(sys.stdin.buffer, 1) if (line := each.strip()))
    from flows.archives.batches import read_batches
    from flows.archives.csv import is_csv

    if stream is None and is_csv(file):
        mend = "Its rows become messages as a stream declares them; send JSONL to other topics."
        raise ArgumentWrong(f"{file} is CSV, and the topic is no stream's", mend)
    return (
        (int(number), batch.data[begin:end].strip())
        for batch in read_batches(file, stream or Stream(name="", topic="", key="", time=""), read=read)
        for number, begin, end in zip(
            batch.offsets, [0, *batch.ends[:-1].tolist()], batch.ends.tolist(), strict=True
        )
    )


def _is_ours(names: TopicNames, topic: str) -> bool:
    """Whether flows and connectors are the only ones to write there."""
    ours = (names.alarms, names.accounts, names.decisions, names.profiles, names.outcomes, names.rules)
    return topic in (*ours, names.dead_letters) or topic.startswith(f"{names.prefix}actions.")


def _told(key: str | None, key_text: str | None) -> Keyed | None:
    """How key and value of a line are found, if that was said."""
    if key_text is not None:
        constant = key_text.encode()
        return lambda _, line: (constant, line)
    if key is not None:
        return lambda said, line: (_text_at(said, key), line)
    return None


def _keyed(names: TopicNames, topic: str, stream: Stream | None, events: Mapping[str, EventType]) -> Keyed:
    """How key and value of a line are found, by what the topic holds."""
    if stream is not None and stream.device:
        device = stream.device.encode()
        return lambda _, line: (device, line)
    if stream is not None:
        return lambda said, line: (_device(said, stream.key), line)
    if topic == names.events:
        return lambda said, line: (_subject(said, events), line)
    return _enveloped


def _enveloped(said: Any, line: bytes) -> tuple[bytes, bytes | None]:  # noqa: ARG001 - as all that find keys
    """Of a line that holds both; a value of null removes the key from a compacted topic."""
    mapping = _mapping(said)
    if "key" not in mapping or "value" not in mapping:
        raise _Refused('it is no {"key":…,"value":…}; or name its key by --key or --key-text')
    value = mapping["value"]
    return _text_at(mapping, "key"), None if value is None else msgspec.json.encode(value)


def _device(said: Any, path: str) -> bytes:
    """The device of a reading, or the one of all in a list of readings."""
    if not isinstance(said, list):
        return _text_at(said, path)
    found = {_text_at(each, path) for each in cast("list[Any]", said)}
    if len(found) != 1:
        raise _Refused(f"a list must be of one device, and this is of {len(found)}")
    return found.pop()


def _subject(said: Any, events: Mapping[str, EventType]) -> bytes:
    """Whose an event is: its subject, else the first identifier that it carries of those its type declares."""
    from flows.customers.declared import EventRefused, identifier_in

    mapping = _mapping(said)
    declared = events.get(str(mapping.get("type")))
    if mapping.get("subject") or declared is None:
        return _text_at(mapping, "subject")
    try:
        return identifier_in(_mapping(mapping.get("data", {})), declared).encode()
    except EventRefused as error:
        raise _Refused(str(error)) from error


def _text_at(said: Any, path: str) -> bytes:
    """The text, or the whole number, at a dotted path."""
    found = value_at(_mapping(said), path)
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if isinstance(found, bool) or not isinstance(found, str | int) or found == "":
        raise _Refused(f"it has no key: {path!r} is {'missing' if found is None else 'no text'}")
    return str(found).encode()


def _mapping(said: Any) -> dict[str, Any]:
    if not isinstance(said, dict):
        raise _Refused("it is no JSON object")
    return cast("dict[str, Any]", said)
