"""Reading `streams.yaml`: every mistake at once, each with its place."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import cast, get_args

from flows.documents import Located, Mistakes, read_file
from flows.fields import DAY, Fields, read_entries, read_number
from flows.streams import Field, FieldType, Stream, TimeUnit

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}\Z")
DASHED_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}\Z")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,200}\Z")
# Names that expressions and explanations give a meaning of their own.
RESERVED = frozenset(
    {"device", "profile", "event", "value", "run", "count", "out_of", "rise", "duration", "duration_ms"}
    | {"severity", "transition", "stale", "rule", "customer", "true", "false", "none", "null"}
)
_STREAM = ("topic", "key", "time", "unit", "lateness", "max_ahead", "fields", "attributes", "things")
_MAX_FIELDS = 256


def load_streams(path: Path) -> dict[str, Stream]:
    """The streams of a file by name; raises RulesWrong."""
    mistakes = Mistakes()
    document = read_file(path, str(path), mistakes)
    streams = {} if document is None else read_streams(document, mistakes)
    mistakes.raise_any()
    return streams


def read_streams(document: Located, mistakes: Mistakes) -> dict[str, Stream]:
    """The streams of a document `streams: {name: …}` that could be read; the rest is in `mistakes`."""
    fields = Fields(document, mistakes, ("streams",))
    if not fields.require("streams"):
        return {}
    found: dict[str, Stream] = {}
    for name, at in read_entries(fields.entries["streams"], mistakes).items():
        if not DASHED_NAME.match(name):
            mistakes.add(at, f"{name!r} cannot be a stream's name", "Use small letters, digits, - and _.")
        found[name] = _stream(name, at, mistakes)
    _distinct_topics(fields.entries["streams"], found, mistakes)
    return found


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
    fields.require("topic", "key", "time", "fields")
    for topic in ("topic", "things"):
        if fields.has(topic) and not _TOPIC.match(fields.text(topic)):
            fields.wrong(topic, "not a topic name", "Use letters, digits, `.`, `_` and `-`.")
    unit = fields.one_of("unit", get_args(TimeUnit), "ms")
    lateness = fields.duration("lateness", 0, 31 * DAY)
    ahead = fields.duration("max_ahead", 0, 31 * DAY)
    columns = _fields(fields.get("fields"), mistakes)
    for column in columns:
        if column.name in (fields.text("key"), fields.text("time")):
            message = f"{column.name!r} is the stream's key or time already"
            fields.mistakes.add(fields.entries["fields"], message, "Leave it away here.", key=column.name)
    attributes = _fields(fields.get("attributes"), mistakes)
    return Stream(
        name=name,
        topic=fields.text("topic"),
        key=fields.text("key"),
        time=fields.text("time"),
        time_unit=cast("TimeUnit", unit),
        lateness=lateness or 0,
        max_ahead=300_000 if ahead is None else ahead,
        fields=columns,
        attributes=attributes,
        things=fields.text("things", "things"),
    )


def _fields(at: Located | None, mistakes: Mistakes) -> tuple[Field, ...]:
    """The measurements or the attributes of a stream, in their order."""
    if at is None or at.value is None:
        return ()
    entries = read_entries(at, mistakes)
    if len(entries) > _MAX_FIELDS:
        mistakes.add(at, f"more than {_MAX_FIELDS} fields", "Declare only what rules read.")
        return ()
    return tuple(_field(name, below, at, mistakes) for name, below in entries.items())


def _field(name: str, at: Located, above: Located, mistakes: Mistakes) -> Field:
    """One measurement; what is wrong with it falls back to a float without a range."""
    if not NAME.match(name) or keyword.iskeyword(name):
        hint = "Use letters, digits and _, beginning with a letter, and no word of Python's."
        mistakes.add(above, f"{name!r} cannot be a field's name", hint, key=name)
    elif name.lower() in RESERVED:
        hint = "Rules give this word a meaning of its own: name the field otherwise."
        mistakes.add(above, f"{name!r} cannot be a field's name", hint, key=name)
    fields = Fields(at, mistakes, ("type", "unit", "range", "values"))
    fields.require("type")
    kind = cast("FieldType", fields.one_of("type", get_args(FieldType), "float"))
    low, high = _range(fields, kind)
    values = fields.texts("values")
    if kind == "enum":
        given = [at.value for at in fields.items("values")]
        if fields.require("values") and (not given or len(set(values)) < len(values)):
            fields.wrong("values", "an enum needs values that differ", "For example [off, on].")
    elif fields.has("values"):
        fields.wrong("values", f"a field of type {kind} has no values", "Make it an enum, or remove them.")
    return Field(name=name, type=kind, unit=fields.text("unit"), low=low, high=high, values=values)


def _range(fields: Fields, kind: FieldType) -> tuple[float | None, float | None]:
    """The bounds of what is believed; `null` leaves a side open."""
    if not fields.has("range"):
        return None, None
    bounds = list(fields.items("range"))
    if kind not in ("float", "int"):
        fields.wrong("range", f"a field of type {kind} has no range", "Remove it.")
        return None, None
    if len(bounds) != 2:
        fields.wrong("range", "a range has two ends", "Write [low, high], null for an open one.")
        return None, None
    low, high = (None if at.value is None else read_number(at, fields.mistakes) for at in bounds)
    if low is not None and high is not None and low >= high:
        fields.wrong("range", "the range is empty", "Write the lower end first.")
    return low, high


def column_names(stream: Stream) -> list[str]:
    """The dotted names that conditions on a stream may read."""
    return [f.name for f in stream.fields] + [f"device.{a.name}" for a in stream.attributes]
