"""What people do comes into archives and onto the bus beside the fleet, each message in its place."""

from __future__ import annotations

import json

import msgspec

from flows.archives.jsonl import read_lines
from flows.simulator.archive import Answer, write_archive
from flows.simulator.people.expectation import expected
from flows.simulator.people.plan import PeoplePlan
from flows.simulator.people.simulate import simulate
from flows.simulator.people.told import rfc3339
from flows.simulator.plan import Plan
from flows.simulator.send import Names, send

FLEET = Plan(start=1_772_352_000_000, vehicles=40, duration=30 * 60_000)
PEOPLE = PeoplePlan(start=FLEET.start, people=40, duration=FLEET.duration, pace=None)


class Written:
    """A writer that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []

    def write(self, topic, value, key=None, headers=()) -> None:  # noqa: ARG002
        """Keep it."""
        self.messages.append((topic, value))

    def poll(self) -> None:
        """Nothing is under way."""

    def flush(self) -> None:
        """All is there."""

    def close(self) -> None:
        """Nothing to close."""


def test_an_archive_holds_rows_events_and_what_must_come_of_them(tmp_path):
    """Rows stand in a file of their own, events among those about vehicles by time, the answer beside them."""
    write_archive(FLEET, tmp_path, people=PEOPLE)
    told = simulate(PEOPLE)
    rows = list(read_lines(tmp_path / "source-records.jsonl"))
    assert rows == [one.value for one in told if one.topic == "source_records"]
    events = list(read_lines(tmp_path / "events.jsonl"))
    theirs = {one.value: one.appended for one in told if one.topic == "events"}
    assert [value for value in events if value in theirs] == list(theirs)
    appended = [rfc3339(theirs[value]) if value in theirs else json.loads(value)["time"] for value in events]
    assert appended == sorted(appended)
    answer = msgspec.json.decode((tmp_path / "truths.json").read_bytes(), type=Answer)
    assert (answer.people, answer.people_truths) == (PEOPLE, expected(PEOPLE))


def test_the_bus_gets_what_is_known_first_and_what_comes_after_last():
    """All of it, the acts in their order, and during the plan no message before its time."""
    writer = Written()
    told = simulate(PEOPLE)
    send(FLEET, writer, Names(), pace=None, clock=lambda: 0.0, sleep=lambda _: None, people=told)
    names = {"source_records": "source-records", "events": "events"}
    sent = [(names[one.topic], one.value) for one in told]
    values = {value for _, value in sent}
    assert [message for message in writer.messages if message[1] in values] == sent
    telemetry = [i for i, (topic, _) in enumerate(writer.messages) if topic == "telemetry"]
    acts = {one.value: one.act for one in told}
    for i, (_, value) in enumerate(writer.messages):
        if acts.get(value) == "before":
            assert i < telemetry[0]
        elif acts.get(value) == "after":
            assert i > telemetry[-1]
