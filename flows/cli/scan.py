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
        yield from between(topics, topic, partition, start, bounds.end)


def between(
    topics: Topics, topic: str, partition: int, start: int, end: int, at_once: int = _AT_ONCE
) -> Iterator[Message]:
    """The messages of a partition from one offset up to another that is there already."""
    if start >= end:
        return
    reader = topics.reader(topic, partition, start)
    try:
        while reader.position < end:
            found = reader.read(at_once, wait=_WAIT_S)
            yield from (message for message in found if message.offset < end)
    finally:
        reader.close()


def since(topics: Topics, topic: str, partition: int, at: int) -> int:
    """An offset, at most `_AT_ONCE` before the first message that the bus took at or after a time (ms).

    The bus's own clock stamps each, so that they are in order, and halving finds the place in few steps.
    """
    bounds = topics.bounds(topic, partition)
    low, high = bounds.low, bounds.end if at > 0 else bounds.low
    while high - low > _AT_ONCE:
        middle = (low + high) // 2
        found = next(between(topics, topic, partition, middle, bounds.end, at_once=1), None)
        if found is None or found.appended >= at:
            high = middle
        else:
            low = middle
    return low


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
