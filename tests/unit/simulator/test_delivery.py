"""A plan into files and onto a bus."""

import json

import msgspec
import pytest

from flows.archives.jsonl import read_lines
from flows.simulator.archive import Answer, write_archive
from flows.simulator.expectation import expected
from flows.simulator.plan import Plan
from flows.simulator.send import Names, mode_of, send, start_for
from flows.simulator.simulate import simulate

PLAN = Plan(start=1_760_000_000_000, vehicles=40, duration=30 * 60_000)


class WrittenDown:
    """A writer that keeps what it is given, with the time at which it was given."""

    def __init__(self, clock):
        self.clock, self.messages, self.flushed = clock, [], 0

    def write(self, topic, value, *, key=None, **_):
        self.messages.append((self.clock(), topic, key, value))

    def poll(self):
        """Nothing is under way."""

    def flush(self):
        self.flushed = len(self.messages)

    def close(self):
        """Nothing is held."""


class Time:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.now = 100.0

    def clock(self):
        return self.now

    def sleep(self, seconds):
        assert seconds > 0
        self.now += seconds


def sent_at(pace):
    time = Time()
    writer = WrittenDown(time.clock)
    count = send(PLAN, writer, Names(), pace=pace, clock=time.clock, sleep=time.sleep)
    return count, writer


@pytest.mark.parametrize("compression", ["", ".gz", ".zst"])
def test_an_archive_holds_the_messages_as_they_are_sent(tmp_path, compression):
    """The lines are the values in order, the answer beside them is what the plan expects, and no part is left."""
    count = write_archive(PLAN, tmp_path / "a", compression)
    lines = list(read_lines(tmp_path / "a" / f"telemetry.jsonl{compression}"))
    assert lines == [one.value for one in simulate(PLAN)]
    assert count == len(lines)
    answer = msgspec.json.decode((tmp_path / "a" / "truths.json").read_bytes(), type=Answer)
    assert answer == Answer(PLAN, expected(PLAN, "at_once"))
    things = [json.loads(line) for line in read_lines(tmp_path / "a" / "things.jsonl")]
    assert things[0]["value"]["hot_c"] == 105.0
    assert len(things) == 40
    assert not list((tmp_path / "a").glob("*.part"))


def test_the_same_plan_writes_the_same_files(tmp_path):
    """Compressed archives of one plan are equal byte by byte."""
    for name in ("a", "b"):
        write_archive(PLAN, tmp_path / name, ".gz")
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes(), file.name


def test_all_at_once_waits_for_nothing():
    """Without a pace every message, with things, identities and events, is written and flushed, at one moment."""
    count, writer = sent_at(None)
    assert count == sum(1 for _ in simulate(PLAN))
    assert writer.flushed == len(writer.messages)
    assert {when for when, *_ in writer.messages} == {100.0}
    topics = [topic for _, topic, _, _ in writer.messages]
    assert set(topics) == {"telemetry", "things", "identity", "events"}
    assert max(i for i, topic in enumerate(topics) if topic == "things") < topics.index("telemetry")


@pytest.mark.parametrize("pace", [1.0, 60.0])
def test_a_pace_multiplies_time(pace):
    """Each message is written no earlier than its time at that pace, and at most a look (50 ms and a gap) later."""
    _, writer = sent_at(pace)
    telemetry = [(when, value) for when, topic, _, value in writer.messages if topic == "telemetry"]
    for (when, value), sent in zip(telemetry, simulate(PLAN), strict=True):
        assert value == sent.value
        due = 100.0 + (sent.appended - PLAN.start) / 1000 / pace
        assert -0.051 <= when - due <= 0.001, (
            "written within one look before its time, never after on a free clock"
        )


def test_the_last_reading_is_sent_at_its_own_time():
    """A plan that starts at `start_for` ends at the moment at which its sending ends."""
    assert start_for(1_000_000, 600_000, None) + 600_000 == 1_000_000
    assert start_for(1_000_000, 600_000, 60) + 600_000 == 1_000_000 + 10_000
    assert start_for(1_000_000, 600_000, 1) == 1_000_000
    assert [mode_of(pace) for pace in (None, 1, 60)] == ["at_once", "live", "paced"]
