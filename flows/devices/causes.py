"""The reading behind a transition, read again from its message: rare, so it may be slow and whole."""

from __future__ import annotations

import math
from typing import Any, cast

from flows.devices.alarms import Cause, as_value
from flows.devices.decoder import Readings, value_of
from flows.devices.slow_decoder import parse_json, said_of
from flows.schema import Value
from flows.streams import POSITION, Field, Stream
from flows.topics.port import RawBatch

_MOST_TEXT = 500


def _text(said: str) -> str:
    """A text as it can be written again, which half a surrogate pair, let through by JSON, cannot; cut short."""
    return said[:_MOST_TEXT].encode("utf-8", "replace").decode()


def _value(field: Field, said: Any) -> Value:
    """What a message says of a field, scaled, as evidence keeps it."""
    if isinstance(said, str):
        return _text(said)
    if isinstance(said, float) and not math.isfinite(said):
        return None
    if not isinstance(said, bool | int | float) or not field.scaled:
        return said if isinstance(said, bool | int | float) else None
    number = field.number(said)
    if number is None or not math.isfinite(number):
        return None
    return int(number) if field.type == "int" else number


class Causes:
    """Finds the reading of a row of a batch."""

    def __init__(self, stream: Stream, batch: RawBatch, readings: Readings) -> None:
        self._stream, self._batch, self._readings = stream, batch, readings

    def of(self, row: int) -> Cause:
        """The cause of a row; of nothing (-1) an empty one."""
        if row < 0:
            return Cause()
        message = int(self._readings.message[row])
        return Cause(
            offset=int(self._batch.offsets[message]),
            appended=int(self._readings.appended[row]),
            reading=self._reading(row, message),
        )

    def _reading(self, row: int, message: int) -> dict[str, Value]:
        """The declared fields of a row: what rules saw of those that they read, else what the message says."""
        found: Any = parse_json(value_of(self._batch, message))
        if isinstance(found, list):
            found = cast("list[Any]", found)[int(self._readings.nth[row])]
        said = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
        values: dict[str, Value] = {}
        for field in self._stream.fields:
            value = _value(field, said_of(self._stream, said, field))
            seen = self._seen(field, row)
            if seen is not None and (field.number(value) != seen or field.scaled):
                value = as_value(field, seen)
            if value is not None:
                values[field.name] = value
        if self._stream.position is not None and not self._placed(values):
            values = {name: value for name, value in values.items() if name not in POSITION}
        return values

    def _seen(self, field: Field, row: int) -> float | None:
        """What the rules saw of a field, None where it is not read or missing."""
        if field.name not in self._readings.fields:
            return None
        number = float(self._readings.columns[self._readings.fields.index(field.name), row])
        return None if math.isnan(number) else number

    def _placed(self, values: dict[str, Value]) -> bool:
        """Whether latitude and longitude are both there and can be."""
        for field in self._stream.fields:
            number = values.get(field.name)
            if field.name in POSITION and not (isinstance(number, float | int) and field.believes(number)):
                return False
        return True
