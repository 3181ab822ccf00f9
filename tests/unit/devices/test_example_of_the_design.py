"""The rule that the documentation shows, on the readings that it shows: engine overheating, and still climbing."""

from __future__ import annotations

import msgspec

from flows.expressions import parse
from flows.rules.model import Clear, Rule, Run, Severity, Worsening
from flows.schema import Alarm
from flows.streams import Field, Stream
from tests.unit.devices.driving import Driven, Sets

T0 = 1_700_000_000_000
STREAM = Stream(
    name="vehicle", topic="telemetry", key="device", time="at",
    fields=(Field(name="coolant_c", type="float", low=-60, high=200),),
    attributes=(Field(name="hot_c", type="float"),),
)  # fmt: skip
RULE = Rule(
    name="engine-overheating",
    stream="vehicle",
    patterns=(
        Run(
            length=10,
            of=parse("coolant_c >= device.hot_c"),
            worsening=Worsening(field="coolant_c", rise=5, over=10),
            max_gap=120_000,
        ),
    ),
    severities=(
        Severity(name="warning"),
        Severity(name="critical", when=parse("coolant_c >= 118"), clear=parse("coolant_c < 112")),
    ),
    clear=Clear(run=3, of=parse("coolant_c < 100")),
    ends_silent=6 * 3_600_000,
    reads=("coolant_c",),
    attributes=("hot_c",),
    fingerprint="overheating",
    explain="{run} readings in a row at or above {device.hot_c} °C, up {rise:.1f} °C in {duration}.",
)
CLIMB = [90.0] * 5 + [105, 107, 106, 109, 108, 111, 110, 113, 112, 115]


def watch(values: list[float]) -> list[Alarm]:
    """Readings of one car every ten seconds."""
    shard = Driven(STREAM, Sets(RULE), {"veh-1": {"hot_c": 105}})
    messages = [
        msgspec.json.encode({"device": "veh-1", "at": T0 + i * 10_000, "coolant_c": value})
        for i, value in enumerate(values)
    ]
    return list(shard.send(messages, T0 + len(values) * 10_000).alarms)


def told(alarms: list[Alarm]) -> list[tuple[str, str | None, float]]:
    """Transition, severity, seconds since the start."""
    return [(a.transition, a.severity, (a.at - T0) / 1000) for a in alarms]


def test_a_noisy_climb_is_still_a_climb() -> None:
    """Raised as a warning at 2 m 20 s, the tenth hot reading, with what it rests on."""
    (alarm,) = watch(CLIMB)
    assert told([alarm]) == [("raised", "warning", 140)]
    assert alarm.explanation == "10 readings in a row at or above 105 °C, up 9.0 °C in 1m30s."
    assert alarm.evidence.values["run"] == 10
    assert [(p.at - T0) // 10_000 for p in alarm.evidence.points] == list(range(5, 15))
    assert [p.value for p in alarm.evidence.points] == CLIMB[5:]
    assert alarm.evidence.device == {"hot_c": 105}
    assert alarm.evidence.reading == {"coolant_c": 115}


def test_stuck_hot_is_not_getting_worse() -> None:
    """Thirty hot readings that do not climb raise nothing."""
    assert watch([90.0] * 4 + [106.0] * 30) == []


def test_it_may_come_true_later_than_the_tenth_reading() -> None:
    """Twenty readings stuck at 106, then a climb: raised when the last ten have risen by five."""
    (alarm,) = watch([106.0] * 20 + [107, 108, 109, 110, 111, 112, 113])
    assert alarm.evidence.values["run"] == (alarm.at - T0) // 10_000 + 1 > 20


def test_up_and_down_and_over() -> None:
    """Critical at 118, a warning again below 112, cleared by the third reading below 100: four numbered transitions."""
    alarms = watch([*CLIMB, 119, 120, 118, 112, 111.5, 105, 99, 101, 99, 98, 97, 96])
    assert told(alarms) == [
        ("raised", "warning", 140),
        ("escalated", "critical", 150),
        ("deescalated", "warning", 190),
        ("cleared", "warning", 250),
    ]
    assert [a.number for a in alarms] == [1, 2, 3, 4]
    assert {a.episode for a in alarms} == {alarms[0].episode}
    assert [a.id for a in alarms] == [f"{alarms[0].episode}.{n}" for n in (1, 2, 3, 4)]


def test_raised_at_the_severity_that_holds() -> None:
    """A climb whose tenth reading is at 118 already is raised as critical, and escalates no more."""
    alarms = watch([*CLIMB[:-1], 118, 125])
    assert told(alarms) == [("raised", "critical", 140)]


def test_a_gap_breaks_the_run() -> None:
    """Two minutes of silence do not break a run, a millisecond more does."""
    for pause, raised in ((120_000, 1), (120_001, 0)):
        shard = Driven(STREAM, Sets(RULE), {"veh-1": {"hot_c": 105}})
        times = [T0 + i * 10_000 + (pause - 10_000 if i >= 9 else 0) for i in range(10)]
        shard.send(
            [
                msgspec.json.encode({"device": "veh-1", "at": at, "coolant_c": 105 + i})
                for i, at in enumerate(times)
            ],
            times[-1],
        )
        assert len(shard.alarms) == raised


def test_stale() -> None:
    """What is found in readings older than `stale_after` when they were appended is raised as stale."""
    shard = Driven(STREAM, Sets(RULE), {"veh-1": {"hot_c": 105}})
    messages = [
        msgspec.json.encode({"device": "veh-1", "at": T0 + i * 10_000, "coolant_c": 105 + i})
        for i in range(10)
    ]
    edge = T0 + 90_000 + shard.place.stale_after
    assert not shard.send(messages, edge).alarms[0].stale
    later = Driven(STREAM, Sets(RULE), {"veh-1": {"hot_c": 105}})
    assert later.send(messages, edge + 1).alarms[0].stale
