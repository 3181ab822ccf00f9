"""Stream declarations (`streams.yaml`): what a reading of each kind looks like, and what is believed of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, cast

import msgspec

FieldType = Literal["float", "int", "bool", "enum", "text"]
TimeUnit = Literal["s", "ms", "us", "ns", "min", "h", "d", "rfc3339"]
Shape = Literal["wide", "narrow"]

MS_PER_UNIT: dict[str, float] = {
    "ns": 1e-6,
    "us": 1e-3,
    "ms": 1.0,
    "s": 1e3,
    "min": 60e3,
    "h": 3600e3,
    "d": 86400e3,
}
# The columns of a position, of which one is of no use without the other.
POSITION = frozenset({"latitude", "longitude"})
# What a value of each type must be, as a refusal says it.
EXPECTED: dict[str, str] = {
    "float": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "enum": "a text",
    "text": "a text",
}


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement: in conditions a float is itself, a bool 0 or 1, an enum its place among `values`.

    `source` is the dotted path of the value in a message (empty: its name), in a narrow stream its metric; what is
    read there counts as value × `scale` + `offset`, in `unit`. A value outside [`low`, `high`], given in `unit`,
    becomes missing, with a copy to the dead letters. `text` is evidence only. A `derived` field is in no message: a
    step fills it.
    """

    name: str
    type: FieldType
    unit: str = ""
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    source: str = ""
    scale: float = 1.0
    offset: float = 0.0
    derived: bool = False

    @property
    def path(self) -> str:
        """Where the value stands in a message, dotted."""
        return self.source or self.name

    @property
    def scaled(self) -> bool:
        """Whether what a message says is not the value itself."""
        return self.scale != 1.0 or self.offset != 0.0

    def number(self, said: object) -> float | None:
        """What a message says as the number that conditions see; None for a value of the wrong type.

        NaN is missing. Infinity stands for what cannot be: NaN, an unknown value of an enum, a number too great.
        """
        if said is None:
            return math.nan
        if self.type == "bool":
            return float(said) if isinstance(said, bool) else None
        if self.type == "enum" and isinstance(said, str):
            return float(self.values.index(said)) if said in self.values else math.inf
        numeric = self.type in ("float", "int") and not isinstance(said, bool)
        return self._of_number(said) if numeric and isinstance(said, int | float) else None

    def _of_number(self, said: float) -> float | None:
        """A number of any size, scaled."""
        try:
            number = float(said)
        except OverflowError:
            return math.inf
        if self.type == "int" and math.isfinite(number) and not number.is_integer():
            return None
        return math.inf if math.isnan(number) else number * self.scale + self.offset

    def believes(self, number: float) -> bool:
        """Whether a number can be; a missing one can."""
        if math.isnan(number):
            return True
        outside = (self.low is not None and number < self.low) or (
            self.high is not None and number > self.high
        )
        return math.isfinite(number) and not outside


def value_at(said: Mapping[str, Any], path: str) -> Any:
    """What an object says at a dotted path, None if nothing.

    The nested value counts; where nothing stands there, a key of the object itself that is the path as a whole does.
    """
    if "." not in path:
        return said.get(path)
    found: Any = said
    for part in path.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return said.get(path)
        found = cast("Mapping[str, Any]", found)[part]
    return found


class Position(msgspec.Struct, frozen=True):
    """Where a device is: the dotted paths of latitude and longitude, in degrees; both or neither are known."""

    latitude: str
    longitude: str


class EventType(msgspec.Struct, frozen=True, kw_only=True):
    """A declared kind of event: the paths in `data` that hold an identifier, by its kind, and the fields of `data`.

    The first identifier that an event carries is its subject when it names none.
    """

    name: str
    identifiers: dict[str, str] = {}
    fields: tuple[Field, ...] = ()


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """A declared kind of reading; `lateness`, `max_ahead` in ms; `key` and `time` name the fields of device and time.

    `key` and `time` may be dotted paths. All readings of a stream that names a `device` are of that one, and `key`
    is empty. `zone` is that of RFC 3339 times which name none. In a `narrow` stream a message holds one
    measurement: its field's `path` at `metric` and its value at `value`. What a `position` gives are the fields
    `latitude` and `longitude`, the last two of `fields`. `attributes` are what `things` may say of a device and rules
    may read as `device.<name>`.
    """

    name: str
    topic: str
    key: str
    time: str
    time_unit: TimeUnit = "ms"
    lateness: int = 0
    max_ahead: int = 300_000
    fields: tuple[Field, ...] = ()
    attributes: tuple[Field, ...] = ()
    things: str = "things"
    device: str = ""
    zone: str = ""
    shape: Shape = "wide"
    metric: str = ""
    value: str = ""
    position: Position | None = None

    def field(self, name: str) -> Field | None:
        """The field of that name, or None."""
        return next((f for f in self.fields if f.name == name), None)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Of a narrow stream, what its messages may name as their metric, in the order of the fields."""
        return tuple(f.path for f in self.fields if not f.derived) if self.shape == "narrow" else ()

    def attribute(self, name: str) -> Field | None:
        """The device attribute of that name, or None."""
        return next((a for a in self.attributes if a.name == name), None)

    def column(self, name: str) -> Field | None:
        """The field or, for `device.<name>`, the attribute that a dotted name means, or None."""
        if name.startswith("device."):
            return self.attribute(name.removeprefix("device."))
        return self.field(name)
