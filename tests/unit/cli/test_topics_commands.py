"""`telltale topics`: create, list and lag over the embedded bus."""

from __future__ import annotations

import json

import pytest


def written(bus, topic, *values):
    """Messages under one key, so that they are in one partition and in order."""
    writer = bus.writer()
    for value in values:
        writer.write(topic, value, key=b"veh-1")
    writer.close()


@pytest.mark.usefixtures("project")
def test_creating_twice_creates_once(telltale):
    """The names are printed, so that a script sees what is new."""
    first = telltale("topics", "create")
    assert (first.code, "telemetry" in first.lines, "dead-letters" in first.lines) == (0, True, True)
    second = telltale("topics", "create")
    assert (second.code, second.out, second.err) == (0, "", "Nothing to create: all topics exist.\n")


def test_the_list_has_every_topic_with_its_messages(telltale, bus):
    """As aligned columns, and as JSON with the same fields."""
    written(bus, "telemetry", b"1", b"2")
    rows = [json.loads(line) for line in telltale("topics", "list", "-o", "json").lines]
    telemetry = next(row for row in rows if row["topic"] == "telemetry")
    assert telemetry == {"topic": "telemetry", "partitions": 4, "messages": 2, "kept": "all"}
    said = telltale("topics", "list")
    assert said.lines[0].split() == ["topic", "partitions", "messages", "kept"]
    assert len({line.rindex(line.split()[1]) + len(line.split()[1]) for line in said.lines}) == 1
    assert "\x1b" not in said.out


@pytest.mark.usefixtures("bus")
def test_an_empty_topic_says_that_it_is_empty(telltale):
    """On standard error, with exit code 0: nothing is wrong."""
    said = telltale("topics", "tail", "alarms")
    assert (said.code, said.out, said.err) == (0, "", "The topic 'alarms' holds no messages yet.\n")


@pytest.mark.usefixtures("project")
def test_the_prefix_may_be_left_away(telltale, monkeypatch):
    """Both names of a topic are known."""
    monkeypatch.setenv("TELLTALE_TOPICS_PREFIX", "fleet.")
    assert "fleet.alarms" in telltale("topics", "create").lines
    for name in ("alarms", "fleet.alarms"):
        assert telltale("topics", "tail", name).err == "The topic 'fleet.alarms' holds no messages yet.\n"


def test_lag_is_what_a_group_has_not_handled(telltale, bus):
    """Over all partitions, for the groups that have read something."""
    written(bus, "telemetry", b"1", b"2", b"3")
    partition = next(p for p in range(4) if bus.bounds("telemetry", p).end)
    bus.commit("telltale-devices", "telemetry", {partition: 1})
    rows = [json.loads(line) for line in telltale("topics", "lag", "-o", "json").lines]
    assert rows == [{"group": "telltale-devices", "topic": "telemetry", "handled": 1, "behind": 2}]
    said = telltale("topics", "lag", "--partitions", "-g", "telltale-devices", "-o", "json")
    behind = {row["partition"]: row["behind"] for row in map(json.loads, said.lines)}
    assert behind == {p: 2 if p == partition else 0 for p in range(4)}
    none = telltale("topics", "lag", "--group", "telltale-outbox")
    assert (none.code, none.out) == (0, "")
    assert "telltale run" in none.err


@pytest.mark.usefixtures("project")
def test_looking_does_not_make_a_bus(telltale, project):
    """A mistyped folder must not leave an empty topics file behind."""
    assert telltale("topics", "list").code == 2
    assert not (project / "state").exists()
