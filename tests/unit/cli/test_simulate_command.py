"""`telltale simulate`: into a folder, or onto the bus."""

from __future__ import annotations

import json

import pytest

SMALL = ("--vehicles", "40", "--duration", "40m", "--interval", "20s", "--seed", "7")


@pytest.mark.usefixtures("project")
def test_a_fleet_goes_into_a_folder_with_its_truths(telltale, tmp_path):
    """The count that is told is the number of lines."""
    folder = tmp_path / "archive"
    said = telltale("simulate", "--folder", folder, *SMALL)
    lines = (folder / "telemetry.jsonl").read_bytes().splitlines()
    assert said.code == 0
    assert said.out == f"{len(lines)} messages of 40 vehicles written to {folder}.\n"
    truths = json.loads((folder / "truths.json").read_bytes())["truths"]
    assert said.err == f"A perfect watcher makes {len(truths['alarms'])} alarms of them.\n"


def test_a_fleet_goes_onto_the_bus(telltale, bus):
    """With the vehicles as things and their owners as identities."""
    said = telltale("simulate", *SMALL)
    assert said.code == 0
    count = int(said.out.split()[0])
    ends = {t: sum(bus.bounds(t, p).end for p in range(4)) for t in ("telemetry", "things", "identity")}
    assert ends["telemetry"] == count
    assert ends["things"] == 40
    assert 0 < ends["identity"] <= 40


@pytest.mark.usefixtures("bus")
def test_the_topic_of_the_readings_must_be_there(telltale):
    """A fleet is not sent into nothing."""
    said = telltale("simulate", *SMALL, "--stream", "telemetri")
    assert said.code == 2
    assert "Did you mean 'telemetry'?" in said.err


def test_people_go_beside_the_fleet(telltale, bus, tmp_path):
    """Onto the bus with rows and events, into a folder with what must come of them."""
    said = telltale("simulate", *SMALL, "--people", "40")
    assert said.out.endswith("40 people do things beside them.\n")
    ends = {t: sum(bus.bounds(t, p).end for p in range(4)) for t in ("source-records", "events")}
    assert min(ends.values()) > 40
    telltale("simulate", "--folder", tmp_path / "a", *SMALL, "--people", "40")
    answer = json.loads((tmp_path / "a" / "truths.json").read_bytes())
    assert len(answer["people_truths"]["changes"]) == 3
    assert len((tmp_path / "a" / "source-records.jsonl").read_bytes().splitlines()) == ends["source-records"]
