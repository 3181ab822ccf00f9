"""`telltale topics tail`: which messages, in which order, and how they are shown."""

from __future__ import annotations

import json
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.cli import scan, tail
from flows.cli.message_lines import Lines
from flows.errors import ArgumentWrong
from flows.ids import partition_of
from flows.schema import (
    Action,
    Alarm,
    CloudEvent,
    Decision,
    Outcome,
    PlannedAction,
    encode,
)
from flows.topics.names import TopicNames
from flows.topics.port import Message, TopicSpec
from flows.topics.sqlite import SqliteTopics
from flows.topics.sqlite_compaction import compact
from flows.topics.sqlite_file import changing, opened, shard_of


def written(bus, topic, *values, key=b"veh-1"):
    """Messages under one key, so that they are in one partition and in order."""
    writer = bus.writer()
    for value in values:
        writer.write(topic, value, key=key)
    writer.close()


def shown(said) -> list:
    """The values of lines of JSON."""
    return [json.loads(line)["value"] for line in said.lines]


def test_without_more_the_last_messages_are_shown_oldest_first(telltale, bus):
    """Ten, or so many as are asked for; piped they are JSON, whose value is nested."""
    written(bus, "telemetry", *(b'{"n":%d}' % n for n in range(15)))
    assert [value["n"] for value in shown(telltale("topics", "tail", "telemetry"))] == list(range(5, 15))
    said = telltale("topics", "tail", "telemetry", "-n", "2")
    assert [value["n"] for value in shown(said)] == [13, 14]
    line = json.loads(said.lines[0])
    assert (line["key"], line["offset"]) == ("veh-1", 13)
    assert set(line) == {"partition", "offset", "appended", "key", "value"}


def test_from_the_beginning_the_first_messages_are_shown(telltale, bus):
    """With a number so many of them, else all."""
    written(bus, "telemetry", *(b'{"n":%d}' % n for n in range(15)))
    whole = shown(telltale("topics", "tail", "telemetry", "--from", "beginning"))
    assert [value["n"] for value in whole] == list(range(15))
    assert shown(telltale("topics", "tail", "telemetry", "--from", "beginning", "-n", "3")) == whole[:3]
    assert shown(telltale("topics", "tail", "telemetry", "--from", "-1h")) == whole
    assert shown(telltale("topics", "tail", "telemetry", "--from", "2020-01-01")) == whole


def test_a_key_shows_its_messages_alone(telltale, bus):
    """The last of them, however many others came after."""
    for n in range(3):
        written(bus, "telemetry", b'{"mine":%d}' % n, key=b"veh-7")
        written(bus, "telemetry", *[b'{"other":1}'] * 20, key=b"veh-%d" % n)
    said = telltale("topics", "tail", "telemetry", "--key", "veh-7", "-n", "2")
    assert shown(said) == [{"mine": 1}, {"mine": 2}]


def test_a_key_is_looked_for_in_its_partition_alone(bus):
    """As Kafka's partitioner places it; dead letters lie where they were written."""
    assert tail._chosen(bus, "telemetry", "veh-7") == [partition_of(b"veh-7", 4)]
    assert tail._chosen(bus, "dead-letters", "veh-7") == [0, 1, 2, 3]
    assert tail._chosen(bus, "telemetry", None) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "The topic 'things' holds no messages yet."),
        (("--key", "x"), "The topic 'things' holds no messages with the key 'x'."),
    ],
)
@pytest.mark.usefixtures("bus")
def test_an_empty_topic_says_that_it_is_empty(telltale, arguments, why):
    """On standard error, with exit code 0: nothing is wrong."""
    said = telltale("topics", "tail", "things", *arguments)
    assert (said.code, said.out, said.err) == (0, "", f"{why}\n")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--key", "x"), "The topic 'telemetry' holds messages, but none with the key 'x'."),
        (("--from", "2999-01-01"), "The topic 'telemetry' holds messages, but none since 2999-01-01."),
        (("--from", "-1ms"), "The topic 'telemetry' holds messages, but none in the last 1ms."),
        (("--from", "end"), "Nothing comes after the end of 'telemetry' yet: add --follow to wait for it."),
    ],
)
def test_when_nothing_fits_it_says_what_did_not(telltale, project, arguments, why):
    """The messages are there, and the options leave them out."""
    assert telltale("topics", "create").code == 0
    bus = SqliteTopics(project / "state" / "topics.db", clock=lambda: 1_700_000_000.0)
    for n in range(8):
        written(bus, "telemetry", b"1", key=b"veh-%d" % n)
        written(bus, "telemetry", b"1", key=b"x%d" % n)
    assert telltale("topics", "tail", "telemetry", *arguments).err == f"{why}\n"


def test_following_shows_what_comes_and_ends_quietly(telltale, bus):
    """With a number it ends by itself when so many have come."""
    written(bus, "telemetry", b'{"n":0}')
    late = threading.Timer(0.3, written, (bus, "telemetry", b'{"n":1}', b'{"n":2}', b'{"n":3}'))
    late.start()
    said = telltale("topics", "tail", "telemetry", "--from", "beginning", "--follow", "-n", "3")
    late.join()
    assert (said.code, said.err) == (0, "")
    assert [value["n"] for value in shown(said)] == [0, 1, 2]


def test_ctrl_c_ends_it_without_a_word(telltale, bus, monkeypatch):
    """With the exit code of an interrupt."""
    written(bus, "telemetry", b'{"n":0}')

    def interrupted(*_arguments) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tail, "_follow", interrupted)
    said = telltale("topics", "tail", "telemetry", "--follow")
    assert (said.code, shown(said), said.err) == (130, [{"n": 0}], "")


def test_a_table_prints_nothing_that_steers_a_terminal(telltale, bus):
    """Devices may send what they like."""
    written(bus, "telemetry", b"\x1b[2J\nbad\xff", None)
    said = telltale("topics", "tail", "telemetry", "-o", "table")
    assert len(said.lines) == 2
    assert "\x1b" not in said.out
    assert said.lines[1].endswith("(removed)")
    assert shown(telltale("topics", "tail", "telemetry")) == ["\x1b[2J\nbad\ufffd", None]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("beginning", 0),
        ("end", 1_001),
        ("-1s", 0),
        ("1970-01-01T00:00:02Z", 2_000),
        ("1970-01-01 00:00:02", 2_000),
        ("1970-01-01T01:00:02+01:00", 2_000),
    ],
)
def test_when_it_begins_may_be_said_in_many_ways(text, at):
    """A duration is counted back from now; a time without a zone is UTC."""
    assert tail.begin_at(text, 1_000) == at


@pytest.mark.parametrize("text", ["", "soon", "10m", "-", "2026-13-01"])
def test_what_is_no_time_is_refused(text):
    """With the ways to write one."""
    with pytest.raises(ArgumentWrong, match="Write -10m"):
        tail.begin_at(text, 1_000)


@settings(max_examples=30, deadline=None)
@given(
    steps=st.lists(st.integers(0, 3), min_size=1, max_size=60),
    at=st.integers(-1, 100),
    gone=st.integers(0, 60),
    compacted=st.booleans(),
)
def test_the_place_of_a_time_is_never_behind_its_first_message(tmp_path_factory, steps, at, gone, compacted):
    """Against a look at every message, with some removed by retention or compaction, and few read at once."""
    now = [0.0]
    tmp = tmp_path_factory.mktemp("bus")
    bus = SqliteTopics(tmp / "topics.db", clock=lambda: now[0])
    bus.create([TopicSpec("t", 1, compacted=True)])
    writer = bus.writer()
    for i, step in enumerate(steps):
        now[0] += step / 1000
        writer.write("t", b"%d" % i, key=b"%d" % (i % 5))
        writer.flush()
    writer.close()
    bus.delete_before("t", 0, gone)
    if compacted:
        with opened(tmp / "topics.db") as connection, changing(connection):
            compact(connection, shard_of(connection, "t", 0))
    messages = list(scan.messages(bus, "t"))
    expected = [message for message in messages if message.appended >= at]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "_AT_ONCE", 4)
        start = scan.since(bus, "t", 0, at)
        assert [m for m in scan.between(bus, "t", 0, start, len(steps)) if m.appended >= at] == expected


NAMES = TopicNames("p.")
AT = 1_772_352_140_000


def line(topic: str, value: bytes | None, key: bytes | None = b"k") -> str:
    """One message of a topic as a table shows it."""
    message = Message("p." + topic, 0, 1, key, value, (), AT)
    return Lines(NAMES, message.topic, False)._line(message)


ALARM = Alarm(
    id="e.1",
    episode="e",
    number=1,
    tenant="t",
    rule="hot",
    rule_set=1,
    stream="vehicle",
    device="veh-1",
    transition="raised",
    severity="warning",
    at=AT,
    opened_at=AT,
    partition=0,
    stale=True,
    explanation="Ten in a row.",
)
ACTION = Action(
    id="a",
    name="notify",
    kind="notify",
    lane="normal",
    tenant="t",
    customer="c-1",
    to="driver",
    rule="hot",
    rule_set=1,
    decision="d",
    transition="raised",
    at=AT,
    valid_until=AT,
    parameters={"subject": "Too hot"},
)
DECISION = Decision(
    id="d",
    number=1,
    tenant="t",
    customer="c-1",
    rule="hot",
    rule_set=1,
    trigger="e.1",
    transition="raised",
    at=AT,
    decided_at=AT,
    verdict="too_late",
    actions=(PlannedAction(action=ACTION, status="published"),),
)
OUTCOME = Outcome(
    id="a", tenant="t", customer="c-1", kind="notify", status="accepted", at=AT, connector="outbox"
)


def enveloped(data: object) -> bytes:
    """As it goes out."""
    return encode(CloudEvent(id="a", source="s", type="t", subject="c-1", time="2026", data=data))


@pytest.mark.parametrize(
    ("topic", "value", "said"),
    [
        ("alarms", encode(ALARM), "raised: warning  veh-1  hot  stale, Ten in a row."),
        ("decisions", encode(DECISION), "too late  c-1  hot raised  notify"),
        ("actions.notify.normal", enveloped(ACTION), "notify  driver c-1  hot raised  Too hot"),
        ("outcomes", enveloped(OUTCOME), "accepted  notify  c-1  outbox"),
        ("telemetry", b'{"a":1}', 'k  {"a":1}'),
        ("alarms", b"garbage", "k  garbage"),
        ("decisions", None, "k  (removed)"),
    ],
)
def test_a_line_says_what_matters_of_a_message(topic, value, said):
    """By the kind of its topic; what is not of that kind is shown as it is."""
    assert line(topic, value) == f"2026-03-01 08:02:20  {said}"


def test_lines_that_follow_stay_aligned(capsys):
    """A column is as wide as what it held so far."""
    lines = Lines(NAMES, "p.telemetry", False)
    keys = (b"long-key", b"k")
    assert lines.print(Message("p.telemetry", 0, 1, key, b"1", (), AT) for key in keys) == 2
    first, second = capsys.readouterr().out.splitlines()
    assert len(first) == len(second)


def test_a_list_is_aligned_from_its_first_line(capsys):
    """However short the first is; one that is not of its topic's kind does not spoil it."""
    keys = (b"k", b"long-key")
    Lines(NAMES, "p.telemetry", False).print(
        [Message("p.telemetry", 0, 1, key, b"1", (), AT) for key in keys]
    )
    first, second = capsys.readouterr().out.splitlines()
    assert len(first) == len(second)
    mixed = [Message("p.alarms", 0, 1, b"k", value, (), AT) for value in (encode(ALARM), b"garbage")]
    Lines(NAMES, "p.alarms", False).print(mixed)
    assert capsys.readouterr().out.splitlines()[1].split() == ["2026-03-01", "08:02:20", "k", "garbage"]
