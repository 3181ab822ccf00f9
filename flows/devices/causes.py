"""The reading behind a transition, read again from its message: rare, so it may be slow and whole."""

from __future__ import annotations

import math
from typing import Any, cast

from flows.devices.alarms import Cause
from flows.devices.decoder import Readings, value_of
from flows.devices.slow_decoder import at_of, parse_json
from flows.schema import Value
from flows.streams import Stream
from flows.topics.port import RawBatch

_MOST_TEXT = 500


def _declared(stream: Stream, found: Any) -> dict[str, Value]:
    """The declared fields of one decoded reading, texts cut to 500 characters."""
    if not isinstance(found, dict):
        return {}
    said, values = cast("dict[str, Any]", found), dict[str, Value]()
    for field in stream.fields:
        value = said.get(field.name)
        if isinstance(value, str):
            # half a surrogate pair, which JSON lets through, cannot be written again
            values[field.name] = value[:_MOST_TEXT].encode("utf-8", "replace").decode()
        elif isinstance(value, bool | int):
            values[field.name] = value
        elif isinstance(value, float):
            values[field.name] = value if math.isfinite(value) else None
    return values


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
        found = parse_json(value_of(self._batch, message))
        if isinstance(found, list):
            found = self._among(cast("list[Any]", found), row)
        return _declared(self._stream, found)

    def _among(self, found: list[Any], row: int) -> Any:
        """Which reading of an array a row is, by its event time as decoded: refused ones left no row."""
        at = int(self._readings.at[row])
        return next((one for one in found if at_of(self._stream, one) == at), None)
