"""Reading `streams.yaml`: declarations, and every mistake with its place."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from flows.errors import RulesWrong
from flows.stream_files import load_streams
from flows.streams import Field, Stream

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
