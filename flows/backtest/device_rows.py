"""Finds one device's messages in raw batches, and of all others only those that move the shard's clock.

A question about one device must not cost what a flow costs: messages that cannot be the device's are not decoded
unless the rule waits for the clock.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from flows.devices.decoder import Decoder, Readings, value_of
from flows.devices.slow_decoder import parse_json
from flows.devices.table import hash_of
from flows.devices.ticks import running_clock
from flows.streams import Stream
from flows.topics.port import RawBatch

_Ints = NDArray[np.int64]


class Piece(msgspec.Struct, frozen=True):
    """A message of the device alone (`own`; its reading's `at` in ms, None: refused), or others' messages."""

    batch: RawBatch
    own: bool
    at: int | None = None


class DeviceRows:
    """Cuts raw batches into pieces, in order: each message of the device, and between them what moves the clock.

    `tick` (ms, None: no rule waits for the clock) is the shard's. With `everything` no message is left out, as an
    absence needs it, which is held when many devices fall silent at once.
    """

    def __init__(
        self, stream: Stream, device: str, tick: int | None, everything: bool, max_bytes: int
    ) -> None:
        self._stream, self._device = stream, device.encode()
        self._tick, self._everything = tick, everything
        self._decoder = Decoder(stream, (), max_bytes)
        self._hash = hash_of(self._device)
        self._greatest_event = self._greatest_append = 0
        # a number may be written in many ways, and of a stream of one device every message is its
        self._any_may_be = bool(stream.device) or device.lstrip("-").isdigit()

    def pieces(self, batch: RawBatch) -> Iterator[Piece]:
        """The pieces of one batch."""
        if self._tick is None:
            candidates = self._candidates(batch)
            if len(candidates) == 0:
                return
            batch = part(batch, candidates)
        readings = self._decoder.decode(batch)
        own = self._own_rows(readings)
        mine = {int(m): int(at) for m, at in zip(readings.message[own], readings.at[own], strict=True)}
        for message in self._refused(batch, readings):
            mine.setdefault(message, -1)
        others = self._others(readings, own)
        done = 0
        for message, at in sorted(mine.items()):
            before = others[(others >= done) & (others < message)]
            if len(before):
                yield Piece(part(batch, before), own=False)
            yield from self._singly(part(batch, np.array([message])), at)
            done = message + 1
        rest = others[others >= done]
        if len(rest):
            yield Piece(part(batch, rest), own=False)

    def _candidates(self, batch: RawBatch) -> _Ints:
        """The messages that hold the device's id as it is, or an escape behind which it might stand."""
        if self._any_may_be:
            return np.arange(len(batch.ends))
        places = [*_places(batch.data, self._device), *_places(batch.data, b"\\")]
        return np.unique(np.searchsorted(batch.ends, np.array(places, np.int64), side="right"))

    def _own_rows(self, readings: Readings) -> _Ints:
        """The rows whose device it is."""
        alike = np.flatnonzero(readings.hashes == np.uint64(self._hash))
        same = [
            row
            for row in alike.tolist()
            if readings.data[readings.low[row] : readings.high[row]].tobytes() == self._device
        ]
        return np.array(same, np.int64)

    def _refused(self, batch: RawBatch, readings: Readings) -> list[int]:
        """Messages that gave no reading and seem to be the device's."""
        gave = np.zeros(len(batch.ends), np.bool_)
        gave[readings.message] = True
        quoted = b'"' + self._device + b'"'
        return [
            message
            for message in np.flatnonzero(~gave).tolist()
            if self._stream.device or quoted in value_of(batch, message)
        ]

    def _others(self, readings: Readings, own: _Ints) -> _Ints:
        """The other messages that the shard must see."""
        if self._tick is None or len(readings.at) == 0:
            return np.empty(0, np.int64)
        rows = slice(None) if self._everything else self._movers(readings, own, self._tick)
        return np.setdiff1d(readings.message[rows], readings.message[own])

    def _movers(self, readings: Readings, own: _Ints, tick: int) -> _Ints:
        """The rows by which the shard's clock comes to what it is wherever it is looked at."""
        believed = readings.at <= readings.appended + self._stream.max_ahead
        events = np.where(believed, readings.at, 0)
        before = min(self._greatest_event, self._greatest_append) // tick
        clock = running_clock(events, readings.appended, self._greatest_event, self._greatest_append)
        ticks = clock // tick
        crossing = np.flatnonzero(np.diff(ticks, prepend=before) > 0)
        looked = np.union1d(np.union1d(crossing, own), [len(clock) - 1]).astype(np.int64)
        last = [
            _last_risen(values, greatest, looked)
            for values, greatest in (
                (events, self._greatest_event),
                (readings.appended, self._greatest_append),
            )
        ]
        self._greatest_event = max(self._greatest_event, int(events.max()))
        self._greatest_append = max(self._greatest_append, int(readings.appended.max()))
        return np.unique(np.concatenate([crossing, *last]))

    def _singly(self, one: RawBatch, at: int) -> Iterator[Piece]:
        """A message; one that holds an array of readings, and was not refused whole, as so many messages."""
        found: Any = None
        if at >= 0 and one.data.lstrip()[:1] == b"[":
            try:
                found = parse_json(one.data)
            except (ValueError, RecursionError):
                found = None
        if not isinstance(found, list) or len(cast("list[Any]", found)) < 2:
            yield Piece(one, own=True, at=None if at < 0 else at)
            return
        for each in cast("list[Any]", found):
            value = json.dumps(each).encode()
            single = msgspec.structs.replace(one, data=value, ends=np.array([len(value)], np.int64))
            readings = self._decoder.decode(single)
            of = readings.at.tolist()
            yield Piece(single, own=not of or len(self._own_rows(readings)) > 0, at=of[0] if of else None)


def _last_risen(values: _Ints, greatest: int, looked: _Ints) -> _Ints:
    """The row that last raised the greatest value so far, for each row that is looked at."""
    so_far = np.maximum(np.maximum.accumulate(values), greatest)
    risen = np.flatnonzero(np.diff(so_far, prepend=greatest) > 0)
    found = np.searchsorted(risen, looked, side="right") - 1
    return risen[found[found >= 0]]


def _places(data: bytes, wanted: bytes) -> Iterator[int]:
    """Where a text stands in a block."""
    place = data.find(wanted)
    while place >= 0:
        yield place
        place = data.find(wanted, place + 1)


def part(batch: RawBatch, messages: _Ints) -> RawBatch:
    """Some messages of a batch, given by their places in it."""
    values = [value_of(batch, message) for message in messages.tolist()]
    return msgspec.structs.replace(
        batch,
        data=b"".join(values),
        ends=np.cumsum([len(value) for value in values], dtype=np.int64),
        offsets=batch.offsets[messages],
        appended=batch.appended[messages],
    )


def devices_in(stream: Stream, batches: Iterable[RawBatch], most: int) -> set[str]:
    """The first devices that send in some batches, at most so many or somewhat more."""
    found: set[str] = set()
    decoder = Decoder(stream, (), 1 << 20)
    for batch in batches:
        readings = decoder.decode(batch)
        spans = zip(readings.low.tolist(), readings.high.tolist(), strict=True)
        found |= {readings.data[low:high].tobytes().decode("utf-8", "replace") for low, high in spans}
        if len(found) >= most:
            break
    return found
