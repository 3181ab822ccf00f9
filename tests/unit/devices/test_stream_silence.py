"""When much of a shard falls silent at once, it is the stream that is silent, and no device is blamed."""

from __future__ import annotations

import msgspec
import pytest

from flows.expressions import parse
from flows.rules.model import Absence, Rule, Run
from tests.unit.devices.driving import Driven, Sets, by_episode, said
from tests.unit.devices.oracle import Oracle, Sent
from tests.unit.devices.series import START, stream_of

AFTER = 600_000
STEP = 60_000
HOUR = 60
HOT = Run(length=1, of=parse("heat >= 2"))
RULE = Rule(
    name="gone", stream="machine", patterns=(Absence(after=AFTER),), reads=("heat",), fingerprint="gone"
)


def beat(minute: int, first: int, after_last: int) -> list[Sent]:
    """One reading of each of some devices in a minute."""
    at = START + minute * STEP
    return [Sent(f"m{n}", at, at, {"heat": 1.0, "load": None}) for n in range(first, after_last)]


def fleet(devices: int, silent: int, back: int | None, minutes: int) -> list[Sent]:
    """All send for five minutes; then the first `silent` fall silent, at minute `back` all but two of them return."""
    readings: list[Sent] = []
    for minute in range(minutes):
        sending = 0 if minute < 5 else (2 if back is not None and minute >= back else silent)
        readings += beat(minute, sending, devices)
    return readings


def run(readings: list[Sent]) -> Driven:
    """Both over the same readings; what they say must be the same, of the stream and of each device."""
    oracle = Oracle(stream_of(), [RULE])
    for sent in readings:
        oracle.read(sent)
    shard = Driven(stream_of(), Sets(RULE))
    shard.read(readings)
    streams = [a for a in shard.alarms if a.rule == "stream_silent"]
    assert [(a.transition, a.at, a.opened_at) for a in streams] == [s[1:] for s in oracle.streams_said]
    devices = by_episode(said(a) for a in shard.alarms if a.rule != "stream_silent")
    assert devices == by_episode(oracle.said)
    return shard


@pytest.mark.parametrize(
    ("devices", "silent", "held"),
    [
        (50, 10, False), (49, 10, True), (50, 11, True), (20, 9, False), (11, 10, True), (100, 20, False),
        (100, 21, True),
    ],
)  # fmt: skip
def test_more_than_a_fifth_and_at_least_ten(devices: int, silent: int, held: bool) -> None:
    """Exactly a fifth, or fewer than ten, are raised one by one; more are held behind one alarm of the stream."""
    shard = run(fleet(devices, silent, None, 30))
    raised = [a for a in shard.alarms if a.transition == "raised"]
    if held:
        (alarm,) = raised
        assert (alarm.rule, alarm.device) == ("stream_silent", "machine/0")
        assert alarm.evidence.values == {"live": devices, "overdue": silent}
    else:
        assert sorted(a.device for a in raised) == sorted(f"m{n}" for n in range(silent))


def test_released_when_most_are_back() -> None:
    """The stream's alarm is cleared and those still silent are raised, with the time they fell silent."""
    shard = run(fleet(40, 20, 25, 40))
    stream = [a for a in shard.alarms if a.rule == "stream_silent"]
    assert [(a.transition, a.number) for a in stream] == [("raised", 1), ("cleared", 2)]
    assert stream[0].episode == stream[1].episode
    devices = [a for a in shard.alarms if a.rule == "gone"]
    assert sorted((a.device, a.transition) for a in devices) == [("m0", "raised"), ("m1", "raised")]
    assert {a.opened_at for a in devices} == {START + 4 * STEP + AFTER}


def test_holding_survives_a_restart() -> None:
    """A shard that holds goes on holding after a restart, and clears the same episode."""
    readings = fleet(40, 20, 25, 40)
    whole, cut = Driven(stream_of(), Sets(RULE)), Driven(stream_of(), Sets(RULE))
    whole.read(readings)
    for i in range(0, len(readings), 37):
        cut.read(readings[i : i + 37])
        cut.restart()
    assert cut.alarms == whole.alarms


def test_who_is_silent_for_long_is_not_live() -> None:
    """Devices that were last heard of more than a day ago count neither as live nor as waiting."""
    readings = fleet(40, 20, None, 30)
    for minute in range(30, 26 * HOUR, 5):
        readings += beat(minute, 20, 40)
    shard = run(readings)
    stream = [a for a in shard.alarms if a.rule == "stream_silent"]
    assert [a.transition for a in stream] == ["raised", "cleared"]
    assert sum(a.rule == "gone" for a in shard.alarms) == 20


@pytest.mark.parametrize("rules", [(), (msgspec.structs.replace(RULE, patterns=(HOT,), fingerprint="hot"),)])
def test_a_rule_that_is_gone_holds_no_more(rules: tuple[Rule, ...]) -> None:
    """When the rule that held goes, or waits for silence no more, the stream's alarm is cleared: nothing else would."""
    sets = Sets(RULE)
    shard = Driven(stream_of(), sets)
    shard.read(fleet(40, 20, None, 30))
    sets.publish(*rules)
    shard.epoch()
    assert [(a.rule, a.transition) for a in shard.alarms] == [
        ("stream_silent", "raised"), ("stream_silent", "cleared"),
    ]  # fmt: skip
    assert shard.alarms[0].episode == shard.alarms[1].episode


def test_a_changed_absence_goes_on_holding() -> None:
    """An edit of the rule does not raise the stream's alarm anew; it is the same hold that is released."""
    sets = Sets(RULE)
    shard = Driven(stream_of(), sets)
    readings = fleet(40, 20, 30, 50)
    shard.read(readings[: len(readings) // 2])
    sets.publish(msgspec.structs.replace(RULE, patterns=(Absence(after=AFTER - STEP),), fingerprint="sooner"))
    shard.epoch()
    shard.read(readings[len(readings) // 2 :])
    stream = [a for a in shard.alarms if a.rule == "stream_silent"]
    assert [(a.transition, a.number) for a in stream] == [("raised", 1), ("cleared", 2)]
