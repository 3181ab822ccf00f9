"""What becomes of input that cannot be used: that message or value alone is lost, kept whole with its reason."""

from __future__ import annotations

import msgspec
import pytest

from flows.devices.shard import ShardOutput
from flows.expressions import parse
from flows.rules.model import Rule, Run
from flows.streams import Field, Stream
from flows.topics.port import Message
from tests.unit.devices.driving import Driven, Sets

NOW = 1_700_000_000_000
STREAM = Stream(
    name="vehicle", topic="telemetry", key="device", time="at",
    fields=(
        Field(name="heat", type="float", low=-60, high=200),
        Field(name="gear", type="int"),
        Field(name="open", type="bool"),
        Field(name="mil", type="enum", values=("off", "on")),
        Field(name="note", type="text"),
    ),
    attributes=(Field(name="hot", type="float"),),
)  # fmt: skip
SEEN = Rule(
    name="seen", stream="vehicle", patterns=(Run(length=1, of=parse("heat > -100 or gear > 0")),),
    reads=("heat", "gear", "open", "mil"), fingerprint="seen",
)  # fmt: skip
GOOD = b'{"device":"good","at":%d,"heat":20}' % NOW


def send(*messages: bytes) -> ShardOutput:
    """One batch at one append time."""
    return Driven(STREAM, Sets(SEEN)).send(messages, NOW + 1000)


def reading(**values: object) -> bytes:
    """A reading of device `bad` unless said otherwise."""
    return msgspec.json.encode({"device": "bad", "at": NOW, **values})


BROKEN = {
    "not JSON": (b"heat=20", "not_json"),
    "cut off": (GOOD[:-1], "not_json"),
    "two values": (GOOD + GOOD, "not_json"),
    "nothing": (b"", "not_json"),
    "not UTF-8": (b'{"device":"\xff","at":1}', "not_json"),
    "no object": (b"17", "wrong_type"),
    "no device": (b'{"at":%d}' % NOW, "missing_field"),
    "device null": (reading(device=None), "missing_field"),
    "device a fraction": (reading(device=17.5), "wrong_type"),
    "device past all numbers": (reading(device=1e300), "wrong_type"),
    "device true": (reading(device=True), "wrong_type"),
    "device empty": (reading(device=""), "wrong_type"),
    "device too long": (reading(device="x" * 256), "too_big"),
    "half a surrogate pair as device": (b'{"device":"\\ud800","at":%d}' % NOW, "wrong_type"),
    "no time": (b'{"device":"bad"}', "missing_field"),
    "time a text": (reading(at="now"), "wrong_type"),
    "time true": (reading(at=True), "wrong_type"),
    "time zero": (reading(at=0), "wrong_type"),
    "time past all times": (reading(at=1 << 60), "wrong_type"),
    "time past a float": (b'{"device":"bad","at":1%s}' % (b"0" * 400), "wrong_type"),
    "text for a number": (reading(heat="hot"), "wrong_type"),
    "number for a truth": (reading(open=1), "wrong_type"),
    "fraction for a whole number": (reading(gear=1.5), "wrong_type"),
    "number for an enum": (reading(mil=1), "wrong_type"),
    "too big": (reading(note="x" * (1 << 20)), "too_big"),
    "too deep": (b'{"device":"bad","at":1,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too_deep"),
    "several devices": (b"[" + GOOD + b"," + reading() + b"]", "mixed_devices"),
    "too many readings": (b"[" + b",".join([b"0"] * 10_001) + b"]", "too_big"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_one_broken_message_costs_itself_alone(what: str) -> None:
    """The broken message goes whole to the dead letters with reason and place, its neighbours are taken."""
    value, reason = BROKEN[what]
    after = GOOD.replace(b"%d" % NOW, b"%d" % (NOW + 500))
    output = send(GOOD, value, after)
    assert [(d.topic, d.partition, d.offset, d.reason, d.value) for d in output.dead] == [
        ("telemetry", 0, 1, reason, value)
    ]
    counts = output.counts
    assert (counts.messages, counts.taken, counts.dead, counts.first, counts.next) == (3, 2, 1, 0, 3)
    assert [alarm.device for alarm in output.alarms] == ["good"]


@pytest.mark.parametrize(
    "value", [b"200.5", b"-61", b"NaN", b"Infinity", b"-Infinity", b"1e999", b"1" + b"0" * 400]
)
def test_a_value_that_cannot_be_is_missing(value: bytes) -> None:
    """One value out of range, NaN or infinite: the field is missing, the reading counts, a copy is kept."""
    message = b'{"device":"odd","at":%d,"heat":%s,"gear":3}' % (NOW, value)
    output = send(GOOD, message)
    assert [(d.offset, d.reason, d.value) for d in output.dead] == [(1, "out_of_range", message)]
    assert (output.counts.taken, output.counts.dead) == (2, 0)
    # `heat > -100 or gear > 0` is true by the gear alone, so the device is alive and watched
    assert [alarm.device for alarm in output.alarms] == ["good", "odd"]


def test_a_value_at_its_bound_is_believed() -> None:
    """The ends of a range belong to it."""
    assert send(reading(heat=200), reading(device="b", heat=-60)).dead == []


def test_an_unknown_value_of_an_enum_is_missing() -> None:
    """A word that is not declared is a value that cannot be."""
    output = send(reading(mil="blinking", gear=1))
    assert [d.reason for d in output.dead] == ["out_of_range"]
    assert output.counts.taken == 1


def test_null_is_missing() -> None:
    """A field that is null is simply not there."""
    output = send(b'{"device":"a","at":%d,"heat":null,"mil":null,"open":null,"gear":1}' % NOW)
    assert output.dead == []
    assert output.counts.taken == 1


def test_from_the_future() -> None:
    """More than `max_ahead` after its append time: dead letter, and the device's clock stays where it was."""
    shard = Driven(STREAM, Sets(SEEN))
    edge, beyond = NOW + STREAM.max_ahead, NOW + STREAM.max_ahead + 1
    output = shard.send([reading(at=beyond, heat=1), reading(at=NOW, heat=1), reading(at=edge, heat=1)], NOW)
    assert [(d.offset, d.reason) for d in output.dead] == [(0, "future")]
    assert (output.counts.future, output.counts.taken, output.counts.dead) == (1, 2, 0)
    assert shard.shard.clock == NOW


def test_an_array_of_readings() -> None:
    """A gateway's array is its readings in order, each counted; the alarm shows the one of them that caused it."""
    rule = msgspec.structs.replace(SEEN, patterns=(Run(length=2, of=parse("heat >= 100")),))
    shard = Driven(STREAM, Sets(rule))
    output = shard.send([b"[" + b",".join(reading(at=NOW + i, heat=99 + i) for i in range(4)) + b"]"], NOW)
    assert (output.counts.messages, output.counts.taken) == (1, 4)
    assert [(alarm.at, alarm.evidence.reading["heat"]) for alarm in output.alarms] == [(NOW + 2, 101)]


def test_a_broken_reading_of_an_array_costs_itself_alone() -> None:
    """Of an array, what can be read is taken; each reading that cannot is one dead reading."""
    wrong = (reading(at="x"), b"7", b'{"at":1}', b'{"device":"bad"}')
    message = b"[" + b",".join([reading(heat=1), *wrong, reading(at=NOW + 1, heat=2)]) + b"]"
    output = send(message)
    assert (output.counts.messages, output.counts.taken, output.counts.dead) == (1, 2, 4)
    assert [d.reason for d in output.dead] == ["wrong_type", "wrong_type", "missing_field", "missing_field"]


def test_an_empty_array_is_no_reading() -> None:
    """An array of nothing counts nothing and is not broken."""
    output = send(b"[]")
    assert (output.counts.messages, output.counts.taken, output.counts.dead, output.dead) == (1, 0, 0, [])


def test_things_that_cannot_be_read() -> None:
    """A value of `things` that is no object goes to the dead letters; attributes that do not fit are missing."""
    rule = msgspec.structs.replace(
        SEEN, patterns=(Run(length=1, of=parse("heat > device.hot")),), attributes=("hot",)
    )
    values = {
        "a": b"no", "b": b"[]", "c": b'{"hot":"\xff"}', "d": b'{"hot":"high"}', "e": b'{"hot":1%s}' % (b"0" * 400),
        "f": b'{"hot":true}', "g": b'{"hot":7}', "h": b"[" * 100_000,
    }  # fmt: skip
    shard = Driven(STREAM, Sets(rule))
    dead = shard.shard.on_things(
        [
            Message("things", 2, i, device.encode(), value, (), NOW)
            for i, (device, value) in enumerate(values.items())
        ]
    )
    assert [(d.topic, d.partition, d.offset, d.reason) for d in dead] == [
        ("things", 2, i, "not_json") for i in (0, 1, 2, 7)
    ]
    output = shard.send([reading(device=device, heat=50) for device in values], NOW)
    assert [alarm.device for alarm in output.alarms] == ["g"]


def test_a_tombstone_forgets_a_device() -> None:
    """After a tombstone the attributes of a device are missing, and what reads them is unknown."""
    rule = msgspec.structs.replace(
        SEEN, patterns=(Run(length=1, of=parse("heat > device.hot")),), attributes=("hot",)
    )
    shard = Driven(STREAM, Sets(rule), {"a": {"hot": 10}})
    shard.shard.on_things([Message("things", 0, 1, b"a", None, (), NOW)])
    assert shard.send([reading(device="a", heat=50)], NOW).alarms == []
