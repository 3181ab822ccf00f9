"""Where in a message things stand: dotted paths, and whether each leads to one thing."""

from __future__ import annotations

import msgspec

from flows.documents import Located, Mistakes
from flows.fields import Fields
from flows.streams import POSITION, Field, Position, Shape, Stream

_MAX_PATH = 200
_MAX_PARTS = 16
_DEGREES = {"latitude": 90.0, "longitude": 180.0}


def read_path(fields: Fields, name: str) -> str:
    """A dotted path, empty if there is none or it is none."""
    path = fields.text(name)
    if path and (wrong := wrong_path(path)):
        fields.wrong(name, f"{path[:_MAX_PATH]!r} is no path: {wrong}", "For example engine.coolant.temp.")
        return ""
    return path


def wrong_path(path: str) -> str:
    """Why a text is no path, or nothing."""
    parts = path.split(".")
    if not all(parts):
        return "a name is missing beside a dot"
    if len(parts) > _MAX_PARTS:
        return f"it leads deeper than {_MAX_PARTS}"
    if len(path) > _MAX_PATH or not path.isprintable():
        return f"at most {_MAX_PATH} printable characters are read"
    return ""


def check_paths(places: list[tuple[str, Located, str | None]], mistakes: Mistakes) -> None:
    """Each path leads to one thing, and past none; `places` are (path, where it is written, under which key)."""
    taken: set[str] = set()
    for path, at, key in places:
        if path in taken:
            message = f"{path!r} is read already"
            mistakes.add(at, message, "Leave one of them away: a step can derive another.", key=key)
        elif wrong := wrong_path(path):
            mistakes.add(
                at, f"{path[:_MAX_PATH]!r} is no path: {wrong}", "Write `from: engine.temp`.", key=key
            )
        taken.add(path)
    for path, at, key in places:
        if outer := next((other for other in taken if path.startswith(other + ".")), None):
            message = f"{path!r} leads through {outer!r}, which is a value itself"
            mistakes.add(at, message, "Name the value inside it instead.", key=key)


def read_position(fields: Fields, shape: Shape) -> Position | None:
    """Where latitude and longitude stand."""
    at = fields.get("position")
    if at is None or at.value is None:
        return None
    if shape == "narrow":
        message = "a narrow message holds one measurement, and a position is two"
        fields.wrong("position", message, "Declare latitude and longitude as fields.")
        return None
    both = Fields(at, fields.mistakes, ("latitude", "longitude"))
    if not both.require("latitude", "longitude"):
        return None
    latitude, longitude = read_path(both, "latitude"), read_path(both, "longitude")
    return Position(latitude, longitude) if latitude and longitude else None


def check_places(stream: Stream, fields: Fields) -> None:
    """What a message says is read in one place each."""
    mistakes, at = fields.mistakes, fields.get("fields")
    named = {name: read for name in ("key", "time", "metric", "value") if (read := getattr(stream, name))}
    for column in stream.fields if at is not None else ():
        if stream.shape == "wide" and not column.derived and column.path in (stream.key, stream.time):
            message = f"{column.path!r} is the stream's key or time already"
            mistakes.add(at or fields.at, message, "Leave it away here.", key=column.name)
    places = [(path, fields.entries[name], None) for name, path in named.items()]
    if stream.position is not None:
        places += [(path, fields.entries["position"], name) for name, path in _both(stream.position)]
    columns = [c for c in stream.fields if not c.derived and c.path not in (stream.key, stream.time)]
    own = [(column.path, at, column.name) for column in columns if at is not None]
    if stream.shape == "wide":
        check_paths([*places, *own], mistakes)
        return
    check_paths([(path, where, key) for path, where, key in places], mistakes)
    metrics = [column.path for column in stream.fields if not column.derived]
    for column in stream.fields if at is not None else ():
        if not column.derived and metrics.count(column.path) > 1 and column.source:
            message = f"the metric {column.path!r} is that of another field too"
            mistakes.add(at or fields.at, message, "Leave one of them away.", key=column.name)


def _both(position: Position) -> list[tuple[str, str]]:
    """The two paths of a position with their names."""
    return [("latitude", position.latitude), ("longitude", position.longitude)]


def with_position(stream: Stream, fields: Fields) -> Stream:
    """The stream with the columns that its position gives."""
    if stream.position is None:
        return stream
    at = fields.get("fields")
    for column in stream.fields:
        if column.name in POSITION and at is not None:
            message = f"{column.name!r} is a column that the position gives"
            fields.mistakes.add(at, message, "Leave it away here.", key=column.name)
    columns = [
        Field(name=name, type="float", unit="°", low=-_DEGREES[name], high=_DEGREES[name], source=path)
        for name, path in _both(stream.position)
    ]
    kept = tuple(column for column in stream.fields if column.name not in POSITION)
    return msgspec.structs.replace(stream, fields=(*kept, *columns))
