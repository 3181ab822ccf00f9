"""The Clock: it stands still until all have noted something, never goes back, and no note overtakes what it caused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.clocks import Clock, ClockReader, ClockWriter, Expected, Note, clock_name, expected_of
from flows.customers.expected import expected
from flows.engine.clocks import PartitionClock
from flows.engine.messages import MessageSource, Watch
from flows.rules.model import Absence, Rule, RuleSet, StreamAggregate
from flows.sources.model import IdentityRules
from flows.streams import Stream
from flows.topics.names import TopicNames
from flows.topics.port import Message, Topics, TopicSpec
from flows.topics.sqlite import SqliteTopics

OWN = frozenset({"customers:events/0", "customers:alarms/0"})
OTHERS = frozenset({"devices:telemetry/0"})
EXPECTED = Expected(OWN, OTHERS)
BOTH = "customers:events/0", "customers:alarms/0"
DEVICES = "devices:telemetry/0"


@pytest.fixture
def topics(tmp_path: Path) -> Topics:
    """A bus with clocks and events."""
    bus = SqliteTopics(tmp_path / "topics.db")
    bus.create([TopicSpec("clocks", 2, compacted=True), TopicSpec("events", 2)])
    return bus


def write(topics: Topics, topic: str, *values: bytes, key: bytes = b"k") -> None:
    writer = topics.writer()
    for value in values:
        writer.write(topic, value, key=key, partition=0)
    writer.close()


def test_it_stands_still_until_each_has_noted_something_and_is_then_the_least() -> None:
    """One name missing is enough to know nothing; a name that nobody waits for changes nothing."""
    clock = Clock(Expected(OWN))
    clock.hear(BOTH[0], Note(50), 0)
    clock.hear("customers:events/9", Note(10), 0)
    assert (clock.now(), clock.holders()) == (None, [BOTH[1]])
    clock.hear(BOTH[1], Note(70), 0)
    assert (clock.now(), clock.holders()) == (50, [BOTH[0]])
    clock.hear(BOTH[0], Note(90), 0)
    assert (clock.now(), clock.holders()) == (70, [BOTH[1]])


def test_what_another_process_noted_counts_once_our_own_is_read_up_to_when_it_was_heard() -> None:
    """Else a time would come before the alarm that the devices flow wrote ahead of its note."""
    clock = Clock(EXPECTED)
    for name in BOTH:
        clock.hear(name, Note(1000, read=1000), 1010)
    clock.hear(DEVICES, Note(500), 1020)
    assert (clock.now(), clock.holders()) == (None, sorted(BOTH))
    clock.hear(BOTH[0], Note(1100, read=1100), 1110)
    assert (clock.now(), clock.holders()) == (None, [BOTH[1]])
    clock.hear(BOTH[1], Note(1100, read=1020), 1110)
    assert (clock.now(), clock.holders()) == (500, [DEVICES])


def test_names_follow_the_rules_and_the_clock_never_goes_back() -> None:
    """Whoever is new holds it where it is until it has noted something; whoever is gone holds nothing."""
    clock = Clock(Expected(OWN))
    for name in BOTH:
        clock.hear(name, Note(100, read=100), 0)
    assert clock.now() == 100
    clock.expect(EXPECTED)
    for name in BOTH:
        clock.hear(name, Note(200, read=200), 0)
    assert (clock.now(), clock.holders()) == (100, [DEVICES])
    clock.hear(DEVICES, Note(30), 150)
    assert clock.now() == 100
    clock.expect(Expected(OWN))
    assert clock.now() == 200


notes = st.lists(
    st.tuples(st.sampled_from((*BOTH, DEVICES)), st.integers(0, 50), st.integers(0, 3), st.integers(0, 9)),
    max_size=60,
)


@given(notes)
def test_it_never_runs_ahead_of_anybody_and_catches_up_with_all(
    told: list[tuple[str, int, int, int]],
) -> None:
    """Against all notes kept: never more than the least allows; exactly that once all of our own is read twice."""
    clock, at, heard = Clock(EXPECTED), dict[str, int](), 0
    read = dict.fromkeys(BOTH, -1)
    others: list[tuple[int, int]] = []
    last: int | None = None
    # at the end our own is read up to all that was heard, and once more
    close = [(name, 0, 0, 0) for _ in range(3) for name in BOTH]
    for name, value, later, lag in [*told, (DEVICES, 7, 1, 0), *close]:
        heard += later
        if name == DEVICES:
            clock.hear(name, Note(value), heard)
            others.append((heard, value))
        else:
            read[name] = max(read[name], heard - lag)
            at[name] = max(value, at.get(name, value))
            clock.hear(name, Note(value, read=heard - lag), heard)
        allowed = [value for when, value in others if when <= min(read.values())]
        now = clock.now()
        assert now is None or now >= (last or 0)
        if now is not None and now != last:
            assert now <= min(*at.values(), max(allowed))
        last = now
    assert last == min(*at.values(), max(value for _, value in others))


def test_only_what_is_noted_from_now_on_is_heard(topics: Topics) -> None:
    """A note of another execution says nothing; a note that cannot be read costs itself alone."""
    writer = ClockWriter(topics, "clocks", "customers")
    writer.tell("events", 0, Note(10))
    clock = Clock(Expected(expected_of("customers", [("events", 2)])))
    reader = ClockReader(topics, "clocks", clock)
    reader.poll(100)
    assert clock.holders() == ["customers:events/0", "customers:events/1"]
    write(topics, "clocks", b"{nothing", b"[]")
    writer.tell("events", 0, Note(20, read=15))
    writer.tell("events", 1, Note(30, read=15))
    reader.poll(200)
    reader.close()
    assert clock.now() == 20


def test_a_note_that_cannot_be_written_fails_nobody(tmp_path: Path) -> None:
    """Without the topic the flow goes on, and only what waits stands still."""
    bus = SqliteTopics(tmp_path / "empty.db")
    ClockWriter(bus, "clocks", "devices").tell("telemetry", 0, Note(1))
    assert bus.list() == {}


class Told(ClockWriter):
    """Keeps what is told."""

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def tell(self, topic: str, partition: int, note: Note) -> None:  # noqa: ARG002
        self.notes.append(note)


def test_a_partition_tells_what_it_had_read_at_the_snapshot_when_it_is_asked_again() -> None:
    """Not before, and not what it has read since."""
    told = Told()
    clock = PartitionClock("events", 0, told, lambda: 10_000)
    clock.has_read(9_000, at_end=False, at=700, appended=800)
    clock.epoch_ended()
    clock.snapshot()
    assert told.notes == []
    clock.epoch_ended()
    clock.has_read(9_100, at_end=False, at=900, appended=950)
    clock.epoch_ended()
    assert told.notes == [Note(700, read=800)]


@pytest.mark.parametrize(
    ("read", "note"),
    [
        ({"at_end": True}, Note(9_000, read=8_500)),
        ({"at_end": False, "at": 700, "appended": 800}, Note(700, read=800)),
        ({"at_end": False, "at": 900, "appended": 800}, Note(800, read=800)),
        ({"at_end": False, "at": 99_000, "appended": 99_000}, Note(9_000, read=9_000)),
        ({"at_end": True, "at": 5, "appended": 99_000}, Note(9_000, read=8_500)),
        ({"at_end": False}, None),
        ({"at_end": False, "at": None, "appended": 800}, None),
    ],
)
def test_a_partition_is_as_far_as_its_events_or_at_its_end_as_the_wall_clock(
    read: dict[str, int | bool | None], note: Note | None
) -> None:
    """The lesser of event time and append time, never past the wall clock; nothing read says nothing."""
    told = Told()
    clock = PartitionClock("events", 0, told, lambda: 10_000)
    clock.has_read(9_000, **read)  # type: ignore[arg-type]
    clock.snapshot()
    clock.epoch_ended()
    assert told.notes == ([] if note is None else [note])


def test_a_partition_goes_never_back_and_tells_not_more_often_than_is_of_use() -> None:
    """Late events do not move it, and epochs of a few milliseconds do not flood the topic."""
    told, now = Told(), [10_000]
    clock = PartitionClock("events", 0, told, lambda: now[0])
    for at in (700, 600, 900, 800):
        clock.has_read(9_000, at_end=False, at=at, appended=at)
        clock.snapshot()
        clock.epoch_ended()
        now[0] += 150
    assert told.notes == [Note(700, read=700), Note(900, read=900)]


def test_a_source_says_nothing_before_its_second_epoch_and_follows_event_time_while_behind(
    topics: Topics,
) -> None:
    """What was published is folded by then; behind by a message it is at that message, at its end at the wall clock."""
    write(topics, "events", b"1000", b"2000")
    told = Told()
    wall = max(m.appended for m in topics.reader("events", 0, 0).read(9)) + 60_000
    watch = Watch(clock=lambda: wall, clocks=told)

    def to_items(messages: list[Message]) -> list[tuple[str, object]]:
        return [("k", int(m.value or b"0")) for m in messages]

    source = MessageSource(
        lambda: topics, "events", "g", to_items, 1, watch=watch,
        time_of=lambda items: max(int(str(at)) for _, at in items),
    )  # fmt: skip
    part = source.build_part("step", "00000", None)
    seen: list[tuple[int, int]] = []
    for _ in range(5):
        seen.append((len(part.next_batch()), len(told.notes)))
        part.snapshot()
        wall += 1000
    part.close()
    assert [read for read, _ in seen] == [0, 1, 1, 0, 0]
    assert [notes for _, notes in seen] == [0, 0, 1, 2, 3]
    assert told.notes[0].at == 1000
    assert told.notes[1].at == wall - 3000


def rule_set(**more: object) -> RuleSet:
    streams = {name: Stream(name=name, topic=name, key="device", time="at") for name in ("cars", "vans")}
    return RuleSet(
        number=1, tenant="t", purposes={}, profile=(), **({"rules": (), "streams": streams} | more)
    )  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rules", "others"),
    [
        (rule_set(), set()),
        (rule_set(rules=(Rule(name="a", stream="vans", patterns=(Absence(after=1),)),)), {"devices:p-vans"}),
        (rule_set(rules=(Rule(name="a", stream="vans", mode="disabled"),)), set()),
        (
            rule_set(measured=(StreamAggregate(name="m", stream="cars", field="f", every=1, keep=()),)),
            {"devices:p-cars"},
        ),
        (
            rule_set(identity=IdentityRules(match=(("email",),))),
            {"identity:p-source-records", "identity:p-events"},
        ),
    ],
)  # fmt: skip
def test_whom_the_customers_flow_waits_for_follows_from_the_rule_set(
    rules: RuleSet, others: set[str]
) -> None:
    """Devices where a rule reads a stream, identity where there is something to match, itself always."""
    found = expected(rules, TopicNames("p-"), ["p-events"], lambda topic: 1 if topic == "p-events" else 2)
    counts = {name: 1 if name.endswith("p-events") else 2 for name in others}
    assert found.own == {clock_name("customers", "p-events", 0)}
    assert found.others == {f"{name}/{p}" for name in others for p in range(counts[name])}
