"""A raw batch into columns: the scanner for what is usual, the slow decoder for the rest, dead letters for garbage."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from flows.devices.kernels.scan import Scanned
from flows.devices.scanner import Scanner
from flows.devices.slow_decoder import Refusal, SlowReading, decode_slowly
from flows.devices.table import hash_of
from flows.schema import DeadLetter
from flows.streams import POSITION, Stream
from flows.topics.port import RawBatch


class Readings(msgspec.Struct, frozen=True):
    """Readings in the order of their messages.

    `columns` float64 [fields, n] (NaN is missing), `at` and `appended` int64 ms, `message` int64 index into the raw
    batch, device id `data[low:high]` with its hash; `dead` the dead letters, `refused` how many readings they cost.
    `nth` int64 [n] is the place in a message that is an array, empty when none is one; `metrics` int64 [n] is which of
    a narrow stream's metrics each reading names, -1 for none of them, empty in a wide one.
    """

    fields: tuple[str, ...]
    columns: NDArray[np.float64]
    at: NDArray[np.int64]
    appended: NDArray[np.int64]
    message: NDArray[np.int64]
    data: NDArray[np.uint8]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    nth: NDArray[np.int64]
    metrics: NDArray[np.int64]
    dead: list[DeadLetter]
    refused: int

    def only(self, keep: NDArray[np.bool_]) -> Readings:
        """Some of the readings, in their order."""
        return msgspec.structs.replace(
            self,
            columns=np.ascontiguousarray(self.columns[:, keep]),
            at=self.at[keep],
            appended=self.appended[keep],
            message=self.message[keep],
            low=self.low[keep],
            high=self.high[keep],
            hashes=self.hashes[keep],
            nth=self.nth[keep] if len(self.nth) else self.nth,
            metrics=self.metrics[keep] if len(self.metrics) else self.metrics,
        )


def value_of(batch: RawBatch, message: int) -> bytes:
    """The bytes of one message of a batch."""
    begin = int(batch.ends[message - 1]) if message else 0
    return batch.data[begin : int(batch.ends[message])]


class Decoder:
    """Decodes a stream's batches for the fields that some rule reads."""

    def __init__(self, stream: Stream, fields: tuple[str, ...], max_bytes: int) -> None:
        read = {*fields, *POSITION} if stream.position and not POSITION.isdisjoint(fields) else set(fields)
        # Texts are evidence only: they are read again from the message when they are needed.
        self.fields = tuple(f for f in stream.fields if f.name in read and f.type != "text")
        self._stream = stream
        self._max_bytes = max_bytes
        self._scanner = Scanner(stream, self.fields)

    def decode(self, batch: RawBatch) -> Readings:
        """All readings of a batch; never raises for what a device sent."""
        data = np.frombuffer(batch.data, np.uint8)
        scanned = self._scanner.scan(data, batch.ends)
        sizes = np.diff(batch.ends, prepend=0)
        scanned.ok[sizes > self._max_bytes] = 0
        if self._stream.device:
            data = self._of_one_device(data, scanned)
        dead: list[DeadLetter] = []
        readings, refused = self._assemble(batch, data, scanned, dead)
        self._within_range(batch, readings, dead)
        self._both_or_neither(readings)
        return msgspec.structs.replace(readings, dead=dead, refused=refused)

    def _of_one_device(self, data: NDArray[np.uint8], scanned: Scanned) -> NDArray[np.uint8]:
        """The batch's bytes and behind them the id of the stream's only device, which all rows then have."""
        device = self._stream.device.encode()
        scanned.low[:] = len(data)
        scanned.high[:] = len(data) + len(device)
        scanned.hashes[:] = hash_of(device)
        return np.concatenate([data, np.frombuffer(device, np.uint8)])

    def _assemble(
        self, batch: RawBatch, data: NDArray[np.uint8], scanned: Scanned, dead: list[DeadLetter]
    ) -> tuple[Readings, int]:
        """Scanned rows, with those decoded slowly put in at their place."""
        names = tuple(f.name for f in self.fields)
        if scanned.ok.all():
            n = len(batch.ends)
            return Readings(
                names, scanned.columns, scanned.at, batch.appended, np.arange(n), data,
                scanned.low, scanned.high, scanned.hashes, np.empty(0, np.int64), scanned.metrics, dead, 0,
            ), 0  # fmt: skip
        slow: list[tuple[int, SlowReading]] = []
        refused = 0
        for message in np.flatnonzero(scanned.ok == 0).tolist():
            value = value_of(batch, message)
            found, refusals = decode_slowly(self._stream, self.fields, value, self._max_bytes)
            slow += [(message, one) for one in found]
            refused += len(refusals)
            dead += [self._dead(batch, message, value, refusal) for refusal in refusals]
        return self._merge(batch, data, scanned, slow), refused

    def _merge(
        self, batch: RawBatch, data: NDArray[np.uint8], scanned: Scanned, slow: list[tuple[int, SlowReading]]
    ) -> Readings:
        """Fast and slow rows in message order; a stable sort keeps an array's readings in theirs."""
        fast = np.flatnonzero(scanned.ok)
        message = np.concatenate([fast, np.array([m for m, _ in slow], np.int64)])
        order = np.argsort(message, kind="stable")
        devices = [one.device for _, one in slow]
        ends = np.cumsum([len(data), *map(len, devices)])
        if slow:
            data = np.concatenate([data, np.frombuffer(b"".join(devices), np.uint8)])
        columns = np.array([one.values for _, one in slow], np.float64).reshape(len(slow), len(self.fields)).T
        hashes = np.array([hash_of(device) for device in devices], np.uint64)
        nth = np.array([one.nth for _, one in slow], np.int64)
        metrics = scanned.metrics
        if self._stream.shape == "narrow":
            own = np.array([one.metric for _, one in slow], np.int64)
            metrics = np.concatenate([metrics[fast], own])[order]
        return Readings(
            fields=tuple(f.name for f in self.fields),
            columns=np.ascontiguousarray(
                np.concatenate([scanned.columns[:, fast], columns], axis=1)[:, order]
            ),
            at=np.concatenate([scanned.at[fast], np.array([one.at for _, one in slow], np.int64)])[order],
            appended=batch.appended[message[order]],
            message=message[order],
            data=data,
            low=np.concatenate([scanned.low[fast], ends[:-1]])[order],
            high=np.concatenate([scanned.high[fast], ends[1:]])[order],
            hashes=np.concatenate([scanned.hashes[fast], hashes])[order],
            nth=np.concatenate([np.zeros(len(fast), np.int64), nth])[order],
            metrics=metrics,
            dead=[],
            refused=0,
        )

    def _within_range(self, batch: RawBatch, readings: Readings, dead: list[DeadLetter]) -> None:
        """Values that cannot be become missing, each with a copy to the dead letters."""
        columns = readings.columns
        for i, field in enumerate(self.fields):
            column = columns[i]
            outside = np.isinf(column)
            if field.low is not None:
                outside |= column < field.low
            if field.high is not None:
                outside |= column > field.high
            for row in np.flatnonzero(outside).tolist():
                message = int(readings.message[row])
                refusal = Refusal("out_of_range", f"{field.name} is out of its range", False)
                dead.append(self._dead(batch, message, value_of(batch, message), refusal))
                column[row] = np.nan

    def _both_or_neither(self, readings: Readings) -> None:
        """Half a position is none."""
        places = [i for i, field in enumerate(self.fields) if field.name in POSITION]
        if self._stream.position is None or not places:
            return
        position = readings.columns[places]
        position[:, np.isnan(position).any(axis=0)] = np.nan
        readings.columns[places] = position

    def _dead(self, batch: RawBatch, message: int, value: bytes, refusal: Refusal) -> DeadLetter:
        return DeadLetter(
            topic=batch.topic,
            partition=batch.partition,
            offset=int(batch.offsets[message]),
            reason=refusal.reason,
            message=refusal.message,
            value=value,
        )
