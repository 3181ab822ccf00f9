"""What is told of one device is what the shard did with it, and what the written semantics say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.backtest.explain import explain
from flows.backtest.explained import Explained, Question
from flows.backtest.verdict import verdict_of
from flows.devices.standing import CountStanding, RunStanding, TrendStanding
from flows.expressions import parse
from flows.rules.model import Count, Rule, RuleSet, Run, Trend, Worsening
from flows.steps import Columns, Steps
from flows.streams import Stream
from flows.topics.port import RawBatch
from tests.unit.devices.driving import Driven, Sets, message_of, raw_batch
from tests.unit.devices.oracle import Oracle, Sent
from tests.unit.devices.oracle_patterns import CountOracle, RunOracle, TrendOracle, theil_sen_rise
from tests.unit.devices.series import (
    FIELDS,
    START,
    absences,
    counts,
    rules_of,
    runs,
    series,
    stream_of,
    streams,
    things,
    trends,
    windows,
)

pytestmark = pytest.mark.slow

bounded = settings(
    derandomize=True, max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
Things = dict[str, dict[str, float]]


def batches_of(readings: list[Sent], size: int = 40) -> Iterator[RawBatch]:
    """The readings as a topic hands them over."""
    for first in range(0, len(readings), size):
        some = readings[first : first + size]
        yield raw_batch([message_of(one) for one in some], [one.appended for one in some], first)


def asked(
    rule: Rule, stream: Stream, readings: list[Sent], attributes: Things | None = None, **more: Any
) -> Explained:
    """What is told of device `a`."""
    rule_set = RuleSet(
        number=1, tenant="t", rules=(rule,), purposes={}, profile=(), streams={stream.name: stream}
    )
    thing = (attributes or {}).get("a")
    question = Question(
        rule_set=rule_set,
        rule=rule,
        device="a",
        thing=None if thing is None else msgspec.json.encode(thing),
        **more,
    )
    return explain(question, batches_of(readings))


any_rule = st.one_of(
    rules_of(st.one_of(runs(), counts(), trends(), windows())), rules_of(windows()), absences
)


@bounded
@given(streams, any_rule, things, series(), st.sampled_from([1_000, 5]))
def test_the_transitions_are_the_shards_own(
    stream: Stream, rule: Rule, attributes: Things, readings: list[Sent], kept: int
) -> None:
    """Whatever is left out of other devices' readings, and however many readings are passed by without a word."""
    shard = Driven(stream, Sets(rule), attributes)
    shard.read(readings)
    wanted = [(a.transition, a.severity, a.at, a.opened_at) for a in shard.alarms if a.device == "a"]
    told = asked(rule, stream, readings, attributes, kept=kept)
    assert [(c.transition, c.severity, c.at, c.opened_at) for c in told.transitions] == wanted


@bounded
@given(streams, rules_of(windows()), things, series())
def test_how_far_it_is_by_the_clock_is_what_the_shard_has(
    stream: Stream, rule: Rule, attributes: Things, readings: list[Sent]
) -> None:
    """Of other devices' messages those that matter are enough for the clocks and the open windows to be the shard's."""
    last = max((i for i, one in enumerate(readings) if one.device == "a"), default=-1)
    if last < 0:
        return
    shard = Driven(stream, Sets(rule), attributes)
    shard.read(readings[: last + 1])
    told = asked(rule, stream, readings[: last + 1], attributes)
    assert told.standing == shard.shard.standing(rule.name, "a")


@bounded
@given(streams, any_rule, things, series(), st.integers(0, 1000), st.integers(0, 1000))
def test_up_to_a_moment_it_is_what_the_shard_said_of_that_time(
    stream: Stream, rule: Rule, attributes: Things, readings: list[Sent], end: int, begin: int
) -> None:
    """What later readings tell of it, as a window that waited for late ones, is there too, wherever it is begun."""
    shard = Driven(stream, Sets(rule), attributes)
    shard.read(readings)
    # just when something happened there is most to be mistaken
    first, moments = min(one.at for one in readings), [one.at for one in shard.alarms] + [readings[-1].at]
    until = moments[end % len(moments)]
    wanted = [
        (a.transition, a.severity, a.at, a.opened_at)
        for a in shard.alarms
        if a.device == "a" and a.at <= until
    ]
    told = asked(
        rule, stream, readings, attributes, until=until, since=first + (until - first) * begin // 1000
    )
    assert [(c.transition, c.severity, c.at, c.opened_at) for c in told.transitions] == wanted
    under_way = bool(wanted) and wanted[-1][0] not in ("cleared", "lapsed")
    assert (verdict_of(told).outcome == "active") == under_way


@bounded
@given(st.one_of(rules_of(runs()), rules_of(counts()), rules_of(trends())), things, series(), st.data())
def test_how_far_it_was_is_what_the_written_semantics_say(
    rule: Rule, attributes: Things, readings: list[Sent], data: st.DataObject
) -> None:
    """The length, the count and the rise after each reading of a random place in the series."""
    readings = readings[: data.draw(st.integers(1, len(readings)))]
    oracle = Oracle(stream_of(), [rule])
    oracle.attributes = attributes
    for sent in readings:
        oracle.read(sent)
    told = asked(rule, stream_of(), readings, attributes)
    if "a" not in oracle.clocks:
        assert told.standing is None
        return
    assert told.standing is not None
    follower = oracle.follower("a", rule)
    for found, pattern in zip(told.standing.patterns, follower.patterns, strict=True):
        match found, pattern:
            case RunStanding(length=length, rise=rise), RunOracle():
                assert length == len(pattern.readings)
                assert rise == risen(pattern.points())
            case CountStanding(count=count), CountOracle():
                assert count == sum(pattern.truths)
            case TrendStanding(length=length, rise=rise), TrendOracle():
                assert length == len(pattern.readings)
                assert rise == risen(pattern.points())
            case _:
                raise TypeError(found, pattern)
    assert (told.standing.state == "active") == follower.active


def risen(points: list[tuple[int, float]]) -> object:
    """A rise to nine digits, as a quotient is known."""
    found = theil_sen_rise(points)
    return None if found is None else pytest.approx(float(found), rel=1e-9, abs=1e-9)


@bounded
@given(rules_of(st.one_of(runs(), windows())), things, series(), st.integers(0, 1_600))
def test_a_question_about_a_moment_hears_nothing_of_later_ones(
    rule: Rule, attributes: Things, readings: list[Sent], after: int
) -> None:
    """No step and no transition lies behind the end."""
    until = START + after * 1_000
    told = asked(rule, stream_of(), readings, attributes, until=until)
    assert all(step.at <= until for step in told.steps)
    assert all(changed.at <= until for changed in told.transitions)


HOT = Rule(
    name="hot",
    stream="machine",
    patterns=(
        Run(
            length=4,
            of=parse("heat >= 2"),
            worsening=Worsening(field="heat", rise=5, over=4),
            max_gap=60_000,
        ),
    ),
    reads=FIELDS,
    fingerprint="hot",
)


def heats(*values: float | None, start: int = START, step: int = 10_000) -> list[Sent]:
    """Readings of device `a` every ten seconds."""
    return [
        Sent("a", start + i * step, start + i * step + 500, {"heat": value, "load": 1.0})
        for i, value in enumerate(values)
    ]


def verdict(rule: Rule, readings: list[Sent], **more: int) -> str:
    return verdict_of(asked(rule, stream_of(), readings, **more)).text


def test_a_raise_says_because_of_what() -> None:
    """The condition, the run with what it needs, and the rise with what it needs."""
    text = verdict(HOT, heats(1, 2, 4, 6, 8))
    assert text.startswith(
        "Raised at 2023-11-14 22:14:00, because heat >= 2 in 4 readings in a row (it needs 4), "
        "and heat rose by 6 (it needs 5)."
    )
    assert text.endswith("Under way at 2023-11-14 22:14:00.")


def test_a_run_that_is_one_short_says_so() -> None:
    """With the rise as far as it is."""
    assert verdict(HOT, heats(1, 2, 3, 5)).startswith(
        "Not raised by 2023-11-14 22:13:50: 3 of 4; rise 3 of 5."
    )


def test_a_rise_that_is_too_small_says_so() -> None:
    """The run is long enough."""
    assert "5 of 4; rise 0.3 of 5." in verdict(HOT, heats(2, 2.1, 2.2, 2.3, 2.4))


def test_what_broke_the_run_is_named_with_its_moment() -> None:
    """A value below with what was seen, or a gap."""
    below = verdict(HOT, heats(2, 4, 6, 1, 2))
    assert "The run of 3 readings was broken at 2023-11-14 22:13:50: heat >= 2 was false (heat 1)." in below
    gap = [*heats(2, 4, 6), *heats(8, start=START + 120_000)]
    text = verdict(HOT, gap)
    assert "broken" not in verdict(HOT, [*heats(2, 4), *heats(6, start=START + 70_000)])
    assert "a gap of 1m40s since 2023-11-14 22:13:40, over max_gap 1m" in text
    assert "22:15:20: 1 of 4." in text


def test_what_was_never_known_is_named() -> None:
    """A missing field neither continues nor breaks; nothing on `things` is a reason too."""
    assert "In 1 of 4 readings the condition was unknown, because there was no heat." in verdict(
        HOT, heats(2, None, 3, 4)
    )
    rule = msgspec.structs.replace(
        HOT, patterns=(Run(length=2, of=parse("heat >= device.hot")),), attributes=("hot",)
    )
    assert "nothing says device.hot of a" in verdict(rule, heats(2, 3))


def test_late_and_repeated_readings_are_told_as_such() -> None:
    """They do not count, and are shown."""
    readings = heats(2, 3, 4)
    told = asked(HOT, stream_of(), [*readings, readings[2], readings[0]])
    assert [step.status for step in told.steps] == ["taken", "taken", "taken", "duplicate", "late"]
    assert "2 readings came late or twice" in verdict_of(told).text


def test_a_count_and_a_trend_say_how_far_they_are() -> None:
    """In their own words."""
    count = msgspec.structs.replace(HOT, patterns=(Count(count=3, out_of=4, of=parse("heat >= 2")),))
    assert "2 of last 4, needs 3." in verdict(count, heats(2, 1, 2))
    trend = msgspec.structs.replace(HOT, patterns=(Trend(field="heat", over=3, rise=-2.0),))
    assert "Raised at 2023-11-14 22:13:40, because heat fell by 3 (it needs 2)" in verdict(
        trend, heats(5, 4, 2)
    )


@pytest.mark.parametrize("name", ['quo"ted', "ä", "back\\slash", "17"])
def test_a_device_is_found_however_its_name_is_written(name: str) -> None:
    """Escapes and numbers are looked through."""
    spelled = [
        msgspec.json.encode({"device": name, "at": START, "heat": 2.0}),
        (
            '{"device": "'
            + "".join(f"\\u{ord(c):04x}" for c in name)
            + f'", "at": {START + 1000}, "heat": 3}}'
        ).encode(),
        msgspec.json.encode({"device": name + "x", "at": START + 2000, "heat": 2.0}),
    ]
    rule = msgspec.structs.replace(HOT, patterns=(Run(length=3, of=parse("heat >= 2")),))
    stream = stream_of()
    rule_set = RuleSet(
        number=1, tenant="t", rules=(rule,), purposes={}, profile=(), streams={stream.name: stream}
    )
    told = explain(Question(rule_set=rule_set, rule=rule, device=name), [raw_batch(spelled, START + 3000)])
    assert [step.values["heat"] for step in told.steps] == [2.0, 3.0]


def test_the_readings_of_one_message_are_told_one_by_one() -> None:
    """A gateway's array, and a refused message that names the device."""
    array = b"[" + b",".join(message_of(one) for one in heats(2, 4, 6, 8)) + b"]"
    broken = b'{"device": "a", "at": true}'
    rule_set = RuleSet(
        number=1, tenant="t", rules=(HOT,), purposes={}, profile=(), streams={"machine": stream_of()}
    )
    question = Question(rule_set=rule_set, rule=HOT, device="a")
    told = explain(question, [raw_batch([array, broken], START + 60_000)])
    lengths = [getattr(step.standing.patterns[0], "length", None) for step in told.steps]
    assert lengths == [1, 2, 3, 4, 4]
    assert told.steps[-1].status == "refused"
    assert told.steps[-1].refused == ("at is not a number",)
    assert np.array([step.at for step in told.steps[:-1]]).tolist() == [START + i * 10_000 for i in range(4)]


@pytest.mark.parametrize("why", ["mixed_devices", "too_big"])
def test_an_array_that_was_refused_whole_counts_for_nothing(why: str) -> None:
    """Readings of several devices in one message, or a message that is too long, are told as the one refusal."""
    readings = heats(2, 4, 6, 8)
    if why == "mixed_devices":
        readings.append(msgspec.structs.replace(readings[0], device="b"))
    array = b"[" + b",".join(message_of(one) for one in readings) + b"]"
    question = Question(
        rule_set=RuleSet(
            number=1, tenant="t", rules=(HOT,), purposes={}, profile=(), streams={"machine": stream_of()}
        ),
        rule=HOT,
        device="a",
        max_bytes=1 << 20 if why == "mixed_devices" else 100,
    )
    told = explain(question, [raw_batch([array], START + 60_000)])
    assert [step.status for step in told.steps] == ["refused"]
    assert told.transitions == ()


def test_what_a_readings_step_derives_is_asked_too() -> None:
    """The rule sees what the team's own step makes of the columns, and so does who asks why."""

    def double(columns: Columns) -> Columns:
        return columns.replace(heat=columns.values["heat"] * 2)

    told = asked(HOT, stream_of(), heats(1, 2, 3, 4), steps=Steps(readings=double))
    assert [step.values["heat"] for step in told.steps] == [2.0, 4.0, 6.0, 8.0]
    assert [changed.transition for changed in told.transitions] == ["raised"]
