"""Reading `streams.yaml`: every mistake at once, each with its place.

```yaml
streams:
  vehicle:
    topic: telemetry
    key: vehicle.id             # where the device stands in a message; a whole number counts as its digits
    # device: office            # … or instead of `key` one device for all readings of the stream
    time: at                    # where the event time stands
    unit: ms                    # s, ms, us, ns, min, h, d or rfc3339, which `2014-01-07 02:55:00` is too
    zone: Europe/Berlin         # only with rfc3339: of times that name none; without it such a time is refused
    lateness: 30s               # how long a window waits for late readings
    max_ahead: 5m               # a time further ahead of its append time than this is not believed
    position: {latitude: gps.lat, longitude: gps.lon}
    fields:
      coolant_c: {type: float, unit: °C, from: engine.coolant.temp, scale: 0.1, offset: -40, range: [-60, 250]}
      gear: {type: int, range: [0, null]}
      mil: {type: enum, values: [off, on]}
      note: {type: text}        # evidence only
      power_kw: {type: float, derived: true}
    attributes:                 # what the topic `things` says of a device, read as device.<name>
      hot_c: {type: float}
    things: things
  sensor:
    topic: sensors
    key: id
    time: t
    shape: narrow
    metric: name
    value: value
    fields:
      heat_c: {type: float, from: Temperature}
events: {}                      # `flows.event_files`
```

**Paths.** `key`, `time`, `from`, `metric`, `value` and the two of `position` are dotted paths into nested objects; no
list leads anywhere. A key of the message itself that is the path as a whole, `{"engine.temp": 3}`, counts too, as in
the header of a CSV file; where both are there the nested value wins. A path leads to one field, and past none.

**Values.** What a message says × `scale` + `offset` is the value, in `unit`, and `range` is of that value: outside it
the field is missing, with a copy to the dead letters, and the reading counts. An `int` must be whole in the message.
A value of the wrong type costs the reading. What is null or not there is missing. A `derived` field is in no message:
a `readings` step fills its column, and its `range` holds for what the step gives.

**Times without a zone** are of `zone`, an IANA name. An hour that comes twice in autumn is the first of both; one that
spring leaves out is read with winter's offset. A date alone is its midnight there.

**One device.** With `device:` all readings are of that one, whatever partition they lie in: give its topic one
partition, since each has the device for itself.

**Narrow.** A message is one measurement: the text at `metric` says which field it is, matched whole against each
field's `from`, else its name, and `value` holds it. Readings of one device and time with another metric are no
duplicates, the same metric again is one; a device has one clock for all its metrics. A metric that is not declared is
taken (the device is alive) and read by nobody, so it is never a duplicate. A condition reads one measurement: of two,
one would always be missing.

**Position** gives the columns `latitude` and `longitude` in degrees, ±90 and ±180, both missing if one is, and
`distance_km(latitude, longitude)` in conditions: the great-circle distance from the device to that point.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast, get_args
from zoneinfo import available_timezones

from flows.documents import Located, Mistakes, read_file
from flows.event_files import read_events
from flows.field_files import IN_READINGS, NAME, PLAIN, read_fields
from flows.fields import DAY, Fields, did_you_mean, read_entries
from flows.path_files import check_places, read_path, read_position, with_position
from flows.streams import EventType, Shape, Stream, TimeUnit
from flows.zones import zone_named

__all__ = [
    "DASHED_NAME",
    "NAME",
    "column_names",
    "load_declarations",
    "load_streams",
    "read_declarations",
    "read_streams",
    "read_zone",
]
DASHED_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}\Z")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,200}\Z")
_STREAM = (
    *("topic", "key", "device", "time", "unit", "zone", "lateness", "max_ahead", "shape", "metric", "value"),
    *("position", "fields", "attributes", "things"),
)
_MAX_DEVICE_BYTES = 255


def load_streams(path: Path) -> dict[str, Stream]:
    """The streams of a file by name; raises RulesWrong."""
    return load_declarations(path)[0]


def load_declarations(path: Path) -> tuple[dict[str, Stream], dict[str, EventType]]:
    """The streams and the events of a file by name; raises RulesWrong."""
    mistakes = Mistakes()
    document = read_file(path, str(path), mistakes)
    streams, events = ({}, {}) if document is None else read_declarations(document, mistakes)
    mistakes.raise_any()
    return streams, events


def read_streams(document: Located, mistakes: Mistakes) -> dict[str, Stream]:
    """The streams of a document `streams: {name: …}` that could be read; the rest is in `mistakes`."""
    return read_declarations(document, mistakes)[0]


def read_declarations(
    document: Located, mistakes: Mistakes
) -> tuple[dict[str, Stream], dict[str, EventType]]:
    """The streams and the events of a document that could be read; the rest is in `mistakes`."""
    fields = Fields(document, mistakes, ("streams", "events"))
    events = read_events(fields.get("events"), mistakes)
    if not fields.require("streams"):
        return {}, events
    found: dict[str, Stream] = {}
    for name, at in read_entries(fields.entries["streams"], mistakes).items():
        if not DASHED_NAME.match(name):
            mistakes.add(at, f"{name!r} cannot be a stream's name", "Use small letters, digits, - and _.")
        found[name] = _stream(name, at, mistakes)
    _distinct_topics(fields.entries["streams"], found, mistakes)
    return found, events


def _distinct_topics(at: Located, streams: dict[str, Stream], mistakes: Mistakes) -> None:
    """A topic holds one kind of reading."""
    seen: dict[str, str] = {}
    for stream in streams.values():
        first = seen.setdefault(stream.topic, stream.name)
        if stream.topic and first != stream.name:
            message = f"the topic {stream.topic!r} is that of {first!r} already"
            mistakes.add(at, message, "Give each stream a topic of its own.", key=stream.name)


def _stream(name: str, at: Located, mistakes: Mistakes) -> Stream:
    """One declaration; what is wrong with it is left empty, so that rules can be checked against the rest."""
    fields = Fields(at, mistakes, _STREAM)
    fields.require("topic", "time", "fields")
    for topic in ("topic", "things"):
        if fields.has(topic) and not _TOPIC.match(fields.text(topic)):
            fields.wrong(topic, "not a topic name", "Use letters, digits, `.`, `_` and `-`.")
    unit = cast("TimeUnit", fields.one_of("unit", get_args(TimeUnit), "ms"))
    lateness = fields.duration("lateness", 0, 31 * DAY)
    ahead = fields.duration("max_ahead", 0, 31 * DAY)
    shape, metric, value = _shape(fields)
    stream = Stream(
        name=name,
        topic=fields.text("topic"),
        key=read_path(fields, "key"),
        time=read_path(fields, "time"),
        time_unit=unit,
        lateness=lateness or 0,
        max_ahead=300_000 if ahead is None else ahead,
        attributes=read_fields(fields.get("attributes"), mistakes, PLAIN),
        things=fields.text("things", "things"),
        device=_device(fields),
        zone=read_zone(fields, unit),
        shape=shape,
        metric=metric,
        value=value,
        position=read_position(fields, shape),
        fields=read_fields(fields.get("fields"), mistakes, IN_READINGS),
    )
    check_places(stream, fields)
    return with_position(stream, fields)


def _device(fields: Fields) -> str:
    """The constant device of a stream without a key."""
    if fields.has("key") and fields.has("device"):
        message = "a stream has a `key` or a `device`, not both"
        fields.wrong("device", message, "Remove `device`, or `key` if all readings are of one device.")
    if not fields.has("key") and not fields.has("device"):
        fields.wrong("key", "'key' is missing", "Add `key:`, or `device:` if all readings are of one device.")
    device = fields.text("device")
    if len(device.encode()) > _MAX_DEVICE_BYTES:
        fields.wrong("device", "the device's name is too long", f"Use at most {_MAX_DEVICE_BYTES} bytes.")
    return device


def read_zone(fields: Fields, unit: TimeUnit) -> str:
    """The IANA zone of times that name none, empty if there is none or it is none."""
    zone = fields.text("zone")
    if zone and unit != "rfc3339":
        message = f"times in {unit} need no zone: they count from 1970 in UTC"
        fields.wrong("zone", message, "Remove it, or write `unit: rfc3339`.")
    elif zone and zone_named(zone) is None:
        near = did_you_mean(zone, available_timezones())
        hint = near if near.startswith("Did") else "Write its IANA name, e.g. Europe/Berlin."
        fields.wrong("zone", f"there is no time zone {zone[:64]!r}", hint)
        return ""
    return zone


def _shape(fields: Fields) -> tuple[Shape, str, str]:
    """(shape, metric, value); a narrow stream needs the last two, a wide one has neither."""
    shape = cast("Shape", fields.one_of("shape", get_args(Shape), "wide"))
    if shape == "narrow":
        fields.require("metric", "value")
        return shape, read_path(fields, "metric"), read_path(fields, "value")
    for name in ("metric", "value"):
        if name in fields.entries:
            fields.wrong(name, f"{name!r} belongs to narrow streams", "Add `shape: narrow`, or remove it.")
    return shape, "", ""


def column_names(stream: Stream) -> list[str]:
    """The dotted names that conditions on a stream may read."""
    return [f.name for f in stream.fields] + [f"device.{a.name}" for a in stream.attributes]
