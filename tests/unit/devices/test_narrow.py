"""Narrow streams in a shard: duplicates by metric, snapshots, changed declarations, and what an alarm shows."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.devices.shard import Shard, ShardPlace
from flows.expressions import parse
from flows.rules.model import Rule, RuleSet, Run, Window
from flows.streams import Field, Position, Stream
from tests.unit.devices.driving import Driven, Sets, raw_batch
from tests.unit.devices.oracle import Sent
from tests.unit.devices.series import (
    START,
    absences,
    counts,
    narrow,
    narrow_series,
    narrow_streams,
    rules_of,
    runs,
    stream_of,
    windows,
)
from tests.unit.devices.test_batch_cuts import pieces

bounded = settings(
    derandomize=True, max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
HOT = Rule(
    name="hot",
    stream="machine",
    patterns=(Run(length=1, of=parse("heat >= 2")),),
    reads=("heat",),
    fingerprint="hot",
)
SUM = Rule(
    name="sum", stream="machine", reads=("heat",), fingerprint="sum",
    patterns=(Window(length=10_000, every=10_000, measure="sum", field="heat", of=parse("value > 0")),),
)  # fmt: skip


@bounded
@given(
    narrow_streams, rules_of(st.one_of(runs(), counts(), windows()), "mixed"), absences, narrow_series(),
    st.integers(0, 1 << 62), st.integers(0, 1 << 20),
)  # fmt: skip
def test_cuts_and_restarts(
    stream: Stream, rule: Rule, absence: Rule, readings: list[Sent], cuts: int, restarts: int
) -> None:
    """One batch, or many with restarts from snapshots between: the same alarms in the same order, equal counts."""
    whole, cut = Driven(stream, Sets(rule, absence)), Driven(stream, Sets(rule, absence))
    whole.read(readings)
    for i, piece in enumerate(pieces(readings, cuts)):
        cut.read(piece)
        if restarts >> i & 1:
            cut.restart()
    assert (cut.alarms, cut.counts) == (whole.alarms, whole.counts)


def says(metric: str, at: int, value: float = 1) -> bytes:
    """One measurement of device a."""
    return msgspec.json.encode({"device": "a", "at": START + at, "name": metric, "value": value})


def counted(shard: Driven) -> tuple[int, int, int]:
    """Taken, late, duplicate."""
    return shard.counts["taken"], shard.counts["late"], shard.counts["duplicate"]


def test_another_metric_of_the_same_time_is_taken() -> None:
    """The same one again is a duplicate, of which the first wins; an older one is late whatever its metric."""
    shard = Driven(narrow(), Sets(HOT))
    shard.send(
        [says("heat", 5, 1), says("load", 5), says("heat", 5, 3), says("load", 4), says("colour", 5)], 1 << 53
    )
    assert counted(shard) == (3, 1, 1)
    assert shard.alarms == []


def test_what_nobody_declared_is_never_a_duplicate() -> None:
    """Nobody reads it, so it cannot count twice; it moves the clock all the same."""
    shard = Driven(narrow(), Sets(HOT))
    shard.send(
        [says("colour", 5), says("size", 5), says("colour", 5), says("heat", 4), says("colour", 4)], 1 << 53
    )
    assert counted(shard) == (3, 2, 0)


def test_a_late_metric_enters_its_window_once() -> None:
    """A time at which another metric came is no reason to take this one for a repeat."""
    shard = Driven(narrow(60_000), Sets(SUM))
    shard.send(
        [says("heat", 1), says("load", 2), says("heat", 3), says("heat", 2, 5), says("heat", 2, 5)], 1 << 53
    )
    shard.send([says("heat", 100_000)], 1 << 53)
    assert counted(shard) == (4, 1, 1)
    assert shard.alarms[0].evidence.values["value"] == 7


class Declared(Sets):
    """Rule sets that declare the stream anew."""

    def publish_for(self, stream: Stream, *rules: Rule) -> None:
        self.sets.append(
            RuleSet(
                number=len(self.sets) + 1,
                tenant="t",
                rules=rules,
                purposes={},
                profile=(),
                streams={stream.name: stream},
            )
        )


@pytest.mark.parametrize("lateness", [0, 60_000])
def test_what_was_seen_outlives_a_new_declaration(lateness: int) -> None:
    """With fields before and after its own, a metric at the device's clock is still known, and a new one is taken."""
    sets = Declared(HOT, SUM)
    shard = Driven(narrow(lateness), sets)
    shard.send([says("heat", 3), says("load", 5), says("heat", 5)], 1 << 53)
    more = tuple(Field(name=f"f{n}", type="float") for n in range(70))
    before = narrow(lateness)
    load, heat = before.fields[1], before.fields[0]
    sets.publish_for(msgspec.structs.replace(before, fields=(*more, heat)), HOT, SUM)
    shard.epoch()
    shard.restart()
    shard.send([says("heat", 5), says("f69", 5), says("f69", 5), says("heat", 3)], 1 << 53)
    assert counted(shard) == ((4, 1, 2) if lateness == 0 else (4, 0, 3))
    sets.publish_for(msgspec.structs.replace(before, fields=(load, heat, *more)), HOT, SUM)
    shard.epoch()
    shard.send([says("heat", 5), says("f69", 5), says("f68", 5), says("load", 5)], 1 << 53)
    assert shard.counts["duplicate"] == (4 if lateness == 0 else 5)


def test_a_snapshot_of_before_narrow_streams_is_read() -> None:
    """It holds less by the last three of its parts, and its shard goes on as it was."""
    shard = Driven(stream_of(60_000), Sets(HOT, SUM))
    shard.read([Sent("a", START + at, 1 << 53, {"heat": 1.0, "load": None}) for at in (1, 3, 5)])
    state = msgspec.msgpack.decode(shard.shard.snapshot())
    old = msgspec.msgpack.encode([1, *state[1:-3]])
    assert Shard(shard.place, shard.sets, old).snapshot() == shard.shard.snapshot()


def test_the_evidence_of_a_narrow_reading_is_its_one_field() -> None:
    """By the field's name, scaled, also from an array of one time."""
    field = Field(name="heat", type="float", source="engine.temp", scale=0.5)
    stream = msgspec.structs.replace(narrow(), fields=(field, Field(name="load", type="int")))
    shard = Driven(stream, Sets(HOT))
    shard.send(
        [b"[" + b",".join([says("load", 1, 7), says("other", 1, 9), says("engine.temp", 1, 6)]) + b"]"],
        1 << 53,
    )
    assert [alarm.evidence.reading for alarm in shard.alarms] == [{"heat": 3.0}]


PLACED = Stream(
    name="machine", topic="t", key="id", time="at", position=Position("gps.lat", "gps.lon"),
    fields=(
        Field(name="heat", type="float", source="engine.heat", scale=0.1, offset=-40.0),
        Field(name="gear", type="int", scale=2), Field(name="note", type="text", source="more.note"),
        Field(name="power", type="float", derived=True),
        Field(name="latitude", type="float", low=-90, high=90, source="gps.lat"),
        Field(name="longitude", type="float", low=-180, high=180, source="gps.lon"),
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("gps", "place"),
    [
        ({"lat": 48.1, "lon": 11}, {"latitude": 48.1, "longitude": 11}),
        ({"lat": 48.1}, {}),
        ({"lat": 48.1, "lon": 181}, {}),
    ],
)
def test_an_alarm_shows_what_was_declared(gps: dict[str, float], place: dict[str, float]) -> None:
    """Values from their paths, scaled, texts and the whole position or none; nothing else of the message."""
    shard = Driven(PLACED, Sets(HOT))
    body = {
        "id": 7,
        "at": START,
        "engine": {"heat": 500},
        "gear": 3,
        "more": {"note": "x"},
        "power": 9,
        "gps": gps,
    }
    output = shard.send([msgspec.json.encode(body)], START)
    assert [alarm.device for alarm in output.alarms] == ["7"]
    assert output.alarms[0].evidence.reading == {"heat": 10.0, "gear": 6, "note": "x", **place}


@pytest.mark.parametrize(
    ("latitude", "longitude", "near"), [(48.2, 11.6, True), (52.5, 13.4, False), (None, 11.6, False)]
)
def test_a_rule_reads_how_far_a_device_is(latitude: float | None, longitude: float, near: bool) -> None:
    """Within 20 km of a place; without a whole position nobody knows."""
    of = parse("distance_km(48.137, 11.575) < 20")
    assert of.names == {"latitude", "longitude"}
    rule = Rule(
        name="near",
        stream="machine",
        patterns=(Run(length=1, of=of),),
        reads=tuple(sorted(of.names)),
        fingerprint="n",
    )
    shard = Driven(PLACED, Sets(rule))
    body = {"id": "a", "at": START, "gps": {"lat": latitude, "lon": longitude}}
    assert bool(shard.send([msgspec.json.encode(body)], START).alarms) == near


def test_the_one_device_of_a_stream_is_whose_alarms_they_are() -> None:
    """Its readings name none."""
    stream = Stream(
        name="machine",
        topic="t",
        key="",
        device="office",
        time="at",
        fields=(Field(name="heat", type="float"),),
    )
    place = ShardPlace(tenant="t", stream=stream, partition=0, partitions=1)
    found = Shard(place, Sets(HOT)).on_readings(raw_batch([b'{"at":1700000000000,"heat":5}'], 1 << 53))
    assert [(alarm.device, found.misplaced) for alarm in found.alarms] == [("office", None)]
