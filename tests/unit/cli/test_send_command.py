"""`telltale topics send`: each line under its key, and what cannot be sent named with its line."""

from __future__ import annotations

import gzip
import io
import json
import sys

import pytest

from flows.cli import scan
from flows.ids import partition_of
from tests.unit.cli.conftest import without_people


@pytest.fixture
def send(telltale, project, monkeypatch):
    """Sends lines from a file or from standard input to a topic."""

    def run(topic, lines, *arguments, name="lines.jsonl"):
        if name == "-":
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
        else:
            opened = gzip.open if name.endswith(".gz") else open
            with opened(project / name, "wb") as file:
                file.write(lines)
        return telltale("topics", "send", topic, name, *arguments)

    return run


def held(bus, topic) -> list[tuple[str, str | None]]:
    """The key and value of each message, in the order of partitions; each in that of its key."""
    found = list(scan.messages(bus, topic))
    assert all(m.partition == partition_of(m.key, bus.partitions(topic)) for m in found)
    return [(m.key.decode(), None if m.value is None else m.value.decode()) for m in found]


@pytest.mark.parametrize("name", ["lines.jsonl", "lines.jsonl.gz", "-"])
def test_readings_go_under_the_device_that_the_stream_names(send, bus, name):
    """A text, a whole number, or the one device of a list of readings."""
    lines = [b'{"device":"v1","at":1}', b'{"device":7}', b'[{"device":"v1"},{"device":"v1"}]']
    said = send("telemetry", b"\n".join(lines) + b"\n", name=name)
    assert (said.code, said.out, said.err) == (0, "3 messages sent to the topic telemetry.\n", "")
    assert sorted(held(bus, "telemetry")) == [
        ("7", '{"device":7}'),
        ("v1", '[{"device":"v1"},{"device":"v1"}]'),
        ("v1", '{"device":"v1","at":1}'),
    ]


@pytest.mark.parametrize("name", ["lines.jsonl", "-"])
def test_lines_that_are_wrong_are_named_and_not_sent(send, bus, name):
    """By their numbers in the file, blank lines counted; the others are sent; exit code 1."""
    lines = b'{"device":"v1"}\n\nnope\n{"at":3}\n[{"device":"a"},{"device":"b"}]\n3\n{"device":true}\n{"device":"v2"}'
    said = send("telemetry", lines, name=name)
    assert (said.code, said.out) == (1, "2 messages sent to the topic telemetry.\n")
    place = "standard input" if name == "-" else name
    assert [line.split(" it ")[0] for line in said.err.splitlines()[:5]] == [
        f"{place}:3:",
        f"{place}:4:",
        f"{place}:5: a list must be of one device, and this is of 2",
        f"{place}:6:",
        f"{place}:7:",
    ]
    assert said.err.splitlines()[-1] == "5 lines not sent."
    assert [key for key, _ in held(bus, "telemetry")] == ["v1", "v2"] or len(held(bus, "telemetry")) == 2


def test_strict_stops_at_the_first_wrong_line(send, bus):
    """What stands before it was sent."""
    said = send("telemetry", b'{"device":"v1"}\nx\n{"device":"v2"}\n', "--strict")
    assert said.code == 1
    assert held(bus, "telemetry") == [("v1", '{"device":"v1"}')]


def test_many_wrong_lines_are_counted_and_the_first_named(send, bus):
    """Nobody reads a thousand of them."""
    said = send("telemetry", b"x\n" * 50)
    assert (said.code, said.out) == (1, "0 messages sent to the topic telemetry.\n")
    assert said.err.splitlines()[-2:] == ["… and 30 lines more.", "50 lines not sent."]
    assert len(said.err.splitlines()) == 22
    assert held(bus, "telemetry") == []


def test_a_csv_becomes_messages_of_its_stream(send, bus):
    """Its rows as the stream declares them."""
    header = b"at,device,coolant_c,battery_v,speed_kmh,engine_load,mil,odometer_km,note\n"
    said = send("telemetry", header + b"5,v1,90.5,,,,off,,x\n6,v1,91,,,,off,,\n", name="rows.csv")
    assert said.code == 0, said.err
    readings = [json.loads(value) for _, value in held(bus, "telemetry")]
    assert [(each["device"], each["at"], each["coolant_c"]) for each in readings] == [
        ("v1", 5, 90.5),
        ("v1", 6, 91),
    ]


def test_events_go_under_their_subject(send, bus):
    """Which an event must have."""
    said = send("events", b'{"id":"1","subject":"email:a@b.c"}\n{"id":"2"}\n')
    assert (said.code, "lines.jsonl:2" in said.err) == (1, True)
    assert [key for key, _ in held(bus, "events")] == ["email:a@b.c"]


def test_an_event_without_a_subject_goes_under_an_identifier_that_is_declared(send, bus, project):
    """The first one that it carries, as flows read it; one that carries none is refused with what it could."""
    without_people(project)
    streams = project / "streams.yaml"
    declared = "events: {order.placed: {identifiers: {email: customer.email, crm: customer.number}}}"
    streams.write_text(f"{streams.read_text()}\n{declared}\n")
    lines = [
        {"type": "order.placed", "subject": "crm:1", "data": {"customer": {"email": "a@b.c"}}},
        {"type": "order.placed", "data": {"customer": {"email": "a@b.c", "number": 2}}},
        {"type": "order.placed", "data": {"customer": {"number": 31}}},
        {"type": "order.placed", "data": {}},
        {"type": "order.placed", "data": [1]},
        {"type": "order.lost", "data": {"customer": {"number": 31}}},
    ]
    said = send("events", b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    assert said.code == 1
    assert [line.split(": ")[0][-1] for line in said.err.splitlines()[:-1]] == ["4", "5", "6"]
    assert "carries no identifier (email, crm)" in said.err.splitlines()[0]
    assert sorted(key for key, _ in held(bus, "events")) == ["crm:1", "crm:31", "email:a@b.c"]


def test_other_topics_take_key_and_value_or_are_told_the_key(send, bus):
    """A value of null removes a key; --key names a field, --key-text is the key itself."""
    assert send("things", b'{"key":"v1","value":{"hot_c": 9}}\n{"key":"v2","value":null}\n').code == 0
    assert sorted(held(bus, "things"), key=str) == [("v1", '{"hot_c":9}'), ("v2", None)]
    assert send("identity", b'{"a":{"b":"x"}}\n', "--key", "a.b").code == 0
    assert send("identity", b'{"n":1}\n', "--key-text", "y").code == 0
    assert sorted(held(bus, "identity")) == [("x", '{"a":{"b":"x"}}'), ("y", '{"n":1}')]
    wrong = send("things", b'{"hot_c":9}\n')
    assert (wrong.code, "--key" in wrong.err) == (1, True)


@pytest.mark.parametrize("topic", ["alarms", "decisions", "actions.notify.normal", "rules", "dead-letters"])
def test_what_only_telltale_writes_is_refused_without_force(send, bus, topic):
    """A flow would take it for its own."""
    said = send(topic, b'{"key":"a","value":1}\n')
    assert (said.code, said.out) == (2, "")
    assert "--force" in said.err
    assert send(topic, b'{"key":"a","value":1}\n', "--force").code == 0
    assert len(list(scan.messages(bus, topic))) == 1


@pytest.mark.parametrize(
    ("arguments", "needle"),
    [
        (("telemetri", "x.jsonl"), "Did you mean 'telemetry'?"),
        (("telemetry", "x.jsonl"), "x.jsonl"),
        (("things", "x.csv"), "no stream's"),
        (("telemetry", "-", "--rate", "0"), "rate"),
        (("telemetry", "-", "--key", "a", "--key-text", "b"), "exclude each other"),
    ],
)
@pytest.mark.usefixtures("bus")
def test_what_cannot_be_sent_at_all_is_one_paragraph(telltale, arguments, needle):
    """Exit code 2, and nothing on standard output."""
    said = telltale("topics", "send", *arguments)
    assert (said.code, said.out) == (2, "")
    assert needle in said.err
    assert len(said.err.splitlines()) == 1


@pytest.mark.usefixtures("bus")
def test_an_empty_file_says_so(send):
    """Nothing is wrong, and nothing was sent."""
    said = send("telemetry", b"\n\n")
    assert (said.code, said.out) == (0, "")
    assert "there are no lines" in said.err


def test_a_rate_changes_nothing_but_the_time(send, bus):
    """All arrive."""
    assert send("telemetry", b'{"device":"v1"}\n' * 5, "--rate", "100000").code == 0
    assert len(held(bus, "telemetry")) == 5
