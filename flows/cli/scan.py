"""Reading topics from end to end for the commands that look back; the bus itself has no questions but this one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from flows.schema import Outcome
from flows.topics.port import Message, Topics

T = TypeVar("T")
_AT_ONCE = 2_000
_WAIT_S = 0.2


class _OutcomeEvent(msgspec.Struct, frozen=True):
    """The envelope of an outcome."""

    data: Outcome


def messages(topics: Topics, topic: str, last: int | None = None) -> Iterator[Message]:
    """All messages there are now, a partition after the other; with `last` only so many of each."""
    for partition in range(topics.partitions(topic)):
        bounds = topics.bounds(topic, partition)
        start = bounds.low if last is None else max(bounds.low, bounds.end - last)
        if start >= bounds.end:
            continue
        reader = topics.reader(topic, partition, start)
        try:
            while reader.position < bounds.end:
                found = reader.read(_AT_ONCE, wait=_WAIT_S)
                yield from (message for message in found if message.offset < bounds.end)
        finally:
            reader.close()


def values(topics: Topics, topic: str, kind: type[T]) -> Iterator[T]:
    """The values that can be read as a kind of message; others are passed over."""
    decoder = msgspec.json.Decoder(kind)
    for message in messages(topics, topic):
        try:
            yield decoder.decode(message.value or b"")
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue


def outcomes(topics: Topics, topic: str) -> Iterator[Outcome]:
    """The outcomes on their topic."""
    return (event.data for event in values(topics, topic, _OutcomeEvent))
