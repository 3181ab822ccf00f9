"""What `things` says of the devices of a shard: one column per declared attribute, by slot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from flows.devices.alarms import as_value
from flows.schema import Value
from flows.streams import Field, Stream


def _as_number(field: Field, found: Any) -> float:
    """An attribute as a column holds it; what does not fit its declaration is missing."""
    if field.type == "enum":
        return float(field.values.index(found)) if found in field.values else math.nan
    if field.type == "bool":
        return float(found) if isinstance(found, bool) else math.nan
    if isinstance(found, bool) or not isinstance(found, int | float):
        return math.nan
    try:
        number = float(found)
    except OverflowError:
        return math.nan
    return number if math.isfinite(number) else math.nan


class Attributes:
    """The declared attributes of each device, NaN where nothing was said."""

    def __init__(self, stream: Stream) -> None:
        self._devices = 0
        self._fields: dict[str, Field] = {}
        self._columns: dict[str, NDArray[np.float64]] = {}
        self.declare(stream)

    def declare(self, stream: Stream) -> None:
        """Add what a stream declares; what is new or declared otherwise is missing until `things` says it again."""
        for field in stream.attributes:
            if field.type != "text" and self._fields.get(field.name) != field:
                self._fields[field.name] = field
                self._columns[field.name] = np.full(self._devices, np.nan)

    def make_room(self, devices: int) -> None:
        """Have a place for each of so many devices."""
        self._devices = max(devices, self._devices)
        for name, column in self._columns.items():
            if devices > len(column):
                more = max(devices, len(column) * 9 // 8) - len(column)
                self._columns[name] = np.concatenate([column, np.full(more, np.nan)])

    def take(self, slots: Sequence[int], values: Sequence[bytes | None]) -> list[int]:
        """Take values of `things` (a tombstone forgets a device); returns which of them are not JSON objects."""
        wrong: list[int] = []
        for i, (slot, value) in enumerate(zip(slots, values, strict=True)):
            try:
                found = {} if value is None else msgspec.json.decode(value, type=dict[str, Any])
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                wrong.append(i)
                continue
            for name, field in self._fields.items():
                self._columns[name][slot] = _as_number(field, found.get(name))
        return wrong

    def column(self, name: str, slots: NDArray[np.int32]) -> NDArray[np.float64]:
        """One attribute for each row."""
        return self._columns[name][slots]

    def of(self, names: Sequence[str], slot: int) -> dict[str, Value]:
        """Some attributes of one device as they were said."""
        return {name: as_value(self._fields[name], float(self._columns[name][slot])) for name in names}

    def nbytes(self) -> int:
        """Bytes held in memory."""
        return sum(column.nbytes for column in self._columns.values())
