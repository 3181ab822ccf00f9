"""One device's readings from the topic of its stream: as far back as its rule needs, and not the whole topic."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np

from flows.backtest.device_rows import DeviceRows
from flows.backtest.explain import explain
from flows.backtest.explained import Explained, Question
from flows.cli import scan
from flows.cli.show import time_of
from flows.ids import partition_of
from flows.rules.model import Absence, Count, Rule, Run, Trend, Window
from flows.topics.port import Message, RawBatch, Topics

_HOUR = 3_600_000
_FIRST, _AFTER, _MOST = _HOUR, 24 * _HOUR, 7 * 24 * _HOUR
_AT_ONCE = 4_096
_LOOKED_AT = 1 << 20
_NEWEST = 2_000


class Found(msgspec.Struct, frozen=True):
    """What is told; `span` says which part of the topic was looked at, `last` when the device was last heard (ms)."""

    told: Explained
    span: str
    last: int | None


def follow(topics: Topics, topic: str, question: Question, since: int | None) -> Found:
    """Explain from as far back as is needed: four times further each time until nothing is under way at the start.

    Readings before `since` ms ahead of the end are not looked at; without it, none older than a week.
    """
    partition, last = _home(topics, topic, question)
    end = question.until if question.until is not None else (last.appended if last is not None else None)
    heard = None if last is None else _time_of(last, question)
    if end is None:
        return Found(explain(question, ()), "all of it", None)
    ahead = question.rule_set.streams[question.rule.stream or ""].max_ahead
    back = since if since is not None else max(_FIRST, 2 * _longest(question.rule))
    low = topics.bounds(topic, partition).low
    # what an archive brought was taken by the bus long after it happened, however long
    replayed = last is not None and heard is not None and last.appended - heard > _AFTER
    while True:
        start = scan.since(topics, topic, partition, max(1, end - back - ahead))
        until = end + _AFTER if question.until is not None and not replayed else None
        told = explain(question, batches(topics, topic, partition, start, until))
        enough = told.settled and told.passed + len(told.steps) >= 2 * _readings(question.rule)
        if enough or start <= low or since is not None or back >= _MOST:
            return Found(told, f"{time_of(end - back)} to {time_of(end)}", heard)
        back = min(4 * back, _MOST)


def batches(
    topics: Topics, topic: str, partition: int, start: int, until: int | None = None
) -> Iterator[RawBatch]:
    """What a partition holds from an offset on, up to what the bus took after `until` (ms)."""
    held: list[Message] = []
    for message in scan.between(topics, topic, partition, start, topics.bounds(topic, partition).end):
        if until is not None and message.appended > until:
            break
        held.append(message)
        if len(held) == _AT_ONCE:
            yield _batch(held)
            held = []
    if held:
        yield _batch(held)


def newest(topics: Topics, topic: str) -> Iterator[RawBatch]:
    """The newest messages of each partition."""
    for partition in range(topics.partitions(topic)):
        bounds = topics.bounds(topic, partition)
        yield from batches(topics, topic, partition, max(bounds.low, bounds.end - _NEWEST))


def _batch(messages: list[Message]) -> RawBatch:
    values = [message.value or b"" for message in messages]
    return RawBatch(
        topic=messages[0].topic,
        partition=messages[0].partition,
        data=b"".join(values),
        ends=np.cumsum([len(value) for value in values], dtype=np.int64),
        offsets=np.array([message.offset for message in messages], np.int64),
        appended=np.array([message.appended for message in messages], np.int64),
        at_end=False,
    )


def _home(topics: Topics, topic: str, question: Question) -> tuple[int, Message | None]:
    """The device's partition and its last message; another partition if its producer hashes otherwise."""
    count = topics.partitions(topic)
    home = partition_of(question.device.encode(), count)
    for partition in (home, *(p for p in range(count) if p != home)):
        found = _last(topics, topic, partition, question)
        if found is not None:
            return partition, found
    return home, None


def _last(topics: Topics, topic: str, partition: int, question: Question) -> Message | None:
    """The last message of the device among the newest of a partition, looked for from the end."""
    bounds = topics.bounds(topic, partition)
    rows = _rows(question)
    high, size = bounds.end, _AT_ONCE
    while high > bounds.low and bounds.end - high < _LOOKED_AT:
        low = max(bounds.low, high - size)
        held = list(scan.between(topics, topic, partition, low, high))
        pieces = [p for p in rows.pieces(_batch(held)) if p.own and p.at is not None] if held else []
        if pieces:
            offset = int(pieces[-1].batch.offsets[0])
            return next(message for message in held if message.offset == offset)
        high, size = low, 4 * size
    return None


def _time_of(message: Message, question: Question) -> int | None:
    """The event time of a message of the device."""
    return max((p.at for p in _rows(question).pieces(_batch([message])) if p.at is not None), default=None)


def _rows(question: Question) -> DeviceRows:
    stream = question.rule_set.streams[question.rule.stream or ""]
    return DeviceRows(stream, question.device, None, False, question.max_bytes)


def _longest(rule: Rule) -> int:
    """The longest time (ms) that a pattern looks at by itself."""
    return max((_time(pattern) for pattern in rule.patterns), default=0)


def _time(pattern: object) -> int:
    match pattern:
        case Window(length=length):
            return length
        case Absence(after=after):
            return after
        case _:
            return 0


def _readings(rule: Rule) -> int:
    """How many readings the rule looks at."""
    return max((_needed(pattern) for pattern in rule.patterns), default=1)


def _needed(pattern: object) -> int:
    match pattern:
        case Run(length=needed) | Count(out_of=needed) | Trend(over=needed):
            return needed
        case _:
            return 1
