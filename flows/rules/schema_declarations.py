"""The JSON Schemas of `streams.yaml` and `purposes.yaml`."""

from __future__ import annotations

from typing import get_args

from flows.rules.declarations import LANES
from flows.rules.schema_parts import (
    Schema,
    dashed,
    duration,
    listed,
    mapping,
    named,
    number,
    one_of,
    text,
    whole,
)
from flows.stream_files import DASHED_NAME
from flows.streams import FieldType, Shape, TimeUnit

_TYPES: tuple[str, ...] = get_args(FieldType)
_UNITS: tuple[str, ...] = get_args(TimeUnit)
_PLAIN = ("type", "unit", "range", "values")
_IN_EVENTS = (*_PLAIN, "from", "scale", "offset")
_IN_READINGS = (*_IN_EVENTS, "derived")
_QUIET = r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$"
_SHAPES: tuple[str, ...] = get_args(Shape)


def streams() -> Schema:
    """Streams and events."""
    return mapping(
        "What a reading of each kind looks like, and what is believed of it.",
        {
            "streams": named("The kinds of readings by name.", _stream(), DASHED_NAME),
            "events": named(
                "The kinds of events by type. Without this, events are not checked.", _event(), None
            ),
        },
        ["streams"],
    )


def purposes() -> Schema:
    """Why we may write to somebody."""
    purpose = mapping(
        "One purpose.",
        {
            "lane": one_of("How urgently its actions go out. Default normal.", LANES),
            "valid_for": duration("How long after its cause an action is worth doing."),
            "rules": listed("The only rules that may use it; mandatory for `safety`.", dashed("A rule.")),
            "consent": dashed("The consent it needs, as the sources tell it. Without this: none."),
            "quiet_hours": text(
                "When connectors wait, where the customer is: `21:00-08:00`.", pattern=_QUIET
            ),
            "budget": dashed("The budget it is counted in."),
        },
    )
    purpose["type"] = ["object", "null"]
    unheld: Schema = {"properties": dict.fromkeys(("consent", "quiet_hours", "budget"), False)}
    safety = {**purpose, "type": "object", "required": ["rules"], "allOf": [unheld]}
    every = named("The purposes by name.", purpose, DASHED_NAME)
    return mapping(
        "Why we may write to somebody. Actions name a purpose, never a lane.",
        {"purposes": {**every, "properties": {"safety": safety}}, "budgets": _budgets()},
        ["purposes"],
    )


def _budgets() -> Schema:
    """How often purposes may be used together."""
    budget = mapping(
        "One budget of each customer.",
        {
            "at_most": whole("So many messages of its purposes.", 1, 1_000_000),
            "every": duration("In any stretch so long."),
            "window": duration(
                "Those that come within it compete, and the rule of the greatest priority wins."
            ),
        },
        ["at_most", "every"],
    )
    return named("The budgets by name.", budget, DASHED_NAME)


def _stream() -> Schema:
    """One stream."""
    path = "A dotted path leads into nested JSON."
    position = mapping(
        "Where a device is; gives the columns latitude and longitude (degrees) and a place in the evidence.",
        {
            "latitude": text(f"The field of the latitude. {path}"),
            "longitude": text(f"Of the longitude. {path}"),
        },
        ["latitude", "longitude"],
    )
    narrow: Schema = {
        "if": {"properties": {"shape": {"const": "narrow"}}, "required": ["shape"]},
        "then": {"required": ["metric", "value"], "properties": {"position": False}},
        "else": {"properties": {"metric": False, "value": False}},
    }
    return mapping(
        "One kind of reading.",
        {
            "topic": text("The topic it comes on."),
            "key": text(f"The field that names the device. {path}"),
            "device": text("Instead of `key`: the one device of all readings of the stream."),
            "time": text(f"The field of the time. {path}"),
            "unit": one_of("The unit of the time. Default ms.", _UNITS),
            "zone": text("With `unit: rfc3339`: the IANA zone of times that name none, e.g. Europe/Berlin."),
            "shape": one_of("`wide`: many measurements a message; `narrow`: one. Default wide.", _SHAPES),
            "metric": text(f"Narrow only: the field whose text says which measurement it is. {path}"),
            "value": text(f"Narrow only: the field of its value. {path}"),
            "position": position,
            "lateness": duration("How long a window waits for late readings. Default 0s."),
            "max_ahead": duration("A clock further ahead than this is not believed. Default 5m."),
            "fields": named("The measurements by name.", _field(_IN_READINGS)),
            "attributes": named(
                "What the topic `things` says of a device, read as device.<name>.", _field(_PLAIN)
            ),
            "things": text("The topic of the attributes. Default things."),
        },
        ["topic", "time", "fields"],
        oneOf=[{"required": ["key"]}, {"required": ["device"]}],
        **narrow,
    )


def _event() -> Schema:
    """One declared kind of event."""
    event = mapping(
        "One kind of event.",
        {
            "identifiers": named(
                "Where in its data an identifier stands, by kind; the first it carries is its subject if it "
                "names none.",
                text("The dotted path of the identifier."),
                None,
            ),
            "fields": named("The fields of its data by name.", _field(_IN_EVENTS)),
        },
    )
    event["type"] = ["object", "null"]
    return event


def _field(known: tuple[str, ...]) -> Schema:
    """One measurement, attribute or field of an event."""
    bound: Schema = {"type": ["number", "null"]}
    fields: dict[str, Schema] = {
        "type": one_of("What its values are; `text` is evidence only.", _TYPES),
        "unit": text("Its unit, for people."),
        "range": listed(
            "[low, high]: a value outside becomes missing, with a copy to the dead letters. null leaves a side open.",
            bound,
            minItems=2,
            maxItems=2,
        ),
        "values": listed("The values of an enum.", text("One value."), minItems=1, uniqueItems=True),
        "from": text("Where it stands in a message, if not under its name. A dotted path."),
        "scale": number("The value is what was read × scale + offset. Default 1."),
        "offset": number("Added after the scale. Default 0."),
        "derived": {
            "type": "boolean",
            "description": "It is in no message: a step of your own fills it.",
        },
    }
    enum: Schema = {
        "if": {"properties": {"type": {"const": "enum"}}, "required": ["type"]},
        "then": {"required": ["values"]},
        "else": {"properties": {"values": False}},
    }
    return mapping("One measurement.", {word: fields[word] for word in known}, ["type"], **enum)
