"""Reading `streams.yaml`: declarations, and every mistake with its place."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from flows.documents import Mistakes, read_file
from flows.errors import RulesWrong
from flows.stream_files import load_streams, read_declarations
from flows.streams import EventType, Field, Position, Stream

HEAD = "streams:\n  v:\n    topic: t\n    key: device\n    time: at\n"


def load(folder: Path, text: str) -> dict[str, Stream]:
    """The streams of a text."""
    (folder / "streams.yaml").write_text(dedent(text), encoding="utf-8")
    return load_streams(folder / "streams.yaml")


def test_a_declaration_is_read_whole(tmp_path: Path) -> None:
    """Durations in milliseconds, fields in their order, enum values as text."""
    streams = load(
        tmp_path,
        """
        streams:
          vehicle:
            topic: telemetry
            key: device
            time: at
            unit: s
            lateness: 30s
            max_ahead: 1m
            things: cars
            fields:
              coolant_c: {type: float, unit: °C, range: [-60, 200]}
              gear: {type: int, range: [0, null]}
              mil: {type: enum, values: [off, on]}
              note: {type: text}
            attributes:
              hot_c: {type: float}
          door:
            topic: doors
            key: id
            time: t
            fields: {}
        """,
    )
    assert streams == {
        "vehicle": Stream(
            name="vehicle",
            topic="telemetry",
            key="device",
            time="at",
            time_unit="s",
            lateness=30_000,
            max_ahead=60_000,
            things="cars",
            fields=(
                Field(name="coolant_c", type="float", unit="°C", low=-60.0, high=200.0),
                Field(name="gear", type="int", low=0.0),
                Field(name="mil", type="enum", values=("off", "on")),
                Field(name="note", type="text"),
            ),
            attributes=(Field(name="hot_c", type="float"),),
        ),
        "door": Stream(name="door", topic="doors", key="id", time="t"),
    }


def test_nested_scaled_narrow_and_placed(tmp_path: Path) -> None:
    """Paths, scales, one device, a zone, what a step fills; a position is two more columns."""
    streams = load(
        tmp_path,
        """
        streams:
          car:
            topic: cars
            key: vehicle.id
            time: meta.at
            position: {latitude: gps.lat, longitude: gps.lon}
            fields:
              coolant_c: {type: float, from: engine.temp, scale: 0.1, offset: -40, range: [-60, 250]}
              power_kw: {type: float, derived: true}
          sensor:
            topic: sensors
            device: office
            time: timestamp
            unit: rfc3339
            zone: Europe/Berlin
            shape: narrow
            metric: name
            value: value
            fields:
              heat_c: {type: float, from: Heat (°C).1}
              load: {type: int}
        """,
    )
    assert streams["car"] == Stream(
        name="car", topic="cars", key="vehicle.id", time="meta.at", position=Position("gps.lat", "gps.lon"),
        fields=(
            Field(
                name="coolant_c", type="float", source="engine.temp", scale=0.1, offset=-40.0, low=-60.0, high=250.0
            ),
            Field(name="power_kw", type="float", derived=True),
            Field(name="latitude", type="float", unit="°", low=-90.0, high=90.0, source="gps.lat"),
            Field(name="longitude", type="float", unit="°", low=-180.0, high=180.0, source="gps.lon"),
        ),
    )  # fmt: skip
    assert streams["sensor"] == Stream(
        name="sensor", topic="sensors", key="", device="office", time="timestamp", time_unit="rfc3339",
        zone="Europe/Berlin", shape="narrow", metric="name", value="value",
        fields=(Field(name="heat_c", type="float", source="Heat (°C).1"), Field(name="load", type="int")),
    )  # fmt: skip
    assert streams["sensor"].metrics == ("Heat (°C).1", "load")


def test_events_are_declared_beside_the_streams(tmp_path: Path) -> None:
    """Identifiers in their order, fields like those of a stream; a type alone is declared too."""
    (tmp_path / "streams.yaml").write_text(
        HEAD + "    fields: {}\nevents:\n"
        "  order.placed:\n"
        "    identifiers: {email: customer.email, device: vin}\n"
        "    fields: {amount: {type: float, unit: EUR, range: [0, null]}, value: {type: int, from: a.b}}\n"
        "  click: {}\n  view:\n",
        encoding="utf-8",
    )
    mistakes = Mistakes()
    document = read_file(tmp_path / "streams.yaml", "streams.yaml", mistakes)
    assert document is not None
    streams, events = read_declarations(document, mistakes)
    assert mistakes.found == []
    assert list(streams) == ["v"]
    assert events == {
        "order.placed": EventType(
            name="order.placed",
            identifiers={"email": "customer.email", "device": "vin"},
            fields=(
                Field(name="amount", type="float", unit="EUR", low=0.0),
                Field(name="value", type="int", source="a.b"),
            ),
        ),
        "click": EventType(name="click"),
        "view": EventType(name="view"),
    }


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        ("stream: {}\n", "1:1", "unknown field 'stream'"),
        (HEAD + "    fields: {a: {type: flot}}\n", "6:24", "Did you mean 'float'?"),
        (HEAD + "    fields: {a: {}}\n", "6:17", "'type' is missing"),
        (HEAD + "    fields: {a: {type: enum}}\n", "6:17", "'values' is missing"),
        (HEAD + "    fields: {a: {type: enum, values: [a, a]}}\n", "6:38", "values that differ"),
        (HEAD + "    fields: {a: {type: enum, values: [true]}}\n", "6:39", "Quote it"),
        (HEAD + "    fields: {a: {type: float, values: [x]}}\n", "6:39", "has no values"),
        (HEAD + "    fields: {a: {type: float, range: [5, 1]}}\n", "6:38", "the range is empty"),
        (HEAD + "    fields: {a: {type: float, range: [5]}}\n", "6:38", "two ends"),
        (HEAD + "    fields: {a: {type: text, range: [1, 5]}}\n", "6:37", "has no range"),
        (HEAD + "    fields: {a-b: {type: float}}\n", "6:14", "cannot be a field's name"),
        (HEAD + "    fields: {class: {type: float}}\n", "6:14", "cannot be a field's name"),
        (HEAD + "    fields: {device: {type: float}}\n", "6:14", "meaning of its own"),
        (HEAD + "    fields: {at: {type: float}}\n", "6:14", "key or time already"),
        (HEAD + "    unit: seconds\n    fields: {}\n", "6:11", "'seconds' is not known here"),
        (HEAD + "    lateness: 30\n    fields: {}\n", "6:15", "with a unit"),
        (HEAD + "    max_ahead: 99d\n    fields: {}\n", "6:16", "out of bounds"),
        (HEAD + "    latenes: 30s\n    fields: {}\n", "6:5", "Did you mean 'lateness'?"),
        (HEAD.replace("    key: device\n", "") + "    fields: {}\n", "3:5", "'key' is missing"),
        (HEAD + "    device: office\n    fields: {}\n", "6:13", "not both"),
        (HEAD.replace("key: device", f"device: {'x' * 256}") + "    fields: {}\n", "4:13", "too long"),
        (HEAD.replace("key: device", "key: a..b") + "    fields: {}\n", "4:10", "is no path"),
        (HEAD + f"    fields: {{a: {{type: int, from: {'.'.join('x' * 17)}}}}}\n", "6:14", "deeper than 16"),
        (HEAD + "    zone: UTC\n    fields: {}\n", "6:11", "need no zone"),
        (
            HEAD + "    unit: rfc3339\n    zone: Europe/Berln\n    fields: {}\n",
            "7:11",
            "Did you mean 'Europe/Berlin'?",
        ),
        (HEAD + "    unit: rfc3339\n    zone: xyz\n    fields: {}\n", "7:11", "its IANA name"),
        (HEAD + "    shape: tall\n    fields: {}\n", "6:12", "'tall' is not known here"),
        (HEAD + "    shape: narrow\n    fields: {}\n", "3:5", "'metric' is missing"),
        (HEAD + "    shape: narrow\n    metric: m\n    fields: {}\n", "3:5", "'value' is missing"),
        (HEAD + "    metric: m\n    fields: {}\n", "6:13", "belongs to narrow streams"),
        (
            HEAD + "    shape: narrow\n    metric: at\n    value: v\n    fields: {}\n",
            "7:13",
            "'at' is read already",
        ),
        (
            HEAD
            + "    shape: narrow\n    metric: m\n    value: v\n    fields: {a: {type: int, from: b}, b: {type: int}}\n",
            "9:14",
            "that of another field",
        ),
        (
            HEAD
            + "    shape: narrow\n    metric: m\n    value: v\n"
            + "    position: {latitude: a, longitude: b}\n    fields: {}\n",
            "9:15",
            "a position is two",
        ),
        (HEAD + "    position: {latitude: a}\n    fields: {}\n", "6:15", "'longitude' is missing"),
        (HEAD + "    position: {latitude: a, longitude: b.}\n    fields: {}\n", "6:40", "is no path"),
        (
            HEAD + "    position: {latitude: a, longitude: b}\n    fields: {latitude: {type: float}}\n",
            "7:14",
            "that the position gives",
        ),
        (
            HEAD + "    position: {latitude: at, longitude: b}\n    fields: {}\n",
            "6:16",
            "'at' is read already",
        ),
        (HEAD + "    fields: {a: {type: int}, b: {type: int, from: a}}\n", "6:30", "'a' is read already"),
        (HEAD + "    fields: {a: {type: int}, b: {type: int, from: a.x}}\n", "6:30", "leads through 'a'"),
        (HEAD + "    fields: {a: {type: int, from: device}}\n", "6:14", "key or time already"),
        (HEAD + "    fields: {value: {type: int}}\n", "6:14", "add `from: value`"),
        (HEAD + "    fields: {a: {type: float, scale: 0}}\n", "6:38", "a scale of 0"),
        (HEAD + "    fields: {a: {type: int, scale: 0.1}}\n", "6:36", "an int stays whole"),
        (HEAD + "    fields: {a: {type: bool, offset: 1}}\n", "6:38", "has no offset"),
        (HEAD + "    fields: {a: {type: float, scale: big}}\n", "6:38", "a number is needed"),
        (HEAD + "    fields: {a: {type: float, derived: yes}}\n", "6:40", "true or false"),
        (HEAD + "    fields: {a: {type: text, derived: true}}\n", "6:39", "hold no texts"),
        (HEAD + "    fields: {a: {type: float, derived: true, from: b}}\n", "6:52", "has no 'from'"),
        (HEAD + "    fields: {a: {type: float, derived: true, scale: 2}}\n", "6:53", "has no 'scale'"),
        (
            HEAD + "    fields: {}\n    attributes: {a: {type: float, from: b}}\n",
            "7:35",
            "unknown field 'from'",
        ),
        (HEAD + "    fields: {}\nevents:\n  ' x': {}\n", "8:3", "cannot be an event's type"),
        (
            HEAD + "    fields: {}\nevents:\n  x: {identifiers: {E-Mail: a}}\n",
            "8:21",
            "no kind of identifier",
        ),
        (HEAD + "    fields: {}\nevents:\n  x: {identifiers: {email: }}\n", "8:27", "'email' is missing"),
        (HEAD + "    fields: {}\nevents:\n  x: {identifiers: {email: .a}}\n", "8:28", "is no path"),
        (
            HEAD + "    fields: {}\nevents:\n  x: {fields: {a: {type: flot}}}\n",
            "8:26",
            "Did you mean 'float'?",
        ),
        (
            HEAD + "    fields: {}\nevents:\n  x: {fields: {a: {type: int, derived: true}}}\n",
            "8:31",
            "unknown field 'derived'",
        ),
        (HEAD + "    fields: {}\nevents:\n  x: {field: {}}\n", "8:7", "Did you mean 'fields'?"),
        (HEAD.replace("topic: t", "topic: 'a b'") + "    fields: {}\n", "3:12", "not a topic name"),
        (HEAD.replace("    time: at\n", "") + "    fields: {}\n", "3:5", "'time' is missing"),
        (HEAD.replace("  v:", "  'v w':") + "    fields: {}\n", "3:5", "cannot be a stream's name"),
        (
            HEAD + "    fields: {}\n  w: {topic: t, key: k, time: t, fields: {}}\n",
            "7:3",
            "that of 'v' already",
        ),
    ],
)
def test_a_wrong_declaration_is_refused_with_its_place(
    tmp_path: Path, text: str, place: str, part: str
) -> None:
    """One mistake gives one finding."""
    with pytest.raises(RulesWrong) as error:
        load(tmp_path, text)
    found = [finding for finding in error.value.findings if part in str(finding)]
    assert [f"{finding.line}:{finding.column}" for finding in found] == [place], str(error.value)


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    """Nobody mends a file one error at a time."""
    with pytest.raises(RulesWrong) as error:
        load(tmp_path, HEAD + "    unit: x\n    fields: {a: {type: y}, b: {type: enum}}\n    other: 1\n")
    assert len(error.value.findings) == 4
