"""The team's `readings` step over decoded batches: what it makes of the columns goes on to the conditions.

A step takes readings row by row, so where it raises, the batch is halved until the rows that it cannot take are known:
what comes out does not depend on how batches were cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from flows.devices.decoder import Readings, value_of
from flows.hints import did_you_mean
from flows.schema import DeadLetter
from flows.step_errors import StepErrors
from flows.steps import STEP_FAILED, Columns, ColumnsStep, Steps
from flows.streams import Field, Stream
from flows.topics.port import RawBatch

# What evidence can name and a message can carry: a whole number that a float holds exactly, a place, a truth.
_WHOLE = frozenset({"int", "bool", "enum"})
_WITHIN = {"int": (-float(1 << 53), float(1 << 53)), "bool": (0.0, 1.0), "enum": (0.0, 0.0)}


class Devices(Sequence[str]):
    """The device of each row, read from the messages when it is asked for."""

    def __init__(self, readings: Readings, rows: slice) -> None:
        self._data = readings.data
        self._low, self._high = readings.low[rows], readings.high[rows]

    def __len__(self) -> int:
        """How many rows."""
        return len(self._low)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        """The device of a row."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return self._data[int(self._low[index]) : int(self._high[index])].tobytes().decode()


class StepWrong(ValueError):
    """What a `readings` step gave is not what the flow can go on with."""


class ReadingsStep:
    """The step over the batches of one stream; it does nothing when the team has none."""

    def __init__(self, steps: Steps, stream: Stream) -> None:
        self._step, self._stream = steps.readings, stream
        self._errors = StepErrors("readings", steps.file)

    def wanted(self, read: Sequence[str]) -> tuple[str, ...]:
        """The fields to decode: those that rules read, or with a step all."""
        return tuple(read) if self._step is None else tuple(f.name for f in self._stream.fields)

    def take(self, batch: RawBatch, readings: Readings) -> Readings:
        """Readings as the step leaves them; a row that it cannot take becomes a dead letter and is refused."""
        if self._step is None or not len(readings.at):
            return readings
        columns = np.full_like(readings.columns, np.nan)
        failed: dict[int, Exception] = {}
        for rows, found in self._halves(self._step, readings, slice(0, len(readings.at))):
            if isinstance(found, Exception):
                failed[rows.start] = found
            else:
                columns[:, rows] = found
        dead = [
            _letter(batch, int(readings.message[row]), STEP_FAILED, self._errors.tell(error))
            for row, error in failed.items()
        ]
        dead += self._within_range(batch, readings, columns)
        readings = msgspec.structs.replace(readings, columns=columns, dead=[*readings.dead, *dead])
        if not failed:
            return readings
        kept = np.ones(len(readings.at), np.bool_)
        kept[list(failed)] = False
        return msgspec.structs.replace(readings.only(kept), refused=readings.refused + len(failed))

    def _halves(
        self, step: ColumnsStep, readings: Readings, rows: slice
    ) -> Iterator[tuple[slice, NDArray[np.float64] | Exception]]:
        """Rows in pieces that the step takes, in their order, and single ones with what it raises for them."""
        try:
            yield rows, self._one(step, readings, rows)
            return
        except Exception as error:  # noqa: BLE001 - the team's code, of which no error may end the flow
            found = error
        if rows.stop - rows.start == 1:
            yield rows, found
            return
        middle = (rows.start + rows.stop) // 2
        yield from self._halves(step, readings, slice(rows.start, middle))
        yield from self._halves(step, readings, slice(middle, rows.stop))

    def _one(self, step: ColumnsStep, readings: Readings, rows: slice) -> NDArray[np.float64]:
        """What the step makes of some rows [fields, n]; raises what it raises, and StepWrong."""
        before = readings.columns[:, rows]
        given = Columns(
            stream=self._stream.name,
            at=_shown(readings.at[rows]),
            values={name: _shown(before[i]) for i, name in enumerate(readings.fields)},
            devices=Devices(readings, rows),
        )
        found = step(given)
        if not isinstance(found, Columns):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise StepWrong(f"the step must return Columns, and returned a {type(found).__name__}")
        if not _same_rows(found, given):
            raise StepWrong("the step changed times or devices; of readings only the values are its own")
        after = before.copy()
        for name, given_values in found.values.items():
            if name not in readings.fields:
                raise StepWrong(
                    f"the stream has no field {name!r}. {did_you_mean(name, readings.fields)}".rstrip()
                )
            values = np.asarray(given_values, np.float64)
            if values.shape != (rows.stop - rows.start,):
                raise StepWrong(
                    f"{name!r} has the shape {values.shape} for {rows.stop - rows.start} readings"
                )
            after[readings.fields.index(name)] = values
        return after

    def _within_range(
        self, batch: RawBatch, readings: Readings, columns: NDArray[np.float64]
    ) -> list[DeadLetter]:
        """What the step gave and cannot be becomes missing, each with a copy to the dead letters."""
        dead: list[DeadLetter] = []
        for i, name in enumerate(readings.fields):
            for row in np.flatnonzero(_outside(columns[i], self._stream.field(name))).tolist():
                columns[i, row] = np.nan
                said = f"{name} is out of its range after the readings step"
                dead.append(_letter(batch, int(readings.message[row]), "out_of_range", said))
        return dead


def _same_rows(found: Columns, given: Columns) -> bool:
    """Whether times and devices are what they were; an equal copy is, too."""
    same_times = found.at is given.at or np.array_equal(found.at, given.at)
    return same_times and (found.devices is given.devices or list(found.devices) == list(given.devices))


def _shown(values: NDArray[Any]) -> NDArray[Any]:
    """Values that can be read and not written: a piece of a batch may be shown to a step again."""
    view = values.view()
    view.flags.writeable = False
    return view


def _outside(values: NDArray[np.float64], field: Field | None) -> NDArray[np.bool_]:
    """Which values are infinite, out of their declared range, or none that a field of its type can have."""
    outside = np.isinf(values)
    if field is None:
        return outside
    least, most = _WITHIN.get(field.type, (-np.inf, np.inf))
    if field.type == "enum":
        most = len(field.values) - 1
    outside |= (values < least) | (values > most)
    if field.type in _WHOLE:
        outside |= ~np.isnan(values) & (values != np.round(values))
    if field.low is not None:
        outside |= values < field.low
    if field.high is not None:
        outside |= values > field.high
    return outside


def _letter(batch: RawBatch, message: int, reason: str, said: str) -> DeadLetter:
    return DeadLetter(
        topic=batch.topic,
        partition=batch.partition,
        offset=int(batch.offsets[message]),
        reason=reason,
        message=said,
        value=value_of(batch, message),
    )
